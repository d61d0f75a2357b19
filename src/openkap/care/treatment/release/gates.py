"""The gates before a dose as one list that fills itself: each with what it saw, its source and who decides.

A gate is a rule of the day, a rule of the course or of the screening, or a credential of nurse or prescriber.
Whoever asks what holds a dose asks ``release_actions.gates_now``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from openkap.care.enrolment.standing import Since
from openkap.care.treatment.course.rules import Ruled
from openkap.care.treatment.models import GateDecision
from openkap.protocol.assess import Reason, reason_of, source_dict
from openkap.protocol.condition import facts_of
from openkap.protocol.elements import Element, dictionary
from openkap.protocol.facts import Facts, Standing, derive, show_value
from openkap.protocol.model import Protocol
from openkap.protocol.rules import Action, Rule, Stage

# What a rule of the screening that fires only now means for the dose.
SINCE = {Action.EXCLUDE: "shut", Action.DELAY: "wait", Action.CLINICIAN_REVIEW: "review"}
COURSE, SCREENED = "Course", "New since screening"
# The fact behind the gate that asks whether screening was concluded.
WISH = "screening_outcome"
# The fact that two people checked the dose.
CHECK = "two_person_dose_check_done"
# The group of the rules that look at readings.
VITAL_SIGNS = "vital signs"
# What a gate that fires means for the dose.
SHUT = {
    Action.BLOCK_START: "shut",
    Action.DELAY: "wait",
    Action.CLINICIAN_REVIEW: "review",
    Action.WARN: "noted",
}
WORDS = {
    "clear": ("✓ clear", "good"),
    "decided": ("✓ prescriber: go on", "good"),
    "noted": ("! take note", "watch"),
    "review": ("! prescriber decides", "watch"),
    "wait": ("! wait", "watch"),
    "shut": ("‼ no dose", "alarm"),
    "open": ("? not known", "unknown"),
    "inactive": ("not applied: the site has set no limit", "plain"),
}


@dataclass(frozen=True)
class Hold:
    """What is no rule of the day and holds one dose: a stopping rule of the course, a credential."""

    id: str
    title: str
    say: str
    grade: str
    action: Action
    note: str = ""

    @property
    def action_while_unknown(self) -> Action:
        return self.action


@dataclass(frozen=True)
class Running:
    """What is to be done when the drug runs although the gate holds, and by whom."""

    say: str
    who: str


@dataclass(frozen=True)
class Gate:
    """One rule with what it saw."""

    rule: Rule | Hold
    state: str
    saw: str
    limit: str
    # What a person can still enter for it, with the value there is.
    asks: tuple[tuple[Element, str], ...]
    decision: GateDecision | None = None
    sources: tuple[dict[str, Any], ...] = ()
    # Each value it looked at: what, and who said so when.
    known: tuple[tuple[str, str], ...] = ()
    # A reading over the limit keeps it shut, whatever was read after.
    is_latched: bool = False
    # Said before the rule's own title where the rule is not one of the day.
    lead: str = ""
    # How it is opened, where neither an answer nor the prescriber opens it.
    remedy: str = ""
    # Where it is not the prescriber who is called to a drug that runs already.
    running: Running | None = None

    @property
    def title(self) -> str:
        return f"{self.lead}: {self.rule.title}" if self.lead else self.rule.title

    @property
    def grade(self) -> str:
        return self.rule.grade.value if isinstance(self.rule, Rule) else self.rule.grade

    @property
    def words(self) -> str:
        return WORDS[self.state][0]

    @property
    def tone(self) -> str:
        return WORDS[self.state][1]

    @property
    def is_asking(self) -> bool:
        """Whether it holds only until somebody answers what the session's page asks."""
        return self.state == "open" and bool(self.asks)

    @property
    def awaits_check(self) -> bool:
        """Whether it holds only until two people have checked the dose, which has its own turn."""
        return self.state == "shut" and _facts_of(self.rule) == (CHECK,)

    @property
    def holds(self) -> bool:
        """Whether it keeps the dose from being released."""
        gating = self.rule.action_while_unknown is not Action.WARN
        return self.state in {"shut", "wait", "review"} or (self.state == "open" and gating)


# Facts the record knows by itself: nobody is asked for them here.
OF_THE_RECORD = frozenset({"valid_consent_version_signed", WISH, CHECK})


def gates_of(
    protocol: Protocol,
    facts: Facts,
    decisions: Mapping[str, GateDecision],
    readings: Sequence[Facts] = (),
) -> list[Gate]:
    """Every gate of the protocol on these facts; ``readings`` are the day's, each as it was taken."""
    facts = derive(facts, dictionary())
    found = []
    for rule in protocol.stage(Stage.BEFORE_DOSE):
        gate = replace(_gate(protocol, rule, facts, decisions.get(rule.id)), known=_known(rule, facts))
        found.append(_latched(gate, readings))
    return found


def course_gates(
    protocol: Protocol, stops: Sequence[Ruled], since: Since | None, decisions: Mapping[str, GateDecision]
) -> list[Gate]:
    """What the course as a whole says before one more dose: rules that are met, news since screening."""
    found = []
    for stop in stops:
        hold = Hold(
            stop.rule.id,
            stop.rule.text.capitalize(),
            _sentence(stop.rule.do),
            stop.rule.grade.value,
            Action.CLINICIAN_REVIEW,
            stop.rule.note or "",
        )
        sources = tuple(source_dict(protocol, name) for name in stop.rule.sources)
        found.append(Gate(hold, "review", stop.said, "", (), None, sources, lead=COURSE))
    if since is not None:
        for reason in since.fired:
            sources = tuple(source_dict(since.protocol, name) for name in reason.rule.sources)
            state = SINCE[reason.rule.action]
            found.append(
                Gate(reason.rule, state, reason.value, _limit(reason), (), None, sources, lead=SCREENED)
            )
    return [_decided(gate, decisions.get(gate.rule.id)) for gate in found]


def wished(gates: list[Gate], since: Since | None) -> list[Gate]:
    """A patient who no longer wishes to go on gets no dose: the gate of the screening says so."""
    if since is None or not since.wish:
        return gates
    saw = f"the patient's last wish: {since.wish}"
    return [
        replace(gate, state="shut", saw=saw, limit="") if WISH in _facts_of(gate.rule) else gate
        for gate in gates
    ]


def _facts_of(rule: Rule | Hold) -> tuple[str, ...]:
    return facts_of(rule.condition) if isinstance(rule, Rule) else ()


def _decided(gate: Gate, decision: GateDecision | None) -> Gate:
    """The gate with what the prescriber said of it; that counts while the gate sees the same."""
    if gate.state != "review" or decision is None or decision.saw != gate.saw[:200]:
        return replace(gate, decision=decision)
    return replace(gate, state="decided" if decision.goes_on else "shut", decision=decision)


def _sentence(text: str | None) -> str:
    return f"{text[:1].upper()}{text[1:]}." if text else ""


def latches(rule: Rule) -> bool:
    """Whether one reading over its limit ends the day: a stop limit of a vital sign."""
    return rule.is_active and rule.action is Action.BLOCK_START and rule.group == VITAL_SIGNS


def _latched(gate: Gate, readings: Sequence[Facts]) -> Gate:
    """Shut by any reading of the day over a stop limit; the worst stands until it is crossed out as wrong."""
    rule = gate.rule
    if not isinstance(rule, Rule) or not latches(rule):
        return gate
    for taken in readings:
        outcome, finding = rule.outcome(taken)
        if outcome == "fires":
            reason = reason_of(rule, finding, taken, dictionary())
            origins = {taken.known[name].origin for name in reason.facts if name in taken.known}
            saw = f"{reason.value} ({'; '.join(sorted(origins))})" if origins else reason.value
            return replace(gate, state="shut", saw=saw, limit=reason.limit, is_latched=True)
    return gate


def _known(rule: Rule, facts: Facts) -> tuple[tuple[str, str], ...]:
    """The values behind a gate, each with who or what said so."""
    told = [facts.known[name] for name in facts_of(rule.condition) if name in facts.known]
    return tuple((f"{fact.element.label}: {fact.shown()}", fact.origin) for fact in told)


def _gate(protocol: Protocol, rule: Rule, facts: Facts, decision: GateDecision | None) -> Gate:
    elements = dictionary()
    sources = tuple(source_dict(protocol, name) for name in rule.sources)
    names = facts_of(rule.condition)
    asks = tuple(
        (elements[name], show_value(facts.known[name].value) if name in facts.known else "")
        for name in names
        if name not in OF_THE_RECORD and not (elements[name].follows and _needless(elements[name], facts))
    )
    if not rule.is_active:
        return Gate(rule, "inactive", "", "", (), None, sources)
    outcome, finding = rule.outcome(facts)
    if outcome == "missing":
        doubtful = [
            f"{facts.known[name].shown()} is unusual: confirm it"
            for name in names
            if name in facts.known and facts.known[name].standing(facts.as_of) is Standing.IMPLAUSIBLE
        ]
        return Gate(rule, "open", "; ".join(doubtful), "", asks, None, sources)
    reason = reason_of(rule, finding, facts, elements)
    limit = _limit(reason)
    if outcome == "clear":
        return Gate(rule, "clear", reason.value, limit, asks, None, sources)
    return _decided(Gate(rule, SHUT[rule.action], reason.value, limit, asks, None, sources), decision)


def _limit(reason: Reason) -> str:
    """The limit in words; "limit yes" says nothing that the title does not say."""
    return "" if reason.limit in {"yes", "no"} else reason.limit


def _needless(element: Element, facts: Facts) -> bool:
    return facts.value(element.follows or "") is not True


def holding(gates: list[Gate]) -> list[Gate]:
    """The gates that keep the dose from being released."""
    return [gate for gate in gates if gate.holds]


def as_data(gates: list[Gate]) -> list[dict[str, Any]]:
    """All gates as they stood, for the clearance and the record."""
    return [
        {
            "rule": gate.rule.id,
            "title": gate.title,
            "state": gate.state,
            "words": gate.words,
            "saw": gate.saw,
            "limit": gate.limit,
            "grade": gate.grade,
            "sources": list(gate.sources),
            "decision": gate.decision.reason if gate.decision else "",
            "decided_by": gate.decision.entered_by.name if gate.decision else "",
            "known": [list(each) for each in gate.known],
        }
        for gate in gates
    ]
