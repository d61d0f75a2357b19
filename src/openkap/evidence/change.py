"""Change within people: single groups, change scores between arms, crossover trials, and the correlation
behind.

The pre-post correlation is rarely printed; every function here takes it as an argument, and
``correlation_range`` shows how the answer moves with it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import ArrayLike

from openkap.evidence.effect_size import (
    EffectSize,
    check_sd,
    check_size,
    hedges_correction,
    numbers,
    pooled_sd,
    refuse_unless,
    result,
)
from openkap.evidence.estimates import Floats

# Hedges' factor of one group has n - 1 degrees of freedom, and is 0 for one: nothing can be standardised.
SMALLEST_GROUP = 3
# The variance of d_ppc2 divides by n1 + n2 - 4.
SMALLEST_TWO_GROUPS = 5

# Balk 2012 (AHRQ 12(13)-EHC141-EF): most pre-post correlations lie here; shown as a range, never as a truth.
PLAUSIBLE_CORRELATIONS = (0.3, 0.4, 0.5, 0.6, 0.7, 0.8)


def _check_correlation(r: Floats) -> None:
    refuse_unless(np.abs(r) < 1, "the correlation is impossible", r, "between -1 and 1", "check the value")


def mean_change(
    *,
    mean_pre: ArrayLike,
    mean_post: ArrayLike,
    sd_pre: ArrayLike,
    sd_post: ArrayLike,
    n: ArrayLike,
    r: ArrayLike,
) -> EffectSize:
    """The raw change, after minus before, of one group (no control: it is not an effect of treatment)."""
    m0, m1, s0, s1, size, rho = numbers(
        mean_pre=mean_pre, mean_post=mean_post, sd_pre=sd_pre, sd_post=sd_post, n=n, r=r
    )
    check_sd("sd_pre", s0)
    check_sd("sd_post", s1)
    check_size("n", size)
    _check_correlation(rho)
    effect = result(m1 - m0, (s0**2 + s1**2 - 2 * rho * s0 * s1) / size, "MC")
    return EffectSize(effect.yi, effect.vi, "MC", "after minus before")


def standardised_mean_change(
    *, mean_pre: ArrayLike, mean_post: ArrayLike, sd_pre: ArrayLike, n: ArrayLike, r: ArrayLike
) -> EffectSize:
    """The change in units of the SD before (metafor's SMCR)."""
    m0, m1, s0, size, rho = numbers(mean_pre=mean_pre, mean_post=mean_post, sd_pre=sd_pre, n=n, r=r)
    check_sd("sd_pre", s0)
    check_size("n", size, SMALLEST_GROUP)
    _check_correlation(rho)
    d = hedges_correction(size - 1) * (m1 - m0) / s0
    effect = result(d, 2 * (1 - rho) / size + d**2 / (2 * size), "SMCR")
    return EffectSize(effect.yi, effect.vi, "SMCR", "after minus before")


def standardised_change_in_change_units(
    *, mean_change: ArrayLike, sd_change: ArrayLike, n: ArrayLike
) -> EffectSize:
    """The change in units of its own SD (metafor's SMCC); not comparable with the other measures."""
    change, sd, size = numbers(mean_change=mean_change, sd_change=sd_change, n=n)
    check_sd("sd_change", sd)
    check_size("n", size, SMALLEST_GROUP)
    d = hedges_correction(size - 1) * change / sd
    effect = result(d, 1 / size + d**2 / (2 * size), "SMCC")
    return EffectSize(effect.yi, effect.vi, "SMCC", "after minus before")


def pretest_posttest_control(
    *,
    mean_pre1: ArrayLike,
    mean_post1: ArrayLike,
    sd_pre1: ArrayLike,
    n1: ArrayLike,
    mean_pre2: ArrayLike,
    mean_post2: ArrayLike,
    sd_pre2: ArrayLike,
    n2: ArrayLike,
    r: ArrayLike,
    lower_is_better: bool = False,
) -> EffectSize:
    """The difference of two arms' changes in pooled pretest SDs: d_ppc2 of Morris 2008, eq. 8 and 25.

    doi:10.1177/1094428106291059.
    """
    a0, a1, s1, k1, b0, b1, s2, k2, rho = numbers(
        mean_pre1=mean_pre1,
        mean_post1=mean_post1,
        sd_pre1=sd_pre1,
        n1=n1,
        mean_pre2=mean_pre2,
        mean_post2=mean_post2,
        sd_pre2=sd_pre2,
        n2=n2,
        r=r,
    )
    check_sd("sd_pre1", s1)
    check_sd("sd_pre2", s2)
    check_size("n1", k1)
    check_size("n2", k2)
    check_size("n1 + n2", k1 + k2, SMALLEST_TWO_GROUPS)
    _check_correlation(rho)
    df = k1 + k2 - 2
    c = 1 - 3 / (4 * df - 1)
    d = c * ((a1 - a0) - (b1 - b0)) / pooled_sd(s1, k1, s2, k2)
    size = (k1 + k2) / (k1 * k2)
    vi = 2 * c**2 * (1 - rho) * size * df / (df - 2) * (1 + d**2 / (2 * (1 - rho) * size)) - d**2
    return result(d, vi, "SMD_PPC", lower_is_better)


def crossover_mean_difference(
    *,
    mean1: ArrayLike,
    sd1: ArrayLike,
    mean2: ArrayLike,
    sd2: ArrayLike,
    n: ArrayLike,
    r: ArrayLike,
    lower_is_better: bool = False,
) -> EffectSize:
    """The paired mean difference of a crossover trial whose periods carry nothing over."""
    m1, s1, m2, s2, size, rho = numbers(mean1=mean1, sd1=sd1, mean2=mean2, sd2=sd2, n=n, r=r)
    check_sd("sd1", s1)
    check_sd("sd2", s2)
    check_size("n", size)
    _check_correlation(rho)
    return result(m1 - m2, (s1**2 + s2**2 - 2 * rho * s1 * s2) / size, "MD", lower_is_better)


def crossover_smd(
    *,
    mean1: ArrayLike,
    sd1: ArrayLike,
    mean2: ArrayLike,
    sd2: ArrayLike,
    n: ArrayLike,
    r: ArrayLike,
    lower_is_better: bool = False,
) -> EffectSize:
    """The standardised difference of a crossover trial on the scale of parallel ones.

    Elbourne 2002, doi:10.1093/ije/31.1.140; Cochrane Handbook 23.2.7: d by the SD between people, its
    variance
    (1/n + d^2/2n) 2(1-r), and Hedges' factor with n - 1.
    """
    m1, s1, m2, s2, size, rho = numbers(mean1=mean1, sd1=sd1, mean2=mean2, sd2=sd2, n=n, r=r)
    check_sd("sd1", s1)
    check_sd("sd2", s2)
    check_size("n", size, SMALLEST_GROUP)
    _check_correlation(rho)
    j = hedges_correction(size - 1)
    d = (m1 - m2) / np.sqrt((s1**2 + s2**2) / 2)
    return result(j * d, j**2 * (1 / size + d**2 / (2 * size)) * 2 * (1 - rho), "SMD", lower_is_better)


def correlation_from_sds(*, sd_pre: float, sd_post: float, sd_change: float) -> float:
    """The pre-post correlation implied by three SDs; refused when no correlation could give them."""
    r = (sd_pre**2 + sd_post**2 - sd_change**2) / (2 * sd_pre * sd_post)
    remedy = "one of the three is likely a standard error or misread"
    refuse_unless(abs(r) <= 1, "no correlation gives these SDs", r, "-1 to 1", remedy)
    return r


def change_sd(*, sd_pre: ArrayLike, sd_post: ArrayLike, r: ArrayLike) -> Floats:
    """The SD of change scores under an assumed correlation."""
    s0, s1, rho = numbers(sd_pre=sd_pre, sd_post=sd_post, r=r)
    check_sd("sd_pre", s0)
    check_sd("sd_post", s1)
    _check_correlation(rho)
    return np.asarray(np.sqrt(s0**2 + s1**2 - 2 * rho * s0 * s1))


def correlation_range(
    measure: Callable[[float], EffectSize], rs: Sequence[float] = PLAUSIBLE_CORRELATIONS
) -> dict[float, EffectSize]:
    """The effect size under each assumed correlation: ``correlation_range(lambda r: mean_change(...,
    r=r))``.
    """
    return {r: measure(r) for r in rs}
