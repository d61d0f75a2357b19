"""What every synthesis starts from: estimates with their sampling variances, checked, and doubt about a fit.

``yi`` is an estimate per study, ``vi`` its sampling variance; ``tau2`` is the variance of true effects
between studies. These names are the field's, so that a metafor user feels at home.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from openkap.core.errors import InputError

Floats = NDArray[np.float64]

# Estimators of tau2; CE is the common-effect model (EE and FE are its other names).
RANDOM_METHODS = ("DL", "HE", "HS", "SJ", "ML", "REML", "EB", "PM")
COMMON_METHODS = ("CE", "EE", "FE")
TESTS = ("z", "t", "knha", "adhoc")

# Variances further apart than this are not of one question: one of them is misread, or has another unit.
WIDEST_RATIO = 1e12

# Below five studies tau2 is hardly estimable: Veroniki 2016, doi:10.1002/jrsm.1164, section 5.
FEW_STUDIES = 5


class Doubt(NamedTuple):
    """One reason not to lean on a fit: a stable code and a sentence for people."""

    code: str
    text: str


def check_method(method: str) -> str:
    """The estimator's name in capitals, or a refusal that lists them all."""
    name = method.upper()
    if name not in RANDOM_METHODS and name not in COMMON_METHODS:
        raise InputError(
            "unknown method",
            value=method,
            limit=", ".join(RANDOM_METHODS + COMMON_METHODS),
            remedy="choose one of these; REML is the default",
        )
    return name


def check_test(test: str) -> str:
    """The name of the interval method, or a refusal that lists them all."""
    if test not in TESTS:
        raise InputError(
            "unknown test", value=test, limit=", ".join(TESTS), remedy="z is Wald, knha is Knapp-Hartung"
        )
    return test


def check_level(level: float) -> float:
    """A confidence level as a proportion."""
    if not 0 < level < 1:
        raise InputError("the level is not a proportion", value=level, limit="0 to 1", remedy="try 0.95")
    return level


def check_estimates(
    yi: ArrayLike, vi: ArrayLike, labels: Sequence[str] | None = None, *, least: int = 2
) -> tuple[Floats, Floats]:
    """The estimates and variances as arrays, or a refusal that names the row.

    Raises
    ------
    InputError
        for text, missing or infinite numbers, variances that are not positive, unequal lengths, or
        fewer than ``least`` studies.
    """
    y, v = as_numbers(yi, "yi"), as_numbers(vi, "vi")
    if y.ndim != 1 or y.shape != v.shape:
        raise InputError(
            "yi and vi must be two lists of equal length",
            value=f"{y.shape} and {v.shape}",
            remedy="give one estimate and one variance for each study",
        )
    if labels is not None and len(labels) != y.size:
        raise InputError(
            "labels and estimates differ in number",
            value=f"{len(labels)} and {y.size}",
            remedy="give one label for each estimate, or none at all",
        )
    if not (np.isfinite(y).all() and np.isfinite(v).all() and v.min(initial=1.0) > 0):
        _refuse_row(y, v, labels)
    if y.size and v.max() > WIDEST_RATIO * v.min():
        raise InputError(
            "the sampling variances are too far apart",
            value=f"{v.min():g} and {v.max():g}",
            limit=f"a factor of {WIDEST_RATIO:g}",
            where=f"{label_of(int(v.argmin()), labels)} and {label_of(int(v.argmax()), labels)}",
            remedy="check the two for a misread number or another unit",
        )
    if y.size < least:
        raise InputError(
            "too few studies",
            value=y.size,
            limit=f"at least {least}",
            remedy="report the single estimates side by side instead of a pooled one",
        )
    return y, v


def check_column(values: ArrayLike, name: str, k: int) -> Floats:
    """One finite number for each of ``k`` rows, or a refusal that names the row."""
    column = as_numbers(values, name)
    if column.shape != (k,):
        raise InputError(f"{name} and the estimates differ in number", value=column.shape, limit=f"{k} rows")
    bad = np.flatnonzero(~np.isfinite(column))
    if bad.size:
        remedy = "leave the row out and say so"
        raise InputError(f"{name} is missing or infinite", where=f"row {bad[0] + 1}", remedy=remedy)
    return column


def as_numbers(values: ArrayLike, name: str) -> Floats:
    """Values as floats, or a refusal that says which one is text."""
    try:
        return np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        pass
    for row, value in enumerate(np.asarray(values, dtype=object).ravel(), start=1):
        try:
            float(value)
        except (TypeError, ValueError):
            raise InputError(
                f"{name} is not a number",
                value=value,
                where=f"row {row}",
                remedy="write it as digits with a decimal point, or leave the study out and say so",
            ) from None
    raise InputError(
        f"{name} is not a list of numbers", value=values, remedy="give one number for each study"
    )


def label_of(row: int, labels: Sequence[str] | None) -> str:
    """How a message names a study: by its label, else by its row counted from 1."""
    return f"study {labels[row]!r}" if labels is not None else f"row {row + 1}"


def _refuse_row(y: Floats, v: Floats, labels: Sequence[str] | None) -> None:
    bad = ~(np.isfinite(y) & np.isfinite(v) & (v > 0))
    row = int(np.flatnonzero(bad)[0])
    where = label_of(row, labels)
    if not np.isfinite(y[row]):
        raise InputError(
            "the estimate is missing or infinite",
            value=y[row],
            where=where,
            remedy="leave the study out and list it among the missing results",
        )
    if not np.isfinite(v[row]):
        raise InputError(
            "the sampling variance is missing or infinite",
            value=v[row],
            where=where,
            remedy="derive it from an interval, a p-value or a t-value, or leave the study out and say so",
        )
    raise InputError(
        "the sampling variance is not positive",
        value=v[row],
        limit="above 0",
        where=where,
        remedy="check for zero cells, a standard deviation of 0, or a standard error with a sign",
    )


def check_design(X: ArrayLike, k: int, *, intercept: bool = True) -> Floats:
    """The design matrix (k, p) with the intercept column first, or a refusal that says what is wrong."""
    x = as_numbers(X, "X")
    x = x[:, None] if x.ndim == 1 else x
    if x.ndim != 2 or x.shape[0] != k:
        raise InputError(
            "X does not have one row for each study",
            value=x.shape,
            limit=f"{k} rows",
            remedy="give one row of moderators for each estimate",
        )
    if not np.isfinite(x).all():
        row = int(np.flatnonzero(~np.isfinite(x).all(axis=1))[0])
        raise InputError(
            "a moderator is missing",
            where=f"row {row + 1}",
            remedy="leave the study out of this model and say so, or choose another moderator",
        )
    design = np.column_stack([np.ones(k), x]) if intercept else x
    if k <= design.shape[1]:
        raise InputError(
            "too few studies for this many moderators",
            value=f"{k} studies, {design.shape[1]} coefficients",
            limit="more studies than coefficients",
            remedy="use fewer moderators",
        )
    if np.linalg.matrix_rank(design) < design.shape[1]:
        raise InputError(
            "the moderators are redundant",
            value=f"rank {np.linalg.matrix_rank(design)} of {design.shape[1]}",
            remedy="leave out one of those that determine each other (X comes without the intercept column)",
        )
    return design


def as_json(value: Any) -> Any:
    """A result as plain data: dataclasses and arrays become dicts and lists, not-a-number becomes null."""
    if hasattr(value, "__dataclass_fields__"):
        return {name: as_json(getattr(value, name)) for name in value.__dataclass_fields__}
    if isinstance(value, Doubt):
        return {"code": value.code, "text": value.text}
    if isinstance(value, np.ndarray):
        return as_json(value.tolist())
    if isinstance(value, dict):
        return {str(key): as_json(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [as_json(each) for each in value]
    if isinstance(value, (float, np.floating)):
        return float(value) if np.isfinite(value) else None
    return value.item() if isinstance(value, np.generic) else value
