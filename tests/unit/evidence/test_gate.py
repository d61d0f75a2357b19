"""A record that contradicts itself, or another one, gives no answer a number, and a reader is told."""

from __future__ import annotations

import shutil
from datetime import date

import pytest

from made_up_trials import severity, trial
from openkap.core.content import SHIPPED
from openkap.evidence.base import Base
from openkap.evidence.contrasts import controlled_effect
from openkap.evidence.gate import hold_back
from openkap.evidence.integrity import check_base
from openkap.evidence.report.assemble import build, headline
from openkap.evidence.report.page import page
from openkap.evidence.study import AdverseEvent, Citation, Sample
from openkap.evidence.verdict_harms import _side
from openkap.evidence.wording import held_back_anywhere

NUMBER = Citation(title="Made up", registrations=("NCT09990009",), sources=("S1",))


@pytest.fixture
def written_by_hand(tmp_path):
    """The report on the shipped content with one figure of one file written down wrongly."""

    def put(name: str, right: str, wrong: str, *, twin: str | None = None):
        root = tmp_path / "content"
        shutil.copytree(SHIPPED, root)
        file = root / "trials" / f"{name}.yaml"
        text = file.read_text(encoding="utf-8")
        assert text.count(right) == 1
        file.write_text(text.replace(right, wrong), encoding="utf-8")
        if twin:
            again = root / "trials" / f"{twin}.yaml"
            again.write_text(text.replace(f"id: {name}\n", f"id: {twin}\n", 1), encoding="utf-8")
        return build(as_of=date(2026, 11, 23), root=root)

    return put


def reasons(studies, scales):
    return {o.id: " ".join(o.unsettled) for study in hold_back(studies, scales) for o in study.outcomes}


def test_a_mean_that_no_whole_scores_have_leaves_the_pool_and_every_reader_is_told(written_by_hand):
    # 13 whole scores sum to 405 (mean 31.15) or 406 (31.23), never to 13 times 31.20.
    report = written_by_hand("duek2023", "mean: 31.15", "mean: 31.20")
    answer = report.answers.get("severity_end")
    assert "duek2023_pcl5_post" not in {each.outcome_id for each in answer.effects}
    (held,) = [each for each in answer.left_out if each.outcome_id == "duek2023_pcl5_post"]
    assert held.held_back
    assert "grim: no 13 scores in steps of 1 have the mean 31.20" in held.reason
    told = "HELD BACK by the integrity gate: Duek 2023 (duek2023_pcl5_post: "
    assert any(sentence.startswith(told) for sentence in headline(report))
    (e3,) = [entry for entry in report.entries if entry.claim.id == "E3"]
    assert told in e3.sentence
    html = page(report)
    assert "<b>HELD BACK by the integrity gate:</b> Duek 2023 (duek2023_pcl5_post: " in html
    assert "Held and left out: " in html


def test_a_trial_held_back_makes_no_verdict_kinder(written_by_hand):
    # Duek 2023 saw no difference; without it only Feder 2021, which did, would give a number.
    report = written_by_hand("duek2023", "id: duek2023\n", "id: duek2023\n", twin="duek_again")
    (e3,) = [entry for entry in report.entries if entry.claim.id == "E3"]
    assert [each.study_id for each in report.answers.get("severity_end").effects] == ["feder2021"]
    assert e3.verdict == "cannot be judged"
    assert "What is held back may speak against it and must be settled before." in e3.sentence


def test_nothing_is_held_back_of_the_records_as_shipped(report):
    assert not [o.id for study in report.base.studies for o in study.outcomes if o.unsettled]
    assert not [sentence for sentence in headline(report) if "HELD BACK" in sentence]


def test_arms_that_do_not_add_up_hold_back_a_contrast_that_borrows_their_sizes(written_by_hand):
    report = written_by_hand("feder2021", "    ket: 15\n    mid: 15\n", "    ket: 15\n    mid: 51\n")
    answer = report.answers.get("severity_end")
    assert "feder2021" not in {each.study_id for each in answer.effects}
    assert any("arm-sum: the arms hold 15 + 51 = 66, not 30" in each.reason for each in answer.left_out)


def test_one_trial_in_two_files_is_counted_in_neither_until_somebody_says_so(scales):
    one = trial(severity("a", ("20", "30")), study_id="one")
    two = trial(severity("b", ("20", "30")), study_id="two")
    one, two = (each.model_copy(update={"citation": NUMBER}) for each in (one, two))
    said = reasons([one, two], scales)
    assert "NCT09990009 is also the number of two: its people would count twice" in said["a"]
    assert "is also the number of one" in said["b"]
    held = {study.id: study for study in hold_back([one, two], scales)}
    assert controlled_effect(held["one"], held["one"].outcomes[0], "SMD") is None


@pytest.mark.parametrize("said", [{"companion_of": "one", "record": "companion"}, {"overlap": "same people"}])
def test_files_that_say_they_are_of_one_trial_are_left_alone(scales, said):
    one = trial(severity("a", ("20", "30")), study_id="one", overlap="same people")
    two = trial(severity("b", ("21", "31"), day=28), study_id="two")
    one = one.model_copy(update={"citation": NUMBER})
    two = two.model_copy(update={"citation": NUMBER} | said)
    assert set(reasons([one, two], scales).values()) == {""}


def test_two_records_of_one_trial_with_two_means_for_one_visit_are_both_held_back(scales):
    one = trial(severity("a", ("20", "30")), study_id="one")
    two = trial(severity("b", ("20", "33")), study_id="two")
    two = two.model_copy(update={"companion_of": "one", "record": "companion"})
    said = reasons([one, two], scales)
    assert "two-values: means 33 and 30 for arm mid" in said["b"] or "means 30 and 33" in said["b"]
    assert "for arm mid here and in b" in said["a"]


def test_two_means_of_different_numbers_of_people_may_both_be_right(scales):
    one = trial(severity("a", ("20", "30"), n=20), severity("b", ("21", "31"), n=18))
    assert set(reasons([one], scales).values()) == {""}


@pytest.mark.parametrize(("other", "held"), [("30.5", False), ("31", False), ("30.6", True)])
def test_two_means_that_rounding_explains_are_one(scales, other, held):
    # 30.5 rounds to 31 (and to 30 by the other rule); 30.6 and 30.5 are both printed to a tenth.
    first = "30.5"
    records = trial(severity("a", ("20", first)), severity("b", ("20", other)))
    assert bool(reasons([records], scales)["a"]) is held


def test_harms_of_a_trial_that_stands_twice_enter_no_rate(scales):
    event = AdverseEvent(
        term="Nausea", events={"ket": 3, "mid": 1}, at_risk={"ket": 20, "mid": 20}, sources=("S1",)
    )
    twins = [trial(study_id=name, adverse_events=(event,)) for name in ("one", "two")]
    sound = hold_back(twins, scales)
    assert _side(sound[0], sound[0].adverse_events[0], "intervention") == (3, 20)
    held = hold_back([each.model_copy(update={"citation": NUMBER}) for each in twins], scales)
    assert [_side(each, each.adverse_events[0], "intervention") for each in held] == [None, None]
    assert "(Nausea: same-trial-twice" in held_back_anywhere(Base(held, {}))


def test_a_harm_in_more_people_than_were_at_risk_is_found(base, scales):
    event = AdverseEvent(term="Nausea", events={"ket": 9}, at_risk={"ket": 8}, sources=("S1",))
    wrong = trial(severity("a", ("20", "30")), adverse_events=(event,))
    base = type(base)((*base.records, wrong), base.fingerprints)
    found = [each for each in check_base(base, scales) if each.severity == "contradiction"]
    assert [(each.check, each.subject) for each in found] == [("events-above-n", "made, Nausea, arm ket")]


def test_a_sample_whose_arms_add_up_holds_nothing_back(scales):
    sound = trial(severity("a", ("20", "30")))
    sound = sound.model_copy(update={"sample": Sample(randomised=40, arms={"ket": 20, "mid": 20})})
    assert reasons([sound], scales) == {"a": ""}
