"""What a study without a usable number says: numbers on another scale, and words."""

from __future__ import annotations

import pytest

from made_up_trials import severity, trial, words
from openkap.evidence.answers import answer
from openkap.evidence.base import Base
from openkap.evidence.effect_size import standardised_mean_difference
from openkap.evidence.study import Window

DAY_1 = {"day": 1, "window": Window.DAY_1}


@pytest.fixture
def after_a_day(report):
    """What a made-up trial says to the question about 24 hours, which takes IES-R points."""
    plan = report.answers.plan
    analysis = next(each for each in plan.analyses if each.id == "severity_day_1")

    def said(*outcomes, **more):
        (silent,) = answer(Base((trial(*outcomes, **more),), {}), analysis, plan).silent
        return silent

    return said


def test_arms_on_another_scale_are_told_with_their_size_and_direction(after_a_day):
    silent = after_a_day(severity("pcl", ("30", "40"), **DAY_1))
    # Two arms of 20, 10 points of an SD of 10 apart: d 1, times Hedges' factor 0.980 for 38 degrees of freedom;
    # variance 1/20 + 1/20 + g^2/80 = 0.1120, so 0.98 -+ 1.96 * 0.3347.
    assert silent.said == (
        "PCL-5, day 1: g 0.98 (0.32 to 1.64), positive favours ketamine; another scale, not pooled"
    )
    assert silent.reading == "benefit"


@pytest.mark.parametrize(
    ("means", "reading"), [(("40", "30"), "harm"), (("35", "36"), "no_difference"), (("30", "40"), "benefit")]
)
def test_the_reading_follows_the_interval(after_a_day, means, reading):
    assert after_a_day(severity("pcl", means, **DAY_1)).reading == reading


def test_old_words_stand_behind_the_number_and_the_more_cautious_reading_counts(after_a_day):
    number = severity("pcl", ("30", "40"), **DAY_1)
    unclear = after_a_day(number, words("w", "not resolved from the abstract", "unclear", Window.DAY_1))
    assert unclear.said.startswith("PCL-5, day 1: g 0.98")
    assert unclear.said.endswith("; not resolved from the abstract")
    assert unclear.reading == "benefit"
    against = after_a_day(number, words("w", "no significant difference", "no_difference", Window.DAY_1))
    assert against.reading == "no_difference"


def test_a_crossovers_arms_are_told_on_no_scale(after_a_day):
    silent = after_a_day(severity("pcl", ("30", "40"), **DAY_1), design="RCT crossover")
    assert silent.said == "nothing usable for this question in what was read"


def test_a_number_of_another_time_says_nothing_here(after_a_day):
    assert after_a_day(severity("pcl", ("30", "40"), day=14)).reading is None


def test_hedges_g_of_the_example_is_what_a_textbook_gives():
    # Borenstein 2009, formulas 4.18 to 4.24, by hand: J = 1 - 3/(4*38 - 1) = 0.98013.
    effect = standardised_mean_difference(
        mean1=30, sd1=10, n1=20, mean2=40, sd2=10, n2=20, lower_is_better=True
    )
    assert float(effect.yi) == pytest.approx(0.9801, abs=2e-4)
