"""A record as the registry posts it: NCT03722472, shortened (ClinicalTrials.gov, a work of the US government).

Its vaccine and its disorder are none of ours; its shapes are those that made-up records lacked.
"""

from __future__ import annotations

from decimal import Decimal as D

import pytest
from scipy.stats import binomtest

from openkap.evidence.importers.clinicaltrials_gov import read_file
from openkap.evidence.study import Group, Window

SINGLE = "single_vial_presentation_id93_gla_se"


@pytest.fixture(scope="module")
def imported(files, scales):
    return read_file(files / "nct03722472_excerpt.json", scales)


@pytest.fixture(scope="module")
def outcomes(imported):
    return {each.id: each for each in imported.study.outcomes}


def test_a_trial_of_another_drug_and_disorder_joins_no_count_of_ours(imported):
    assert imported.study.group is Group.OTHER_QUESTION
    assert not imported.study.is_controlled
    assert not imported.study.is_prevention
    (told,) = [each for each in imported.findings if each.check == "other-question"]
    assert "no group is given ketamine and its condition is Pulmonary TB, not PTSD" in told.sentence


def test_the_people_started_and_counted_are_those_posted(imported, outcomes):
    assert (imported.study.sample.randomised, set(imported.study.sample.arms.values())) == (48, {23, 25})
    assert (outcomes["nct03722472_1"].events[SINGLE], outcomes["nct03722472_1"].n[SINGLE]) == (22, 23)


def test_a_time_after_each_dose_is_not_taken_for_one_after_the_first(outcomes):
    assert outcomes["nct03722472_1"].time.window is Window.UNCLEAR


def test_a_share_of_people_is_the_count_whose_exact_interval_the_record_prints(outcomes):
    share = outcomes["nct03722472_3_1"]
    assert (share.kind, share.percent[SINGLE]) == ("binary", D("13.0"))
    counted = share.computed[0]
    interval = binomtest(counted["events"][SINGLE], counted["n"][SINGLE]).proportion_ci(method="exact")
    # The record prints 2.78 to 33.59.
    assert (round(100 * interval.low, 2), round(100 * interval.high, 2)) == (2.78, 33.59)


def test_a_geometric_mean_stays_in_words_and_is_asked_about_once(imported, outcomes):
    assert outcomes["nct03722472_2_1"].kind == "qualitative"
    assert "10868 (5971 to 19780)" in (outcomes["nct03722472_2_1"].finding or "")
    assert sum(each.check == "shape-unknown" for each in imported.findings) == 1


def test_deaths_and_serious_events_are_read_though_the_registry_counts_them_by_group_only(imported):
    harms = {
        event.term: (event.events[SINGLE], event.at_risk[SINGLE]) for event in imported.study.adverse_events
    }
    assert harms["death from any cause"] == harms["any serious adverse event"] == (0, 23)
    assert harms["Fatigue"] == (6, 23)
