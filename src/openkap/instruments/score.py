"""Answers to scores, exactly as each manual says; what is missing stays missing.

A partly answered form is scored only where the manual allows it. Where it does not, the scale has no value
but a reason, and limits that are already certain are still reported: nine answers of a form can prove that
a cut-off is reached, and a safety answer counts whatever else is empty.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from openkap.core.errors import InputError
from openkap.core.truth import Truth, every, some
from openkap.instruments.combine import Number, Points, bounds, combined
from openkap.instruments.model import Cutoff, Instrument, Item, MissingRule, Requirement, Scale

Answer = int | bool | None


@dataclass(frozen=True, slots=True)
class ScaleScore:
    """One scale of one form.

    ``value`` is exact and ``None`` when the scale cannot be scored (``why_not`` says why). ``least`` and
    ``most`` are what it could still become; both equal ``value`` when every item was answered.
    """

    id: str
    name: str
    value: Fraction | None
    least: Fraction
    most: Fraction
    missing: tuple[str, ...] = ()
    is_imputed: bool = False
    why_not: str | None = None


@dataclass(frozen=True, slots=True)
class BandScore:
    """The band a value falls into; ``label`` is ``None`` where the source names none."""

    id: str
    name: str
    scale: str
    band: str | None
    label: str | None
    sources: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CutoffScore:
    """Whether a cut-off is reached; unknown while the missing answers could still decide it."""

    id: str
    name: str
    scale: str
    limit: str
    who: str | None
    met: Truth
    sources: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RuleScore:
    """A rule over items (a provisional diagnosis), with how many items counted in each requirement."""

    id: str
    name: str
    met: Truth
    counts: tuple[tuple[str, int, Truth], ...]
    sources: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SafetyScore:
    """A safety question: YES needs a person now, UNKNOWN was not answered."""

    id: str
    met: Truth
    items: tuple[str, ...]
    say: str
    sources: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Score:
    """Everything that follows from one answered form."""

    instrument: str
    version: str
    fingerprint: str
    answers: tuple[tuple[str, int], ...]
    skipped: tuple[str, ...]
    missing: tuple[str, ...]
    main: str | None
    scales: tuple[ScaleScore, ...]
    bands: tuple[BandScore, ...]
    cutoffs: tuple[CutoffScore, ...]
    rules: tuple[RuleScore, ...]
    safety: tuple[SafetyScore, ...]

    def scale(self, name: str) -> ScaleScore:
        """The scale of that id; ``KeyError`` when the instrument has none."""
        return {each.id: each for each in self.scales}[name]

    @property
    def total(self) -> Fraction | None:
        """Value of the main scale, or ``None``: not scored, or the instrument has no total."""
        return self.scale(self.main).value if self.main else None

    @property
    def subscales(self) -> dict[str, Fraction | None]:
        """Every scale but the main one, by id."""
        return {each.id: each.value for each in self.scales if each.id != self.main}

    @property
    def is_alarming(self) -> bool:
        """True when an answer must be seen by a person at once."""
        return any(each.met is Truth.YES for each in self.safety)

    def as_dict(self) -> dict[str, Any]:
        """The score as plain data: whole numbers stay whole, fractions to four decimals."""
        return {
            "instrument": self.instrument,
            "version": self.version,
            "fingerprint": self.fingerprint,
            "total": plain(self.total),
            "scales": [
                {
                    "id": each.id,
                    "name": each.name,
                    "value": plain(each.value),
                    "least": plain(each.least),
                    "most": plain(each.most),
                    "missing": list(each.missing),
                    "imputed": each.is_imputed,
                    "why_not": each.why_not,
                }
                for each in self.scales
            ],
            "bands": [_fields(each, ("id", "name", "scale", "band", "label")) for each in self.bands],
            "cutoffs": [_fields(each, ("id", "name", "scale", "limit", "who")) for each in self.cutoffs],
            "rules": [
                {
                    **_fields(each, ("id", "name")),
                    "counts": [
                        {"name": name, "count": count, "met": met.value} for name, count, met in each.counts
                    ],
                }
                for each in self.rules
            ],
            "safety": [{**_fields(each, ("id", "say")), "items": list(each.items)} for each in self.safety],
            "missing": list(self.missing),
            "skipped": list(self.skipped),
            "answers": dict(self.answers),
        }


def _fields(part: Any, names: tuple[str, ...]) -> dict[str, Any]:
    met = {"met": part.met.value} if hasattr(part, "met") else {}
    return {**{name: getattr(part, name) for name in names}, **met, "sources": list(part.sources)}


def plain(value: Fraction | None) -> int | float | None:
    """A whole number as ``int``, anything else as ``float`` to four decimals."""
    if value is None:
        return None
    return int(value) if value.denominator == 1 else round(float(value), 4)


def score(instrument: Instrument, answers: Mapping[str, Answer]) -> Score:
    """Score one form.

    Parameters
    ----------
    instrument : the instrument the form belongs to.
    answers : item id -> whole number; ``None`` or absent means not answered. Yes/no items also take
        ``True`` and ``False``.

    Raises
    ------
    InputError
        For an unknown item, an answer that is not a whole number, or one the item does not offer; and
        for an instrument of which no items are known.
    """
    items = instrument.items_by_id
    if not items:
        raise InputError(
            "this instrument cannot be scored: its items and scoring were not found in any source read",
            value=instrument.id,
            remedy=f"use its owner's form; see openkap instruments show {instrument.id}",
        )
    answered = _accepted(instrument, answers)
    skipped = _skipped(instrument, answered)
    given = {**answered, **skipped}
    points: dict[str, Number] = {name: items[name].points(answer) for name, answer in given.items()}
    limits = bounds(instrument, points)
    scales: dict[str, ScaleScore] = {}
    for scale in instrument.scales:
        scales[scale.id] = _scale(instrument, scale, points, scales, limits[scale.id])
    return Score(
        instrument=instrument.id,
        version=instrument.version,
        fingerprint=instrument.fingerprint,
        answers=tuple(answered.items()),
        skipped=tuple(skipped),
        missing=tuple(
            item.id for item in instrument.items_by_id.values() if item.id not in given and not item.optional
        ),
        main=instrument.main,
        scales=tuple(scales.values()),
        bands=_bands(instrument, scales),
        cutoffs=tuple(_cutoff(each, scales[each.scale]) for each in instrument.cutoffs),
        rules=_rules(instrument, given),
        safety=tuple(
            SafetyScore(
                each.id,
                some(_reaches(given.get(name), each.from_answer) for name in each.items),
                tuple(name for name in each.items if given.get(name, -1) >= each.from_answer),
                each.say,
                each.sources,
            )
            for each in instrument.safety
        ),
    )


def _accepted(instrument: Instrument, answers: Mapping[str, Answer]) -> dict[str, int]:
    """The answers in the order of the items, each one checked."""
    items = instrument.items_by_id
    for name in answers:
        if name not in items:
            raise InputError(
                f"{instrument.short} has no item of that name",
                value=name,
                limit=_listed(list(items)),
                remedy="correct the name, or remove the answer",
            )
    checked = {name: _checked(item, answers.get(name)) for name, item in items.items()}
    return {name: answer for name, answer in checked.items() if answer is not None}


def _skipped(instrument: Instrument, answered: Mapping[str, int]) -> dict[str, int]:
    """Unanswered items that the form told the person to jump over, with what they count as."""
    found: dict[str, int] = {}
    for skip in instrument.skips:
        if all(answered.get(name) == answer for name, answer in skip.when.items()):
            found |= {name: skip.answer for name in skip.items if name not in answered}
    return found


def _checked(item: Item, answer: Answer) -> int | None:
    if answer is None or (type(answer) is int and answer in item.answers):
        return answer
    if item.yes_no and type(answer) is bool:
        return int(answer)
    raise InputError(
        f"item {item.id} ({item.label}) cannot be answered like that",
        value=answer,
        limit=f"one of the whole numbers {_listed([str(each) for each in item.answers])}",
        remedy="enter the number on the form, or leave the item out when it was not answered",
    )


def _listed(names: list[str]) -> str:
    return ", ".join(names) if len(names) <= 12 else f"{', '.join(names[:3])} ... {names[-1]}"


def _scale(
    instrument: Instrument,
    scale: Scale,
    points: Points,
    done: Mapping[str, ScaleScore],
    limits: tuple[Fraction, Fraction],
) -> ScaleScore:
    least, most = limits
    if scale.scales:
        parts = [done[name] for name in scale.scales]
        missing = tuple(name for part in parts for name in part.missing)
        values = [part.value for part in parts if part.value is not None]
        if len(values) < len(parts):
            gaps = ", ".join(part.name for part in parts if part.value is None)
            return ScaleScore(
                scale.id, scale.name, None, least, most, missing, why_not=f"no score for {gaps}"
            )
        imputed = any(part.is_imputed for part in parts)
        return ScaleScore(scale.id, scale.name, combined(scale, values), least, most, missing, imputed)
    missing = tuple(name for name in scale.items if name not in points)
    if not missing:
        return ScaleScore(scale.id, scale.name, least, least, most)
    value, why_not = _imputed(instrument, scale, points, missing)
    return ScaleScore(scale.id, scale.name, value, least, most, missing, value is not None, why_not)


def _imputed(
    instrument: Instrument, scale: Scale, points: Points, missing: tuple[str, ...]
) -> tuple[Fraction | None, str | None]:
    """The value with the mean of the answered items in place of the missing ones, or why there is none."""
    rule = scale.missing or instrument.missing
    assert rule is not None, "an instrument with scales has a rule for missing items"
    unanswered = f"not answered: {_listed(list(missing))}"
    if rule.method == "refuse":
        return None, f"{unanswered}; limit: every item, no rule for missing items in the sources read"
    in_form = _missing_in_form(instrument, rule, points)
    if len(missing) > rule.at_most or len(missing) == len(scale.items):
        return None, f"{unanswered}; limit: at most {rule.at_most} of {len(scale.items)} missing"
    if rule.at_most_in_form is not None and in_form > rule.at_most_in_form:
        return None, f"{in_form} items of the form not answered; limit: at most {rule.at_most_in_form}"
    answered = [points[name] for name in scale.items if name in points]
    mean = Fraction(sum(answered)) / len(answered)
    for name in missing:
        low, high = instrument.item(name).range
        if not low <= mean <= high:
            return None, f"{unanswered}; the mean of the others, {plain(mean)}, is outside {low}-{high}"
    return combined(scale, answered + [mean] * len(missing)), None


def _missing_in_form(instrument: Instrument, rule: MissingRule, points: Points) -> int:
    together = set(rule.left_out_together)
    if together & set(points):
        together = set()
    return sum(
        1
        for item in instrument.items_by_id.values()
        if item.id not in points and item.id not in together and not item.optional
    )


def _bands(instrument: Instrument, scales: Mapping[str, ScaleScore]) -> tuple[BandScore, ...]:
    found = []
    for bands in instrument.bands:
        value = scales[bands.scale].value
        band = label = None
        for low, high, text in bands.limits():
            # A mean in place of a missing item can fall between two bands: it stays in the lower one.
            if value is not None and value >= low:
                band, label = f"{low}-{high}", text
        found.append(BandScore(bands.id, bands.name, bands.scale, band, label, bands.sources))
    return tuple(found)


def _cutoff(cutoff: Cutoff, scale: ScaleScore) -> CutoffScore:
    if scale.value is not None:
        met = Truth.of(cutoff.is_met_by(scale.value))
    elif cutoff.is_met_by(scale.least):
        met = Truth.YES
    else:
        met = Truth.UNKNOWN if cutoff.is_met_by(scale.most) else Truth.NO
    return CutoffScore(cutoff.id, cutoff.name, cutoff.scale, cutoff.limit, cutoff.who, met, cutoff.sources)


def _rules(instrument: Instrument, given: Mapping[str, int]) -> tuple[RuleScore, ...]:
    done: dict[str, RuleScore] = {}
    for rule in instrument.rules:
        counts = tuple(_count(requirement, given) for requirement in rule.requires)
        met = every(each for _, _, each in counts)
        if rule.also is not None:
            met &= done[rule.also].met
        done[rule.id] = RuleScore(rule.id, rule.name, met, counts, rule.sources)
    return tuple(done.values())


def _count(requirement: Requirement, given: Mapping[str, int]) -> tuple[str, int, Truth]:
    """How many items count for certain, and whether that settles the requirement."""
    levels = [_reaches(given.get(name), requirement.level(name)) for name in requirement.items]
    sure, open_ = levels.count(Truth.YES), levels.count(Truth.UNKNOWN)
    low = requirement.at_least if requirement.at_least is not None else 0
    high = requirement.at_most if requirement.at_most is not None else len(levels)
    if sure >= low and sure + open_ <= high:
        met = Truth.YES
    else:
        met = Truth.NO if sure + open_ < low or sure > high else Truth.UNKNOWN
    return requirement.name, sure, met


def _reaches(answer: int | None, level: int) -> Truth:
    return Truth.of(None if answer is None else answer >= level)
