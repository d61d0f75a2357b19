"""Quantities: a number with a UCUM unit, parsed or refused, never repaired.

A unit is a product of powers of a few atoms, so that ``mg/kg/h``, ``mm[Hg]`` and ``kg/m2`` are read by one
grammar. Conversion is exact (rational factors); comparison of two dimensions is refused.

Sources: The Unified Code for Units of Measure 2.1 (ucum.org), tables 1 to 5 and the customary units;
pound and inch by the 1959 international agreement; millimetre of mercury 133.322 Pa as UCUM defines it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from typing import Final

from openkap.core.errors import InputError

# Base dimensions, in this order: length, mass, time, amount, temperature, activity, arbitrary unit.
_BASES: Final = ("length", "mass", "time", "amount", "temperature", "activity", "arbitrary")
Dimension = tuple[int, ...]
NO_DIMENSION: Final[Dimension] = (0,) * len(_BASES)


def _dimension(**powers: int) -> Dimension:
    return tuple(powers.get(base, 0) for base in _BASES)


_LENGTH, _MASS, _TIME = _dimension(length=1), _dimension(mass=1), _dimension(time=1)
_PRESSURE = _dimension(mass=1, length=-1, time=-2)
_TEMPERATURE = _dimension(temperature=1)
_CATALYSIS = _dimension(activity=1)

# atom -> (factor to the coherent base unit, dimension, takes metric prefixes). Mass is based on the gram.
_ATOMS: Final[dict[str, tuple[Fraction, Dimension, bool]]] = {
    "m": (Fraction(1), _LENGTH, True),
    "g": (Fraction(1), _MASS, True),
    "s": (Fraction(1), _TIME, True),
    "mol": (Fraction(1), _dimension(amount=1), True),
    "L": (Fraction(1, 1000), _dimension(length=3), True),
    "l": (Fraction(1, 1000), _dimension(length=3), True),
    "min": (Fraction(60), _TIME, False),
    "h": (Fraction(3600), _TIME, False),
    "d": (Fraction(86400), _TIME, False),
    "wk": (Fraction(604800), _TIME, False),
    "mo": (Fraction(2629800), _TIME, False),  # 30.4375 days
    "a": (Fraction(31557600), _TIME, False),  # 365.25 days
    "Pa": (Fraction(1000), _PRESSURE, True),
    "m[Hg]": (Fraction(133322000), _PRESSURE, True),
    "U": (Fraction(1), _CATALYSIS, True),
    "[IU]": (Fraction(1), _dimension(arbitrary=1), True),
    "Cel": (Fraction(1), _TEMPERATURE, False),
    "K": (Fraction(1), _TEMPERATURE, False),
    "[degF]": (Fraction(5, 9), _TEMPERATURE, False),
    "[lb_av]": (Fraction("453.59237"), _MASS, False),
    "[oz_av]": (Fraction("28.349523125"), _MASS, False),
    "[in_i]": (Fraction("0.0254"), _LENGTH, False),
    "[ft_i]": (Fraction("0.3048"), _LENGTH, False),
    "%": (Fraction(1, 100), NO_DIMENSION, False),
    "1": (Fraction(1), NO_DIMENSION, False),
}
_PREFIXES: Final = {
    "k": Fraction(1000),
    "d": Fraction(1, 10),
    "c": Fraction(1, 100),
    "m": Fraction(1, 1000),
    "u": Fraction(1, 10**6),
    "n": Fraction(1, 10**9),
    "p": Fraction(1, 10**12),
}
# Temperature scales have a zero of their own: kelvin = value * factor + offset.
_OFFSETS: Final = {"Cel": Fraction("273.15"), "[degF]": Fraction("459.67") * Fraction(5, 9)}

# What records write instead of UCUM, each one unambiguous; anything else is refused.
SYNONYMS: Final = {
    "mmHg": "mm[Hg]",
    "mm Hg": "mm[Hg]",
    "mcg": "ug",
    "µg": "ug",  # micro sign
    "μg": "ug",  # Greek mu
    "lb": "[lb_av]",
    "lbs": "[lb_av]",
    "oz": "[oz_av]",
    "in": "[in_i]",
    "inch": "[in_i]",
    "inches": "[in_i]",
    "ft": "[ft_i]",
    "kgs": "kg",
    "kg/m^2": "kg/m2",
    "kg/m²": "kg/m2",
    "bpm": "/min",
    "beats/min": "/min",
    "beats/minute": "/min",
    "breaths/min": "/min",
    "breaths/minute": "/min",
    "sec": "s",
    "mins": "min",
    "minute": "min",
    "minutes": "min",
    "hr": "h",
    "hour": "h",
    "hours": "h",
    "day": "d",
    "days": "d",
    "week": "wk",
    "weeks": "wk",
    "month": "mo",
    "months": "mo",
    "year": "a",
    "years": "a",
    "yr": "a",
    "yrs": "a",
    "°C": "Cel",
    "°F": "[degF]",
    "degC": "Cel",
    "degF": "[degF]",
    "IU": "[IU]",
    "percent": "%",
}

# How people write those UCUM codes that they do not read.
_WORDS: Final = {
    "a": "years",
    "mo": "months",
    "wk": "weeks",
    "d": "days",
    "mm[Hg]": "mmHg",
    "[lb_av]": "lb",
    "[oz_av]": "oz",
    "[in_i]": "in",
    "[ft_i]": "ft",
    "Cel": "°C",
    "[degF]": "°F",
    "kg/m2": "kg/m²",
    "ug": "µg",
    "umol/L": "µmol/L",
}

_FACTOR = re.compile(r"(?P<atom>\{[^{}]*\}|(?:[A-Za-z%]|\[[A-Za-z_]+\]|1)+?)(?P<power>-?[1-9])?")
# Records print doubles with up to 17 significant digits: 0.12345678901234567.
_NUMBER = re.compile(r"[+-]?[0-9]{1,15}(?:\.[0-9]{1,20})?")
_QUANTITY = re.compile(r"(?P<number>[+-]?[0-9][0-9.]*)\s*(?P<unit>.*)", re.DOTALL)
_LONGEST_UNIT = 40


@dataclass(frozen=True, slots=True)
class Unit:
    """A UCUM unit: its code, exact factor to base units, dimension, and zero offset (kelvin)."""

    code: str
    factor: Fraction
    dimension: Dimension
    offset: Fraction = Fraction(0)

    def __str__(self) -> str:
        return self.code


@lru_cache(maxsize=512)
def parse_unit(code: str) -> Unit:
    """A UCUM code, or one of the listed synonyms, as a ``Unit``; ``InputError`` otherwise."""
    text = SYNONYMS.get(code.strip(), code.strip()).replace("mcg", "ug")
    if not text or len(text) > _LONGEST_UNIT:
        raise _unknown_unit(code)
    factor, dimension, sign = Fraction(1), list(NO_DIMENSION), 1
    for separator, part in re.findall(r"([./]?)([^./]*)", text):
        if not separator and not part:
            continue
        sign = -1 if separator == "/" else 1
        atom_factor, atom_dimension, power = _read_factor(part, code)
        factor *= atom_factor ** (sign * power)
        for i, of_base in enumerate(atom_dimension):
            dimension[i] += sign * power * of_base
    offset = _OFFSETS.get(text, Fraction(0))
    return Unit(text, factor, tuple(dimension), offset)


def _read_factor(part: str, code: str) -> tuple[Fraction, Dimension, int]:
    match = _FACTOR.fullmatch(part)
    if match is None:
        raise _unknown_unit(code)
    power = int(match["power"] or 1)
    atom = match["atom"]
    if atom.startswith("{"):
        return Fraction(1), NO_DIMENSION, power
    if atom in _ATOMS:
        factor, dimension, _ = _ATOMS[atom]
        return factor, dimension, power
    prefix, rest = atom[0], atom[1:]
    if prefix in _PREFIXES and rest in _ATOMS and _ATOMS[rest][2]:
        factor, dimension, _ = _ATOMS[rest]
        return _PREFIXES[prefix] * factor, dimension, power
    raise _unknown_unit(code)


def _unknown_unit(code: str) -> InputError:
    return InputError(
        "unknown unit",
        value=code,
        limit="a UCUM unit such as mg, kg, mm[Hg], mg/kg, mL/h, /min",
        remedy="write the unit in UCUM, see ucum.org",
    )


def parse_number(text: str) -> Decimal:
    """A plain decimal number; commas, exponents, blanks and signs of infinity are refused."""
    given = text.strip()
    if _NUMBER.fullmatch(given) is None:
        comma = "," in given
        raise InputError(
            "a decimal comma cannot be told from a thousands separator"
            if comma
            else "not a plain decimal number",
            value=text,
            limit="digits with at most one decimal point, such as 1.5",
            remedy="write it with a point" if comma else "write the number alone",
        )
    return Decimal(given)


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number with its unit. Equal and ordered by what it measures: ``1 g`` equals ``1000 mg``."""

    value: Decimal
    unit: Unit

    @classmethod
    def of(cls, value: Decimal | int | str | float, unit: str) -> Quantity:
        """From a number and a unit code; a float is taken as it prints."""
        number = value if isinstance(value, Decimal) else parse_number(_plain(value))
        return cls(number, parse_unit(unit))

    @classmethod
    def parse(cls, text: str) -> Quantity:
        """From text such as ``"0.5 mg/kg"``; a number without unit is refused."""
        return _read_quantity(text)

    @property
    def exact(self) -> Fraction:
        """The value in base units, exactly."""
        return Fraction(self.value) * self.unit.factor + self.unit.offset

    def is_comparable(self, other: Quantity) -> bool:
        """True when both measure the same dimension."""
        return self.unit.dimension == other.unit.dimension

    def to(self, unit: str | Unit) -> Quantity:
        """The same quantity in another unit; ``InputError`` when the dimensions differ."""
        target = unit if isinstance(unit, Unit) else parse_unit(unit)
        if target is self.unit:  # units are read once each, so this is the common case
            return self
        if target.dimension != self.unit.dimension:
            raise self._mixed(target.code)
        if target == self.unit:
            return self
        converted = (self.exact - target.offset) / target.factor
        return Quantity(Decimal(converted.numerator) / Decimal(converted.denominator), target)

    def number(self, unit: str) -> float:
        """The value in ``unit`` as a float, for numerical work."""
        return float(self.to(unit).value)

    def compare(self, other: Quantity) -> int:
        """-1, 0 or 1; exact. ``InputError`` when the dimensions differ."""
        if self.unit is other.unit:
            return (self.value > other.value) - (self.value < other.value)
        if not self.is_comparable(other):
            raise self._mixed(other.unit.code)
        mine, theirs = self.exact, other.exact
        return (mine > theirs) - (mine < theirs)

    def _mixed(self, unit: str) -> InputError:
        return InputError(
            "two dimensions cannot be compared or converted",
            value=str(self),
            limit=f"a unit of the same kind as {unit}",
            remedy="check the unit that was entered",
        )

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Quantity):
            return NotImplemented
        return self.is_comparable(other) and self.exact == other.exact

    def __hash__(self) -> int:
        return hash((self.unit.dimension, self.exact))

    def __lt__(self, other: Quantity) -> bool:
        return self.compare(other) < 0

    def __le__(self, other: Quantity) -> bool:
        return self.compare(other) <= 0

    def __str__(self) -> str:
        return f"{_plain(self.value)} {self.unit.code}"

    @property
    def words(self) -> str:
        """For people: ``18 years``, ``140 mmHg``, a bare number for a score or a count."""
        code = self.unit.code
        if code.startswith("{"):
            return _plain(self.value)
        unit = _WORDS.get(code, code)
        if self.value == 1 and code in _WORDS and unit.endswith("s"):
            unit = unit.removesuffix("s")
        return f"{_plain(self.value)} {unit}"


@lru_cache(maxsize=4096)  # rules and records repeat their quantities
def _read_quantity(text: str) -> Quantity:
    match = _QUANTITY.fullmatch(text.strip())
    if match is None or match["unit"].lstrip().startswith(","):
        parse_number(text)  # names the decimal comma when that is the trouble
        raise _without_unit(text)
    number = parse_number(match["number"])
    if not match["unit"].strip():
        raise _without_unit(text)
    return Quantity(number, parse_unit(match["unit"]))


_UNIT_IN_TEXT = re.compile(
    r"(?<=[0-9]) (?P<code>\{\w*\}|" + "|".join(map(re.escape, _WORDS)) + r")(?=$|[\s;,.)])",
    re.MULTILINE,
)


def say_units(text: str) -> str:
    """A line for people: ``148 mm[Hg]`` in it as ``148 mmHg``, ``45 {score}`` as ``45``."""
    return _UNIT_IN_TEXT.sub(lambda match: f" {_WORDS[match[1]]}" if match[1] in _WORDS else "", text)


def _plain(value: Decimal | int | str | float) -> str:
    """A number as plain digits: 1E+2 as 100."""
    return value if isinstance(value, str) else f"{Decimal(str(value)):f}"


def _without_unit(text: str) -> InputError:
    return InputError(
        "a number without a unit is not a quantity",
        value=text,
        limit="a number and a UCUM unit, such as 35 mg",
        remedy="add the unit",
    )
