"""Observations and answers: units, times, results in code, and what is not a value."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from fhir_records import ANEURYSM, about, aside, codeable, condition, intake, reading, screening, value, why
from openkap.core.quantity import Quantity
from openkap.interop.fhir.questionnaire_response import SCREENING
from openkap.protocol.elements import Event


def kilograms(found: Any) -> Decimal:
    weight = value(found, "body_weight")
    assert isinstance(weight, Quantity)
    return weight.to("kg").value


def test_pounds_become_kilograms_exactly() -> None:
    # One avoirdupois pound is 0.45359237 kg by the agreement of 1959.
    assert kilograms(intake(reading(value=Decimal("176.5"), unit="[lb_av]"))) == Decimal("176.5") * Decimal(
        "0.45359237"
    )


def test_the_latest_reading_wins_in_any_order() -> None:
    old, new = reading(value=90, name="old", day="2021-01-01"), reading(value=80, name="new")
    assert kilograms(intake(old, new)) == kilograms(intake(new, old)) == 80


def test_two_readings_of_the_same_time_are_nobodys_to_choose() -> None:
    found = intake(reading(value=80, name="a"), reading(value=95, name="b"))
    assert value(found, "body_weight") is None
    assert "different values of the same time" in why(found)


def test_a_blood_pressure_panel_is_read_from_its_components() -> None:
    panel = about(
        "Observation",
        status="final",
        code=codeable("85354-9", "loinc"),
        effectiveDateTime="2026-11-20T09:00:00+01:00",
        component=[
            {"code": codeable(code, "loinc"), "valueQuantity": {"value": number, "code": "mm[Hg]"}}
            for code, number in (("8480-6", 131), ("8462-4", 84))
        ],
    )
    found = intake(panel)
    assert str(value(found, "sbp_resting")) == "131 mm[Hg]"
    assert str(value(found, "dbp_resting")) == "84 mm[Hg]"


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"unit": ""}, "without a unit"),
        ({"value": "80"}, "not a number"),
        ({"value": None}, "no value"),
        ({"value": Decimal("1e400")}, "impossible size"),
        ({"value": -5}, "cannot be this value"),
        ({"unit": "stone-ish"}, "stone-ish"),
        ({"unit": "mm[Hg]"}, "mm[Hg]"),
        ({"day": "2031-01-01"}, "future"),
        ({"day": "2026-11-23T12:06:00Z"}, "future"),
        ({"day": "2026-11-23T08:00:00-05:00"}, "future"),
        ({"day": "yesterday"}, "yesterday"),
        ({"status": "preliminary"}, "not a final result"),
        ({"effectiveDateTime": None, "effectiveTiming": {}}, "names no date"),
        ({"valueQuantity": {"value": 80, "code": "kg", "comparator": "<"}}, "a limit, not a value"),
        ({"valueQuantity": None, "dataAbsentReason": codeable("unknown", "x")}, "no value"),
        ({"valueString": "80 kg"}, "more than once"),
    ],
)
def test_what_is_no_reading_is_listed_with_its_reason(fields: dict[str, Any], told: str) -> None:
    entry = {key: each for key, each in reading(**fields).items() if each is not None}
    found = intake(entry)
    assert value(found, "body_weight") is None
    assert told in why(found)
    assert "Observation/o" in why(found)


@pytest.mark.parametrize(
    "doubtful",
    [
        {"day": "soon"},
        {"day": "2031-01-01"},
        {"unit": ""},
        {"valueQuantity": {"value": 80, "code": "kg", "comparator": ">"}},
        {"status": "preliminary"},
    ],
)
def test_a_reading_that_cannot_be_used_reopens_its_element(doubtful: dict[str, Any]) -> None:
    good = reading(name="good", day="2026-11-19")
    found = intake(good, reading(name="doubtful", **doubtful))
    assert value(found, "body_weight") is None
    assert "Observation/doubtful must be read first" in why(found)


@pytest.mark.parametrize("doubtful", [{"unit": ""}, {"status": "preliminary"}])
def test_a_later_reading_settles_an_earlier_doubt(doubtful: dict[str, Any]) -> None:
    found = intake(reading(name="old", day="2026-11-01", **doubtful), reading(day="2026-11-20"))
    assert kilograms(found) == 80


@pytest.mark.parametrize("day", ["2026", "2026-11"])
def test_a_reading_of_some_day_in_the_month_may_be_the_latest(day: str) -> None:
    found = intake(reading(name="sure"), reading(value=95, name="some-day", day=day))
    assert value(found, "body_weight") is None
    assert kilograms(intake(reading(), reading(value=95, name="long-ago", day="2025"))) == 80


def test_a_measurement_that_was_not_made_casts_no_doubt() -> None:
    empty = reading(name="empty", day="2026-11-21")
    del empty["valueQuantity"]
    found = intake(reading(), {**empty, "dataAbsentReason": codeable("not-performed", "x")})
    assert kilograms(found) == 80


@pytest.mark.parametrize("day", ["soon", "2026-11-20"])
def test_a_pregnancy_test_that_cannot_be_read_reopens_the_question_before_it(day: str) -> None:
    test = {**result(codeable("10828004" if day == "soon" else "1234")), "effectiveDateTime": day}
    found = intake(test, screening(could_be_pregnant=False))
    assert value(found, "could_be_pregnant") is None
    assert "Observation/o must be read first" in why(found)


def test_a_later_test_settles_one_that_cannot_be_read() -> None:
    odd = {**result(codeable("1234")), "id": "odd", "effectiveDateTime": "2026-11-18"}
    found = intake(odd, result(codeable("260385009")), screening(could_be_pregnant=False))
    assert value(found, "could_be_pregnant") is False


def test_a_cancelled_reading_is_set_aside() -> None:
    assert "cancelled" in aside(intake(reading(status="cancelled")))


@pytest.mark.parametrize("day", ["2026-11-23T12:04:00Z", "2026-11-23T17:00:00+05:00", "2026-11-24"])
def test_a_clock_a_little_ahead_or_a_day_further_east_is_no_future(day: str) -> None:
    assert kilograms(intake(reading(day=day))) == 80


def test_a_value_written_as_text_is_read_with_its_unit() -> None:
    entry = reading()
    del entry["valueQuantity"]
    assert kilograms(intake({**entry, "valueString": "81.5 kg"})) == Decimal("81.5")


def test_a_decimal_comma_is_refused() -> None:
    entry = reading()
    del entry["valueQuantity"]
    assert "comma" in why(intake({**entry, "valueString": "81,5 kg"}))


def test_enzyme_units_are_read_as_international_units() -> None:
    assert str(value(intake(reading("1742-6", 30, "[IU]/L")), "alt")) == "30 U/L"


def test_albumin_in_grams_a_decilitre_is_converted() -> None:
    found = value(intake(reading("1751-7", Decimal("4.3"), "g/dL")), "albumin")
    assert found.to("g/L").value == 43


def result(coded: dict[str, Any]) -> dict[str, Any]:
    entry = reading("2106-3")
    del entry["valueQuantity"]
    return {**entry, "valueCodeableConcept": coded}


def test_a_coded_pregnancy_test_is_read_by_its_listed_result() -> None:
    assert value(intake(result(codeable("260385009"))), "pregnancy_test") == "negative"
    assert value(intake(result(codeable("10828004"))), "pregnancy_test") == "positive"


def test_an_unlisted_result_is_listed_not_guessed() -> None:
    found = intake(result(codeable("1234")))
    assert value(found, "pregnancy_test") is None
    assert "not listed" in why(found)


def answers(*items: dict[str, Any], questionnaire: str = SCREENING, **fields: Any) -> dict[str, Any]:
    return about(
        "QuestionnaireResponse",
        **{
            "status": "completed",
            "questionnaire": questionnaire,
            "authored": "2026-11-22T10:00:00Z",
            "item": [*items],
            **fields,
        },
    )


def item(link: str, *values: dict[str, Any]) -> dict[str, Any]:
    return {"linkId": link, "answer": [*values]}


def test_the_screening_questionnaire_can_say_no() -> None:
    found = intake(answers(item("breastfeeding", {"valueBoolean": False})))
    assert value(found, "breastfeeding") is False


def test_a_no_against_the_record_is_told_and_does_not_count() -> None:
    found = intake(condition(ANEURYSM), answers(item("aneurysmal_vascular_disease", {"valueBoolean": False})))
    assert value(found, "aneurysmal_vascular_disease") is True
    assert "says no, against Condition/c" in why(found)


def test_never_is_an_answer_about_an_event() -> None:
    found = intake(answers(item("myocardial_infarction", {"valueString": "never"})))
    assert value(found, "myocardial_infarction") == Event(ever=False)


def test_an_event_answered_with_a_year_has_no_date() -> None:
    found = intake(answers(item("myocardial_infarction", {"valueDate": "2026"})))
    assert value(found, "myocardial_infarction") == Event(ever=True)


def test_answers_keep_their_units() -> None:
    found = intake(answers(item("qtcf", {"valueQuantity": {"value": 412, "code": "ms"}})))
    assert str(value(found, "qtcf")) == "412 ms"
    assert "without a unit" in why(intake(answers(item("qtcf", {"valueDecimal": 412}))))


def test_an_answer_may_be_several_findings() -> None:
    found = intake(
        answers(item("ecg_findings", {"valueString": "ischaemia"}, {"valueString": "other abnormality"}))
    )
    assert value(found, "ecg_findings") == {"ischaemia", "other abnormality"}


def test_several_answers_to_one_question_are_for_a_person() -> None:
    found = intake(answers(item("breastfeeding", {"valueBoolean": False}, {"valueBoolean": True})))
    assert "several answers" in why(found)


def test_an_unknown_question_is_listed() -> None:
    assert "no such screening question" in why(
        intake(answers(item("favourite_colour", {"valueString": "red"})))
    )


def test_an_unfinished_questionnaire_is_not_used() -> None:
    found = intake(answers(item("breastfeeding", {"valueBoolean": False}), status="in-progress"))
    assert value(found, "breastfeeding") is None
    assert "not finished" in why(found)


@pytest.mark.parametrize("broken", [{"authored": "soon"}, {"status": "in-progress"}])
def test_a_yes_in_a_questionnaire_that_cannot_be_used_outlasts_an_older_no(broken: dict[str, Any]) -> None:
    yes = {**screening(name="new", aneurysmal_vascular_disease=True), **broken}
    found = intake(yes, screening("2026-11-01", aneurysmal_vascular_disease=False))
    assert value(found, "aneurysmal_vascular_disease") is not False
    assert "QuestionnaireResponse/new" in why(found)


@pytest.mark.parametrize("broken", [{"authored": "soon"}, {"status": "in-progress"}])
def test_a_no_in_a_questionnaire_that_cannot_be_used_changes_nothing(broken: dict[str, Any]) -> None:
    no = {**screening(name="new", aneurysmal_vascular_disease=False), **broken}
    assert value(intake(no), "aneurysmal_vascular_disease") is None
    found = intake(no, screening("2026-11-01", aneurysmal_vascular_disease=False))
    assert value(found, "aneurysmal_vascular_disease") is False


def test_an_answer_with_an_impossible_date_is_an_event_without_one() -> None:
    found = intake(screening(myocardial_infarction="2031-01-01"))
    assert value(found, "myocardial_infarction") == Event(ever=True)


def test_a_pcl5_total_is_found_by_its_loinc_link() -> None:
    found = intake(answers(item("/101698-9", {"valueInteger": 44}), questionnaire="http://loinc.org/q/x"))
    assert str(value(found, "pcl5_total")) == "44 {score}"


def test_answers_of_other_questionnaires_are_counted_not_used() -> None:
    found = intake(
        answers(item("breastfeeding", {"valueBoolean": False}), questionnaire="http://elsewhere/q")
    )
    assert value(found, "breastfeeding") is None
    assert "1 answers" in str(found.unlisted[0])


def pregnancy_status(code: str, day: str = "2026-11-20", system: str = "sct") -> dict[str, Any]:
    return {**result(codeable(code, system)), "code": codeable("82810-3", "loinc"), "effectiveDateTime": day}


@pytest.mark.parametrize(
    "answer", [("77386006", "sct"), ("146799005", "sct"), ("152231000119106", "sct"), ("LA15173-0", "loinc")]
)
def test_a_pregnancy_status_says_that_a_test_is_needed(answer: tuple[str, str]) -> None:
    found = intake(
        pregnancy_status(answer[0], system=answer[1]), screening("2026-11-22", could_be_pregnant=False)
    )
    assert value(found, "could_be_pregnant") is True
    assert "says no, against Observation/o" in why(found)


@pytest.mark.parametrize(
    ("code", "system"), [("72892002", "sct"), ("Z33.1", "icd10cm"), ("Z34.90", "icd10cm")]
)
def test_a_pregnancy_among_the_conditions_says_that_a_test_is_needed(code: str, system: str) -> None:
    found = intake(condition(code, system=system, onsetDateTime="2026-10-01"))
    assert value(found, "could_be_pregnant") is True


@pytest.mark.parametrize("code", ["60001007", "261665006"])
def test_who_is_not_pregnant_may_become_so(code: str) -> None:
    found = intake(pregnancy_status(code))
    assert value(found, "could_be_pregnant") is None
    assert "leaves the question open" in aside(found)
    assert why(found) == ""


def test_a_pregnancy_status_holds_until_a_later_one_says_otherwise() -> None:
    before = {**pregnancy_status("77386006", "2019-02-01"), "id": "before"}
    asked = screening(could_be_pregnant=False)
    later = pregnancy_status("60001007", "2020-03-01")
    earlier = pregnancy_status("60001007", "2018-03-01")
    assert value(intake(before, later, asked), "could_be_pregnant") is False
    assert value(intake(before, earlier, asked), "could_be_pregnant") is True
    born = condition(
        "72892002", clinicalStatus={"coding": [{"code": "resolved"}]}, abatementDateTime="2019-09-01"
    )
    assert value(intake(before, born, asked), "could_be_pregnant") is False
    next_one = {**pregnancy_status("77386006", "2020-02-01"), "id": "next"}
    assert value(intake(before, next_one, born, asked), "could_be_pregnant") is True
    lasting = condition("72892002", onsetDateTime="2019-02-01")
    assert value(intake(lasting, later, asked), "could_be_pregnant") is True


def test_an_amount_of_the_pregnancy_hormone_is_for_a_person() -> None:
    found = intake(reading("19080-1", 5000, "m[IU]/mL"), screening(could_be_pregnant=False))
    assert value(found, "could_be_pregnant") is None
    assert value(found, "pregnancy_test") is None
    assert "5000" in why(found)


def test_a_pregnancy_test_in_serum_is_read_by_its_result() -> None:
    entry = {**result(codeable("10828004")), "code": codeable("2118-8", "loinc")}
    assert value(intake(entry), "pregnancy_test") == "positive"


def test_a_total_that_was_not_filled_in_is_no_answer() -> None:
    found = intake(answers({"linkId": "/101698-9"}, questionnaire="http://loinc.org/q/x"))
    assert value(found, "pcl5_total") is None
    assert why(found) == ""


@pytest.mark.parametrize("element", ["ptsd_dsm5_confirmed", "has_capacity_and_signed_consent"])
def test_the_last_answer_counts_where_no_record_can_give_it(element: str) -> None:
    before, after = (
        screening(day, name, **{element: given})
        for day, name, given in (("2026-11-01", "before", True), ("2026-11-20", "after", False))
    )
    assert value(intake(before, after), element) is False
    same_day = screening("2026-11-20", "too", **{element: True})
    found = intake(after, same_day)
    assert value(found, element) is None
    assert "different values of the same time" in why(found)


@pytest.mark.parametrize("broken", [{"authored": "soon"}, {"status": "in-progress"}])
def test_an_answer_that_cannot_be_used_reopens_what_only_answers_can_give(broken: dict[str, Any]) -> None:
    no = {**screening(name="new", ptsd_dsm5_confirmed=False), **broken}
    found = intake(no, screening("2026-11-01", ptsd_dsm5_confirmed=True))
    assert value(found, "ptsd_dsm5_confirmed") is None
