"""Small numbers are held back, and what stands there instead is still true."""

from __future__ import annotations

import itertools
import re
from collections import defaultdict

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from openkap.care.insights import plain, telling
from openkap.care.insights.small_numbers import count, part, protect, rounded, visible_groups
from openkap.registry.missing import Estimate, Interval, wilson


def share(due: int, seen: int, hits: int) -> Estimate:
    """A share as the registry would estimate it."""
    value = Interval(hits / seen, *wilson(hits, seen)) if seen else Interval(None, None, None)
    worst, best = (hits / due, (hits + due - seen) / due) if due else (None, None)
    return Estimate(due, 0, seen, value, worst, best, value, 90.0 / (due - seen) if due > seen else None)


@st.composite
def shares(draw):
    due = draw(st.integers(0, 60))
    seen = draw(st.integers(0, due))
    return share(due, seen, draw(st.integers(0, seen)))


@given(shares())
def test_bounds_that_are_shown_hold_the_true_ones(estimate):
    shown = protect(estimate, span=1.0)
    if shown.worst is not None:
        assert shown.worst <= estimate.worst + 1e-12
        assert shown.best >= estimate.best - 1e-12


@given(shares())
def test_what_is_said_of_those_seen_is_true(estimate):
    shown = protect(estimate, span=1.0)
    said = telling.seen_of_due(shown)
    if said.startswith("all but"):
        assert 0 < estimate.due - estimate.seen < 10
    elif said.startswith("fewer than 10 of"):
        assert estimate.seen < 10
    least = re.match(r"at least (\d+)", telling.completeness(shown))
    if least:
        assert int(least[1]) <= 100 * estimate.seen / estimate.due


@given(shares())
def test_a_limit_in_the_place_of_a_share_is_true(estimate):
    shown = protect(estimate, span=1.0)
    under = re.match(r"(under|over) (\d+)", telling.limit(shown))
    if under:
        share_of_seen = 100 * round(estimate.observed.value * estimate.seen) / estimate.seen
        assert share_of_seen < int(under[2]) if under[1] == "under" else share_of_seen > int(under[2])


@pytest.mark.parametrize(
    ("value", "low", "high", "says"),
    [
        (-12.0, -15.0, -9.0, "Better: at week 2 the score was 12.0\u202fpoints lower on average"),
        (4.0, 1.0, 7.0, "Worse: at week 2 the score was 4.0\u202fpoints higher on average"),
        (-1.0, -4.0, 2.0, "No clear change: at week 2 the score was 1.0\u202fpoints lower on average"),
        (0.5, -2.0, 3.0, "No clear change: at week 2 the score was 0.5\u202fpoints higher on average"),
    ],
)
def test_worse_and_no_change_are_said_as_plainly_as_better(value, low, high, says):
    change = Interval(value, low, high)
    estimate = Estimate(60, 0, 40, change, 20.0, -30.0, change, 12.0 if high < 0 else None, unit="points")
    words = plain.outcome(protect(estimate, span=80.0), "points", "", "week 2")
    assert words[0].startswith(says)
    assert ("got better on average stands unless" in words[2]) is (high < 0)


def test_where_few_are_missing_bounds_hold_whatever_number_it_is():
    change = Interval(-21.0, -28.0, -14.0)
    estimate = Estimate(20, 0, 19, change, -15.95, -23.95, change, 30.0, unit="points")
    shown = protect(estimate, span=80.0)
    assert (shown.worst, shown.best) == pytest.approx((24.4775, -47.5775))
    assert telling.completeness(shown) == "at least 55\u202f%"
    assert telling.seen_of_due(shown) == "all but fewer than 10 of 20"


def everything_told(estimate: Estimate) -> str:
    """All that a page, its drawing and its spreadsheet say of a share."""
    shown = protect(estimate, span=1.0)
    said = (
        *telling.cells(shown, "share"),
        *(each.value + each.label for each in telling.headlines(shown, "share", "got better")),
        *plain.outcome(shown, "share", "got better", "week 2"),
        *(shown.worst, shown.best, *vars(shown.weighted).values(), *vars(shown.observed).values()),
        shown.completeness,
    )
    return repr(said)


def could_be_counted(due: int, told) -> set[tuple[str, int]]:
    """What a reader who knows every rule still finds out of one to nine of ``due`` people.

    The reader works out what would be told of every clinic there could be, and keeps those that read alike.
    """
    alike = defaultdict(list)
    for seen in range(due + 1):
        for hits in range(seen + 1):
            alike[told(share(due, seen, hits))].append((seen, hits))
    found = set()
    for could_be in alike.values():
        for name, values in {
            "seen": {seen for seen, _ in could_be},
            "missing": {due - seen for seen, _ in could_be},
            "did": {hits for _, hits in could_be},
            "did not": {seen - hits for seen, hits in could_be},
        }.items():
            # Nobody of those seen can have done it where nobody was seen.
            if any(0 < each < 10 for each in values) and len(values) < 9:
                found |= {(name, each) for each in values}
    return found


@settings(max_examples=8)
@given(st.integers(10, 70))
@example(11)
@example(19)
@example(29)
def test_nobody_who_knows_the_rules_can_count_one_to_nine_people_from_all_that_is_shown(due):
    assert not could_be_counted(due, everything_told)


def test_the_reader_who_counts_finds_whom_a_count_gives_away():
    # The reader has to be able to do it: ten or more of eleven, not all, is ten.
    def plainly(estimate):
        return f"{estimate.seen >= 10} {estimate.seen == estimate.due}"

    assert ("missing", 1) in could_be_counted(11, plainly)


@given(shares())
def test_nothing_shown_tells_of_one_to_nine_people(estimate):
    shown = protect(estimate, span=1.0)
    if shown.seen is not None:
        assert shown.due is not None
        assert not 0 < shown.due - shown.seen < 10
        assert not 0 < shown.seen < 10
    if shown.weighted.value is not None and estimate.seen:
        hits = round(shown.weighted.value * estimate.seen)
        assert 10 <= hits <= estimate.seen - 10
    text = " ".join(telling.cells(shown, "share"))
    assert not any(f" {number} of" in f" {text}" for number in range(1, 10))


@pytest.mark.parametrize(
    ("number", "words"), [(0, "0"), (1, "fewer than 10"), (9, "fewer than 10"), (10, "10")]
)
def test_counts_from_one_to_nine_are_said_as_fewer_than_ten(number, words):
    assert count(number) == words


def test_steps_of_a_flow_that_differ_by_one_person_look_alike():
    assert rounded(41) == rounded(42) == 40
    assert rounded(3) is None


@given(st.lists(shares(), min_size=1, max_size=5))
def test_one_hidden_group_is_never_alone(estimates):
    groups = {f"g{number}": each for number, each in enumerate(estimates)}
    visible = visible_groups(groups)
    hidden = [name for name in groups if not visible[name]]
    filled = [name for name in hidden if groups[name].due]
    if hidden and len(filled) < len([each for each in estimates if each.due]):
        assert len(filled) != 1, "it would follow from the total"
    for name in set(groups) - set(hidden):
        shown = protect(groups[name], span=1.0)
        assert shown.weighted.value is not None or not groups[name].seen


@given(shares(), st.floats(1, 80))
def test_a_tipping_point_is_never_said_to_be_farther_than_it_is(estimate, span):
    shown = protect(estimate, span=span)
    if shown.tipping is not None:
        assert estimate.tipping is not None
        assert shown.tipping <= estimate.tipping


@pytest.mark.parametrize(("tipping", "said"), [(80.0, "80 points worse"), (80.5, "no score")])
def test_a_tipping_point_beyond_the_scale_is_no_score_at_all(tipping, said):
    # The PCL-5 goes from 0 to 80: nobody can do more than 80 points worse.
    change = Interval(-20.0, -23.0, -17.0)
    estimate = Estimate(60, 0, 40, change, 5.0, -40.0, change, tipping, unit="points")
    assert telling.tipping(protect(estimate, span=80.0)) == said


def test_doubts_about_small_groups_lose_their_numbers():
    doubtful = Estimate(
        40,
        0,
        25,
        Interval(0.5, 0.3, 0.7),
        0.3,
        0.7,
        Interval(0.5, 0.3, 0.7),
        4.0,
        (
            "age 60+: 3 of 5 seen, weighted like 45-<60",
            "sex other: 1 of 2 seen, weighted like female",
            "doubt",
        ),
    )
    said = protect(doubtful, span=1.0).warnings
    assert said == ("some groups had too few answers and were weighted like the commonest", "doubt")


def test_signs_and_minus_are_printed_as_people_read_them():
    from openkap.care.insights.chart import signed

    assert [signed(value, 1) for value in (-0.04, 0.0, 3.26, -3.26)] == ["0.0", "0.0", "+3.3", "\u22123.3"]


def test_groups_stand_in_the_order_of_their_numbers():
    groups = ["unknown", "60+", "30-<45", "<30", "45-<60", "female"]
    assert [telling.group_words(each) for each in sorted(groups, key=telling.band_order)] == [
        "under 30",
        "30 to under 45",
        "45 to under 60",
        "60 or more",
        "female",
        "not known",
    ]


def test_every_series_of_a_chart_is_told_apart_without_colour():
    from openkap.care.insights.benchmark_pages import LOOKS as ARMS
    from openkap.care.insights.course_pages import LOOKS

    for marks in ([mark for mark, _, _ in LOOKS], [mark for _, mark in ARMS.values()]):
        assert all(a != b for a, b in itertools.combinations(marks, 2))


def test_a_line_stops_where_a_time_has_no_value():
    from openkap.care.insights.chart import Axis, Point, Series, TimeChart
    from openkap.care.insights.svg import draw

    axis = Axis("", 0.0, 4.0, ((0.0, "0"),))
    points = tuple(Point(float(x), y) for x, y in enumerate((1.0, 2.0, None, 3.0, 4.0)))
    drawing = draw(TimeChart("t", "s", axis, axis, (Series("ours", points, line="solid"),)), "x")
    assert drawing.count('<path class="line solid ours" d="M') == 3, "one in the key, two runs"


@pytest.mark.parametrize(
    ("number", "whole", "said"),
    [
        (10, 11, "some of 11"),
        (1, 11, "some of 11"),
        (9, 19, "fewer than 10 of 19"),
        (10, 19, "all but fewer than 10 of 19"),
        (10, 20, "10 of 20"),
        (11, 11, "11 of 11"),
    ],
)
def test_a_part_of_a_whole_tells_neither_of_a_few_nor_of_all_but_a_few(number, whole, said):
    assert part(number, whole) == said


def test_people_without_an_event_cannot_be_counted_where_all_but_one_had_it():
    from openkap.care.insights.course_pages import _people, _rate_cells
    from openkap.registry.report import RateRow

    row = RateRow("adverse-events", "Adverse events", "all", "all", 60, 60, 30, 30, 11, 11, 10)
    cells = _rate_cells(row, told=True)
    assert cells[-2:] == ("some of 11", "11")
    assert _people(row) == "not shown"


def test_a_small_number_of_overrides_does_not_follow_from_their_total():
    from types import SimpleNamespace

    from openkap.care.insights.course_pages import overrides

    tally = [
        {"rule": rule, "reason": "changed", "rows_counted": number}
        for rule, number in (("dose-cap", 40), ("high-systolic", 12), ("late-start", 3))
    ]
    report = SimpleNamespace(rates=[], tallies={"overrides-by-rule": tally}, words={"overrides-by-rule": {}})
    (found,) = overrides(report)
    told = {row[0]: row[3] for row in found.rows}
    assert told == {"dose-cap": "40", "high-systolic": "held back", "late-start": "held back"}
    assert "12" not in repr(found.chart)
