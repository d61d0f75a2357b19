"""Laws that hold for every form of every instrument."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openkap.core.errors import InputError
from openkap.core.truth import Truth
from openkap.instruments.change import change
from openkap.instruments.load import instruments
from openkap.instruments.model import Instrument
from openkap.instruments.score import Score, score

ALL = {each.id: each for each in instruments() if each.items_by_id}
SUMS = {
    name: each
    for name, each in ALL.items()
    if each.main and each.scale(each.main).items and each.scale(each.main).combine == "sum"
}
quick = settings(max_examples=6, deadline=None, derandomize=True, database=None)


def filled(instrument: Instrument) -> st.SearchStrategy[dict[str, int]]:
    return st.fixed_dictionaries(
        {name: st.sampled_from(item.answers) for name, item in instrument.items_by_id.items()}
    )


def partly(instrument: Instrument) -> st.SearchStrategy[tuple[dict[str, int], dict[str, int]]]:
    """A full form, and the same form with some answers left out."""
    keep = st.sets(st.sampled_from(list(instrument.items_by_id)))
    return st.tuples(filled(instrument), keep).map(
        lambda drawn: (drawn[0], {name: drawn[0][name] for name in drawn[0] if name in drawn[1]})
    )


def decided(result: Score) -> dict[str, Truth]:
    parts = [*result.cutoffs, *result.rules, *result.safety]
    return {each.id: each.met for each in parts if each.met is not Truth.UNKNOWN}


@pytest.mark.parametrize("name", SUMS)
@quick
@given(data=st.data())
def test_a_total_is_the_sum_of_its_points(name: str, data: st.DataObject) -> None:
    form = data.draw(filled(ALL[name]))
    items = ALL[name].scale(str(ALL[name].main)).items
    assert score(ALL[name], form).total == sum(ALL[name].item(each).points(form[each]) for each in items)


@pytest.mark.parametrize("name", ALL)
@quick
@given(data=st.data())
def test_a_scored_value_lies_within_what_was_possible_before(name: str, data: st.DataObject) -> None:
    form, part = data.draw(partly(ALL[name]))
    before, after = score(ALL[name], part), score(ALL[name], form)
    # An answer given against a jump of the form replaces the zero that stood in for it.
    honest = all(form[each] == 0 for each in before.skipped)
    for early, late in zip(before.scales, after.scales, strict=True):
        assert late.value is not None
        assert late.least == late.value == late.most
        if honest:
            assert early.least <= late.value <= early.most
        if early.value is not None:
            assert early.least <= early.value <= early.most


@pytest.mark.parametrize("name", ALL)
@quick
@given(data=st.data())
def test_more_answers_never_take_back_what_was_certain(name: str, data: st.DataObject) -> None:
    form, part = data.draw(partly(ALL[name]))
    before = score(ALL[name], part)
    if any(each.is_imputed for each in before.scales) or any(form[each] for each in before.skipped):
        return
    after = decided(score(ALL[name], form))
    assert decided(before).items() <= after.items()


@pytest.mark.parametrize("name", ["pcl-5", "whodas-36", "ies-r"])
@quick
@given(data=st.data())
def test_the_order_of_the_answers_changes_nothing(name: str, data: st.DataObject) -> None:
    form = data.draw(filled(ALL[name]))
    shuffled = dict(data.draw(st.permutations(list(form.items()))))
    assert score(ALL[name], shuffled) == score(ALL[name], form)


@pytest.mark.parametrize("name", [name for name, each in ALL.items() if each.change])
@quick
@given(data=st.data())
def test_a_larger_fall_never_loses_a_response(name: str, data: st.DataObject) -> None:
    first, second, third = (data.draw(filled(ALL[name])) for _ in range(3))
    start, *ends = sorted((score(ALL[name], form) for form in (first, second, third)), key=_falling)
    small, large = (change(ALL[name], start, end) for end in ends)
    for less, more in zip(small.findings, large.findings, strict=True):
        if less.of != "relapse" and less.met is Truth.YES:
            assert more.met is Truth.YES


def _falling(result: Score) -> float:
    assert result.total is not None
    return -float(result.total)


@quick
@given(
    answer=st.one_of(
        st.integers(), st.floats(), st.text(max_size=5), st.booleans(), st.none(), st.lists(st.none())
    )
)
def test_an_answer_is_one_of_the_numbers_on_the_form_or_refused(answer: Any) -> None:
    form = {"1": answer}
    if answer is None or (type(answer) is int and answer in range(5)):
        assert dict(score(ALL["pcl-5"], form).answers).get("1") == answer
    else:
        with pytest.raises(InputError, match="cannot be answered like that"):
            score(ALL["pcl-5"], form)
