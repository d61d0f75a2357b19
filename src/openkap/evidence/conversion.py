"""What a paper prints instead of a mean with its SD: SE, intervals, tests, quartiles, percentages,
clusters.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtri, stdtrit

from openkap.core.errors import InputError
from openkap.evidence.effect_size import check_sd, check_size, numbers, refuse_unless
from openkap.evidence.estimates import Floats


def sd_from_se(*, se: ArrayLike, n: ArrayLike) -> Floats:
    """The SD of a group from the standard error of its mean."""
    each, size = numbers(se=se, n=n)
    check_sd("se", each)
    return np.asarray(each * np.sqrt(size))


def se_from_ci(*, low: ArrayLike, high: ArrayLike, level: float = 0.95, df: float | None = None) -> Floats:
    """The standard error behind an interval; give ``df`` where the paper used t."""
    lo, hi = numbers(low=low, high=high)
    refuse_unless(lo < hi, "the interval is empty or reversed", lo, "low below high", "check the two ends")
    half = ndtri((1 + level) / 2) if df is None else stdtrit(df, (1 + level) / 2)
    return np.asarray((hi - lo) / (2 * half))


def se_from_ratio_ci(*, low: ArrayLike, high: ArrayLike, level: float = 0.95) -> Floats:
    """The standard error of the log ratio behind an interval of a ratio."""
    lo, hi = numbers(low=low, high=high)
    refuse_unless(lo > 0, "the interval of a ratio reaches 0", lo, "above 0", "is it a difference instead?")
    return se_from_ci(low=np.log(lo), high=np.log(hi), level=level)


def se_from_t(*, estimate: ArrayLike, t: ArrayLike) -> Floats:
    """The standard error from an estimate and its t- or z-value."""
    each, value = numbers(estimate=estimate, t=t)
    refuse_unless(value != 0, "t is 0", value, "not 0", "read the standard error elsewhere")
    return np.asarray(np.abs(each / value))


def t_from_f(*, f: ArrayLike, sign: ArrayLike) -> Floats:
    """The t-value behind an F with 1 numerator degree of freedom; the sign is that of the difference."""
    each, direction = numbers(f=f, sign=sign)
    refuse_unless(each >= 0, "F is negative", each, "0 or more", "check the value")
    refuse_unless(np.abs(direction) == 1, "the sign is unknown", direction, "1 or -1", "read the direction")
    return np.asarray(direction * np.sqrt(each))


def t_from_p(*, p: ArrayLike, df: ArrayLike | None = None, sign: ArrayLike = 1) -> Floats:
    """The t-value (z without ``df``) behind an exact two-sided p; "p < 0.05" is a bound, not a value."""
    each, direction = numbers(p=p, sign=sign)
    refuse_unless((each > 0) & (each < 1), "p is not between 0 and 1", each, "0 to 1", "an exact p is needed")
    size = ndtri(1 - each / 2) if df is None else stdtrit(df, 1 - each / 2)
    return np.asarray(direction * size)


def mean_sd_from_quartiles(
    *,
    median: ArrayLike,
    n: ArrayLike,
    q1: ArrayLike | None = None,
    q3: ArrayLike | None = None,
    minimum: ArrayLike | None = None,
    maximum: ArrayLike | None = None,
) -> tuple[Floats, Floats]:
    """Mean and SD from the median with quartiles, range, or both.

    Notes
    -----
    Wan 2014, doi:10.1186/1471-2288-14-135, scenarios C1 (range), C2 (both) and C3 (quartiles). They assume a
    distribution near the normal; a median far from the middle of its quartiles speaks against that.
    """
    mid, size = numbers(median=median, n=n)
    check_size("n", size)
    ordered = [each for each in (minimum, q1, median, q3, maximum) if each is not None]
    steps = np.diff(np.stack(np.broadcast_arrays(*(np.asarray(each, float) for each in ordered))), axis=0)
    refuse_unless(
        (steps >= 0).all(axis=0),
        "quartiles out of order",
        mid,
        "min, q1, median, q3, max",
        "check the columns",
    )
    quartiles = q1 is not None and q3 is not None
    extremes = minimum is not None and maximum is not None
    range_z = 2 * ndtri((size - 0.375) / (size + 0.25))
    quartile_z = 2 * ndtri((0.75 * size - 0.125) / (size + 0.25))
    if quartiles and extremes:
        a, b, c, d = numbers(minimum=minimum, q1=q1, q3=q3, maximum=maximum)  # type: ignore[arg-type]
        mean = (a + 2 * b + 2 * mid + 2 * c + d) / 8
        return np.asarray(mean), np.asarray(((d - a) / range_z + (c - b) / quartile_z) / 2)
    if quartiles:
        b, c = numbers(q1=q1, q3=q3)  # type: ignore[arg-type]
        return np.asarray((b + mid + c) / 3), np.asarray((c - b) / quartile_z)
    if extremes:
        a, d = numbers(minimum=minimum, maximum=maximum)  # type: ignore[arg-type]
        return np.asarray((a + 2 * mid + d) / 4), np.asarray((d - a) / range_z)
    raise InputError("a median alone has no SD", remedy="give q1 and q3, or minimum and maximum")


def counts_from_percent(*, percent: float, n: int, digits: int = 0) -> list[int]:
    """All counts of ``n`` people that print as this percentage with so many digits; empty when none does."""
    half = 0.5 * 10.0**-digits
    shares = 100 * np.arange(n + 1) / n
    return [int(each) for each in np.flatnonzero(np.abs(shares - percent) <= half + 1e-9)]


def design_effect(*, cluster_size: ArrayLike, icc: ArrayLike) -> Floats:
    """The factor by which clusters inflate a variance: 1 + (m - 1) ICC (Donner & Klar 2000)."""
    m, rho = numbers(cluster_size=cluster_size, icc=icc)
    refuse_unless((rho >= 0) & (rho <= 1), "the ICC is impossible", rho, "0 to 1", "check the value")
    refuse_unless(m >= 1, "the cluster size is below 1", m, "1 or more", "give the mean size of a cluster")
    return np.asarray(1 + (m - 1) * rho)


def effective_size(*, n: ArrayLike, cluster_size: ArrayLike, icc: ArrayLike) -> Floats:
    """The number of independent people a cluster-randomised arm is worth."""
    return np.asarray(np.asarray(n, float) / design_effect(cluster_size=cluster_size, icc=icc))


def split_control(*, n: float, events: float | None = None, arms: int) -> tuple[float, float | None]:
    """A shared control group split evenly over ``arms`` comparisons (Cochrane Handbook 23.3.4)."""
    if arms < 1:
        raise InputError("nothing to split over", value=arms, limit="1 arm or more")
    return n / arms, None if events is None else events / arms


def shared_control_covariance(
    *, vi: Sequence[float], control: float, d: Sequence[float] | None = None, total: float | None = None
) -> Floats:
    """The (m, m) covariance of m comparisons with one control group.

    ``control`` is the control's share of each variance: sd2^2/n2 for a mean difference, 1/events - 1/n for
    a log
    risk ratio, 1/events + 1/(n - events) for a log odds ratio, 1/n2 for standardised differences, which
    also need
    ``d`` and the ``total`` number of people (Gleser & Olkin 2009).
    """
    variance = np.asarray(vi, float)
    covariance = np.full((variance.size, variance.size), float(control))
    if d is not None:
        if total is None:
            raise InputError("the total number of people is missing", remedy="give total with d")
        covariance += np.outer(d, d) / (2 * total)
    np.fill_diagonal(covariance, variance)
    if np.linalg.eigvalsh(covariance)[0] <= 0:
        raise InputError(
            "the comparisons cannot share so much",
            value=control,
            limit="less than each variance",
            remedy="check the control group's SD and size",
        )
    return covariance
