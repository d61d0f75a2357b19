"""The main question asked again in other ways, on our own trials."""

from __future__ import annotations

import csv
import json

import pytest
from click.testing import CliRunner

from openkap.commands.evidence import evidence
from openkap.evidence.answers import answer_all
from openkap.evidence.base import Base
from openkap.evidence.estimates import FEW_STUDIES
from openkap.evidence.report.files import report_files
from openkap.evidence.robustness import robustness
from openkap.evidence.robustness_words import sentences


@pytest.fixture(scope="module")
def held(report):
    return report.robustness


def test_every_dimension_is_varied_and_what_is_impossible_is_counted(held):
    assert set(held.multiverse.choices) == {"time", "instrument", "score", "inclusion", "method", "test"}
    assert held.possible < held.data_sets
    # One trial measured CAPS-5, the other PCL-5: no instrument alone has two trials.
    assert held.never["instrument"] == ("CAPS-5", "PCL-5")
    assert "none read in secondary text" in held.never["inclusion"]


def test_the_curve_holds_the_answer_itself_and_the_common_effect_of_the_facts(held, report):
    fits, pooled = held.multiverse, report.answers.get("severity_end").pooled
    chosen = {"score": "scores afterwards", "time": "end of the course (about 1–2 weeks)"}

    def found(**wanted):
        wanted = chosen | wanted
        return [
            at
            for at in range(fits.size)
            if all(fits.choices[name][at] == each for name, each in wanted.items())
        ]

    (ours,) = found(method="REML", test="knha")
    assert fits.estimate[ours] == pytest.approx(pooled.estimate, abs=1e-9)
    # facts/evidence/README: fixed effect 0.647 (SE 0.271), with the smaller variance of Duek's g there.
    (common,) = found(method="CE", test="z")
    assert fits.estimate[common] == pytest.approx(0.647, abs=0.015)
    assert fits.se[common] == pytest.approx(0.271, abs=0.005)


def test_changes_use_the_correlation_and_printed_contrasts_do_not(held):
    by_score = held.multiverse.by_choice()["score"]
    assert len(by_score) == 4
    assert len(set(by_score.values())) == 4


def test_few_trials_are_said_first_and_never_called_robust(held):
    first, *rest = sentences(held)
    assert len(held.trials) == 2 < FEW_STUDIES
    assert "All of this rests on 2 trials (Duek 2023 and Feder 2021)" in first
    assert not any("robust" in each for each in rest)


def test_the_prior_matters_and_the_sentence_shows_it(held):
    chosen, narrow, wide = held.posteriors
    assert narrow.p_below_zero < chosen.p_below_zero < wide.p_below_zero
    assert wide.prediction_low < chosen.prediction_low < narrow.prediction_low


def test_looking_after_each_trial_follows_the_years_and_stays_open(held):
    assert held.order == ("Feder 2021", "Duek 2023")
    assert held.sequence.low[-1] < 0 < held.sequence.high[-1]
    assert held.sequence.warnings == ()
    assert held.required.crossed_at is None


def test_the_trials_without_numbers_could_cancel_it(held):
    assert (held.missing.k_missing, held.missing.people_missing) == (6, 303)
    assert 0 < held.missing.if_null < held.missing.estimate / 4


@pytest.mark.parametrize("gone", [{"feder2021"}, {"feder2021", "duek2023"}])
def test_with_one_trial_or_none_it_says_there_is_nothing_to_vary(report, gone):
    base = Base(tuple(r for r in report.base.records if r.id not in gone), {})
    held = robustness(base, answer_all(base, report.answers.plan))
    assert (held.multiverse, held.posteriors, held.required) == (None, (), None)
    assert any("there is nothing to vary" in each for each in sentences(held))


def test_the_report_carries_it_as_sentences_figure_table_and_data(report):
    files = report_files(report)
    for sentence in sentences(report.robustness)[1:3]:
        assert sentence.split(";")[0] in files["report.html"]
    rows = list(csv.DictReader(files["multiverse.csv"].splitlines()))
    assert len(rows) == report.robustness.multiverse.size
    assert files["multiverse.svg"].startswith("<svg")
    assert json.loads(files["report.json"])["robustness"]["data_sets"] == report.robustness.data_sets


def test_the_command_without_a_file_asks_our_own_base():
    told = CliRunner().invoke(evidence, ["multiverse"])
    assert told.exit_code == 0
    assert "All of this rests on 2 trials" in told.output
    data = json.loads(CliRunner().invoke(evidence, ["multiverse", "--json"]).output)
    assert data["order"] == ["Feder 2021", "Duek 2023"]
