"""Dose-response across trials: how much more for how much more dose.

Estimates are contrasts with the trial's reference dose; they share that arm and so are dependent. For
rates and
odds the covariance follows Greenland & Longnecker 1992 (doi:10.1093/oxfordjournals.aje.a116237); for means
it is
the reference arm's variance.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from openkap.core.errors import InputError
from openkap.evidence.curves import Basis, Block, Curve, fit_linear, fit_shape
from openkap.evidence.estimates import Floats, as_numbers, check_column, check_estimates
from openkap.evidence.robust import cluster_rows

SHAPES = ("linear", "quadratic", "log", "spline", "emax")
# Harrell 2001, Regression Modeling Strategies, table 2.3: knots for three.
KNOT_QUANTILES = (0.10, 0.50, 0.90)


def dose_response(
    study: Sequence[Any],
    dose: ArrayLike,
    yi: ArrayLike,
    vi: ArrayLike,
    *,
    reference_variance: ArrayLike | None = None,
    reference_dose: ArrayLike | float = 0.0,
    covariance: Sequence[ArrayLike] | None = None,
    shape: str = "linear",
    knots: Sequence[float] | None = None,
    random: str = "diagonal",
    method: str = "REML",
    level: float = 0.95,
) -> Curve:
    """A dose-response curve in one stage.

    Parameters
    ----------
    study, dose, yi, vi : (k,) one row per dose arm: effect against the trial's reference arm and its
    variance.
    reference_variance : (k,) or one value: the share of ``vi`` that comes from the reference arm, which
    all rows
        of the trial have in common. Needed for trials with several doses unless ``covariance`` is given.
    reference_dose : dose of the reference arm, by row or one for all.
    covariance : one (n, n) matrix per study in order of appearance, instead.
    shape : ``linear``, ``quadratic``, ``log`` (of 1 + dose), ``spline`` (restricted cubic, three knots) or
        ``emax`` (dose / (ED50 + dose), ED50 estimated by maximum likelihood).
    random : as in ``curves.fit_linear``.
    """
    if shape not in SHAPES:
        raise InputError("unknown shape", value=shape, limit=", ".join(SHAPES))
    y, v = check_estimates(yi, vi, least=1)
    d = check_column(dose, "dose", y.size)
    reference = np.broadcast_to(as_numbers(reference_dose, "reference_dose"), d.shape)
    if (d < 0).any():
        row = int(np.flatnonzero(d < 0)[0])
        raise InputError("a dose is negative", value=d[row], where=f"row {row + 1}", remedy="check the row")
    if (d == reference).any():
        row = int(np.flatnonzero(d == reference)[0])
        raise InputError(
            "the dose is that of the reference arm",
            value=d[row],
            where=f"row {row + 1}",
            remedy="leave the reference's own row out: each row is a dose against it",
        )
    shared = (
        None if reference_variance is None else np.broadcast_to(as_numbers(reference_variance, "v"), d.shape)
    )
    rows = cluster_rows(list(study), y.size)
    if covariance is not None and len(covariance) != len(rows):
        raise InputError(
            "one covariance matrix per study is needed", value=len(covariance), limit=str(len(rows))
        )
    blocks = [
        Block(
            name=str(study[each[0]]),
            y=y[each],
            covariance=as_numbers(covariance[i], "covariance")
            if covariance is not None
            else _shared_covariance(v[each], None if shared is None else shared[each], study[each[0]]),
            at={"dose": d[each], "reference": reference[each]},
        )
        for i, each in enumerate(rows)
    ]
    if shape == "emax":
        positive = d[d > 0]
        grids = {"ed50": np.geomspace(positive.min() / 20, positive.max() * 20, 41)}
        return fit_shape(blocks, _emax, ("emax",), grids, level=level)
    basis, names = _linear_basis(shape, d, knots)
    return fit_linear(blocks, basis, names, random=random, method=method, level=level)


def _shared_covariance(v: Floats, shared: Floats | None, name: Any) -> Floats:
    if v.size == 1:
        return np.diag(v)
    if shared is None:
        raise InputError(
            "the doses of one trial share a reference arm",
            where=f"study {name!r}",
            remedy="give the reference arm's variance, or a covariance matrix",
        )
    if np.unique(shared).size > 1:
        raise InputError(
            "one reference arm has several variances",
            value=", ".join(f"{each:g}" for each in np.unique(shared)),
            where=f"study {name!r}",
            remedy="repeat the same value in each row of the study",
        )
    matrix = np.full((v.size, v.size), float(shared[0]))
    np.fill_diagonal(matrix, v)
    if np.linalg.eigvalsh(matrix)[0] <= 0:
        raise InputError(
            "the reference arm's variance is too large",
            value=shared[0],
            limit="below each vi",
            where=f"study {name!r}",
            remedy="give the variance of the reference arm alone, which is a part of each vi",
        )
    return matrix


def _emax(at: dict[str, Floats], shape: dict[str, float]) -> Any:
    ed50 = shape["ed50"]
    return (at["dose"] / (ed50 + at["dose"]) - at["reference"] / (ed50 + at["reference"]))[:, None]


def _linear_basis(shape: str, dose: Floats, knots: Sequence[float] | None) -> tuple[Basis, tuple[str, ...]]:
    if shape == "spline":
        places = np.asarray(knots if knots is not None else np.quantile(dose, KNOT_QUANTILES), float)
        if np.unique(places).size < 3:
            raise InputError(
                "too few doses for a spline", value=places.tolist(), limit="three different knots"
            )
        return _against_reference(lambda x: restricted_cubic(x, places)), ("dose", "spline")
    of, names = _COLUMNS[shape]
    return _against_reference(of), names


_COLUMNS: dict[str, tuple[Callable[[Floats], Floats], tuple[str, ...]]] = {
    "linear": (lambda x: x[:, None], ("dose",)),
    "quadratic": (lambda x: np.column_stack([x, x**2]), ("dose", "dose^2")),
    "log": (lambda x: np.log1p(x)[:, None], ("log(1 + dose)",)),
}


def _against_reference(of: Callable[[Floats], Floats]) -> Basis:
    return lambda at, _: of(at["dose"]) - of(at["reference"])


def restricted_cubic(x: Floats, knots: Floats) -> Floats:
    """Harrell's restricted cubic spline basis (n, knots - 1), linear beyond the outer knots."""
    last, before = knots[-1], knots[-2]
    columns = [x]
    for knot in knots[:-2]:
        bend = _cube(x - knot)
        bend = bend - _cube(x - before) * (last - knot) / (last - before)
        bend = bend + _cube(x - last) * (before - knot) / (last - before)
        columns.append(bend / (last - knots[0]) ** 2)
    return np.column_stack(columns)


def _cube(z: Floats) -> Floats:
    return np.asarray(np.maximum(z, 0.0) ** 3)


def greenland_longnecker(
    *, yi: ArrayLike, vi: ArrayLike, cases: ArrayLike, n: ArrayLike, kind: str = "cc"
) -> Floats:
    """The covariance of adjusted log ratios that share a reference group.

    Parameters
    ----------
    yi, vi : (m,) log ratios of the non-reference doses and their variances.
    cases, n : (m + 1,) cases and totals (``cc`` case-control and ``ci`` cumulative incidence) or person-time
        (``ir``), the reference group first.

    Notes
    -----
    Pseudo-counts are found that reproduce the ratios and the margins; their covariance gives the
    correlations.
    """
    effect, variance = as_numbers(yi, "yi"), as_numbers(vi, "vi")
    a, total = as_numbers(cases, "cases"), as_numbers(n, "n")
    if kind not in ("cc", "ci", "ir"):
        raise InputError("unknown kind of study", value=kind, limit="cc, ci, ir")
    sum_cases = a.sum()
    fitted = a[1:].astype(float).copy()
    for _ in range(100):
        first = sum_cases - fitted.sum()
        if kind == "cc":
            rest, rest0 = total[1:] - fitted, total[0] - first
            miss = effect + np.log(first) + np.log(rest) - np.log(fitted) - np.log(rest0)
            slope = np.diag(1 / fitted + 1 / rest) + 1 / first + 1 / rest0
        else:
            miss = effect + np.log(first) + np.log(total[1:]) - np.log(fitted) - np.log(total[0])
            slope = np.diag(1 / fitted) + 1 / first
        step = np.linalg.solve(slope, miss)
        while ((fitted + step) <= 0).any() or (fitted + step).sum() >= sum_cases:
            step = step / 2
        fitted = fitted + step
        if np.abs(step).max() < 1e-12 * sum_cases:
            break
    first = sum_cases - fitted.sum()
    if kind == "cc":
        shared = 1 / first + 1 / (total[0] - first)
        own = 1 / fitted + 1 / (total[1:] - fitted) + shared
    elif kind == "ci":
        shared = 1 / first - 1 / total[0]
        own = 1 / fitted - 1 / total[1:] + shared
    else:
        shared = 1 / first
        own = 1 / fitted + shared
    correlation = shared / np.sqrt(np.outer(own, own))
    covariance = correlation * np.sqrt(np.outer(variance, variance))
    np.fill_diagonal(covariance, variance)
    return np.asarray(covariance)
