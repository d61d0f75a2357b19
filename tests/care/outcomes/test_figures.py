"""Where the time axis of an outcome figure begins and ends, and what it says."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from openkap.care.contributions import CourseMark
from openkap.care.moment import now
from openkap.care.outcomes.figures import draw
from openkap.care.outcomes.queries import Reading, Trajectory


def trajectory(*days: int, planned: tuple[int, ...] = ()) -> Trajectory:
    """Readings that many days from now, and sessions planned."""
    readings = tuple(Reading(now() + timedelta(days=day), Decimal(40), {}, "visit", "x", 0) for day in days)
    marks = tuple(
        CourseMark(1, "session_planned", now() + timedelta(days=day), f"s{day}", f"session {day}")
        for day in planned
    )
    return Trajectory(
        "pcl-5", "PTSD Checklist", "PCL-5", 0, 80, "lower", readings, (), marks, (), (), (), readings[0]
    )


def test_the_axis_ends_at_the_next_planned_session_and_not_at_the_last():
    figure = draw(trajectory(-28, -14, 0, planned=(7, 35, 70)))
    # 28 days back, 7 ahead, a day at both ends: 37 days over the width.
    expected = figure.left + (figure.right - figure.left) * 29 / 37
    assert figure.points[-1].x == pytest.approx(expected, abs=0.1)
    assert [mark.words.split(",")[0] for mark in figure.sessions] == ["session 7"]


def test_without_a_planned_session_the_axis_ends_with_what_was_read():
    figure = draw(trajectory(-28, -14, 0))
    expected = figure.left + (figure.right - figure.left) * 29 / 30
    assert figure.points[-1].x == pytest.approx(expected, abs=0.1)


def test_two_weeks_of_readings_are_told_in_weeks_and_a_year_in_months():
    weeks = [tick.words for tick in draw(trajectory(-14, 0)).ticks if tick.words]
    # It is Monday 23 November 2026.
    assert weeks == ["9 Nov", "16 Nov", "23 Nov"]
    months = [tick.words for tick in draw(trajectory(-365, 0)).ticks if tick.words]
    assert "Feb 2026" in months
