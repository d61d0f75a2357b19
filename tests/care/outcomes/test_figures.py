"""Where the time axis of an outcome figure begins and ends, and what it says."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from django.template.loader import render_to_string

from openkap.care.contributions import CourseMark
from openkap.care.moment import now
from openkap.care.outcomes.figures import NARROW, draw, draw_own
from openkap.care.outcomes.patient_words import ENGLISH
from openkap.care.outcomes.trajectory import Line, Milestone, Reading, Trajectory


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


def test_the_drawing_for_a_telephone_has_the_same_points_in_its_own_width():
    figure = draw(trajectory(-28, -14, 0, planned=(7,)))
    assert figure.narrow.width == NARROW
    assert [point.words for point in figure.narrow.points] == [point.words for point in figure.points]
    assert figure.narrow.right < NARROW
    assert figure.narrow.id != figure.id


def test_no_date_on_the_axis_runs_out_of_the_drawing():
    for days in (20, 40, 80, 200, 400):
        figure = draw(trajectory(-days, 0)).narrow
        assert [tick for tick in figure.ticks if tick.words and tick.x > NARROW - 60] == []


def test_a_persons_own_curve_says_up_and_down_in_words_and_has_no_numbers_beside_it():
    figure = draw_own(trajectory(-28, 0), ENGLISH)
    assert (figure.above, figure.below) == ("more symptoms", "fewer symptoms")
    assert [level.words for level in figure.levels if level.words] == []


def test_the_names_of_two_limits_near_each_other_do_not_print_over_each_other():
    lines = (Line("remission", Decimal(28)), Line("cut-off", Decimal(33)))
    figure = draw(replace(trajectory(-28, 0), lines=lines)).narrow
    above, below = figure.lines
    assert above.words == "cut-off 33"
    assert above.words_y == pytest.approx(above.y, abs=0.1)
    assert below.words_y - above.words_y >= 14
    # The line itself stays at its value.
    assert below.y - above.y < 14


def test_the_name_of_an_early_turn_stands_right_of_the_numbers_of_the_axis():
    def named(days_ago):
        turn = Milestone(now() - timedelta(days=days_ago), "response", "fall of 15", "x", "weak", None, None)
        figure = draw(replace(trajectory(-200, 0), milestones=(turn,)))
        return render_to_string("components/trajectory.html", {"figure": figure})

    assert 'class="turn-name at-start"' in named(195)
    assert 'class="turn-name"' in named(60)
