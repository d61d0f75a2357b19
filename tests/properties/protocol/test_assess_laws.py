"""Laws of assessment: it is monotone in information, repeatable, and never takes unknown for false."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from openkap.core.truth import Truth
from openkap.protocol.assess import Verdict, assess
from openkap.protocol.condition import evaluate, facts_of
from openkap.protocol.elements import Element, dictionary
from openkap.protocol.facts import Facts, parse_facts
from openkap.protocol.read import load_protocol
from openkap.protocol.rules import Action, Stage

AS_OF = datetime(2026, 11, 23, tzinfo=UTC)
PROTOCOL = load_protocol("iv-racemic")
RULES = PROTOCOL.stage(Stage.ELIGIBILITY)
NAMES = sorted({name for rule in RULES for name in facts_of(rule.condition)})
GATES = (Action.INCLUDE_REQUIRED, Action.EXCLUDE, Action.CLINICIAN_REVIEW, Action.DELAY)


def values(element: Element) -> st.SearchStrategy[Any]:
    match element.kind:
        case "yes_no":
            return st.sampled_from(["yes", "no"])
        case "choice":
            return st.sampled_from(element.choices)
        case "findings":
            return st.lists(st.sampled_from(element.choices), max_size=3, unique=True).map(
                lambda each: each or "none"
            )
        case "event":
            return st.sampled_from(["never", "yes", "2026-11-20", "2026-10-12", "2020-01-01"])
        case _:
            assert element.impossible is not None
            bounds = element.implausible or element.impossible
            places = 1 if element.step and element.step < 1 else 0
            low, high = max(bounds.below, Decimal(0)), min(bounds.above, Decimal(100000))
            return st.decimals(low, high, places=places).map(lambda number: f"{number} {element.unit}")


@st.composite
def patients(draw: st.DrawFn) -> dict[str, Any]:
    known = draw(st.sets(st.sampled_from(NAMES)))
    return {name: draw(values(dictionary()[name])) for name in sorted(known)}


def facts_from(given_values: dict[str, Any]) -> Facts:
    return parse_facts({"facts": given_values}, dictionary(), as_of=AS_OF)


@given(patients())
@settings(max_examples=150, deadline=None)
def test_the_same_facts_give_the_same_answer(given_values: dict[str, Any]) -> None:
    one, two = (assess(facts_from(given_values), PROTOCOL).as_dict() for _ in range(2))
    assert json.dumps(one, sort_keys=True) == json.dumps(two, sort_keys=True)


@given(patients(), st.data())
@settings(max_examples=150, deadline=None)
def test_a_rule_that_is_decided_stays_decided_when_more_is_known(
    given_values: dict[str, Any], data: st.DataObject
) -> None:
    before = facts_from(given_values)
    more = data.draw(patients())
    after = facts_from({**more, **given_values})
    for rule in RULES:
        truth = evaluate(rule.condition, before).truth
        if truth is not Truth.UNKNOWN:
            assert evaluate(rule.condition, after).truth is truth, rule.id


@given(patients())
@settings(max_examples=150, deadline=None)
def test_nobody_is_eligible_while_a_gate_waits_for_a_fact(given_values: dict[str, Any]) -> None:
    facts = facts_from(given_values)
    assessment = assess(facts, PROTOCOL)
    open_gates = [
        rule.id
        for rule in RULES
        if rule.is_active
        and rule.action in GATES
        and evaluate(rule.condition, assessment.facts).truth is Truth.UNKNOWN
    ]
    if open_gates:
        assert assessment.verdict in (Verdict.EXCLUDED, Verdict.INCOMPLETE)
        assert assessment.missing or assessment.verdict is Verdict.EXCLUDED
    else:
        assert assessment.verdict is not Verdict.INCOMPLETE


@given(patients())
@settings(max_examples=150, deadline=None)
def test_no_rule_fires_on_facts_that_are_not_known(given_values: dict[str, Any]) -> None:
    facts = facts_from(given_values)
    for reason in assess(facts, PROTOCOL).reasons:
        assert reason.facts
        derived = {"bmi", "could_be_pregnant"}  # from weight and height, from a positive test
        assert all(name in given_values or name in derived for name in reason.facts)
    assert assess(Facts(AS_OF), PROTOCOL).reasons == ()


@given(patients(), st.data())
@settings(max_examples=100, deadline=None)
def test_an_exclusion_that_is_known_survives_anything_else(
    given_values: dict[str, Any], data: st.DataObject
) -> None:
    more = data.draw(patients())
    excluded = {**more, **given_values, "aneurysmal_vascular_disease": "yes"}
    assert assess(facts_from(excluded), PROTOCOL).verdict is Verdict.EXCLUDED
