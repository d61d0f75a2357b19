"""One fact at a time, the verdict and its reasons."""

from collections.abc import Callable
from typing import Any

import pytest

from openkap.core.errors import InputError
from openkap.protocol.assess import Verdict, assess
from openkap.protocol.facts import Facts
from openkap.protocol.read import load_protocol

PROTOCOL = load_protocol("iv-racemic")
Person = Callable[..., Facts]


def test_a_person_with_nothing_against_is_eligible(person: Person) -> None:
    assessment = assess(person(), PROTOCOL)
    assert assessment.verdict is Verdict.ELIGIBLE
    assert not assessment.reasons
    assert not assessment.missing


@pytest.mark.parametrize(
    ("change", "verdict", "rule"),
    [
        ({"age": "17 a"}, Verdict.EXCLUDED, "EXC-19"),
        ({"myocardial_infarction": "2026-11-01"}, Verdict.EXCLUDED, "EXC-05"),
        ({"myocardial_infarction": "2026-10-01"}, Verdict.ELIGIBLE, None),
        ({"support_person_named": "no"}, Verdict.EXCLUDED, "INC-11"),
        ({"sbp_resting": "141 mmHg"}, Verdict.CLINICIAN_REVIEW, "CAU-BP1"),
        ({"pcl5_total": 30}, Verdict.CLINICIAN_REVIEW, "INC-04"),
        ({"alt": "136 U/L"}, Verdict.DELAY, "CAU-LFT"),
        ({"height": "160 cm"}, Verdict.ELIGIBLE, "CAU-BMI"),
        ({"sbp_resting": "155 mmHg", "sbp_resting_repeat": "156 mmHg"}, Verdict.CLINICIAN_REVIEW, "CAU-BP1"),
    ],
)
def test_one_fact_decides(person: Person, change: dict[str, Any], verdict: Verdict, rule: str | None) -> None:
    assessment = assess(person(**change), PROTOCOL)
    assert assessment.verdict is verdict
    assert (rule in {reason.rule.id for reason in assessment.reasons}) == (rule is not None)


@pytest.mark.parametrize(("days", "speaks_up"), [("27 d", True), ("28 d", False), ("none", False)])
def test_who_takes_no_psychotropic_medicine_is_as_stable_as_can_be(
    person: Person, days: str, speaks_up: bool
) -> None:
    assessment = assess(person(psychotropic_dose_stable_days=days), PROTOCOL)
    assert ("INC-08" in {reason.rule.id for reason in assessment.reasons}) == speaks_up
    assert not assessment.missing


def test_not_known_when_a_medicine_last_changed_stays_not_known(person: Person) -> None:
    assessment = assess(person(psychotropic_dose_stable_days=None), PROTOCOL)
    assert [each.fact for each in assessment.missing] == ["psychotropic_dose_stable_days"]


def test_none_is_no_answer_where_the_content_does_not_offer_it(person: Person) -> None:
    with pytest.raises(InputError):
        person(pcl5_total="none")


def test_a_missing_fact_makes_it_incomplete_and_is_asked_for(person: Person) -> None:
    assessment = assess(person(maoi=None), PROTOCOL)
    assert assessment.verdict is Verdict.INCOMPLETE
    assert assessment.so_far is Verdict.ELIGIBLE
    assert [each.fact for each in assessment.missing] == ["maoi"]


def test_the_to_do_list_is_cheapest_first(person: Person) -> None:
    assessment = assess(person(caps5_total_past_month=None, maoi=None, sbp_resting=None, qtcf=None), PROTOCOL)
    assert [each.effort for each in assessment.missing] == ["asked", "measured", "tested", "assessed"]


def test_a_second_reading_is_asked_for_only_after_a_high_first(person: Person) -> None:
    high = assess(person(sbp_resting="155 mmHg"), PROTOCOL)
    assert [each.fact for each in high.missing] == ["sbp_resting_repeat"]
    unknown = assess(person(sbp_resting=None), PROTOCOL)
    assert [each.fact for each in unknown.missing] == ["sbp_resting"]


def test_an_old_value_counts_as_unknown_and_is_shown(person: Person) -> None:
    assessment = assess(person(sbp_resting={"value": "120 mmHg", "at": "2024-01-01"}), PROTOCOL)
    assert assessment.verdict is Verdict.INCOMPLETE
    assert "older than 90 d" in assessment.missing[0].was


def test_an_implausible_value_waits_until_somebody_confirms_it(person: Person) -> None:
    asked = assess(person(body_weight="300 kg"), PROTOCOL)
    assert asked.verdict is Verdict.INCOMPLETE
    assert "confirm" in asked.missing[0].was
    confirmed = assess(person(body_weight={"value": "300 kg", "confirmed": True}), PROTOCOL)
    assert confirmed.verdict is Verdict.CLINICIAN_REVIEW


def test_an_event_whose_date_is_not_known_is_asked_for(person: Person) -> None:
    assessment = assess(person(myocardial_infarction="yes"), PROTOCOL)
    assert assessment.verdict is Verdict.INCOMPLETE
    assert assessment.missing[0].fact == "myocardial_infarction"


def test_the_answer_as_data_names_rule_value_limit_sources_and_grade(person: Person) -> None:
    answer = assess(person(sbp_resting="148 mmHg"), PROTOCOL).as_dict()
    assert answer["verdict"] == "needs_clinician_review"
    assert set(answer["protocol"]) == {"id", "version", "fingerprint"}
    reason = answer["reasons"][0]
    assert (reason["rule"], reason["action"], reason["value"], reason["limit"], reason["grade"]) == (
        "CAU-BP1",
        "clinician_review",
        "148 mm[Hg]",
        "> 140 mm[Hg]",
        "label",
    )
    assert all(source["title"] and source["seen"] for source in reason["sources"])


def test_the_guideline_conflict_is_part_of_every_answer(person: Person) -> None:
    bodies = [each["body"] for each in assess(person(), PROTOCOL).as_dict()["guideline_conflict"]]
    assert "VA/DoD 2023 PTSD guideline" in bodies


def test_the_low_resource_profile_does_not_wait_for_a_laboratory(person: Person) -> None:
    no_laboratory = dict.fromkeys(
        ["alt", "ast", "ggt", "bilirubin_total", "albumin", "alp", "qtcf", "ecg_findings"]
    )
    profile = load_protocol("low-resource")
    assessment = assess(person(**no_laboratory, unexpected_uds_positive=None), profile)
    assert assessment.verdict is Verdict.ELIGIBLE
    assert all(each.blocks == "note" for each in assessment.missing)
    assert assess(person(**no_laboratory), PROTOCOL).verdict is Verdict.INCOMPLETE


@pytest.mark.parametrize(
    ("test", "verdict"),
    [
        ("positive", Verdict.EXCLUDED),
        ({"value": "positive", "at": "2026-11-20"}, Verdict.EXCLUDED),
        ({"value": "positive", "at": "2026-10-01"}, Verdict.INCOMPLETE),
        ({"value": "positive", "at": "2025-01-01"}, Verdict.ELIGIBLE),
        ("negative", Verdict.ELIGIBLE),
    ],
)
def test_a_positive_pregnancy_test_outranks_the_answer_that_there_can_be_none(
    person: Person, test: Any, verdict: Verdict
) -> None:
    assert assess(person(could_be_pregnant="no", pregnancy_test=test), PROTOCOL).verdict is verdict


def test_a_positive_pregnancy_test_excludes_before_anybody_asked_whether_there_can_be_one(
    person: Person,
) -> None:
    assessment = assess(person(could_be_pregnant=None, pregnancy_test="positive"), PROTOCOL)
    assert assessment.verdict is Verdict.EXCLUDED
    assert [reason.rule.id for reason in assessment.reasons] == ["EXC-06"]


@pytest.mark.parametrize(
    ("readings", "fired"),
    [
        # first and repeated, systolic and diastolic, as CAU-BP1 to 3 read them (label 140/90, OKTOP 150/100)
        (("138", "80", "170", "110"), ["CAU-BP1", "CAU-BP2", "CAU-BP3"]),
        (("138", "80", "141", "80"), ["CAU-BP1"]),
        (("155", "85", "145", "105"), ["CAU-BP1", "CAU-BP2", "CAU-BP3"]),
        (("155", "85", "138", "80"), ["CAU-BP1"]),
        (("138", "80", "140", "90"), []),
    ],
)
def test_a_blood_pressure_taken_again_counts_when_it_is_higher(
    person: Person, readings: tuple[str, ...], fired: list[str]
) -> None:
    names = ("sbp_resting", "dbp_resting", "sbp_resting_repeat", "dbp_resting_repeat")
    facts = person(**{name: f"{value} mm[Hg]" for name, value in zip(names, readings, strict=True)})
    reasons = assess(facts, PROTOCOL).reasons
    assert sorted(reason.rule.id for reason in reasons if "BP" in reason.rule.id) == fired


@pytest.mark.parametrize(
    "change",
    [
        {"ecg_findings": ["ventricular tachycardia"]},
        {"qtcf": "560 ms"},
        {"alt": "900 U/L"},
        {"unexpected_uds_positive": "yes"},
    ],
)
def test_the_low_resource_profile_counts_a_test_that_was_done(person: Person, change: dict[str, Any]) -> None:
    assessment = assess(person(**change), load_protocol("low-resource"))
    assert assessment.verdict in (Verdict.CLINICIAN_REVIEW, Verdict.DELAY)


def test_positions_on_depression_that_bear_on_it_are_in_the_notice(person: Person) -> None:
    bodies = {each["body"] for each in assess(person(), PROTOCOL).as_dict()["guideline_conflict"]}
    assert {"FDA", "CANMAT 2021 (depression)", "NICE TA854 (December 2022)"} <= bodies
