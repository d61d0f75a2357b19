"""What is typed as a day, a moment, an amount or a count: read inside its limits, refused outside."""

from __future__ import annotations

import pytest

from openkap.care.columns import refuse_long
from openkap.care.treatment.models import Chair
from openkap.care.typed import amount_typed, count_typed, day_typed, moment_typed, page_typed
from openkap.core.errors import InputError


@pytest.mark.parametrize("text", ["1899-12-31", "2200-01-01", "9999-12-31", "0001-01-01"])
def test_a_day_too_far_away_is_refused_with_the_limit_and_the_next_step(text):
    for read in (day_typed, moment_typed):
        with pytest.raises(InputError) as refused:
            read(text if read is day_typed else f"{text}T10:00", where="starts_at")
        told = str(refused.value)
        assert f"given: {text}" in told
        assert "1900-01-01 to 2199-12-31; correct the year" in told


def test_the_first_and_the_last_day_are_taken():
    assert day_typed("1900-01-01", where="x").year == 1900
    assert moment_typed("2199-12-31T23:59", where="x").year == 2199


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("1000000.1", "1,000,000"),
        ("1e400", "1,000,000"),
        ("-1e30", "1,000,000"),
        ("1e-400", "0.000001"),
        ("0.0000001", "0.000001"),
        ("NaN", "35.5"),
        ("ten", "35.5"),
    ],
)
def test_an_amount_outside_its_limits_is_refused_with_the_limit(text, said):
    with pytest.raises(InputError) as refused:
        amount_typed(text, where="amount_mg")
    assert (said in (refused.value.limit or ""), refused.value.value, bool(refused.value.remedy)) == (
        True,
        text,
        True,
    )


def test_amounts_on_the_limit_are_taken():
    assert str(amount_typed("1000000", where="x")) == "1000000"
    assert str(amount_typed("0.000001", where="x")) == "0.000001"
    assert amount_typed(" ", where="x") is None


@pytest.mark.parametrize("text", ["1000000", "-1", "²", "٣", "1.5", "", "9" * 5000])
def test_a_count_is_digits_up_to_six(text):
    with pytest.raises(InputError):
        count_typed(text, where="visits")
    assert count_typed("999999", where="visits") == 999_999


def test_an_address_without_a_sensible_page_shows_the_first():
    assert [page_typed(text) for text in ("7", "²", "", "9" * 5000)] == [7, 1, 1, 1]


def test_a_text_longer_than_its_column_is_refused_not_cut():
    refuse_long(Chair, name="x" * 60)
    with pytest.raises(InputError) as refused:
        refuse_long(Chair, name="x" * 63)
    assert refused.value.what == "this is too long by 3 characters"
    assert refused.value.limit == "60 characters"
