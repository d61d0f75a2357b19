"""Numbers that are held and must not be used as they stand."""

from __future__ import annotations

import math

import pytest

from made_up_trials import counts, severity, trial
from openkap.evidence.base import Base
from openkap.evidence.contrasts import change_effect, controlled_effect
from openkap.evidence.study import Window
from openkap.evidence.usable import why_not

CROSSOVERS = ["RCT crossover, two periods", "randomized, crossover, treatment", "cross-over", "CROSS_OVER"]


@pytest.mark.parametrize("design", CROSSOVERS)
@pytest.mark.parametrize("measure", ["MD", "SMD"])
def test_the_arms_of_a_crossover_are_no_parallel_groups(design, measure):
    outcome = severity("both", ("20.5", "33.0"), day=1, window=Window.DAY_1)
    study = trial(outcome, design=design)
    assert controlled_effect(study, outcome, measure) is None
    assert "same people" in why_not(study, outcome)


def test_counts_of_a_crossover_are_no_parallel_groups_either():
    assert (
        controlled_effect(trial(counts("c", (10, 5)), design=CROSSOVERS[0]), counts("c", (10, 5)), "RR")
        is None
    )
    assert controlled_effect(trial(counts("c", (10, 5))), counts("c", (10, 5)), "RR").yi == pytest.approx(
        math.log(2)
    )


def test_nor_is_a_crossovers_change_from_before():
    before = severity("before", ("50", "50"), day=0, window=Window.BASELINE)
    after = severity("after", ("20", "33"))
    assert change_effect(trial(before, after, design=CROSSOVERS[0]), before, after, 0.5) is None
    assert change_effect(trial(before, after), before, after, 0.5) is not None


def test_first_period_values_of_a_crossover_are_compared_like_those_of_a_parallel_trial():
    outcome = severity("first", ("20.5", "33.0"), phase="first period")
    # 33.0 - 20.5, lower being better.
    assert controlled_effect(trial(outcome, design=CROSSOVERS[0]), outcome, "MD").yi == pytest.approx(12.5)


def test_an_outcome_that_is_not_settled_gives_no_effect_and_says_what_is_open():
    outcome = severity("open", ("20", "33"), unsettled=("change-sign: which sign is better",))
    assert controlled_effect(trial(outcome), outcome, "SMD") is None
    assert why_not(trial(outcome), outcome) == "not settled yet: change-sign: which sign is better"


def test_a_registered_trial_takes_its_design_from_the_record_that_brings_results():
    outcome = severity("o", ("20", "33"))
    planned = trial().model_copy(update={"record": "registration"})
    results = trial(outcome, study_id="made_results", design="randomized, crossover", companion_of="made")
    (study,) = Base((planned, results), {}).studies
    assert controlled_effect(study, study.outcomes[0], "MD") is None
