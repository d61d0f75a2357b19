"""Effect sizes and their sampling variances from what trials report about means, counts and correlations.

Arm 1 is the treated arm. A difference is arm 1 minus arm 2, so on a scale where lower is better a good effect
is negative; ``lower_is_better=True`` turns the sign so that positive favours arm 1, and the result says which
convention it carries. Values may be numbers or arrays of one length. Formulas are those of metafor's
``escalc`` unless a line names another source.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import gammaln

from openkap.core.errors import InputError
from openkap.evidence.estimates import Doubt, Floats, as_numbers

DIFFERENCE = "arm 1 minus arm 2"
FAVOURS = "positive favours arm 1"

ZERO_CELL_RULES = ("only_zero", "all", "treatment_arm", "none")


@dataclass(frozen=True)
class EffectSize:
    """An estimate ``yi`` with its variance ``vi``, the measure's name, what its sign means, and doubts."""

    yi: Any
    vi: Any
    measure: str
    sign: str = DIFFERENCE
    doubts: tuple[Doubt, ...] = ()

    @property
    def se(self) -> Any:
        """The standard error."""
        return np.sqrt(self.vi)


def numbers(**named: ArrayLike) -> list[Floats]:
    """Each argument as finite floats of a common shape, or a refusal that names argument and row."""
    read = [as_numbers(value, name) for name, value in named.items()]
    for name, values in zip(named, read, strict=True):
        remedy = "leave the study out and list it among the missing results"
        refuse_unless(np.isfinite(values), f"{name} is missing or infinite", values, "a number", remedy)
    return list(np.broadcast_arrays(*read))


def refuse_unless(good: Any, what: str, values: Any, limit: str, remedy: str) -> None:
    """Refuse the first value that is not good, naming its row."""
    good = np.atleast_1d(good)
    if good.all():
        return
    row = int(np.flatnonzero(~good)[0])
    raise InputError(
        what,
        value=np.atleast_1d(values)[row],
        limit=limit,
        remedy=remedy,
        where=f"row {row + 1}" if good.size > 1 else None,
    )


def check_sd(name: str, sd: Floats) -> None:
    """Refuse a standard deviation that is not positive."""
    refuse_unless(sd > 0, f"{name} is not positive", sd, "above 0", "check for a misread column, or a sign")


def check_size(name: str, n: Floats, least: int = 2) -> None:
    """Refuse a group too small for a standard deviation."""
    refuse_unless(n >= least, f"{name} is too small", n, f"at least {least}", "check the arm's size")


def result(yi: Any, vi: Any, measure: str, lower_is_better: bool = False) -> EffectSize:
    """The effect size, with the sign turned when asked for and plain numbers for plain input."""
    yi = -yi if lower_is_better else yi
    plain = [float(each) if np.ndim(each) == 0 else np.asarray(each, float) for each in (yi, vi)]
    return EffectSize(plain[0], plain[1], measure, FAVOURS if lower_is_better else DIFFERENCE)


def hedges_correction(df: ArrayLike) -> Any:
    """Hedges' exact small-sample factor J(df) (1981, doi:10.3102/10769986006002107)."""
    m = np.asarray(df, float)
    return np.exp(gammaln(m / 2) - gammaln((m - 1) / 2)) * np.sqrt(2 / m)


def mean_difference(
    *,
    mean1: ArrayLike,
    sd1: ArrayLike,
    n1: ArrayLike,
    mean2: ArrayLike,
    sd2: ArrayLike,
    n2: ArrayLike,
    lower_is_better: bool = False,
) -> EffectSize:
    """The raw mean difference, variances not pooled. Also for change scores, given their own SDs."""
    m1, s1, k1, m2, s2, k2 = numbers(mean1=mean1, sd1=sd1, n1=n1, mean2=mean2, sd2=sd2, n2=n2)
    _check_arms(s1, k1, s2, k2)
    return result(m1 - m2, s1**2 / k1 + s2**2 / k2, "MD", lower_is_better)


def standardised_mean_difference(
    *,
    mean1: ArrayLike,
    sd1: ArrayLike,
    n1: ArrayLike,
    mean2: ArrayLike,
    sd2: ArrayLike,
    n2: ArrayLike,
    lower_is_better: bool = False,
) -> EffectSize:
    """Hedges' g with the pooled SD, and its large-sample variance."""
    m1, s1, k1, m2, s2, k2 = numbers(mean1=mean1, sd1=sd1, n1=n1, mean2=mean2, sd2=sd2, n2=n2)
    _check_arms(s1, k1, s2, k2)
    return _hedges_g((m1 - m2) / pooled_sd(s1, k1, s2, k2), k1, k2, lower_is_better)


def pooled_sd(sd1: Any, n1: Any, sd2: Any, n2: Any) -> Any:
    """The SD within two groups."""
    return np.sqrt(((n1 - 1) * sd1**2 + (n2 - 1) * sd2**2) / (n1 + n2 - 2))


def _hedges_g(d: Any, n1: Any, n2: Any, lower_is_better: bool) -> EffectSize:
    g = hedges_correction(n1 + n2 - 2) * d
    return result(g, 1 / n1 + 1 / n2 + g**2 / (2 * (n1 + n2)), "SMD", lower_is_better)


def _check_arms(sd1: Floats, n1: Floats, sd2: Floats, n2: Floats) -> None:
    check_sd("sd1", sd1)
    check_sd("sd2", sd2)
    check_size("n1", n1)
    check_size("n2", n2)


def smd_from_d(*, d: ArrayLike, n1: ArrayLike, n2: ArrayLike, lower_is_better: bool = False) -> EffectSize:
    """Hedges' g from a reported Cohen's d."""
    each, k1, k2 = numbers(d=d, n1=n1, n2=n2)
    check_size("n1", k1)
    check_size("n2", k2)
    return _hedges_g(each, k1, k2, lower_is_better)


def smd_from_t(*, t: ArrayLike, n1: ArrayLike, n2: ArrayLike, lower_is_better: bool = False) -> EffectSize:
    """Hedges' g from the t-value of two independent groups; its sign is that of the difference."""
    each, k1, k2 = numbers(t=t, n1=n1, n2=n2)
    check_size("n1", k1)
    check_size("n2", k2)
    return _hedges_g(each * np.sqrt(1 / k1 + 1 / k2), k1, k2, lower_is_better)


def mean_ratio(
    *, mean1: ArrayLike, sd1: ArrayLike, n1: ArrayLike, mean2: ArrayLike, sd2: ArrayLike, n2: ArrayLike
) -> EffectSize:
    """The log ratio of two positive means."""
    m1, s1, k1, m2, s2, k2 = numbers(mean1=mean1, sd1=sd1, n1=n1, mean2=mean2, sd2=sd2, n2=n2)
    _check_arms(s1, k1, s2, k2)
    refuse_unless(
        (m1 > 0) & (m2 > 0), "a mean is not positive", m1, "both above 0", "use the mean difference"
    )
    return result(np.log(m1 / m2), s1**2 / (k1 * m1**2) + s2**2 / (k2 * m2**2), "ROM")


def correlation_z(*, r: ArrayLike, n: ArrayLike) -> EffectSize:
    """Fisher's z of a correlation."""
    each, size = numbers(r=r, n=n)
    refuse_unless(np.abs(each) < 1, "the correlation is impossible", each, "-1 to 1", "check the value")
    check_size("n", size, 4)
    return result(np.arctanh(each), 1 / (size - 3), "ZCOR")


def _cells(events1: ArrayLike, n1: ArrayLike, events2: ArrayLike, n2: ArrayLike) -> list[Floats]:
    e1, k1, e2, k2 = numbers(events1=events1, n1=n1, events2=events2, n2=n2)
    for name, e, n in (("events1", e1, k1), ("events2", e2, k2)):
        limit = "0 to the arm's size"
        refuse_unless((e >= 0) & (e <= n) & (n > 0), f"{name} is impossible", e, limit, "check the counts")
    return [e1, k1 - e1, e2, k2 - e2]


def _with_zero_cells(cells: list[Floats], rule: str) -> list[Any]:
    if rule not in ZERO_CELL_RULES:
        raise InputError("unknown rule for zero cells", value=rule, limit=", ".join(ZERO_CELL_RULES))
    a, b, c, d = cells
    any_zero = (a == 0) | (b == 0) | (c == 0) | (d == 0)
    if rule == "none":
        refuse_unless(~any_zero, "a cell is zero", a, "no zero cells", "choose a rule for zero cells")
        return cells
    where = any_zero if rule == "only_zero" or rule == "treatment_arm" else np.ones_like(any_zero)
    if rule == "treatment_arm":
        # each arm gets a share proportional to the size of the other: Sweeting 2004, doi:10.1002/sim.1761
        n1, n2 = a + b, c + d
        add1, add2 = n1 / (n1 + n2), n2 / (n1 + n2)
        return [a + where * add1, b + where * add1, c + where * add2, d + where * add2]
    return [each + 0.5 * where for each in cells]


def _telling_zero_cells(effect: EffectSize, cells: list[Floats], rule: str) -> EffectSize:
    """The effect with a doubt that names the rows where something was added, or where there was nothing."""
    a, b, c, d = (np.atleast_1d(each) for each in cells)
    found = []
    added = np.flatnonzero((a == 0) | (b == 0) | (c == 0) | (d == 0)) + 1
    if added.size:
        rows = ", ".join(map(str, added.tolist()))
        text = f"a cell is zero in row {rows}: the answer depends on the rule for it ({rule})"
        found.append(Doubt("zero_cells", text))
    empty = np.flatnonzero(((a == 0) & (c == 0)) | ((b == 0) & (d == 0))) + 1
    if empty.size:
        rows = ", ".join(map(str, empty.tolist()))
        text = f"row {rows} has no event, or nothing but events, in both arms: it says nothing of a ratio"
        found.append(Doubt("double_zero", text))
    return replace(effect, doubts=tuple(found))


def risk_ratio(
    *, events1: ArrayLike, n1: ArrayLike, events2: ArrayLike, n2: ArrayLike, zero_cells: str = "only_zero"
) -> EffectSize:
    """The log risk ratio.

    ``zero_cells``: ``only_zero`` adds 1/2 to the four cells of a table that has a zero, ``all`` to every
    table, ``treatment_arm`` adds a share by arm size (Sweeting 2004), ``none`` refuses.
    """
    cells = _cells(events1, n1, events2, n2)
    a, b, c, d = _with_zero_cells(cells, zero_cells)
    vi = 1 / a - 1 / (a + b) + 1 / c - 1 / (c + d)
    return _telling_zero_cells(result(np.log(a / (a + b)) - np.log(c / (c + d)), vi, "RR"), cells, zero_cells)


def odds_ratio(
    *, events1: ArrayLike, n1: ArrayLike, events2: ArrayLike, n2: ArrayLike, zero_cells: str = "only_zero"
) -> EffectSize:
    """The log odds ratio; zero cells as in ``risk_ratio``."""
    cells = _cells(events1, n1, events2, n2)
    a, b, c, d = _with_zero_cells(cells, zero_cells)
    return _telling_zero_cells(
        result(np.log(a * d / (b * c)), 1 / a + 1 / b + 1 / c + 1 / d, "OR"), cells, zero_cells
    )


def risk_difference(
    *, events1: ArrayLike, n1: ArrayLike, events2: ArrayLike, n2: ArrayLike, zero_cells: str = "only_zero"
) -> EffectSize:
    """The risk difference; zero cells as in ``risk_ratio``."""
    cells = _cells(events1, n1, events2, n2)
    a, b, c, d = _with_zero_cells(cells, zero_cells)
    p, q = a / (a + b), c / (c + d)
    return _telling_zero_cells(
        result(p - q, p * (1 - p) / (a + b) + q * (1 - q) / (c + d), "RD"), cells, zero_cells
    )


def peto_odds_ratio(*, events1: ArrayLike, n1: ArrayLike, events2: ArrayLike, n2: ArrayLike) -> EffectSize:
    """Peto's log odds ratio, for rare events and balanced arms; needs no rule for zero cells."""
    a, b, c, d = _cells(events1, n1, events2, n2)
    total, events = a + b + c + d, a + c
    refuse_unless(
        (events > 0) & (events < total),
        "no event, or nothing but events",
        events,
        "some",
        "leave the study out",
    )
    v = (a + b) * (c + d) * events * (b + d) / (total**2 * (total - 1))
    return result((a - (a + b) * events / total) / v, 1 / v, "PETO")


def arcsine_difference(*, events1: ArrayLike, n1: ArrayLike, events2: ArrayLike, n2: ArrayLike) -> EffectSize:
    """The arcsine risk difference, stable with zero cells (Ruecker 2009, doi:10.1002/sim.3511)."""
    a, b, c, d = _cells(events1, n1, events2, n2)
    yi = np.arcsin(np.sqrt(a / (a + b))) - np.arcsin(np.sqrt(c / (c + d)))
    return result(yi, 1 / (4 * (a + b)) + 1 / (4 * (c + d)), "AS")


def logit_proportion(*, events: ArrayLike, n: ArrayLike) -> EffectSize:
    """The log odds of one group's proportion; 1/2 is added to both cells where one is zero."""
    x, size = numbers(events=events, n=n)
    check_size("n", size, 1)
    refuse_unless((x >= 0) & (x <= size), "events is impossible", x, "0 to n", "check the counts")
    add = 0.5 * ((x == 0) | (x == size))
    return result(np.log((x + add) / (size - x + add)), 1 / (x + add) + 1 / (size - x + add), "PLO", False)
