"""A facts file is parsed or refused, naming value, limit and what to do."""

from datetime import UTC, datetime
from typing import Any

import pytest

from openkap.core.errors import InputError
from openkap.protocol.elements import Event, dictionary
from openkap.protocol.facts import derive, parse_facts, show_value

AS_OF = datetime(2026, 11, 23, 9, tzinfo=UTC)


def parse(**facts: Any) -> Any:
    return parse_facts({"facts": facts}, dictionary(), as_of=AS_OF)


@pytest.mark.parametrize(
    ("facts", "message"),
    [
        ({"sbp_resting": 128}, "without a unit"),
        ({"sbp_resting": "128 kg"}, "two dimensions"),
        ({"sbp_resting": "900 mmHg"}, "cannot be this value"),
        ({"sbp_resting": "12,8 mmHg"}, "decimal comma"),
        ({"sbp_resting": True}, "not an answer"),
        ({"sbp_resting": float("nan")}, "not a plain decimal"),
        ({"age": "-3 a"}, "cannot be this value"),
        ({"moaas": "0.5"}, "goes in steps of 1"),
        ({"pcl5_total": "31.5 {score}"}, "goes in steps of 1"),
        ({"failed_evidence_based_ptsd_medication_trials": 1.5}, "goes in steps of 1"),
        ({"maoi": "maybe"}, "not an answer"),
        ({"pregnancy_test": "unclear"}, "not an answer"),
        ({"ecg_findings": ["flat"]}, "not an answer"),
        ({"myocardial_infarction": "2027-01-01"}, "future"),
        ({"myocardial_infarction": 3}, "not an answer"),
        ({"sbp_resting": {"value": "120 mmHg", "at": "2027-01-01"}}, "future"),
        ({"sbp_resting": {"valeu": "120 mmHg"}}, "a fact is a value"),
        ({"sbp_restin": "120 mmHg"}, "no such fact"),
        ({"sbp_resting": {"value": "120 mmHg", "origin": ["x"]}}, "text expected"),
    ],
)
def test_what_is_not_a_fact_is_refused(facts: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message) as refused:
        parse(**facts)
    assert refused.value.where
    assert refused.value.remedy


@pytest.mark.parametrize(
    ("facts", "shown"),
    [
        ({"moaas": "1.0"}, "1.0 {score}"),  # a whole score, written with its zero
        ({"sbp_resting": "120.5 mmHg"}, "120.5 mm[Hg]"),  # measured: a finer reading is a reading
    ],
)
def test_whole_scores_and_finer_measurements_are_taken(facts: dict[str, Any], shown: str) -> None:
    (name,) = facts
    assert parse(**facts).known[name].shown() == shown


@pytest.mark.parametrize("data", [[], "text", {"fact": {}}, {"facts": []}, {"facts": {}, "more": 1}, None])
def test_what_is_not_a_facts_file_is_refused(data: Any) -> None:
    with pytest.raises(InputError, match="not a facts file"):
        parse_facts(data, dictionary(), as_of=AS_OF)


def test_values_are_typed_by_their_element() -> None:
    known = parse(
        maoi="no", myocardial_infarction="2026-10-01", ecg_findings=["ischaemia"], pcl5_total=45
    ).known
    assert known["maoi"].value is False
    assert known["myocardial_infarction"].value == Event(True, datetime(2026, 10, 1, tzinfo=UTC).date())
    assert known["ecg_findings"].value == frozenset({"ischaemia"})
    assert known["pcl5_total"].shown() == "45 {score}"


def test_a_null_is_not_known() -> None:
    assert parse(maoi=None).value("maoi") is None
    assert show_value(None) == "not known"


def test_a_file_may_speak_of_the_past_but_not_reach_into_the_future() -> None:
    data: dict[str, Any] = {"as_of": "2026-01-01", "facts": {}}
    # As of a day means what was known that day, its end included.
    assert (
        parse_facts(data, dictionary(), as_of=AS_OF).as_of.date() == datetime(2026, 1, 1, tzinfo=UTC).date()
    )
    with pytest.raises(InputError, match="future"):
        parse_facts({"as_of": "2027-01-01", "facts": {}}, dictionary(), as_of=AS_OF)


def test_body_mass_index_follows_from_weight_and_height() -> None:
    # 94 kg and 1.70 m: 94 / 2.89 = 32.5.
    facts = derive(parse(body_weight="94 kg", height="170 cm"), dictionary())
    assert facts.known["bmi"].shown() == "32.5 kg/m2"
    assert derive(parse(body_weight="94 kg"), dictionary()).value("bmi") is None


def test_a_score_in_per_cent_is_refused_and_not_divided_by_a_hundred() -> None:
    with pytest.raises(InputError, match="not an answer"):
        parse(pcl5_total="31 %")
    assert parse(pcl5_total="31 {score}").known["pcl5_total"].shown() == "31 {score}"


def test_today_east_of_greenwich_is_not_the_future() -> None:
    late_evening = datetime(2026, 11, 23, 20, tzinfo=UTC)
    data = {"facts": {"sbp_resting": {"value": "120 mmHg", "at": "2026-11-24"}}}
    assert parse_facts(data, dictionary(), as_of=late_evening).known["sbp_resting"].at is not None
    tomorrow = {"facts": {"sbp_resting": {"value": "120 mmHg", "at": "2026-11-24T10:00:00Z"}}}
    with pytest.raises(InputError, match="future"):
        parse_facts(tomorrow, dictionary(), as_of=late_evening)


def test_a_stated_index_gives_way_to_weight_and_height() -> None:
    # 140 kg at 1.50 m is 62.2, whatever was written down.
    facts = derive(parse(body_weight="140 kg", height="150 cm", bmi="22 kg/m2"), dictionary())
    assert facts.known["bmi"].shown() == "62.2 kg/m2"
