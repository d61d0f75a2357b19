"""Every defensible analysis at once: which choice moves the answer?

A variant is a data set chosen one way (instrument, time point, correlation, inclusion); every variant is
fitted
with every estimator and interval. Fits of one estimator and interval are done together.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from openkap.core.errors import InputError
from openkap.evidence.estimates import RANDOM_METHODS, Floats, as_numbers
from openkap.evidence.pooling import pool_many


@dataclass(frozen=True)
class Variant:
    """The choices that made a data set, and its estimates and variances.

    ``not_used`` counts the rows of each study that fitted the choices too and came after its first.
    """

    choices: Mapping[str, str]
    yi: Floats
    vi: Floats
    not_used: Mapping[str, int] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Its choices in words."""
        return ", ".join(f"{name} {option}" for name, option in self.choices.items())


@dataclass(frozen=True)
class Multiverse:
    """One entry per fit in every array; ``choices`` maps each dimension to the option taken by each fit.

    ``skipped`` names the data sets that could not be fitted, ``not_used`` the rows that stood behind the
    first of their study in those that were.
    """

    choices: dict[str, tuple[str, ...]]
    estimate: Floats
    se: Floats
    ci_low: Floats
    ci_high: Floats
    p_value: Floats
    tau2: Floats
    k: Floats
    skipped: tuple[str, ...]
    not_used: tuple[str, ...] = ()

    @property
    def size(self) -> int:
        """The number of fits."""
        return int(self.estimate.size)

    def summary(self) -> dict[str, float]:
        """The median, the range, and the shares of fits that are positive, negative and significant."""
        significant = self.p_value < 0.05
        return {
            "fits": float(self.size),
            "median": float(np.median(self.estimate)),
            "lowest": float(self.estimate.min()),
            "highest": float(self.estimate.max()),
            "share_negative": float((self.estimate < 0).mean()),
            "share_significant": float(significant.mean()),
            "share_significant_negative": float((significant & (self.estimate < 0)).mean()),
        }

    def by_choice(self) -> dict[str, dict[str, float]]:
        """The median estimate under each option of each dimension."""
        answer = {}
        for name, taken in self.choices.items():
            options = np.array(taken, dtype=object)
            answer[name] = {
                str(option): float(np.median(self.estimate[options == option]))
                for option in dict.fromkeys(taken)
            }
        return answer

    def leverage(self) -> dict[str, float]:
        """The share of the estimates' variance that each dimension explains alone: which choice matters."""
        total = float(self.estimate.var())
        shares = {}
        for name, taken in self.choices.items():
            codes = np.unique(np.array(taken, dtype=str), return_inverse=True)[1]
            means = np.bincount(codes, self.estimate) / np.bincount(codes)
            shares[name] = float(means[codes].var()) / total if total > 0 else 0.0
        return shares

    def locate(self, estimate: float) -> float:
        """The share of fits below a (published) estimate: where it lies on the curve."""
        return float((self.estimate < estimate).mean())


def multiverse(
    variants: Iterable[Variant],
    *,
    methods: Sequence[str] = ("CE", *RANDOM_METHODS),
    tests: Sequence[str] = ("z", "knha", "adhoc"),
    level: float = 0.95,
) -> Multiverse:
    """Fit every variant with every method and test.

    Variants with fewer than two studies are not fitted; they are named in ``skipped``, because an analysis
    that
    is impossible is an answer too.
    """
    everything = list(variants)
    able = [variant for variant in everything if len(variant.yi) > 1]
    if not able:
        raise InputError(
            "no variant has two studies", value=len(everything), remedy="there is nothing to pool: say so"
        )
    width = max(len(variant.yi) for variant in able)
    y, v = np.full((len(able), width), np.nan), np.full((len(able), width), np.nan)
    for row, variant in enumerate(able):
        y[row, : len(variant.yi)], v[row, : len(variant.vi)] = variant.yi, variant.vi
    fits = {(m, t): pool_many(y, v, m, t, level=level) for m in methods for t in tests}
    names = list(dict.fromkeys(name for variant in able for name in variant.choices))
    choices = {name: tuple(variant.choices.get(name, "") for variant in able) * len(fits) for name in names}
    choices["method"] = tuple(m for m, _ in fits for _ in able)
    choices["test"] = tuple(t for _, t in fits for _ in able)

    def column(name: str) -> Floats:
        return np.concatenate([getattr(fit, name) for fit in fits.values()])

    return Multiverse(
        choices=choices,
        estimate=column("estimate"),
        se=column("se"),
        ci_low=column("ci_low"),
        ci_high=column("ci_high"),
        p_value=column("p_value"),
        tau2=column("tau2"),
        k=column("k"),
        skipped=tuple(variant.name for variant in everything if len(variant.yi) < 2),
        not_used=tuple(
            f"{variant.name}: {study}, {count} more {'row' if count == 1 else 'rows'}"
            for variant in able
            for study, count in variant.not_used.items()
        ),
    )


def variants_of(
    rows: Sequence[Mapping[str, Any]],
    *,
    study: str = "study",
    choose: Mapping[str, Sequence[str]] | None = None,
    include: Mapping[str, Callable[[Mapping[str, Any]], bool]] | None = None,
    correlations: Sequence[float] = (),
) -> list[Variant]:
    """All variants of a table with several results per study.

    Parameters
    ----------
    rows : each with ``study``, ``yi``, ``vi`` and the columns named in ``choose``. With ``correlations``,
    ``yi``
        and ``vi`` may be functions of the assumed pre-post correlation.
    choose : column to the options it may take; a variant keeps the rows with one option of each column.
        ``any`` as option keeps all.
    include : name to a rule that says whether a row is kept; each rule is one option of dimension
    ``inclusion``.

    Notes
    -----
    Where more than one row of a study is left, the first counts (order rows by preference) and the variant
    says how many came after it.
    """
    dimensions = dict(choose or {})
    rules = dict(include or {"all": lambda row: True})
    variants: dict[tuple[Any, ...], Variant] = {}
    for wanted, rule, r in itertools.product(
        itertools.product(*dimensions.values()), rules, correlations or (None,)
    ):
        kept: dict[Any, Mapping[str, Any]] = {}
        fitting: Counter[Any] = Counter()
        for row in rows:
            fits = all(
                option in ("any", str(row[column])) for column, option in zip(dimensions, wanted, strict=True)
            )
            if fits and rules[rule](row):
                kept.setdefault(row[study], row)
                fitting[row[study]] += 1
        chosen = dict(zip(dimensions, wanted, strict=True)) | {"inclusion": rule}
        if r is not None:
            chosen["correlation"] = f"{r:g}"
        values = [tuple(_at(row[name], r) for name in ("yi", "vi")) for row in kept.values()]
        numbers = as_numbers(values, "yi, vi").reshape(-1, 2)
        behind = {str(name): count - 1 for name, count in fitting.items() if count > 1}
        variants[tuple(chosen.values())] = Variant(chosen, numbers[:, 0], numbers[:, 1], behind)
    return list(variants.values())


def _at(value: Any, r: float | None) -> Any:
    return value(r) if callable(value) else value


def variant(choices: Mapping[str, str], yi: ArrayLike, vi: ArrayLike) -> Variant:
    """A variant from plain lists."""
    return Variant(dict(choices), as_numbers(yi, "yi"), as_numbers(vi, "vi"))
