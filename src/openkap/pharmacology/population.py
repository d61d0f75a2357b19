"""Whom the dose is given to: one person, many draws around a person, or a crowd with realistic bodies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from openkap.core.errors import InputError
from openkap.core.quantity import Quantity

Array = NDArray[np.float64]

ANCESTRIES = ("asian", "japanese", "other")
HEPATIC = ("normal", "mild", "moderate", "severe")
SEXES = ("female", "male")
# A body outside these is a slip of the keyboard (bounds of record entry, not of any model).
_POSSIBLE = {"weight_kg": (0.5, 500.0), "height_cm": (20.0, 260.0), "age_years": (0.0, 125.0)}
_UNITS = {"weight": ("weight_kg", "kg"), "height": ("height_cm", "cm"), "age": ("age_years", "a")}


@dataclass(frozen=True)
class Person:
    """One person. What is not known stays ``None`` and is reported where a model needs it.

    ``effects`` are random effects known from measurements (see ``learn``), on the model's own scale.
    """

    weight_kg: float | None = None
    height_cm: float | None = None
    age_years: float | None = None
    sex: str | None = None
    ancestry: str | None = None
    hepatic: str | None = None
    flags: frozenset[str] = frozenset()
    effects: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, (low, high) in _POSSIBLE.items():
            value = getattr(self, name)
            if value is not None and not low <= value <= high:
                raise InputError(
                    f"{name.split('_')[0]} is impossible",
                    value=f"{value:g} {name.split('_')[1]}",
                    limit=f"{low:g} to {high:g}",
                    remedy="check the number and its unit",
                )
        for name, allowed in (("sex", SEXES), ("ancestry", ANCESTRIES), ("hepatic", HEPATIC)):
            if getattr(self, name) not in (None, *allowed):
                raise InputError(
                    f"unknown {name}",
                    value=getattr(self, name),
                    limit=", ".join(allowed),
                    remedy="choose one of these or leave it out",
                )

    @classmethod
    def of(cls, **given: str) -> Person:
        """From text: ``Person.of(weight="94 kg", age="45 a", sex="female", ancestry="japanese")``."""
        fields: dict[str, object] = {}
        for name, text in given.items():
            if name in _UNITS:
                field_name, unit = _UNITS[name]
                fields[field_name] = Quantity.parse(text).number(unit)
            elif name in ("sex", "ancestry", "hepatic"):
                fields[name] = text
            else:
                raise InputError(
                    "unknown covariate",
                    value=name,
                    limit="weight, height, age, sex, ancestry, hepatic",
                    remedy="use one of these",
                )
        return cls(**fields)  # type: ignore[arg-type]

    @property
    def bmi(self) -> float | None:
        """Body mass index, kg/m2, when weight and height are known."""
        if self.weight_kg is None or self.height_cm is None:
            return None
        return self.weight_kg / (self.height_cm / 100) ** 2


@dataclass(frozen=True)
class Population:
    """Many people as columns; ``varied`` says whether random effects are drawn, from ``seed``.

    ``weight_kg`` and ``age_years`` hold NaN where unknown; ``flags`` maps female, asian, japanese and the
    like to shape (people,) booleans; ``effects`` maps parameters to known random effects, shape (people,).
    """

    weight_kg: Array
    age_years: Array
    flags: Mapping[str, NDArray[np.bool_]]
    hepatic: tuple[str | None, ...] = (None,)
    varied: bool = False
    seed: int | None = None
    effects: Mapping[str, Array] = field(default_factory=dict)
    origin: str = "as given"

    @property
    def size(self) -> int:
        """How many people."""
        return len(self.weight_kg)

    @classmethod
    def of(cls, people: Sequence[Person]) -> Population:
        """These people, each with the typical values for their covariates."""
        names = sorted({flag for each in people for flag in _flags(each)})
        effects = sorted({name for each in people for name in each.effects})
        return cls(
            weight_kg=np.array([np.nan if p.weight_kg is None else p.weight_kg for p in people]),
            age_years=np.array([np.nan if p.age_years is None else p.age_years for p in people]),
            flags={name: np.array([name in _flags(p) for p in people]) for name in names},
            hepatic=tuple(dict.fromkeys(p.hepatic for p in people)),
            effects={name: np.array([p.effects.get(name, 0.0) for p in people]) for name in effects},
        )

    @classmethod
    def around(cls, person: Person, n: int, *, seed: int) -> Population:
        """``n`` people with this person's covariates, who differ as the model's variability says."""
        one = cls.of([person])
        count = _count(n)
        return cls(
            weight_kg=np.repeat(one.weight_kg, count),
            age_years=np.repeat(one.age_years, count),
            flags={name: np.repeat(values, count) for name, values in one.flags.items()},
            hepatic=one.hepatic,
            varied=True,
            seed=seed,
            effects={name: np.repeat(values, count) for name, values in one.effects.items()},
            origin=f"{count} people with the covariates of one",
        )

    def part(self, rows: slice) -> Population:
        """Some of the people, with the same seed."""
        return Population(
            self.weight_kg[rows],
            self.age_years[rows],
            {name: values[rows] for name, values in self.flags.items()},
            self.hepatic,
            self.varied,
            self.seed,
            {name: values[rows] for name, values in self.effects.items()},
            self.origin,
        )


def _count(n: int) -> int:
    if not 1 <= n <= 10_000_000:
        raise InputError(
            "that many people cannot be simulated", value=n, limit="1 to 10000000", remedy="choose another N"
        )
    return n


def _flags(person: Person) -> frozenset[str]:
    flags = set(person.flags)
    if person.sex == "female":
        flags.add("female")
    if person.ancestry in ("asian", "japanese"):
        flags.add("asian")
    if person.ancestry == "japanese":
        flags.add("japanese")
    return frozenset(flags)


def everybody(people: Person | Sequence[Person] | Population) -> Population:
    """One person, a list, or a population, as a population."""
    if isinstance(people, Population):
        return people
    return Population.of([people] if isinstance(people, Person) else list(people))
