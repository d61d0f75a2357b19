"""A session minute by minute: what a reading asks for, what is due, and what holds the patient."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from openkap.core.quantity import Quantity
from openkap.protocol.elements import dictionary
from openkap.protocol.facts import parse_facts
from openkap.protocol.monitoring import Reading, discharge, due_minutes, next_due, session_facts, watch
from openkap.protocol.read import load_protocol
from openkap.protocol.rules import Action

PROTOCOL = load_protocol("iv-racemic")
START = datetime(2026, 11, 23, 10, tzinfo=UTC)


def minute(number: float) -> datetime:
    return START + timedelta(minutes=number)


def reading(at: float, sbp: int = 125, dbp: int = 80, heart_rate: int = 70, **more: Any) -> Reading:
    values: dict[str, Any] = {
        "sbp": Quantity.of(sbp, "mm[Hg]"),
        "dbp": Quantity.of(dbp, "mm[Hg]"),
        "heart_rate": Quantity.of(heart_rate, "/min"),
    }
    return Reading(minute(at), {**values, **more})


def actions(readings: list[Reading], now: float) -> list[tuple[str, Action]]:
    watched = watch(PROTOCOL, readings, started_at=START, now=minute(now))
    return [(alert.rule.id, alert.action) for alert in watched.alerts]


def test_quiet_readings_ask_for_nothing() -> None:
    assert actions([reading(-3), reading(10), reading(20)], 21) == []


def test_severe_pressure_pauses_and_asks_for_a_repeat_in_five_minutes() -> None:
    readings = [reading(-3), reading(10), reading(20, sbp=182)]
    watched = watch(PROTOCOL, readings, started_at=START, now=minute(21))
    assert [alert.rule.id for alert in watched.alerts] == ["VIT-03", "VIT-01"]
    assert watched.alerts[0].rule.who == "prescriber"
    assert watched.next_due is not None
    assert watched.next_due.minute == pytest.approx(25)
    assert "VIT-0" in watched.next_due.why


def test_extreme_pressure_comes_before_severe_pressure() -> None:
    found = actions([reading(-3), reading(20, sbp=201)], 20)
    assert found[0] == ("VIT-04", Action.STOP_DOSE)


def test_no_response_is_an_emergency() -> None:
    found = actions([reading(-3), reading(20, moaas=Quantity.of(0, "{score}"))], 20)
    assert ("VIT-11", Action.EMERGENCY) in found


def test_a_fast_heart_counts_only_when_it_lasts_five_minutes() -> None:
    once = [reading(-3), reading(10), reading(20, heart_rate=130)]
    assert ("VIT-08", Action.CLINICIAN_REVIEW) not in actions(once, 20)
    lasting = [*once, reading(25, heart_rate=128)]
    assert ("VIT-08", Action.CLINICIAN_REVIEW) in actions(lasting, 25)
    settled = [*once, reading(22, heart_rate=100), reading(27, heart_rate=125)]
    assert ("VIT-08", Action.CLINICIAN_REVIEW) not in actions(settled, 27)


def test_a_rise_is_measured_from_the_reading_before_the_dose() -> None:
    assert ("VIT-01", Action.REPEAT) in actions([reading(-3, sbp=110), reading(10, sbp=150)], 10)
    assert ("VIT-01", Action.REPEAT) not in actions([reading(-3, sbp=111), reading(10, sbp=150)], 10)


def test_the_order_in_which_readings_arrive_changes_nothing() -> None:
    readings = [reading(-3), reading(10, sbp=185), reading(15), reading(20, sbp=190)]
    assert actions(readings, 21) == actions(readings[::-1], 21)


def test_the_next_reading_follows_the_schedule() -> None:
    due = next_due(PROTOCOL, [reading(-3), reading(9)], started_at=START, now=minute(12))
    assert due is not None
    assert (due.minute, due.overdue) == (20, False)
    late = next_due(PROTOCOL, [reading(-3), reading(9)], started_at=START, now=minute(26))
    assert late is not None
    assert late.overdue


def test_a_reading_five_minutes_late_is_not_yet_a_warning_and_six_is() -> None:
    readings = [reading(-3), reading(10)]
    assert ("VIT-14", Action.WARN) not in actions(readings, 25)
    assert ("VIT-14", Action.WARN) in actions(readings, 26)


def test_half_a_reading_does_not_count_as_the_reading_that_was_due() -> None:
    only_pulse = Reading(minute(10), {"heart_rate": Quantity.of(70, "/min")})
    due = next_due(PROTOCOL, [reading(-3), only_pulse], started_at=START, now=minute(11))
    assert due is not None
    assert due.minute == 10


def test_the_watch_ends_with_the_schedule() -> None:
    readings = [reading(-3), *[reading(at) for at in PROTOCOL.vitals.minutes[1:]]]
    watched = watch(PROTOCOL, readings, started_at=START, now=minute(121))
    assert watched.done


READY: dict[str, Any] = {
    "minutes_since_dose_start": "120 min", "sbp": "130 mmHg", "dbp": "82 mmHg", "sbp_baseline": "125 mmHg",
    "dbp_baseline": "80 mmHg", "bp_falling_on_two_readings": "yes", "spo2_room_air": "97 %", "aldrete_total": 10,
    "moaas": 5, "dissociation": "resolved_or_at_own_baseline", "respiratory_depression": "resolved_or_absent",
    "walks_unaided_no_significant_dizziness": "yes", "tolerates_oral_fluid_and_minimal_nausea": "yes",
    "escort_present": "yes", "no_new_suicidal_intent": "yes", "next_contact_booked": "yes",
    "driving_instruction_given": "yes", "uk_readiness_to_leave_checklist": "yes",
}  # fmt: skip


def leaving(**changes: Any) -> Any:
    known = {name: value for name, value in {**READY, **changes}.items() if value is not None}
    return discharge(parse_facts({"facts": known}, dictionary(), as_of=minute(130)), PROTOCOL)


def test_a_ready_patient_may_leave() -> None:
    answer = leaving()
    assert answer.may_leave
    assert answer.unmet == answer.warnings == ()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"sbp": "157 mmHg"}, "not yet: systolic pressure must fall by 12 mmHg"),
        (
            {"minutes_since_dose_start": "95 min"},
            "not yet: minutes since the dose started must rise by 25 min",
        ),
        ({"spo2_room_air": "92 %"}, "not yet: spo2 on room air is 92 %, must be above 92 %"),
        ({"moaas": 4}, "not yet: moaa/s is 4, must be 5"),
        ({"escort_present": "no"}, "not yet: escort present: not yet"),
        ({"escort_present": None}, "not known yet: escort present"),
    ],
)
def test_what_holds_the_patient_is_said_in_words(change: dict[str, Any], said: str) -> None:
    answer = leaving(**change)
    assert not answer.may_leave
    assert [each.said for each in answer.unmet] == [said]


def test_what_is_only_noted_does_not_hold_the_patient() -> None:
    answer = leaving(uk_readiness_to_leave_checklist=None)
    assert answer.may_leave
    assert len(answer.warnings) == 1


def test_nothing_known_means_nobody_leaves() -> None:
    answer = discharge(parse_facts({"facts": {}}, dictionary(), as_of=START), PROTOCOL)
    assert not answer.may_leave
    assert len(answer.unmet) == 12
    assert answer.missing


def test_session_facts_take_the_latest_value_and_what_follows_from_the_series() -> None:
    readings = [reading(-3), reading(40, sbp=150), reading(55, sbp=140)]
    facts = session_facts(readings, minute(60), START, readings[0], dictionary())
    assert facts.known["sbp"].shown() == "140 mm[Hg]"
    assert facts.known["sbp_baseline"].shown() == "125 mm[Hg]"
    assert facts.value("bp_falling_on_two_readings") is True
    assert facts.known["minutes_since_dose_start"].shown() == "60.0 min"


RECOVERED: dict[str, Any] = {
    "spo2_room_air": Quantity.of(97, "%"),
    "aldrete_total": Quantity.of(10, "{score}"),
    "moaas": Quantity.of(5, "{score}"),
    "dissociation": "resolved_or_at_own_baseline",
    "respiratory_depression": "resolved_or_absent",
    "walks_unaided_no_significant_dizziness": True,
    "escort_present": True,
    "no_new_suicidal_intent": True,
    "next_contact_booked": True,
    "driving_instruction_given": True,
}


def may_leave(*readings: Reading, now: float = 121) -> bool:
    facts = session_facts(readings, minute(now), START, reading(-3), dictionary())
    return discharge(facts, PROTOCOL).may_leave


def test_what_was_seen_at_the_end_lets_the_patient_leave_in_any_order_of_arrival() -> None:
    high, late, last = reading(40, sbp=200), reading(100, sbp=126), reading(119, **RECOVERED)
    assert may_leave(high, late, last)
    assert may_leave(last, high, late)


@pytest.mark.parametrize(
    "readings",
    [
        pytest.param([reading(-10), reading(-3, **RECOVERED)], id="all before the dose"),
        pytest.param([reading(30), reading(40, **RECOVERED)], id="nothing since minute 40"),
        pytest.param([reading(30, **RECOVERED), reading(100), reading(119)], id="recovery seen at minute 30"),
        pytest.param([reading(119, **RECOVERED), reading(119)], id="one reading sent twice"),
        pytest.param([reading(100, sbp=150), reading(400, **RECOVERED), reading(401)], id="from the future"),
        pytest.param([reading(119, sbp=200, **RECOVERED), reading(100)], id="high last, sent first"),
    ],
)
def test_what_was_not_seen_lately_holds_the_patient(readings: list[Reading]) -> None:
    assert not may_leave(*readings)


def test_the_minimum_stay_is_not_rounded_up() -> None:
    readings = [reading(100), reading(119, **RECOVERED)]
    assert may_leave(*readings, now=120)
    assert not may_leave(*readings, now=119.97)


def test_pressure_before_the_dose_is_the_baseline_even_when_the_pulse_came_later() -> None:
    pulse = Reading(minute(-1), {"heart_rate": Quantity.of(70, "/min")})
    assert ("VIT-01", Action.REPEAT) in actions([reading(-5, sbp=120), pulse, reading(10, sbp=165)], 11)


def test_a_device_whose_clock_runs_ahead_is_heard() -> None:
    assert ("VIT-04", Action.STOP_DOSE) in actions([reading(0), reading(13, sbp=210)], 11)


def test_a_slower_infusion_is_watched_to_its_end_and_everything_after_moves() -> None:
    # 100 minutes instead of 40: every ten minutes until 100, then the same gaps after the end, an hour later.
    assert due_minutes(PROTOCOL, timedelta(minutes=60)) == (
        0, 10, 20, 30, 40, 50, 60, 70, 80, 90, 100, 115, 130, 145, 160, 180,
    )  # fmt: skip
    assert due_minutes(PROTOCOL) == PROTOCOL.vitals.minutes
    assert (
        due_minutes(load_protocol("im-racemic"), timedelta(minutes=60))
        == load_protocol("im-racemic").vitals.minutes
    )


def test_what_an_infusion_ran_longer_is_added_to_the_stay() -> None:
    readings = [reading(-3), reading(118)]
    usual = session_facts(readings, minute(121), START, readings[0], dictionary())
    slower = session_facts(
        readings, minute(121), START, readings[0], dictionary(), longer=timedelta(minutes=60)
    )
    assert usual.known["minutes_since_dose_start"].shown() == "121.0 min"
    assert slower.known["minutes_since_dose_start"].shown() == "61.0 min"


def test_nobody_leaves_on_a_reading_that_would_stop_a_dose() -> None:
    answer = leaving(heart_rate="165 /min")
    assert [each.rule.id for each in answer.unmet] == ["VIT-07"]
    assert not answer.may_leave
