"""Fair comparison of sites and therapists: case mix, funnel limits, shrinkage.

Expected numbers come from a logistic model of the case mix over all sites. A site's number is then compared
with its exact distribution (a sum of binomials), so that small sites are judged as rightly as large ones;
limits are at nominal false-alarm rates (Spiegelhalter 2005, doi:10.1002/sim.1970). Shrunken rates come from a
logistic random-intercept model integrated by Gauss-Hermite quadrature.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import expit, logit

from openkap.core.errors import InputError
from openkap.registry.missing import CellTable, fit_logistic

Floats = np.ndarray[Any, np.dtype[np.float64]]
Ints = np.ndarray[Any, np.dtype[np.int64]]
ALARM_LEVELS = {"warning": 0.05, "alarm": 0.002}
NODES = 25


@dataclass(frozen=True)
class SiteResult:
    """One site beside what its own patients would lead one to expect."""

    site: int
    due: int
    seen: int
    hits: int
    expected: float
    p_value: float
    low: float
    high: float
    low_alarm: float
    high_alarm: float
    shrunken: float
    shrunken_low: float
    shrunken_high: float
    overall: float

    @property
    def signal(self) -> str:
        """``none``, ``warning`` or ``alarm``, by the two-sided mid-p value."""
        if self.p_value < ALARM_LEVELS["alarm"]:
            return "alarm"
        return "warning" if self.p_value < ALARM_LEVELS["warning"] else "none"

    @property
    def adjusted(self) -> float | None:
        """Rate as if the site had the case mix of all (ratio to expectation times the overall rate)."""
        return self.hits / self.expected * self.overall if self.expected > 0 else None

    def sentence(self) -> str:
        """What can be said about the site, and what cannot."""
        if self.seen == 0:
            return "No outcome was seen: nothing can be concluded."
        if self.signal == "none":
            return (
                f"{self.hits} of {self.seen} against {self.expected:.1f} expected for its patients: "
                "within what "
                "chance alone would show. That is no proof that it does as well as the others."
            )
        side = "more" if self.hits > self.expected else "fewer"
        return (
            f"{self.hits} of {self.seen}, {side} than the {self.expected:.1f} expected for its "
            "patients and more "
            "than chance explains. Look first at who is missing and at the data, then at the care."
        )


def compare_sites(
    table: CellTable, window: str, rule: str, *, unit: str = "site_id", minimum: int = 1
) -> list[SiteResult]:
    """Every site beside its expectation, with funnel limits and a shrunken rate.

    Parameters
    ----------
    table : cells with the dimension ``unit`` and the case-mix dimensions.
    rule : ``response``, ``remission``, ``deterioration``; or ``seen`` for completeness.
    minimum : sites with fewer people seen are left out.
    """
    if unit not in table.dimensions:
        raise InputError(f"the cells are not split by {unit}", limit=", ".join(table.dimensions))
    due = table.get("due", window)
    seen = due if rule == "seen" else table.get("seen", window)
    hits = table.get(rule, window)
    if hits.sum() == 0 or seen.sum() == 0:
        return []
    p = expected_shares(table, seen, hits, [name for name in table.dimensions if name != unit])
    sites, where = np.unique(table.columns[unit].astype(np.int64), return_inverse=True)
    observed = np.bincount(where, hits)
    offset = logit(np.clip(p, 1e-6, 1 - 1e-6))
    shrunken = shrink(where, seen, hits, offset, len(sites))
    overall = float(hits.sum() / seen.sum())
    results = []
    for i, site in enumerate(sites):
        own = (where == i) & (seen > 0)
        n = int(seen[own].sum())
        if n < minimum:
            continue
        pmf = sum_of_binomials(seen[own].astype(np.int64), p[own])
        results.append(
            SiteResult(
                int(site),
                int(due[where == i].sum()),
                n,
                int(observed[i]),
                float((seen * p)[own].sum()),
                mid_p(pmf, int(observed[i])),
                *limits(pmf, ALARM_LEVELS["warning"]),
                *limits(pmf, ALARM_LEVELS["alarm"]),
                *shrunken[i],
                overall,
            )
        )
    return results


def expected_shares(table: CellTable, n: Floats, hits: Floats, names: Sequence[str]) -> Floats:
    """Probability of success in each cell from its case mix alone, over all sites."""
    columns = [np.ones(len(table))]
    for name in names:
        levels, code = table.levels(name)
        asked = np.bincount(code, n, len(levels))
        others = np.argsort(-asked, kind="stable")[1:]
        columns += [(code == place).astype(float) for place in others if asked[place] > 0]
    p, _ = fit_logistic(np.column_stack(columns), n, hits)
    return p


def sum_of_binomials(n: Ints, p: Floats) -> Floats:
    """Exact distribution of a sum of independent binomials, by its characteristic function.

    Source: Hong 2013, doi:10.1016/j.csda.2012.10.006 (discrete Fourier transform of the characteristic
    function).
    """
    total = int(n.sum())
    angle = np.exp(2j * np.pi * np.arange(total + 1) / (total + 1))
    log_phi = (n[:, None] * np.log(1 - p[:, None] + p[:, None] * angle[None, :])).sum(axis=0)
    pmf = np.fft.fft(np.exp(log_phi)).real / (total + 1)
    positive = np.clip(pmf, 0, None)
    return np.asarray(positive / positive.sum())


def mid_p(pmf: Floats, observed: int) -> float:
    """Two-sided mid-p value: twice the smaller tail, half of the point itself counted in each."""
    below = float(pmf[:observed].sum() + pmf[observed] / 2)
    return min(1.0, 2 * min(below, 1 - below))


def limits(pmf: Floats, alpha: float) -> tuple[float, float]:
    """Counts between which a site lies with probability ``1 - alpha``, interpolated between whole counts."""
    middle = np.cumsum(pmf) - pmf / 2
    counts = np.arange(len(pmf), dtype=float)
    low, high = np.interp([alpha / 2, 1 - alpha / 2], middle, counts)
    return float(low), float(high)


def shrink(
    where: Ints, n: Floats, hits: Floats, offset: Floats, sites: int
) -> list[tuple[float, float, float]]:
    """Each site's rate pulled towards the common one by as much as its size deserves, with 95 % interval.

    A logistic model with the case mix as offset and a normal site effect; mean and spread of the effect by
    maximum marginal likelihood. The rate is that of the overall case mix at the site's posterior effect.
    """
    nodes, weights = np.polynomial.hermite_e.hermegauss(NODES)
    weights = weights / weights.sum()

    # Cells of one case mix share their offset, so the logistic term is worked out once for each.
    level, code = np.unique(offset, return_inverse=True)
    asked = np.bincount(where * len(level) + code, n, sites * len(level)).reshape(sites, len(level))
    site_hits, pull = np.bincount(where, hits, sites), np.bincount(where, hits * offset, sites)

    def log_likelihood(effect: Floats) -> Floats:
        """Of each site (columns) at each effect (rows)."""
        return np.asarray(
            np.outer(effect, site_hits) + pull - np.logaddexp(0, level + effect[:, None]) @ asked.T
        )

    def minus_loglik(theta: Floats) -> float:
        joint = log_likelihood(theta[0] + np.exp(theta[1]) * nodes)
        top = joint.max(axis=0)
        return -float((top + np.log(weights @ np.exp(joint - top))).sum())

    # Loaded when a fit is asked for: a server that never fits one starts faster and stays smaller.
    from scipy.optimize import minimize

    best = minimize(minus_loglik, np.array([0.0, -1.0]), method="Nelder-Mead", bounds=[(-5, 5), (-7, 2)])
    mu, tau = float(best.x[0]), float(np.exp(best.x[1]))
    grid = np.linspace(-5, 5, 401)
    eta = mu + tau * grid
    rate = expit(offset @ n / n.sum() + eta)
    log_post = log_likelihood(eta) - grid[:, None] ** 2 / 2
    post = np.exp(log_post - log_post.max(axis=0))
    post /= post.sum(axis=0)
    ends = [np.interp([0.025, 0.975], column, rate) for column in np.cumsum(post, axis=0).T]
    return [
        (float(value), float(low), float(high)) for value, (low, high) in zip(rate @ post, ends, strict=True)
    ]
