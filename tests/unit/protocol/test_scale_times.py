"""When the short dissociation scale is due: the protocol's minutes, and what was taken already."""

from datetime import UTC, datetime, timedelta

import pytest

from openkap.protocol.read import load_protocol
from openkap.protocol.scale_times import CADSS_6, next_scale_due, scale_minutes

BEGUN = datetime(2026, 11, 30, 10, 0, tzinfo=UTC)


def due(*taken):
    moments = [BEGUN + timedelta(minutes=minute) for minute in taken]
    found = next_scale_due((0, 40, 120), moments, started_at=BEGUN)
    return None if found is None else round((found - BEGUN).total_seconds() / 60)


@pytest.mark.parametrize(
    ("taken", "next_minute"),
    [((), 0), ((-3,), 40), ((0,), 40), ((0, 19), 40), ((0, 20), 120), ((0, 40), 120), ((0, 40, 79), 120)],
)
def test_each_minute_is_due_until_a_score_of_its_own_has_been_taken(taken, next_minute):
    assert due(*taken) == next_minute


def test_nothing_is_due_after_the_last_minute_has_its_score():
    assert due(0, 40, 80) is None


def test_a_minute_that_was_missed_is_not_asked_for_after_the_next_one():
    assert due(0, 121) is None


def test_a_protocol_names_its_minutes_and_one_without_the_scale_has_none():
    assert scale_minutes(load_protocol("iv-racemic"), CADSS_6) == (0, 40, 120)
    assert scale_minutes(load_protocol("iv-racemic"), "no such scale") == ()


def test_what_is_due_at_the_end_of_a_longer_infusion_moves_with_it():
    longer = timedelta(minutes=10)
    assert scale_minutes(load_protocol("iv-racemic"), CADSS_6, longer) == (0, 50, 130)
