"""Facts to verdict: may this person be treated under this protocol, why, and what is still missing.

The verdict is stated only when no missing fact could change it: an exclusion that is known stands whatever
else is missing; otherwise anything a gate still needs makes the answer "incomplete", and ``so_far`` says what
the known facts alone come to.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from openkap.core.errors import InputError
from openkap.protocol.condition import Finding, facts_of, say, say_limit
from openkap.protocol.elements import Dictionary, dictionary
from openkap.protocol.facts import Facts, Standing, derive, show_value
from openkap.protocol.model import Position, Protocol
from openkap.protocol.rules import Action, Rule, Stage


class Verdict(StrEnum):
    """Most to least binding."""

    EXCLUDED = "excluded"
    INCOMPLETE = "incomplete"
    CLINICIAN_REVIEW = "needs_clinician_review"
    DELAY = "delay"
    ELIGIBLE = "eligible"

    @property
    def words(self) -> str:
        """For the screen."""
        return {
            Verdict.EXCLUDED: "Excluded",
            Verdict.INCOMPLETE: "Incomplete: more must be known",
            Verdict.CLINICIAN_REVIEW: "Needs clinician review",
            Verdict.DELAY: "Delay: check again later",
            Verdict.ELIGIBLE: "Eligible",
        }[self]


_VERDICT_OF = {
    Action.EXCLUDE: Verdict.EXCLUDED,
    Action.INCLUDE_REQUIRED: Verdict.EXCLUDED,
    Action.CLINICIAN_REVIEW: Verdict.CLINICIAN_REVIEW,
    Action.DELAY: Verdict.DELAY,
}
_ORDER = list(Verdict)
_ACTION_ORDER = [
    Action.EXCLUDE,
    Action.INCLUDE_REQUIRED,
    Action.CLINICIAN_REVIEW,
    Action.DELAY,
    Action.WARN,
    Action.COLLECT,
]


@dataclass(frozen=True, slots=True)
class Reason:
    """A rule that fired: what it saw, the limit, and how strong the ground is."""

    rule: Rule
    value: str
    limit: str
    facts: tuple[str, ...]

    def as_dict(self, protocol: Protocol) -> dict[str, Any]:
        """The reason as data, its sources spelled out."""
        told = {
            "rule": self.rule.id,
            "title": self.rule.title,
            "action": self.rule.action.value,
            "value": self.value,
            "limit": self.limit,
            "sources": [source_dict(protocol, name) for name in self.rule.sources],
            "grade": self.rule.grade.value,
            "say": self.rule.say,
            "disagreement": self.rule.disagreement,
            "note": self.rule.note,
            "changed_by": self.rule.changed_by,
        }
        return {key: value for key, value in told.items() if value != ""}


@dataclass(frozen=True, slots=True)
class Missing:
    """A fact to learn: the question, what it costs, which rules wait for it."""

    fact: str
    label: str
    ask: str
    effort: str
    test: str
    blocks: str
    rules: tuple[str, ...]
    was: str = ""

    def as_dict(self) -> dict[str, Any]:
        """The to-do as data."""
        told = {
            "fact": self.fact,
            "label": self.label,
            "ask": self.ask,
            "effort": self.effort,
            "test": self.test,
            "blocks": self.blocks,
            "rules": list(self.rules),
            "was": self.was,
        }
        return {key: value for key, value in told.items() if value not in ("", [])}


@dataclass(frozen=True)
class Assessment:
    """The answer, with everything it was made from."""

    protocol: Protocol = field(repr=False)
    facts: Facts
    verdict: Verdict
    so_far: Verdict
    reasons: tuple[Reason, ...]
    missing: tuple[Missing, ...]
    inactive: tuple[str, ...]
    cleared: tuple[str, ...]

    @property
    def conflict_notice(self) -> tuple[Position, ...]:
        """Guideline positions against, or not seen: shown before consent, whatever the verdict."""
        return self.protocol.against()

    def as_dict(self) -> dict[str, Any]:
        """The answer as plain data: equal for equal facts and protocol."""
        protocol = self.protocol
        return {
            "patient": self.facts.patient,
            "as_of": self.facts.as_of.isoformat(),
            "verdict": self.verdict.value,
            "so_far": self.so_far.value,
            "protocol": {
                "id": protocol.id,
                "version": protocol.version,
                "fingerprint": protocol.fingerprint,
                **({"site": protocol.site} if protocol.site else {}),
            },
            "reasons": [reason.as_dict(protocol) for reason in self.reasons],
            "missing": [each.as_dict() for each in self.missing],
            "inactive": list(self.inactive),
            "guideline_conflict": [
                {
                    "body": position.body,
                    "position": position.position,
                    "about_ptsd": position.about_ptsd,
                    **({"status": position.status} if position.status else {}),
                    **({"action": position.action} if position.action else {}),
                    "sources": [source_dict(protocol, name) for name in position.sources],
                }
                for position in self.conflict_notice
            ],
            "facts": {fact.element.id: fact.as_dict() for fact in self.facts},
        }


def assess(facts: Facts, protocol: Protocol, elements: Dictionary | None = None) -> Assessment:
    """The eligibility of one person under ``protocol``.

    Pure: the same facts (their ``as_of`` included) and protocol always give the same answer. A retired
    protocol is refused with ``InputError``: what it asks means something else by now.
    """
    if protocol.retired:
        raise InputError(
            "this version of the protocol has been retired and assesses nobody",
            value=f"{protocol.id} {protocol.version}",
            limit=protocol.retired,
            remedy="assess under its newest version",
        )
    elements = elements or dictionary()
    facts = derive(facts, elements)
    fired: list[Reason] = []
    open_rules: list[tuple[Rule, Finding]] = []
    cleared, inactive = [], []
    for rule in protocol.stage(Stage.ELIGIBILITY):
        if not rule.is_active:
            inactive.append(rule.id)
            continue
        outcome, finding = rule.outcome(facts)
        if outcome == "missing":
            open_rules.append((rule, finding))
        elif outcome == "fires":
            fired.append(reason_of(rule, finding, facts, elements))
        else:
            cleared.append(rule.id)
    fired.sort(key=lambda reason: _ACTION_ORDER.index(reason.rule.action))
    so_far = _worst(reason.rule.action for reason in fired)
    verdict = so_far
    gates_open = any(rule.action_while_unknown in _VERDICT_OF for rule, _ in open_rules)
    if gates_open and verdict is not Verdict.EXCLUDED:
        verdict = Verdict.INCOMPLETE
    return Assessment(
        protocol=protocol,
        facts=facts,
        verdict=verdict,
        so_far=so_far,
        reasons=tuple(fired),
        missing=missing_facts(open_rules, facts, elements),
        inactive=tuple(inactive),
        cleared=tuple(cleared),
    )


def reason_of(rule: Rule, finding: Finding, facts: Facts, elements: Dictionary) -> Reason:
    """What a fired rule saw."""
    names = finding.deciding or facts_of(rule.condition)
    values = [show_value(facts.value(name)) for name in names]
    if len(names) > 1:
        values = [f"{elements[name].label} {value}" for name, value in zip(names, values, strict=True)]
    limit = say_limit(rule.condition, names) or say(rule.condition, elements)
    return Reason(rule, "; ".join(values), limit, names)


def missing_facts(
    open_rules: Iterable[tuple[Rule, Finding]], facts: Facts, elements: Dictionary
) -> tuple[Missing, ...]:
    """The facts those rules wait for, cheapest first; gates before what is only noted."""
    waiting: dict[str, list[Rule]] = {}
    for rule, finding in open_rules:
        for name in finding.missing:
            waiting.setdefault(name, []).append(rule)
    listed = []
    for name, rules in waiting.items():
        element = elements[name]
        if element.follows in waiting:
            continue
        gates = any(rule.action_while_unknown not in (Action.WARN, Action.COLLECT) for rule in rules)
        listed.append(
            Missing(
                fact=name,
                label=element.label,
                ask=element.ask,
                effort=element.effort.value,
                test=element.test or "",
                blocks="verdict" if gates else "note",
                rules=tuple(rule.id for rule in rules),
                was=_why_it_does_not_count(name, facts),
            )
        )
    listed.sort(key=lambda each: (each.blocks != "verdict", *elements.rank(each.fact)))
    return tuple(listed)


def _why_it_does_not_count(name: str, facts: Facts) -> str:
    fact = facts.known.get(name)
    if fact is None:
        return ""
    at = f" of {fact.at.date().isoformat()}" if fact.at else ""
    match fact.standing(facts.as_of):
        case Standing.STALE:
            return f"{fact.shown()}{at} is older than {fact.element.lasts}"
        case Standing.IMPLAUSIBLE:
            return f"{fact.shown()}{at} is implausible: confirm or correct it"
        case Standing.COUNTS:
            return f"{fact.shown()}: more is needed (the date)"


def _worst(actions: Iterable[Action]) -> Verdict:
    verdicts = [_VERDICT_OF[action] for action in actions if action in _VERDICT_OF]
    return min(verdicts, key=_ORDER.index, default=Verdict.ELIGIBLE)


def source_dict(protocol: Protocol, name: str) -> dict[str, Any]:
    """A source of the protocol as data."""
    return protocol.sources[name].as_dict()
