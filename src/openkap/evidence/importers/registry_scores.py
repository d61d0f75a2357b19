"""Scores of a registry record: means with their spread, and what cannot be read as a score.

A change has a sign that many records do not state: until a person has settled it, it gives no effect.
"""

from __future__ import annotations

import math
import re
from decimal import Decimal
from typing import Any

from openkap.evidence.conversion import se_from_ci
from openkap.evidence.importers.registry_fields import confidence_of, decimal_of, word_of
from openkap.evidence.importers.registry_record import Record
from openkap.evidence.scales import Scale
from openkap.evidence.study import ArmValue, Outcome

_CHANGE = re.compile(r"\bchange\b|\bdifference from baseline\b", re.IGNORECASE)
_CHANGE_TOLD = re.compile(r"\bchanges?\s+(from|in|since|between|scores?)\b", re.IGNORECASE)
_BETTER = re.compile(r"improve|reduc|decreas|declin|\bpositive\b", re.IGNORECASE)
_IS = r"[^.;]*(indicat|mean|reflect|represent|correspond|signif|denot|=)[^.;]*\b(improve|better|less|reduc)"
_NEGATIVE_IS_BETTER = re.compile(rf"\bnegative\b{_IS}", re.IGNORECASE)
_LOWER_IS_BETTER = re.compile(rf"\b(lower|decreas\w*|reductions?)\b{_IS}", re.IGNORECASE)
# Not "a 30% reduction", which says whom a count or a mean is about.
_PERCENT_CHANGE = re.compile(
    r"(?<!\d)(?<!\d\s)(\bpercent(age)?|%)\s+(of\s+)?(change|reduction|improvement|decrease|decline)",
    re.IGNORECASE,
)


def scores(
    record: Record,
    measure: dict[str, Any],
    cells: dict[str, Any],
    sizes: dict[str, int],
    scale: Scale | None,
    common: dict[str, Any],
    title: str,
) -> Outcome:
    """Means by arm; final scores, or changes whose sign is doubted where the record leaves it open."""
    values = tuple(_value(record, arm, cell, sizes, measure) for arm, cell in cells.items())
    told = str(measure.get("description") or "")
    is_change = bool(_CHANGE.search(title) or _BETTER.search(title) or _CHANGE_TOLD.search(told))
    doubt = _sign_doubt(title, told, values, scale) if is_change and scale else None
    if doubt:
        record.doubt(
            "change-sign",
            doubt,
            "find out which sign is better; where positive is, write `higher_is_better: true`; then delete "
            "the line under `unsettled`",
            at=common["id"],
        )
    return Outcome(
        kind="arm_level",
        values=values,
        statistic="change" if is_change else "final",
        is_adjusted=word_of(measure.get("paramType")) == "LEAST SQUARES MEAN",
        unsettled=(f"change-sign: {doubt}",) if doubt else (),
        note=None if confidence_of(_dispersion(measure)) else _limits(measure, cells),
        **common,
    )


def _sign_doubt(title: str, told: str, values: tuple[ArmValue, ...], scale: Scale) -> str | None:
    """Why nobody can tell from the record whether a negative change is an improvement."""
    worse = 1 if scale.higher_is == "worse" else -1
    moves = [value.mean * worse for value in values if value.mean is not None]
    is_said = _NEGATIVE_IS_BETTER.search(told) or (
        _LOWER_IS_BETTER.search(told) and all(move <= 0 for move in moves)
    )
    if _BETTER.search(title) or (_BETTER.search(told) and not is_said):
        return "the text speaks of improvement or reduction and does not say that negative is better"
    if moves and all(move > 0 for move in moves):
        return f"every arm got worse on {scale.id}, unless the sign is turned round"
    return None


def is_percent(measure: dict[str, Any], title: str) -> bool:
    """Is the number a percentage of something, not points of a scale?"""
    unit = str(measure.get("unitOfMeasure") or "").lower()
    return "percent" in unit or "%" in unit or bool(_PERCENT_CHANGE.search(title))


def as_words(
    record: Record,
    measure: dict[str, Any],
    cells: dict[str, Any],
    common: dict[str, Any],
    check: str,
    why: str,
) -> Outcome:
    """What is no mean and no count, kept as text with every figure that stands there."""
    record.doubt(check, why, "enter it by hand", at=common["instrument"])
    told = "; ".join(f"{arm}: {cell.get('value')}{_spread(cell)}" for arm, cell in cells.items())
    kind, spread = word_of(measure.get("paramType")).lower(), _dispersion(measure).lower()
    unit = measure.get("unitOfMeasure")
    head = f"{kind} ({spread})" if spread and spread != "na" else kind
    finding = f"{head} {told}" + (f", {unit}" if unit and check == "percent" else "")
    return Outcome(kind="qualitative", finding=finding.strip(), **common)


def _limits(measure: dict[str, Any], cells: dict[str, Any]) -> str | None:
    """Limits that are no confidence interval, kept beside the means."""
    told = [f"{arm}{_spread(cell)}" for arm, cell in cells.items() if cell.get("lowerLimit") is not None]
    return f"{_dispersion(measure).lower()}: {'; '.join(told)}" if told else None


def _spread(cell: dict[str, Any]) -> str:
    if cell.get("lowerLimit") is not None or cell.get("upperLimit") is not None:
        return f" ({cell.get('lowerLimit')} to {cell.get('upperLimit')})"
    return f" ({cell['spread']})" if cell.get("spread") is not None else ""


def _dispersion(measure: dict[str, Any]) -> str:
    return word_of(measure.get("dispersionType"))


def _value(
    record: Record, arm: str, cell: dict[str, Any], sizes: dict[str, int], measure: dict[str, Any]
) -> ArmValue:
    spread, n = decimal_of(cell.get("spread")), sizes.get(arm)
    kind = word_of(measure.get("dispersionType"))
    sd = se = None
    if kind == "STANDARD DEVIATION":
        sd = spread
    elif kind in ("STANDARD ERROR", "STANDARD ERROR OF THE MEAN"):
        se = spread
    level, df = confidence_of(kind), n - 1 if n and n > 1 else None
    low, high = decimal_of(cell.get("lowerLimit")), decimal_of(cell.get("upperLimit"))
    if level and low is not None and high is not None and low < high:
        # An arm's own interval is one of t: a normal quantile would inflate the spread of small arms.
        se = Decimal(repr(float(se_from_ci(low=float(low), high=float(high), level=level, df=df))))
    elif kind not in ("STANDARD DEVIATION", "STANDARD ERROR", "STANDARD ERROR OF THE MEAN"):
        record.doubt(
            "dispersion-unknown",
            f"the spread of {arm} is {kind.lower() or 'not named'}: neither SD, SE nor a confidence interval",
            "enter the spread by hand if the paper gives it",
            at=str(measure.get("title")),
        )
    if se is not None and sd is None and n:
        sd = Decimal(repr(round(float(se) * math.sqrt(n), 6)))
    mean = decimal_of(cell.get("value"))
    if mean is None and cell.get("value") not in (None, "NA"):
        record.doubt(
            "value-unreadable",
            f"{cell.get('value')!r} is not a number",
            "enter it by hand",
            at=str(measure.get("title")),
        )
    if not level:
        low = high = None
    return ArmValue(arm_id=arm, n=n, mean=mean, sd=sd, se=se, ci_low=low, ci_high=high)
