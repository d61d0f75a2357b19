"""Each rule of each published rule set, on the examples that stand beside it in the content.

The examples are written by hand (or by the facts they came from), never by the evaluator; a rule whose
limit, comparison or connective is changed contradicts at least one of them, which the mutation test shows.
"""

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal

import pytest

from openkap.core.quantity import Quantity
from openkap.core.source import Grade
from openkap.protocol import condition as conditions
from openkap.protocol.condition import All, Any, Compare, CompareFacts, Condition, IsOneOf, IsWithin, Not
from openkap.protocol.elements import dictionary
from openkap.protocol.read import load_protocol
from openkap.protocol.rules import Action, Rule, Stage, example_outcome, missing_examples

PROTOCOL = load_protocol("iv-racemic")
NASAL = load_protocol("intranasal-esketamine")
RULES = {rule.id: rule for rule in (*NASAL.rules, *PROTOCOL.rules)}


@pytest.mark.parametrize("name", RULES)
def test_the_rule_agrees_with_every_example(name: str) -> None:
    rule = RULES[name]
    outcomes = [(example, example_outcome(rule, example, dictionary())) for example in rule.examples]
    assert [outcome for _, outcome in outcomes] == [example.then for example, _ in outcomes]


@pytest.mark.parametrize("name", RULES)
def test_its_examples_stand_on_both_sides_on_the_limit_and_with_the_fact_missing(name: str) -> None:
    assert missing_examples(RULES[name], dictionary()) == []


@pytest.mark.parametrize("name", RULES)
def test_a_changed_limit_or_comparison_is_caught(name: str) -> None:
    rule = RULES[name]
    survivors = [str(mutant.condition) for mutant in mutants(rule) if agrees(mutant)]
    assert survivors == []


def agrees(rule: Rule) -> bool:
    return all(example_outcome(rule, each, dictionary()) == each.then for each in rule.examples)


def mutants(rule: Rule) -> Iterator[Rule]:
    """The rule with one thing changed: a limit by one step, an operator, a choice, a connective, its sense."""
    for condition in mutate(rule.condition):
        yield replace(rule, condition=condition)
    yield replace(rule, fires_when=~rule.fires_when)


def mutate(condition: Condition) -> Iterator[Condition]:
    match condition:
        case Not(part):
            yield part
            yield from (Not(each) for each in mutate(part))
        case All(parts) | Any(parts):
            other = Any if isinstance(condition, All) else All
            yield other(parts)
            for index, part in enumerate(parts):
                rest = parts[:index] + parts[index + 1 :]
                yield rest[0] if len(rest) == 1 else type(condition)(rest)
                for changed in mutate(part):
                    yield type(condition)((*parts[:index], changed, *parts[index + 1 :]))
        case Compare(fact, operator, limit):
            yield from (replace(condition, operator=each) for each in near(operator))
            if limit is not None:
                step = dictionary()[fact].step or Decimal(1)
                for change in (step, -step):
                    yield replace(condition, limit=Quantity(limit.value + change, limit.unit))
        case CompareFacts(fact, operator, _, plus):
            yield from (replace(condition, operator=each) for each in near(operator))
            if plus is not None:
                step = dictionary()[fact].step or Decimal(1)
                for change in (step, -step):
                    yield replace(condition, plus=Quantity(plus.value + change, plus.unit))
        case IsOneOf(fact, choices):
            for index in range(len(choices)):
                rest = choices[:index] + choices[index + 1 :]
                if rest:
                    yield replace(condition, choices=rest)
        case IsWithin(_, period):
            for change in (Decimal(1), Decimal(-1)):
                yield replace(condition, period=Quantity(period.value + change, period.unit))


def near(operator: str) -> list[str]:
    """Operators a slip would turn it into; an equality is not told from an order by limits at the end."""
    return {">": [">=", "<"], ">=": [">", "<="], "<": ["<=", ">"], "<=": ["<", ">="], "=": ["<", ">"]}[
        operator
    ]


def test_there_are_all_sixty_four_screening_rules_and_the_session_rules() -> None:
    counts = {stage: len(PROTOCOL.stage(stage)) for stage in Stage}
    assert counts == {
        Stage.ELIGIBILITY: 64,
        Stage.BEFORE_DOSE: 24,
        Stage.IN_SESSION: 14,
        Stage.DISCHARGE: 14,
    }


def test_a_limit_that_no_source_gives_is_inactive_until_signed() -> None:
    inactive = {rule.id for rule in PROTOCOL.rules if not rule.is_active}
    assert inactive == {"CAU-DISS", "PRE-16", "VIT-10", "VIT-13"}


def test_every_rule_reads_as_a_sentence() -> None:
    for rule in PROTOCOL.rules:
        sentence = rule.sentence(dictionary())
        assert sentence.endswith(".")
        assert sentence[0].isupper()
    assert RULES["CAU-BP1"].sentence(dictionary()) == (
        "Named prescriber decides and records why when: Systolic pressure at rest above 140 mmHg."
    )
    assert conditions.facts_of(RULES["CAU-BP3"].condition) == (
        "sbp_resting",
        "sbp_resting_repeat",
        "dbp_resting",
        "dbp_resting_repeat",
    )


def test_the_windows_before_a_session_are_those_of_the_sources() -> None:
    # NCT06036511 (alcohol, cannabis) and the esketamine label with the EU leaflet (food, drink, nasal drugs).
    limits = {"PRE-05": "2 h", "PRE-06": "30 min", "PRE-09": "24 h", "PRE-24": "24 h", "NAS-01": "60 min"}
    assert {name: RULES[name].condition_text.split(">= ")[1] for name in limits} == limits
    assert {RULES[name].action for name in limits} == {Action.DELAY}


def test_only_a_nasal_dose_waits_for_a_nasal_drug() -> None:
    nasal = {rule.id for rule in NASAL.stage(Stage.BEFORE_DOSE)}
    assert nasal - {rule.id for rule in PROTOCOL.stage(Stage.BEFORE_DOSE)} == {"NAS-01"}


@pytest.mark.parametrize("name", ["iv-racemic", "im-racemic", "low-resource", "intranasal-esketamine"])
def test_every_route_holds_the_dose_after_distress_or_a_pressure_in_the_stop_band(name: str) -> None:
    told = {each.id: each.text for each in load_protocol(name).dosing.adjustments}
    assert "do not raise it" in told["ADJ-DISS"]
    assert "do not raise the next dose" in told["ADJ-BP"]


def test_the_positions_say_no_more_than_their_sources() -> None:
    positions = {each.id: each for each in PROTOCOL.positions}
    assert positions["POS-01"].grade is Grade.WEAK  # a news report of the warning
    assert positions["POS-10"].about_ptsd == "against"
    assert positions["POS-10"] in PROTOCOL.against()
