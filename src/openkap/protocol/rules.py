"""Rules: a sentence, a condition, an action, a source with its grade, and examples that prove it.

A rule without examples on both sides of every limit, on the limit, and with each fact missing does not
load; neither does one whose examples come out otherwise than they say.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import cached_property
from typing import Any, Literal

from pydantic import model_validator

from openkap.core.content import Document, Schema
from openkap.core.errors import DomainError, InputError
from openkap.core.quantity import Quantity
from openkap.core.source import Grade
from openkap.core.truth import Truth
from openkap.protocol import condition as conditions
from openkap.protocol.condition import Compare, CompareFacts, Condition, IsOneOf, IsWithin, IsYes
from openkap.protocol.elements import Dictionary, Element, Event
from openkap.protocol.facts import Facts, parse_facts


class Action(StrEnum):
    """What a rule asks for when it fires; which of them a rule set may use is set by its stage."""

    INCLUDE_REQUIRED = "include_required"
    EXCLUDE = "exclude"
    CLINICIAN_REVIEW = "clinician_review"
    DELAY = "delay"
    WARN = "warn"
    COLLECT = "collect"
    BLOCK_START = "block_start"
    REPEAT = "repeat"
    PAUSE = "pause"
    STOP_DOSE = "stop_dose"
    EMERGENCY = "emergency"
    HOLD_DISCHARGE = "hold_discharge"

    @property
    def words(self) -> str:
        """For the screen."""
        return {
            Action.INCLUDE_REQUIRED: "required to go on",
            Action.EXCLUDE: "do not treat",
            Action.CLINICIAN_REVIEW: "named prescriber decides and records why",
            Action.DELAY: "wait and check again",
            Action.WARN: "take note",
            Action.COLLECT: "record before the first dose",
            Action.BLOCK_START: "the dose cannot be released",
            Action.REPEAT: "measure again",
            Action.PAUSE: "pause, call the prescriber",
            Action.STOP_DOSE: "end dosing for today",
            Action.EMERGENCY: "start the emergency plan",
            Action.HOLD_DISCHARGE: "the patient stays",
        }[self]


class Stage(StrEnum):
    """When a rule speaks."""

    ELIGIBILITY = "eligibility"
    BEFORE_DOSE = "before_dose"
    IN_SESSION = "in_session"
    DISCHARGE = "discharge"


ACTIONS_OF = {
    Stage.ELIGIBILITY: (
        Action.INCLUDE_REQUIRED,
        Action.EXCLUDE,
        Action.CLINICIAN_REVIEW,
        Action.DELAY,
        Action.WARN,
        Action.COLLECT,
    ),
    Stage.BEFORE_DOSE: (Action.BLOCK_START, Action.DELAY, Action.CLINICIAN_REVIEW, Action.WARN),
    Stage.IN_SESSION: (
        Action.EMERGENCY,
        Action.STOP_DOSE,
        Action.PAUSE,
        Action.REPEAT,
        Action.CLINICIAN_REVIEW,
        Action.WARN,
    ),
    Stage.DISCHARGE: (Action.HOLD_DISCHARGE, Action.WARN),
}


class Sourced(Schema):
    """Content that says where it comes from and how strong that is."""

    grade: Grade
    sources: tuple[str, ...]
    grade_note: str | None = None
    basis: str | None = None
    note: str | None = None
    disagreement: str | None = None

    @model_validator(mode="after")
    def _has_source(self) -> Sourced:
        if not self.sources:
            raise ValueError("at least one source is needed")
        return self


class _Example(Schema):
    given: Mapping[str, Any]
    then: Literal["clear", "fires", "missing"]


class _RuleText(Sourced):
    """A rule as it stands in the file."""

    id: str
    group: str
    title: str
    when: str | None = None
    require: str | None = None
    action: Action
    say: str | None = None
    who: str | None = None
    repeat_after: str | None = None
    site_reclassifiable: bool = False
    examples_with: str | None = None
    examples: tuple[_Example, ...]

    @model_validator(mode="after")
    def _one_condition(self) -> _RuleText:
        if (self.when is None) == (self.require is None):
            raise ValueError("a rule has either 'when' (fires if true) or 'require' (fires if false)")
        return self


@dataclass(frozen=True, slots=True)
class Example:
    """Facts and what the rule must come to on them."""

    given: Mapping[str, Any]
    then: str


@dataclass(frozen=True)
class Rule:
    """One rule, read and checked. ``fires_when`` is the truth of ``condition`` on which it fires."""

    id: str
    group: str
    title: str
    stage: Stage
    condition: Condition
    condition_text: str
    fires_when: Truth
    action: Action
    grade: Grade
    sources: tuple[str, ...]
    examples: tuple[Example, ...]
    say: str = ""
    who: str = ""
    basis: str = ""
    note: str = ""
    disagreement: str = ""
    grade_note: str = ""
    repeat_after: Quantity | None = None
    site_reclassifiable: bool = False
    examples_with: Quantity | None = None
    changed_by: str = ""
    if_missing: Action | None = None

    @property
    def action_while_unknown(self) -> Action:
        """What it asks for while its facts are not known: as when it fires, unless the protocol says less."""
        return self.if_missing or self.action

    @cached_property
    def is_active(self) -> bool:
        """False while its limit waits for the site's signed value."""
        return conditions.is_active(self.condition)

    @cached_property
    def asks(self) -> frozenset[str]:
        """The facts its tests look at, without those they are compared with."""
        return frozenset(test.fact for test in conditions.tests_of(self.condition))

    def outcome(self, facts: Facts) -> tuple[str, conditions.Finding]:
        """``fires``, ``clear`` or ``missing`` on these facts, and the finding behind it."""
        finding = conditions.evaluate(self.condition, facts)
        if finding.truth is Truth.UNKNOWN:
            return "missing", finding
        return ("fires" if finding.truth is self.fires_when else "clear"), finding

    def sentence(self, dictionary: Dictionary) -> str:
        """The rule in words: what happens when which condition."""
        phrase = conditions.say(self.condition, dictionary)
        lead = f"{self.action.words[:1].upper()}{self.action.words[1:]}"
        if not self.is_active:
            return f"Inactive until the site sets and signs a value: {lead.lower()} when {phrase}."
        if self.fires_when is Truth.YES:
            return f"{lead} when: {phrase}."
        if self.action is Action.INCLUDE_REQUIRED:
            return f"{lead}: {phrase}."
        return f"{lead} unless: {phrase}."


EXAMPLE_DAY = datetime(2026, 1, 31, 12, tzinfo=UTC)


def read_rule(document: Document, place: Sequence[str | int], stage: Stage, dictionary: Dictionary) -> Rule:
    """One rule of a file, with its examples run; ``ContentError`` at its line when anything fails."""
    text = document.parse(_RuleText, place)
    if text.action not in ACTIONS_OF[stage]:
        raise document.error(
            f"{text.id}: this action does not belong to the stage {stage.value}",
            (*place, "action"),
            value=text.action.value,
            limit=", ".join(action.value for action in ACTIONS_OF[stage]),
            remedy="choose one of these",
        )
    key = "when" if text.when is not None else "require"
    try:
        rule = _compile(text, stage, dictionary)
    except InputError as refused:
        raise document.error(
            f"{text.id}: {refused.what}",
            (*place, key),
            value=refused.value,
            limit=refused.limit,
            remedy=refused.remedy,
        ) from None
    for index, example in enumerate(rule.examples):
        _run_example(rule, example, dictionary, document, (*place, "examples", index))
    lacking = missing_examples(rule, dictionary)
    if lacking:
        raise document.error(
            f"{text.id}: examples are missing",
            (*place, "examples"),
            value=f"{len(rule.examples)} examples",
            limit="both sides of every limit, the limit itself, and each fact missing",
            remedy="add an example with " + "; ".join(lacking),
        )
    return rule


def _compile(text: _RuleText, stage: Stage, dictionary: Dictionary) -> Rule:
    source = text.when if text.when is not None else text.require
    assert source is not None
    return Rule(
        id=text.id,
        group=text.group,
        title=text.title,
        stage=stage,
        condition=conditions.parse_condition(source, dictionary),
        condition_text=source,
        fires_when=Truth.YES if text.when is not None else Truth.NO,
        action=text.action,
        grade=text.grade,
        sources=text.sources,
        examples=tuple(Example(each.given, each.then) for each in text.examples),
        say=text.say or "",
        who=text.who or "",
        basis=text.basis or "",
        note=text.note or "",
        disagreement=text.disagreement or "",
        grade_note=text.grade_note or "",
        repeat_after=Quantity.parse(text.repeat_after) if text.repeat_after else None,
        site_reclassifiable=text.site_reclassifiable,
        examples_with=Quantity.parse(text.examples_with) if text.examples_with else None,
    )


# --- examples -----------------------------------------------------------------------------------------


def example_facts(example: Example, dictionary: Dictionary) -> Facts:
    """The facts of an example; an event may be given as ``42 d ago``."""
    given = {}
    for name, value in example.given.items():
        if isinstance(value, str) and value.endswith(" ago"):
            period = Quantity.parse(value.removesuffix(" ago"))
            value = (EXAMPLE_DAY - timedelta(days=period.number("d"))).date().isoformat()
        given[name] = {"value": value, "confirmed": True}
    return parse_facts({"facts": given}, dictionary, as_of=EXAMPLE_DAY, where="example")


def example_outcome(rule: Rule, example: Example, dictionary: Dictionary) -> str:
    """What the rule comes to on the example; an unset limit takes the ``examples_with`` value."""
    if rule.examples_with is not None:
        rule = replace(rule, condition=conditions.with_limit(rule.condition, rule.examples_with))
    return rule.outcome(example_facts(example, dictionary))[0]


def _run_example(
    rule: Rule, example: Example, dictionary: Dictionary, document: Document, place: Sequence[str | int]
) -> None:
    try:
        outcome = example_outcome(rule, example, dictionary)
    except DomainError as refused:
        raise document.error(f"{rule.id}: {refused}", place, remedy="correct the example") from None
    if outcome != example.then:
        raise document.error(
            f"{rule.id}: the rule contradicts its example",
            place,
            value=f"comes to {outcome!r}",
            limit=f"the example says {example.then!r}",
            remedy="one of the two is wrong: decide which, and why",
        )


def missing_examples(rule: Rule, dictionary: Dictionary) -> list[str]:
    """What the examples do not show yet, in words; empty when they show everything."""
    condition = rule.condition
    if rule.examples_with is not None:
        condition = conditions.with_limit(condition, rule.examples_with)
    elif not conditions.is_active(condition):
        return ["a trial value in 'examples_with'"]
    shown = [(each, example_facts(each, dictionary)) for each in rule.examples]
    lacking = [
        want
        for test in conditions.tests_of(condition)
        for want in _wanted(test, [facts for _, facts in shown], dictionary[test.fact])
    ]
    lacking += [
        f"{name} missing"
        for name in conditions.facts_of(condition)
        if not any(name not in facts.known and each.then == "missing" for each, facts in shown)
    ]
    return list(dict.fromkeys(lacking))


def _wanted(test: conditions.Test, shown: list[Facts], element: Element) -> list[str]:
    name = test.fact
    values = [facts.value(name) for facts in shown]
    match test:
        case Compare() | CompareFacts():
            orders = set()
            for facts in shown:
                value, limit = facts.value(name), conditions.limit_of(test, facts)
                if isinstance(value, Quantity) and limit is not None:
                    orders.add(value.compare(limit))
            sides = {-1: "below its limit", 0: "on its limit", 1: "above its limit"}
            if isinstance(test, Compare) and test.limit is not None and element.impossible is not None:
                if test.limit.value <= element.impossible.below:
                    del sides[-1]
                if test.limit.value >= element.impossible.above:
                    del sides[1]
            return [f"{name} {side}" for order, side in sides.items() if order not in orders]
        case IsYes():
            return [
                f"{name}: {word}" for word, value in (("yes", True), ("no", False)) if value not in values
            ]
        case IsOneOf():
            said = {
                choice for value in values for choice in (value if isinstance(value, frozenset) else [value])
            }
            lacking = [f"{name}: {choice}" for choice in test.choices if choice not in said]
            others = [choice for choice in element.choices if choice not in test.choices]
            if element.kind == "findings" and frozenset() not in values:
                lacking.append(f"{name}: none")
            elif others and element.kind == "choice" and not said.intersection(others):
                lacking.append(f"{name}: {others[0]}")
            return lacking
        case IsWithin():
            limit_days = test.period.number("d")
            ages = [
                (facts.as_of.date() - value.on).days
                for facts in shown
                if isinstance(value := facts.value(name), Event) and value.on
            ]
            wanted = {
                f"{name} longer ago than the limit": any(age > limit_days for age in ages),
                f"{name} on the limit": any(age == limit_days for age in ages),
                f"{name} within the limit": any(age < limit_days for age in ages),
                f"{name}: never": any(str(value) == "never" for value in values if value is not None),
            }
            return [want for want, is_shown in wanted.items() if not is_shown]


def sort_by_rank(rules: Sequence[Rule]) -> list[Rule]:
    """Most serious action first, in the order their stage lists actions."""
    return sorted(rules, key=lambda rule: ACTIONS_OF[rule.stage].index(rule.action))
