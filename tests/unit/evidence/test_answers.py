"""The questions of the base, against figures worked out by hand in the facts or printed in papers."""

from __future__ import annotations

import math
from datetime import date

import pytest

from openkap.core.errors import ContentError, InputError
from openkap.evidence.answers import answer
from openkap.evidence.base import Base
from openkap.evidence.grade import Override
from openkap.evidence.plan import read_plan
from openkap.evidence.study import Retraction
from openkap.evidence.wording import behind, loud, number


@pytest.fixture
def get(report):
    return report.answers.get


def test_the_two_trials_with_numbers_give_the_effects_of_the_facts(get):
    effects = {each.study_id: each for each in get("severity_end").effects}
    # facts/evidence/README: Feder 2021 g 1.0995 (SE 0.3843 from a rounded SE of d); Duek 2023 g 0.202.
    assert effects["feder2021"].yi == pytest.approx(1.0995, abs=5e-4)
    assert effects["feder2021"].se == pytest.approx(0.3843, abs=1e-3)
    assert effects["duek2023"].yi == pytest.approx(0.202, abs=2e-3)


def test_the_pool_agrees_with_the_worked_value_of_the_facts(get):
    # Random effect 0.649, tau2 0.256 (DerSimonian-Laird, with the smaller variance of Duek's g there).
    pooled = get("severity_end").pooled
    assert pooled.estimate == pytest.approx(0.649, abs=0.01)
    assert pooled.tau2 == pytest.approx(0.256, abs=0.02)


def test_the_crossover_contrast_is_used_as_printed_and_counts_each_person_once(get):
    (effect,) = get("severity_day_1").effects
    # -12.7 (-22.8 to -2.5), abstract of Feder 2014; SE (22.8-2.5)/3.92 = 5.18 in the facts.
    assert (effect.yi, round(effect.se, 2), effect.people) == (12.7, 5.18, 41)


def test_a_single_printed_effect_keeps_the_interval_its_source_prints(get):
    # The abstract of Feder 2014 prints 2.5 to 22.8, which is not centred on 12.7 to the last digit.
    assert get("severity_day_1").interval == (2.5, 22.8)
    albott = {each.study_id: each for each in get("change_uncontrolled").effects}["albott2018"]
    assert albott.interval == (23.0, 43.5)


def test_people_are_counted_in_one_way_so_that_every_sentence_adds_up(report):
    known = sum(s.sample.largest or 0 for s in report.base.studies if s.is_controlled)
    for result in report.answers.by_id.values():
        if result.analysis.design == "controlled":
            assert result.people + result.silent_people == known
            assert f"of {known} people known" in loud(result)
    end = report.answers.get("severity_end")
    # 27 and 30 randomised; 26 of Duek's 27 are in the posted file.
    assert (end.people, end.measured) == (57, 56)
    assert behind(end) == "2 studies (Duek 2023, Feder 2021; 57 people, 56 in the numbers)"


def test_risk_ratios_match_those_worked_out_in_the_facts(get):
    response = {each.study_id: each for each in get("response_end").effects}["feder2021"]
    assert math.exp(response.yi) == pytest.approx(3.33, abs=0.01)
    assert response.se == pytest.approx(0.548, abs=1e-3)
    prevention = {each.study_id: each for each in get("prevention_incidence").effects}
    for study, log_rr, se in (
        ("mcghee2008", -0.546, 0.253),
        ("mion2017", 0.936, 0.157),
        ("wjp2026_lung", -0.653, 0.228),
    ):
        assert prevention[study].yi == pytest.approx(log_rr, abs=1e-3)
        assert prevention[study].se == pytest.approx(se, abs=1e-3)


def test_a_printed_change_with_interval_uses_t_with_its_own_freedom(get):
    albott = {each.study_id: each for each in get("change_uncontrolled").effects}["albott2018"]
    # (43.5-23.0)/(2*t(0.975,14)) = 4.78 in the facts.
    assert (albott.yi, round(albott.se, 2)) == (33.3, 4.78)


def test_the_largest_trial_is_named_first_among_those_without_a_number(get):
    for name in ("severity_day_1", "severity_end", "severity_month_1", "severity_month_3"):
        silent = get(name).silent[0]
        assert (silent.study_id, silent.people) == ("abdallah2022", 158)
        assert "Abdallah 2022 (158 people), the largest trial known" in loud(get(name))
    assert get("severity_end").silent[0].reading == "no_difference"


def test_of_overlapping_series_at_most_one_is_in_a_pool(get):
    change = get("change_uncontrolled")
    overlapping = {"artin2022", "bentley2022", "titone2023", "zhang2025"}
    assert len(overlapping & {each.study_id for each in change.effects}) == 1
    counted = [each for each in change.silent if each.study_id in overlapping and each.people]
    assert counted == []


def test_kinds_of_evidence_never_meet(report):
    studies = {study.id: study for study in report.base.studies}
    for result in report.answers.by_id.values():
        inside = [studies[each.study_id] for each in result.effects]
        assert {study.is_prevention for study in inside} <= {result.analysis.population == "prevention"}
        assert {study.is_controlled for study in inside} <= {result.analysis.design == "controlled"}


def test_certainty_starts_high_for_trials_and_every_step_down_has_a_reason(get):
    certainty = get("severity_end").certainty
    assert (certainty.start, certainty.level) == ("high", "very low")
    assert {domain.name: domain.level for domain in certainty.domains} == {
        "risk of bias": -1,
        "inconsistency": -1,
        "indirectness": -1,
        "imprecision": -2,
        "missing results": -2,
    }
    assert get("change_uncontrolled").certainty.start == "low"


def test_a_reviewer_overrides_a_domain_by_name_with_a_reason_and_the_rule_stays_readable(report):
    plan = report.answers.plan
    given = Override(
        analysis="severity_end",
        domain="risk of bias",
        level="0",
        reviewer="A. Reviewer",
        reason="both trials judged low with RoB 2",
        on=date(2026, 11, 1),
    )
    changed = plan.model_copy(update={"overrides": (given,)})
    analysis = next(each for each in plan.analyses if each.id == "severity_end")
    domain = answer(report.base, analysis, changed).certainty.domains[0]
    assert (domain.level, domain.judged_by) == (0, "A. Reviewer, 2026-11-01")
    assert "the rule had proposed serious" in domain.reason


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("id: severity_month_1", "id: severity_end", "stands twice"),
        (
            "prepost_correlation:",
            (
                "overrides: [{analysis: none, domain: imprecision, level: '0', reviewer: a, reason: b, "
                "on: 2026-01-01}]\nprepost_correlation:"
            ),
            "judgement on no analysis",
        ),
    ],
)
def test_slips_in_the_questions_are_refused(report, tmp_path, old, new, reason):
    path = tmp_path / "analyses.yaml"
    path.write_text((report.root / "analyses.yaml").read_text().replace(old, new, 1))
    with pytest.raises(ContentError, match=reason):
        read_plan(path)


def test_an_unknown_question_is_refused_with_those_that_exist(report):
    with pytest.raises(InputError, match="severity_end"):
        report.answers.get("severity_week_9")


def test_minus_is_a_minus_sign_and_zero_has_none():
    assert (number(-0.25), number(-0.001), number(1.005, 1)) == ("\N{MINUS SIGN}0.25", "0.00", "1.0")


def test_a_retracted_trial_enters_no_answer(report):
    gone = Retraction(notice="withdrawn 2027", sources=("S1",))
    records = tuple(
        r.model_copy(update={"retracted": gone}) if r.id == "feder2021" else r for r in report.base.records
    )
    plan = report.answers.plan
    analysis = next(each for each in plan.analyses if each.id == "severity_end")
    result = answer(Base(records, {}), analysis, plan)
    assert [each.study_id for each in result.effects] == ["duek2023"]
    assert "feder2021" not in {each.study_id for each in result.silent}


def test_a_number_on_another_measure_is_told_not_pooled(get):
    highland = next(each for each in get("prevention_incidence").silent if each.study_id == "highland2020")
    assert highland.said == "OR 1.28 (0.48 to 3.47), another measure, not pooled"
