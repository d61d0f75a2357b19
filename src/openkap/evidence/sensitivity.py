"""How much does the answer depend on one study, on the order of arrival, on what is missing?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from openkap.core.errors import InputError
from openkap.evidence.estimates import Floats, check_estimates
from openkap.evidence.pooling import PooledMany, pool, pool_many


def leave_one_out(
    yi: ArrayLike, vi: ArrayLike, method: str = "REML", test: str = "z", *, level: float = 0.95
) -> PooledMany:
    """The pooled effect without each study in turn, in the order given."""
    y, v = check_estimates(yi, vi, least=3)
    gap = np.where(np.eye(y.size, dtype=bool), np.nan, 0.0)
    return pool_many(y + gap, v + gap, method, test, level=level)


def cumulative(
    yi: ArrayLike,
    vi: ArrayLike,
    method: str = "REML",
    test: str = "z",
    *,
    order: ArrayLike | None = None,
    level: float = 0.95,
) -> PooledMany:
    """The pooled effect as studies arrive: row j pools the first j + 2 of them in ``order`` (such as year).

    Each row is an ordinary interval; looking again after each study inflates error: see
    ``confidence_sequence``.
    """
    y, v = check_estimates(yi, vi)
    if order is not None:
        arrival = np.argsort(np.asarray(order), kind="stable")
        y, v = y[arrival], v[arrival]
    gap = np.where(np.tri(y.size, dtype=bool)[1:], 0.0, np.nan)
    return pool_many(y + gap, v + gap, method, test, level=level)


@dataclass(frozen=True)
class Influence:
    """Deletion diagnostics by study, (k,) each; ``is_influential`` by the usual limits (Viechtbauer &
    Cheung 2010).
    """

    rstudent: Floats
    dffits: Floats
    cook_d: Floats
    cov_r: Floats
    tau2_del: Floats
    q_del: Floats
    hat: Floats
    estimate_del: Floats
    is_influential: Floats


def influence(yi: ArrayLike, vi: ArrayLike, method: str = "REML", test: str = "z") -> Influence:
    """What changes when a study is left out (doi:10.1002/jrsm.11)."""
    y, v = check_estimates(yi, vi, least=3)
    full = pool(y, v, method, test)
    without = leave_one_out(y, v, method, test)
    shift = full.estimate - without.estimate
    hat = full.weights
    rstudent = (y - without.estimate) / np.sqrt(v + without.tau2 + without.se**2)
    dffits = shift / np.sqrt(hat * (without.tau2 + v))
    cook_d = (shift / full.se) ** 2
    limit = 3 * np.sqrt(1 / (y.size - 1))
    return Influence(
        rstudent=rstudent,
        dffits=dffits,
        cook_d=cook_d,
        cov_r=(without.se / full.se) ** 2,
        tau2_del=without.tau2,
        q_del=without.q,
        hat=hat,
        estimate_del=without.estimate,
        # the median of chi-square with one degree of freedom is 0.4549
        is_influential=(np.abs(dffits) > limit) | (cook_d > 0.45493642311957283) | (hat > 3 / y.size),
    )


@dataclass(frozen=True)
class MissingResults:
    """What is known to exist but could not be pooled, and how far it could move the answer.

    ``if_null`` pools the missing trials as if each had found 0 with the error its size suggests;
    ``effect_to_cancel`` is the effect they would all have to show for the pooled one to vanish (None when
    size is
    unknown for some).
    """

    k_pooled: int
    k_missing: int
    people_missing: int | None
    unknown_size: tuple[str, ...]
    missing: tuple[str, ...]
    estimate: float
    if_null: float | None
    effect_to_cancel: float | None
    sentence: str


def missing_results(
    yi: ArrayLike,
    vi: ArrayLike,
    *,
    missing: dict[str, int | None],
    unit_variance: float = 4.0,
    method: str = "CE",
) -> MissingResults:
    """A statement on trials that are known but have no usable result.

    Parameters
    ----------
    yi, vi : the pooled estimates and variances.
    missing : name of each missing trial and its number of people, None when unknown.
    unit_variance : variance of the effect times the number of people; 4 for a standardised difference between
        two equal arms.
    method : how to pool observed and assumed results; common effects by default, so that no assumed agreement
        lowers tau2.
    """
    y, v = check_estimates(yi, vi, least=1)
    unknown = tuple(name for name, n in missing.items() if n is None)
    sizes = np.array([n for n in missing.values() if n is not None], float)
    if (sizes <= 0).any():
        raise InputError(
            "a missing trial has no people", limit="above 0", remedy="leave it out or say unknown"
        )
    w = 1 / v
    estimate = float(w.dot(y) / w.sum()) if y.size == 1 else pool(y, v, method).estimate
    if_null = cancel = None
    if missing and not unknown:
        extra = sizes / unit_variance
        both_y, both_v = np.r_[y, np.zeros(sizes.size)], np.r_[v, 1 / extra]
        if_null = pool(both_y, both_v, method).estimate
        cancel = float(-w.dot(y) / extra.sum())
    people = None if unknown else int(sizes.sum())
    return MissingResults(
        k_pooled=y.size,
        k_missing=len(missing),
        people_missing=people,
        unknown_size=unknown,
        missing=tuple(missing),
        estimate=estimate,
        if_null=if_null,
        effect_to_cancel=cancel,
        sentence=_missing_sentence(y.size, missing, people, estimate, if_null),
    )


def _missing_sentence(
    k: int, missing: dict[str, int | None], people: int | None, estimate: float, if_null: float | None
) -> str:
    if not missing:
        return f"All {k} known trials are in the pool."
    names = ", ".join(missing)
    size = "an unknown number of people" if people is None else f"{people} people"
    text = f"{len(missing)} of {k + len(missing)} known trials ({names}; {size}) have no usable result."
    if if_null is None:
        return text + " How far they could move the answer cannot be said."
    return text + f" Had they found no effect, the pooled {estimate:.2f} would be {if_null:.2f}."
