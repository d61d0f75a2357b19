"""Answered forms that others published with their scores; each row names where it was read."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction

import pytest

from openkap.core.truth import Truth
from openkap.instruments.load import instrument
from openkap.instruments.score import score

# instrument, answers to items 1.. in order, expected scales, where it was read
EXAMPLES = [
    (
        "pcl-5",
        "4 3 1 0 3 3 4 1 2 0 3 1 0 0 1 2 4 0 0 3",
        {"total": 35, "B": 11, "C": 7, "D": 7, "E": 10},
        "awell-score pcl_5_test_responses, random_response",
    ),
    (
        "pcl-5",
        "2 " * 20,
        {"total": 40, "B": 10, "C": 4, "D": 14, "E": 12},
        "awell-score pcl_5.test, median response",
    ),
    ("pcl-5", "4 " * 20, {"total": 80, "B": 20, "C": 8, "D": 28, "E": 24}, "awell-score, worst response"),
    ("phq-9", "2 1 2 3 1 0 1 2 0", {"total": 12}, "MII PRO phq9-scoring.fixtures, qr-mixed"),
    ("phq-9", "1 1 1 1 0 0 0 0 0", {"total": 4}, "MII PRO phq9-scoring.fixtures, qr-score-4"),
    ("phq-9", "1 1 1 1 1 0 0 0 0", {"total": 5}, "MII PRO phq9-scoring.fixtures, qr-score-5"),
    ("phq-9", "2 2 1 1 1 1 1 1 0", {"total": 10}, "MII PRO phq9-scoring.fixtures, qr-score-10"),
    ("phq-9", "2 2 2 2 2 2 1 1 1", {"total": 15}, "MII PRO phq9-scoring.fixtures, qr-score-15"),
    ("phq-9", "3 3 2 2 2 2 2 2 2", {"total": 20}, "MII PRO phq9-scoring.fixtures, qr-score-20"),
    ("gad-7", "1 1 1 2 2 0 0", {"total": 7}, "MII PRO, GAD-7 example response"),
    ("isi", "1 2 1 0 0 3 2", {"total": 9}, "awell-score isi_test_responses, random_response"),
    ("whodas-12", "2 " * 12, {"total": 24}, "MII PRO, WHODAS 2.0 12-item example and its score"),
]


@pytest.mark.parametrize(("name", "answers", "expected", "source"), EXAMPLES)
def test_a_published_form_has_its_published_scores(
    name: str, answers: str, expected: dict[str, int], source: str
) -> None:
    form = {str(number): int(answer) for number, answer in enumerate(answers.split(), 1)}
    result = score(instrument(name), form)
    assert {scale: result.scale(scale).value for scale in expected} == expected, source


def test_the_pcl5_example_meets_the_symptom_rule_as_published() -> None:
    answers = [
        "4",
        "3",
        "1",
        "0",
        "3",
        "3",
        "4",
        "1",
        "2",
        "0",
        "3",
        "1",
        "0",
        "0",
        "1",
        "2",
        "4",
        "0",
        "0",
        "3",
    ]
    form = {str(number): int(answer) for number, answer in enumerate(answers, 1)}
    assert score(instrument("pcl-5"), form).rules[0].met is Truth.YES


def test_caps5_criteria_can_be_met_with_a_total_of_twelve() -> None:
    """VHA TRAIN CAPS-5 course, lesson 5, page 16: one B, one C, two D and two E symptoms at the threshold."""
    form = {str(number): 0 for number in range(1, 21)}
    form |= dict.fromkeys(("1", "6", "8", "9", "15", "16"), 2)
    result = score(instrument("caps-5"), {**form, "A": 1, "F": 1, "G": 1})
    assert (result.total, result.rules[0].met) == (12, Truth.YES)


@pytest.mark.parametrize(
    ("missing", "total"),
    [(1, Fraction(9 * 2)), (2, Fraction(9 * 2)), (3, None)],
)
def test_phq9_takes_the_mean_of_the_others_for_up_to_two_missing_answers(
    missing: int, total: Fraction | None
) -> None:
    """NHS Data Dictionary: one or two missing take the average, with more the form is disregarded."""
    form = {str(number): 2 for number in range(1 + missing, 10)}
    assert score(instrument("phq-9"), form).total == total


def test_a_mean_between_two_bands_stays_in_the_lower_band() -> None:
    form = dict(zip("12345678", (2, 2, 1, 1, 1, 1, 0, 0), strict=True))
    result = score(instrument("phq-9"), form)
    assert result.total == 9
    nudged = score(instrument("phq-9"), {**form, "7": 1})
    assert (nudged.total, nudged.bands[0].label) == (Fraction(81, 8), "moderate")
    below = score(instrument("phq-9"), {**form, "1": 3, "2": 2, "3": 0})
    assert (below.total, below.bands[0].label) == (9, "mild")


def test_whodas36_recodes_and_rescales_as_the_va_does() -> None:
    """VistA routine YTSWHODA: extreme everywhere is 100 in each domain, mild in a recoded item counts one."""
    scale = instrument("whodas-36")
    worst = score(scale, dict.fromkeys(scale.items_by_id, 4))
    assert {each.value for each in worst.scales if each.id in ("cognition", "participation")} == {100}
    assert (worst.scale("cognition_raw").value, worst.total) == (20, 100)
    mild = score(scale, dict.fromkeys(scale.items_by_id, 1))
    assert mild.scale("self_care_raw").value == 4
    assert mild.total == Fraction(36 * 100, 106)
    severe = score(scale, dict.fromkeys(scale.items_by_id, 3))
    assert severe.scale("self_care_raw").value == 3 + 3 * 2


def test_whodas36_without_work_uses_the_maximum_of_92() -> None:
    scale = instrument("whodas-36")
    answers = {name: 4 for name in scale.items_by_id if name not in ("D5.5", "D5.6", "D5.7", "D5.8")}
    result = score(scale, answers)
    assert result.scale("total_not_working").value == 100
    assert result.total is None
    del answers["D1.1"], answers["D2.1"]
    two_missing = score(scale, {**answers, **dict.fromkeys(answers, 1)})
    assert two_missing.scale("total_not_working").value is not None
    del answers["D3.2"]
    assert score(scale, dict.fromkeys(answers, 1)).scale("total_not_working").value is None


def test_whodas36_gives_no_mean_to_an_item_that_cannot_have_it() -> None:
    scale = instrument("whodas-36")
    answers = {name: 4 for name in scale.items_by_id if name != "D1.6"}
    refused = score(scale, answers).scale("cognition_raw")
    assert refused.value is None
    assert "outside 0-2" in str(refused.why_not)


def test_the_quality_of_life_score_is_the_va_formula() -> None:
    """VistA: (sum of the first 14 items - 14) / 0.56, rounded; half is rounded up."""
    scale = instrument("q-les-q-sf")
    for raised in range(57):
        steps = [min(4, max(0, raised - 4 * at)) for at in range(14)]
        form = {str(number): 1 + step for number, step in enumerate(steps, 1)}
        published = (Decimal(raised) / Decimal("0.56")).quantize(Decimal(1), ROUND_HALF_UP)
        assert score(scale, form).total == int(published)


@pytest.mark.parametrize(
    ("form", "total"),
    [
        ({"1": 0, "9": 0, "10": 0}, 0),
        ({"1": 0, "9": 4, "10": 2}, 6),
        ({"1": 1, "2": 0, "3": 0, "9": 0, "10": 0}, 1),
        ({"1": 1, "2": 1, "3": 0, "9": 0, "10": 0}, None),
    ],
)
def test_audit_counts_the_questions_it_jumps_over_as_zero(form: dict[str, int], total: int | None) -> None:
    """CamCOPS audit: complete without 2-8 for people who never drink, without 4-8 when 2 and 3 are zero."""
    assert score(instrument("audit"), form).total == total


def test_the_ptsd_screen_ends_without_exposure() -> None:
    assert score(instrument("pc-ptsd-5"), {"exposure": False}).total == 0


@pytest.mark.parametrize(
    ("signs", "together", "problem", "met"),
    [(7, 1, 2, "yes"), (6, 1, 3, "no"), (13, 0, 3, "no"), (13, 1, 1, "no"), (7, None, 2, "unknown")],
)
def test_the_mood_disorder_screen_needs_all_three_parts(
    signs: int, together: int | None, problem: int, met: str
) -> None:
    """VistA routine YTSMDQ: more than six signs, at the same time, moderate or serious problem."""
    form = {str(number): int(number <= signs) for number in range(1, 14)}
    result = score(instrument("mdq"), {**form, "14": together, "15": problem})
    assert result.rules[0].met.value == met


@pytest.mark.parametrize(
    ("form", "alarms"),
    [
        ({"1": 0, "2": 0, "6": 0}, set()),
        ({"1": 1, "2": 0, "6": 0}, {"any-thought"}),
        ({"4": 1}, {"intent-or-plan"}),
        ({"5": True}, {"intent-or-plan"}),
        ({"6": 1, "6b": 1}, {"recent-behaviour"}),
        ({"6": 1, "6b": 0}, set()),
    ],
)
def test_the_suicide_screener_alarms_on_intent_plan_and_recent_behaviour(
    form: dict[str, int], alarms: set[str]
) -> None:
    """C-SSRS triage guidelines: 4 or 5 in the past month, any behaviour in the past three months."""
    result = score(instrument("c-ssrs-screener"), form)
    assert {each.id for each in result.safety if each.met is Truth.YES} == alarms


@pytest.mark.parametrize("answer", [1, 2, 3])
def test_a_suicidal_answer_is_seen_even_when_the_rest_of_the_form_is_empty(answer: int) -> None:
    result = score(instrument("phq-9"), {"9": answer})
    assert result.total is None
    assert result.is_alarming


def test_an_unanswered_safety_question_is_unknown_not_clear() -> None:
    result = score(instrument("phq-9"), {str(number): 0 for number in range(1, 9)})
    assert result.total == 0
    assert [each.met for each in result.safety] == [Truth.UNKNOWN]


def test_bprs_plus_is_the_same_four_symptoms_inside_the_long_form() -> None:
    long = score(instrument("bprs"), {**{str(n): 0 for n in range(1, 19)}, "4": 1, "11": 2, "12": 3, "15": 6})
    assert (long.total, long.scale("positive").value) == (12, 12)


@pytest.mark.parametrize("name", ["kset", "bpic-ss", "abuse-set"])
def test_an_outline_is_refused_by_the_scorer(name: str) -> None:
    with pytest.raises(Exception, match="cannot be scored"):
        score(instrument(name), {})
