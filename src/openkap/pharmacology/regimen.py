"""What is given: doses by any route, infusions as the pump really ran, sessions over weeks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from openkap.core.errors import InputError
from openkap.core.quantity import NO_DIMENSION, Quantity, parse_unit

ROUTES = (
    "iv",
    "intranasal",
    "intramuscular",
    "oral",
    "sublingual",
    "buccal",
    "rectal",
    "inhaled",
    "subcutaneous",
)
_MASS = parse_unit("mg").dimension
_TIME = parse_unit("min").dimension


def minutes(given: Quantity | str | float) -> float:
    """A time as minutes: a quantity, text such as ``"40 min"``, or minutes as a number."""
    if isinstance(given, int | float):
        return float(given)
    quantity = Quantity.parse(given) if isinstance(given, str) else given
    if quantity.unit.dimension != _TIME:
        raise InputError(
            "not a time", value=str(given), limit="a time such as 40 min or 2 h", remedy="check the unit"
        )
    return quantity.number("min")


@dataclass(frozen=True)
class Dose:
    """One dose: ``amount`` mg (or mg/kg with ``per_kg``) by ``route`` from ``start_min``.

    ``over_min`` is the duration of an infusion (0: at once). Extravascular doses release as their model
    says; they have no duration of their own. ``later_device`` marks a nasal device that is not the first of
    its session, of which less is absorbed.
    """

    route: str
    amount: float
    per_kg: bool = False
    start_min: float = 0.0
    over_min: float = 0.0
    later_device: bool = False

    def __post_init__(self) -> None:
        if self.route not in ROUTES:
            raise InputError(
                "unknown route", value=self.route, limit=", ".join(ROUTES), remedy="choose one of these"
            )
        if not 0 <= self.amount < float("inf"):
            raise InputError(
                "a dose cannot be negative or infinite",
                value=f"{self.amount:g} mg{'/kg' if self.per_kg else ''}",
                limit="0 or more",
                remedy="check the sign",
            )
        if not (0 <= self.start_min < float("inf") and 0 <= self.over_min < float("inf")):
            raise InputError(
                "a time cannot be negative",
                value=f"start {self.start_min:g} min, over {self.over_min:g} min",
                limit="0 min or later",
                remedy="count time from the start of the first dose",
            )
        if self.over_min > 0 and self.route != "iv":
            raise InputError(
                f"a dose by the {self.route} route has no infusion time",
                value=f"{self.over_min:g} min",
                limit="--over only with the route iv",
                remedy="leave it out",
            )

    def mg(self, weight_kg: float) -> float:
        """The amount for a person of this weight."""
        return self.amount * weight_kg if self.per_kg else self.amount


def amount_of(text: Quantity | str) -> tuple[float, bool]:
    """A dose as mg and whether it is per kg; ``InputError`` without a unit of mass."""
    quantity = Quantity.parse(text) if isinstance(text, str) else text
    code = quantity.unit.code
    if quantity.unit.dimension == NO_DIMENSION and "/" in code:
        return quantity.number("mg/kg"), True
    if quantity.unit.dimension == _MASS:
        return quantity.number("mg"), False
    raise InputError(
        "not a dose", value=str(text), limit="a mass such as 35 mg, or 0.5 mg/kg", remedy="check the unit"
    )


@dataclass(frozen=True)
class Regimen:
    """Doses in any order; immutable, and combined with ``+``, ``repeated`` and ``later``."""

    doses: tuple[Dose, ...]

    @classmethod
    def single(
        cls, *, route: str, dose: Quantity | str, over: Quantity | str | float = 0.0, at: float = 0.0
    ) -> Regimen:
        """One dose by one route: ``Regimen.single(route="iv", dose="0.5 mg/kg", over="40 min")``."""
        amount, per_kg = amount_of(dose)
        return cls((Dose(route, amount, per_kg, minutes(at), minutes(over)),))

    @classmethod
    def delivered(
        cls, rates: Sequence[tuple[float, Quantity | str]], *, until_min: float, bolus: str | None = None
    ) -> Regimen:
        """An infusion as the pump ran it.

        Parameters
        ----------
        rates : (minute, rate) pairs in order; each rate holds until the next one: ``"52.5 mg/h"``,
            ``"0.75 mg/kg/h"``, ``"0 mg/h"`` for a pause.
        until_min : when the last rate ended (or now, while it still runs).
        bolus : a dose given at minute 0 besides, if any.
        """
        ends = [minute for minute, _ in rates[1:]] + [until_min]
        doses: list[Dose] = []
        for (begin, rate), end in zip(rates, ends, strict=True):
            if end < begin:
                raise InputError(
                    "the rates of an infusion must be in the order of time",
                    value=f"{begin:g} min, then {end:g} min",
                    remedy="sort them by time",
                )
            per_minute, per_kg = _rate(rate)
            if end > begin and per_minute > 0:
                doses.append(Dose("iv", per_minute * (end - begin), per_kg, begin, end - begin))
        extra = cls.single(route="iv", dose=bolus).doses if bolus else ()
        return cls((*extra, *doses))

    @classmethod
    def nasal(
        cls, devices: int, *, each: Quantity | str = "28 mg", apart: Quantity | str = "0 min"
    ) -> Regimen:
        """One session of nasal devices: ``Regimen.nasal(3, apart="5 min")`` is 84 mg."""
        if not 1 <= devices <= 12:
            raise InputError(
                "that many devices cannot be one session", value=devices, limit="1 to 12", remedy="check it"
            )
        amount, per_kg = amount_of(each)
        gap = minutes(apart)
        return cls(
            tuple(
                Dose("intranasal", amount, per_kg, start_min=i * gap, later_device=i > 0)
                for i in range(devices)
            )
        )

    def repeated(self, times: int, *, every: Quantity | str | float) -> Regimen:
        """The same regimen ``times`` times, one ``every`` (start to start)."""
        if times < 1:
            raise InputError("a course needs at least one session", value=times, remedy="give 1 or more")
        apart = minutes(every)
        return Regimen(tuple(dose for i in range(times) for dose in self.later(i * apart).doses))

    def later(self, by: Quantity | str | float) -> Regimen:
        """The same regimen, later by a time."""
        shift = minutes(by)
        return Regimen(tuple(replace(dose, start_min=dose.start_min + shift) for dose in self.doses))

    def __add__(self, other: Regimen) -> Regimen:
        return Regimen(self.doses + other.doses)

    def scaled(self, factor: float) -> Regimen:
        """Every dose multiplied by ``factor``, at the same times."""
        return Regimen(tuple(replace(dose, amount=dose.amount * factor) for dose in self.doses))

    @property
    def routes(self) -> tuple[str, ...]:
        """The routes used, in the order of first use."""
        return tuple(dict.fromkeys(dose.route for dose in self.doses))

    @property
    def end_min(self) -> float:
        """When the last dose has been given."""
        return max((dose.start_min + dose.over_min for dose in self.doses), default=0.0)

    def words(self) -> str:
        """The regimen as one line for captions."""
        parts: dict[str, int] = {}
        for dose in self.doses:
            text = f"{dose.amount:.4g} mg{'/kg' if dose.per_kg else ''} {dose.route}"
            text += f" over {dose.over_min:.4g} min" if dose.over_min else ""
            parts[text] = parts.get(text, 0) + 1
        return "; ".join(text if n == 1 else f"{n} × {text}" for text, n in parts.items()) or "no dose"


def _rate(given: Quantity | str) -> tuple[float, bool]:
    """mg/min (or mg/kg/min) and whether it is per kg."""
    quantity = Quantity.parse(given) if isinstance(given, str) else given
    per_minute, per_kg_minute = parse_unit("mg/min"), parse_unit("mg/kg/min")
    if quantity.unit.dimension == per_minute.dimension:
        return quantity.number("mg/min"), False
    if quantity.unit.dimension == per_kg_minute.dimension and "g/kg" in quantity.unit.code:
        return quantity.number("mg/kg/min"), True
    raise InputError(
        "not a rate of infusion",
        value=str(given),
        limit="mass per time such as 52.5 mg/h, or 0.75 mg/kg/h",
        remedy="check the unit",
    )
