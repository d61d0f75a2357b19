"""Laws that hold for every value: Kleene's algebra, and units that lose nothing."""

from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openkap.core.content import parse_document
from openkap.core.errors import DomainError
from openkap.core.quantity import Quantity
from openkap.core.truth import Truth, every, some

truths = st.sampled_from(list(Truth))
# Strong Kleene connectives as minimum and maximum of no < unknown < yes: a second statement of the law.
RANK = {Truth.NO: 0, Truth.UNKNOWN: 1, Truth.YES: 2}
SAME_KIND = [
    ("kg", "[lb_av]"),
    ("cm", "[in_i]"),
    ("mm[Hg]", "kPa"),
    ("Cel", "[degF]"),
    ("mg/kg", "ug/kg"),
    ("h", "min"),
    ("mg/mL", "g/L"),
    ("a", "d"),
]
numbers = st.decimals(min_value=Decimal("0.0001"), max_value=Decimal(10**6), places=4)


@given(truths, truths, truths)
def test_conjunction_and_disjunction_are_kleenes(a: Truth, b: Truth, c: Truth) -> None:
    assert RANK[a & b] == min(RANK[a], RANK[b])
    assert RANK[a | b] == max(RANK[a], RANK[b])
    assert ~(a & b) is (~a | ~b)
    assert ~~a is a
    assert (a & (b | c)) is ((a & b) | (a & c))
    assert every([a, b, c]) is (a & b & c)
    assert some([a, b, c]) is (a | b | c)


def test_nothing_to_satisfy_is_satisfied_and_nothing_to_find_is_not_found() -> None:
    assert every([]) is Truth.YES
    assert some([]) is Truth.NO


def test_asking_a_truth_for_a_bool_is_refused() -> None:
    with pytest.raises(TypeError, match="three values"):
        bool(Truth.UNKNOWN)


@given(numbers, st.sampled_from(SAME_KIND))
def test_a_conversion_there_and_back_loses_nothing_that_can_be_measured(
    value: Decimal, units: tuple[str, str]
) -> None:
    there, back = units
    start = Quantity.of(value, there)
    again = start.to(back).to(there)
    # Decimal keeps 28 digits; twenty are more than any instrument gives.
    assert abs(again.value - start.value) <= abs(start.value) * Decimal("1e-20") + Decimal("1e-20")


@given(numbers, numbers, st.sampled_from(SAME_KIND))
def test_comparison_does_not_depend_on_the_unit(a: Decimal, b: Decimal, units: tuple[str, str]) -> None:
    one, two = Quantity.of(a, units[0]), Quantity.of(b, units[0])
    expected = (a > b) - (a < b)
    assert one.compare(two) == expected == -two.compare(one)


@given(st.binary(max_size=300))
def test_any_bytes_are_content_or_a_refusal(raw: bytes) -> None:
    try:
        parse_document(raw, Path("any.yaml"))
    except DomainError as refused:
        assert refused.where


@given(st.text(max_size=40))
def test_any_text_is_a_quantity_or_a_refusal(text: str) -> None:
    try:
        quantity = Quantity.parse(text)
    except DomainError:
        return
    assert Quantity.parse(str(quantity)) == quantity
