"""The dose as really given, and the bands that follow from it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from types import SimpleNamespace

import pytest

from openkap.care.live.expected import Subject, departures, expected
from openkap.care.treatment.dose.delivered import Ordered, given_so_far, with_the_rest

BEGUN = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)
ORDERED = Ordered(dose_mg=40.0, over_min=40.0, rate_ml_h=6.0)
ALEX = Subject("racemic ketamine", "IV", 70.0, 42.0, 122.0, 78.0)


def did(kind, minute, rate=None, given=None):
    return SimpleNamespace(
        kind=kind,
        observed_at=BEGUN + timedelta(minutes=minute),
        rate_ml_h=Decimal(rate) if rate else None,
        given_ug=given,
    )


def at(minute, *acts, ordered=ORDERED):
    return given_so_far(ordered, acts, BEGUN + timedelta(minutes=minute))


START = did("start", 0, "6.0")


@pytest.mark.parametrize(
    ("minute", "acts", "mg", "pump"),
    [
        (10, [START], 10, "running"),
        (20, [START, did("pause", 12)], 12, "paused"),
        (20, [START, did("pause", 12), did("resume", 15)], 17, "running"),
        (20, [START, did("rate", 10, "3.0")], 15, "running"),
        (41, [START], 40, "complete"),
        (30, [START, did("stop", 25, given=24_500)], 24.5, "stopped"),
        (5, [], 0, "not started"),
    ],
)
def test_what_was_given_follows_pauses_rates_and_the_stop(minute, acts, mg, pump):
    given = at(minute, *acts)
    assert given.given_mg == pytest.approx(mg)
    assert given.pump == pump


def test_the_rest_is_given_at_the_present_rate():
    rest = with_the_rest(ORDERED, at(10, START, did("rate", 10, "3.0")))
    assert rest.until_min == pytest.approx(10 + 30 / 0.5)
    assert rest.given_mg == 40.0


def test_a_dose_without_duration_is_given_at_once():
    assert at(3, did("start", 0), ordered=Ordered(60.0, None, None)).given_mg == 60.0


def bands(given):
    return expected(ALEX, ORDERED, with_the_rest(ORDERED, given), 160)


def test_a_pause_lowers_what_is_expected_while_it_lasts_and_names_its_model():
    running, paused = bands(at(20, START)), bands(at(20, START, did("pause", 12), did("resume", 20)))
    index = running["minutes"].index(20)
    assert paused["bands"]["sbp"]["middle"][index] < running["bands"]["sbp"]["middle"][index]
    assert paused["concentration"]["middle"][index] < running["concentration"]["middle"][index]
    assert running["site"].startswith("venous")
    assert running["model"]
    assert running["confidence"]
    assert running["warnings"]


def test_the_same_question_later_has_the_same_answer_until_something_is_done():
    assert bands(at(10, START)) == bands(at(25, START))


def test_a_reading_outside_the_band_is_marked_and_one_inside_is_not():
    told = bands(at(20, START))
    assert departures(told, 20, {"sbp": 130.0, "dbp": 82.0}) == []
    assert departures(told, 20, {"sbp": 190.0, "dbp": 82.0}) == ["sbp"]


def test_where_no_human_kinetics_exist_there_is_a_reason_instead_of_a_band():
    told = expected(
        Subject("racemic ketamine", "SC", 70.0, 42.0, 122.0, 78.0),
        Ordered(30.0, None, None),
        at(1, did("start", 0), ordered=Ordered(30.0, None, None)),
        120,
    )
    assert told["minutes"] == []
    assert told["why_not"]
