"""Which of a study's results is used, and what becomes of the others."""

from __future__ import annotations

import pytest

from made_up_trials import counts, severity, trial, words
from openkap.evidence.answers import answer
from openkap.evidence.base import Base
from openkap.evidence.choice import end_of_course
from openkap.evidence.importers.own_csv import read_own_csv
from openkap.evidence.report.assemble import methods
from openkap.evidence.study import Window


@pytest.fixture
def ask(report):
    """One question, put to made-up trials alone."""
    plan = report.answers.plan

    def put(name, *studies):
        return answer(Base(tuple(studies), {}), next(a for a in plan.analyses if a.id == name), plan)

    return put


def used(result):
    return [each.outcome_id for each in result.effects]


def test_the_latest_day_is_the_end_of_a_course_whose_end_nobody_states(ask):
    weeks = [severity(f"week_{week}", ("30", "40"), day=7 * week) for week in (1, 2, 4)]
    result = ask("severity_end", trial(*weeks))
    assert used(result) == ["week_4"]
    assert [(e.outcome_id, e.reason) for e in result.left_out] == [
        ("week_2", "week_4 (day 28) of the same study is used"),
        ("week_1", "week_4 (day 28) of the same study is used"),
    ]


def test_a_stated_end_of_course_goes_before_a_later_visit(ask):
    end = severity("end", ("30", "40"), day=14, phase="end of treatment")
    later = severity("later", ("30", "40"), day=28)
    study = trial(later, end)
    assert (end_of_course(study), used(ask("severity_end", study))) == (14, ["end"])


def test_an_imported_visit_is_chosen_by_the_end_that_the_study_states_elsewhere(ask):
    # Feder 2021 states week 2 as the end of treatment in words; its posted results hold weeks 1 and 2.
    stated = words("said", "improved", "benefit").model_copy(
        update={"time": severity("x", ("1", "1"), day=14, phase="end of treatment").time}
    )
    visits = [severity(f"day_{day}", ("30", "40"), day=day) for day in (7, 13, 28)]
    assert used(ask("severity_end", trial(stated, *visits))) == ["day_13"]


def test_the_shipped_trials_state_their_ends_of_course(base):
    # Feder 2021: three infusions a week for two weeks; Duek 2023: visit 7, on the fifth day after the infusion.
    assert [end_of_course(base.get(each)) for each in ("feder2021", "duek2023")] == [14, 5]
    assert end_of_course(base.get("abdallah2022")) is None


def test_the_trials_own_primary_outcome_goes_before_the_order_of_time(ask):
    first = severity("primary", ("30", "40"), day=7, primary=True)
    assert used(ask("severity_end", trial(severity("other", ("30", "40"), day=14), first))) == ["primary"]


@pytest.mark.parametrize(
    ("question", "window", "days", "closest"),
    [
        ("severity_month_1", Window.MONTH_1, (58, 31, 40), 31),
        ("severity_month_3", Window.MONTH_3, (65, 130, 88), 88),
    ],
)
def test_a_question_about_a_month_takes_the_day_closest_to_it(ask, question, window, days, closest):
    visits = [severity(f"day_{day}", ("30", "40"), day=day, window=window) for day in days]
    result = ask(question, trial(*visits))
    assert used(result) == [f"day_{closest}"]
    assert len(result.left_out) == 2


def test_a_time_nobody_states_comes_last(ask):
    result = ask(
        "severity_end", trial(severity("a", ("30", "40"), day=None), severity("b", ("30", "40"), day=7))
    )
    assert used(result) == ["b"]


def test_of_two_days_of_our_own_csv_the_later_is_used_whatever_the_order(ask, scales):
    head = "study,group,outcome,instrument,window,arm,role,drug,n,url,tier,page,mean,sd,days\n"
    rows = [
        f"t1,efficacy_rct,d{day},PCL-5,end_of_course,{arm},20,https://x.org,A,p1,{mean},10,{day}\n"
        for day, fall in ((7, 0), (14, 5))
        for arm, mean in (("ket,intervention,ketamine", 30 + fall), ("mid,comparator,midazolam", 40))
    ]
    for order in (rows, rows[2:] + rows[:2]):
        (study,) = read_own_csv(head + "".join(order), scales)
        assert used(ask("severity_end", study)) == ["d14"]


def test_what_a_study_says_itself_stands_beside_its_number(ask):
    study = trial(
        severity("end", ("20", "40")),
        words("said", "no significant group-by-time interaction", "no_difference"),
        words("month", "gone", "no_difference", Window.MONTH_1),
    )
    result = ask("severity_end", study)
    assert result.silent == ()
    assert [(each.study, each.said, each.reading) for each in result.own_words] == [
        ("Made", "no significant group-by-time interaction", "no_difference")
    ]


def test_the_shipped_number_of_duek_stands_beside_its_own_words(report):
    # Abstract of Duek 2023: symptoms improved equally in both arms.
    (own,) = report.answers.get("severity_end").own_words
    assert (own.study_id, own.reading) == ("duek2023", "no_difference")


def test_own_words_of_no_difference_count_as_conflict_with_a_clear_number(ask):
    def inconsistency(*outcomes):
        result = ask("severity_end", trial(severity("end", ("20", "40")), *outcomes))
        return next(d.level for d in result.certainty.domains if d.name == "inconsistency")

    said = words("said", "no significant group-by-time interaction", "no_difference")
    assert inconsistency(said) < inconsistency()


def test_what_may_not_be_used_is_listed_with_its_reason_and_the_study_stays_silent(ask):
    crossed = trial(severity("both", ("20", "33")), study_id="crossed", design="RCT crossover")
    open_sign = trial(severity("open", ("20", "33"), unsettled=("change-sign",)), study_id="unsettled")
    result = ask("severity_end", crossed, open_sign)
    assert result.effects == ()
    assert [(each.study_id, each.outcome_id) for each in result.left_out] == [
        ("crossed", "both"),
        ("unsettled", "open"),
    ]
    said = {each.study_id: each.said for each in result.silent}
    assert "numbers are held and not used: a crossover" in said["crossed"]
    assert "not settled yet: change-sign" in said["unsettled"]
    assert result.silent_people == 80


def test_counts_of_a_crossover_are_listed_under_the_question_they_belong_to_alone(ask):
    crossed = trial(counts("c", (10, 5)), study_id="crossed", design="RCT crossover")
    assert [e.outcome_id for e in ask("response_end", crossed).left_out] == ["c"]
    assert ask("severity_end", crossed).left_out == ()


def test_a_pool_of_changes_and_final_scores_says_so(ask):
    final = trial(severity("end", ("20", "40")), study_id="final")
    change = trial(severity("fell", ("-20", "-10"), statistic="change"), study_id="change")
    result = ask("severity_end", final, change)
    assert len(result.effects) == 2
    assert result.mixed_scores.startswith("changes from before (Change) and scores afterwards")
    assert any("Cochrane handbook 10.5.2" in each.reason for each in result.certainty.domains)
    assert ask("severity_end", final).mixed_scores is None
    assert ask("severity_end", change).mixed_scores is None


def test_the_rule_stands_in_the_methods_of_the_report(report):
    assert any("the visit the record calls the end of treatment" in each for each in methods(report))
