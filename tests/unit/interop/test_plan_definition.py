"""A protocol as a PlanDefinition: valid by a second reader, conditions in CQL, nothing unset exported."""

import json
import re

import pytest
from fhir.resources.R4B.plandefinition import PlanDefinition

from openkap.interop.fhir.plan_definition import cql, plan_definition
from openkap.protocol.condition import parse_condition
from openkap.protocol.elements import dictionary
from openkap.protocol.model import Protocol
from openkap.protocol.read import read_protocols

PROTOCOLS = read_protocols()


@pytest.mark.parametrize("protocol", PROTOCOLS, ids=lambda each: each.id)
def test_another_reader_accepts_it(protocol: object) -> None:
    data = plan_definition(protocol, dictionary())  # type: ignore[arg-type]
    parsed = PlanDefinition.model_validate_json(json.dumps(data))
    assert parsed.title


def test_each_rule_is_one_action_and_an_unset_limit_has_no_condition() -> None:
    protocol = PROTOCOLS[0]
    data = plan_definition(protocol, dictionary())
    actions = {action["prefix"]: action for stage in data["action"] for action in stage["action"]}
    assert set(actions) == {rule.id for rule in protocol.rules}
    for rule in protocol.rules:
        assert ("condition" in actions[rule.id]) == rule.is_active


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("sbp_resting > 140 mm[Hg]", "\"sbp_resting\" > 140 'mm[Hg]'"),
        ("myocardial_infarction within 42 d", '"myocardial_infarction" >= Today() - 42 days'),
        ("not maoi", 'not ("maoi")'),
        ("sbp <= sbp_baseline + 20 mm[Hg]", "\"sbp\" <= \"sbp_baseline\" + 20 'mm[Hg]'"),
        ('pregnancy_test is "positive"', "\"pregnancy_test\" in { 'positive' }"),
        ('ecg_findings includes "ischaemia"', "exists (\"ecg_findings\" intersect { 'ischaemia' })"),
        ("maoi or (could_be_pregnant and breastfeeding)",
         '("maoi") or (("could_be_pregnant") and ("breastfeeding"))'),
    ],
)  # fmt: skip
def test_a_condition_reads_the_same_in_cql(condition: str, expected: str) -> None:
    assert cql(parse_condition(condition, dictionary()), dictionary()) == expected


def test_every_fact_a_condition_names_is_a_parameter_of_the_library() -> None:
    data = plan_definition(PROTOCOLS[0], dictionary())
    parameters = {each["name"] for each in data["contained"][0]["parameter"]}
    expressions = [
        condition["expression"]["expression"]
        for stage in data["action"]
        for action in stage["action"]
        for condition in action.get("condition", [])
    ]
    named = {name for text in expressions for name in re.findall(r'"(\w+)"', text)}
    assert named
    assert named <= parameters


@pytest.mark.parametrize("protocol", PROTOCOLS, ids=lambda each: each.id)
def test_no_protocol_is_active_before_a_site_has_signed_it(protocol: Protocol) -> None:
    assert plan_definition(protocol, dictionary())["status"] == "draft"
