"""Quantities are parsed or refused, converted exactly, and compared only with their like."""

from decimal import Decimal

import pytest

from openkap.core.errors import InputError
from openkap.core.quantity import Quantity, parse_number, parse_unit, say_units


@pytest.mark.parametrize(
    ("text", "unit", "expected"),
    [
        # International pound and inch of 1959: 0.45359237 kg and 2.54 cm exactly.
        ("100 [lb_av]", "kg", "45.359237"),
        ("10 [in_i]", "cm", "25.4"),
        # 98.6 degrees Fahrenheit is 37 degrees Celsius exactly.
        ("98.6 [degF]", "Cel", "37"),
        ("1 h", "min", "60"),
        ("2 wk", "d", "14"),
        ("70.5 mg/h", "ug/min", "1175"),
        ("0.5 mg/kg", "ug/kg", "500"),
        ("1 g/L", "mg/mL", "1"),
    ],
)
def test_a_quantity_converts_to_the_published_value(text: str, unit: str, expected: str) -> None:
    assert Quantity.parse(text).to(unit).value == Decimal(expected)


def test_a_kilopascal_is_about_seven_and_a_half_millimetres_of_mercury() -> None:
    # UCUM: m[Hg] is 133.3220 kPa, so 1 kPa is 1000 / 133.322 mm[Hg].
    assert float(Quantity.parse("16 kPa").to("mm[Hg]").value) == pytest.approx(16000 / 133.322, rel=1e-12)


@pytest.mark.parametrize("spelling", ["mmHg", "mm Hg", "mm[Hg]"])
def test_what_records_write_for_pressure_is_one_unit(spelling: str) -> None:
    assert Quantity.parse(f"128 {spelling}") == Quantity.parse("128 mm[Hg]")


@pytest.mark.parametrize(
    "text", ["1,5 mg", "mg", "5", "", "NaN mg", "inf kg", "1e3 mg", "--2 mg", "1.2.3 mg", "٣ mg", "5 furlong"]
)
def test_what_is_not_a_plain_quantity_is_refused(text: str) -> None:
    with pytest.raises(InputError):
        Quantity.parse(text)


def test_a_decimal_comma_is_refused_and_named() -> None:
    with pytest.raises(InputError, match="decimal comma") as refused:
        Quantity.parse("1,5 mg")
    assert refused.value.value == "1,5 mg"


def test_mixed_dimensions_are_refused() -> None:
    with pytest.raises(InputError, match="two dimensions"):
        Quantity.parse("5 mg").compare(Quantity.parse("5 mL"))
    with pytest.raises(InputError, match="two dimensions"):
        Quantity.parse("70 kg").to("mm[Hg]")


def test_quantities_of_different_kinds_are_unequal_not_an_error() -> None:
    assert Quantity.parse("5 mg") != Quantity.parse("5 mL")


def test_equal_amounts_are_equal_and_hash_alike_in_any_unit() -> None:
    assert Quantity.parse("1 g") == Quantity.parse("1000 mg")
    assert hash(Quantity.parse("1 g")) == hash(Quantity.parse("1000 mg"))


def test_a_quantity_is_ordered_by_what_it_measures() -> None:
    assert Quantity.parse("999 mg") < Quantity.parse("1 g") <= Quantity.parse("1000 mg")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("1 a", "1 year"),
        ("18 a", "18 years"),
        ("140 mm[Hg]", "140 mmHg"),
        ("31 {score}", "31"),
        ("5 mg", "5 mg"),
    ],
)
def test_people_read_words_where_ucum_is_not_readable(text: str, words: str) -> None:
    assert Quantity.parse(text).words == words


def test_a_number_keeps_its_digits() -> None:
    assert str(parse_number("1.10")) == "1.10"
    assert str(Quantity.parse("1.10 mg")) == "1.10 mg"


def test_a_long_unit_is_refused_before_it_is_read() -> None:
    with pytest.raises(InputError, match="unknown unit"):
        parse_unit("m." * 1000)


def test_a_line_for_people_has_no_codes() -> None:
    assert say_units("148 mm[Hg]; limit > 140 mm[Hg], 45 {score}, 52 a (of 60 kg)") == (
        "148 mmHg; limit > 140 mmHg, 45, 52 years (of 60 kg)"
    )
    assert say_units("10 arms, 3 days, 12 mg") == "10 arms, 3 days, 12 mg"
