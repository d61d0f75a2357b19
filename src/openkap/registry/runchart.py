"""Results over time, and the two signals that are worth a meeting: a long run, and too few crossings.

Source: Anhøj & Olesen 2014, doi:10.1371/journal.pone.0113825 (rules for shifts and crossings that hold the
false-alarm rate at about 5 % whatever the number of points).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

FEWEST_POINTS = 10


@dataclass(frozen=True)
class RunChart:
    """Points, their median, and whether they vary by more than chance."""

    labels: tuple[str, ...]
    values: tuple[float, ...]
    median: float
    useful: int
    longest_run: int
    longest_allowed: int
    crossings: int
    fewest_allowed: int

    @property
    def signals(self) -> tuple[str, ...]:
        """Sentences; none when there is no signal or too few points to tell."""
        if self.useful < FEWEST_POINTS:
            return ()
        found = []
        if self.longest_run > self.longest_allowed:
            found.append(
                f"a run of {self.longest_run} points on one side of the median "
                f"(chance allows {self.longest_allowed}): something shifted"
            )
        if self.crossings < self.fewest_allowed:
            found.append(
                f"only {self.crossings} crossings of the median (chance brings at least "
                f"{self.fewest_allowed}): "
                "the points do not vary by chance alone"
            )
        return tuple(found)


def run_chart(labels: Sequence[str], values: Sequence[float]) -> RunChart:
    """A run chart of values in order of time; points on the median count for neither side."""
    median = float(np.median(values))
    sides = [value > median for value in values if value != median]
    runs = 1 + sum(a != b for a, b in itertools.pairwise(sides)) if sides else 0
    longest, current = (1, 1) if sides else (0, 0)
    for before, now in itertools.pairwise(sides):
        current = current + 1 if before == now else 1
        longest = max(longest, current)
    n = len(sides)
    return RunChart(
        tuple(labels),
        tuple(values),
        median,
        n,
        longest,
        round(math.log2(n) + 3) if n else 0,
        max(runs - 1, 0),
        _fewest_crossings(n - 1) if n > 1 else 0,
    )


def _fewest_crossings(chances: int) -> int:
    """The fifth centile of a fair coin's heads: the least count that one in twenty does not exceed."""
    # Counted in whole numbers: a library of distributions takes longer to load than the report's statistics.
    ways = itertools.accumulate(math.comb(chances, heads) for heads in range(chances + 1))
    return next(heads for heads, so_far in enumerate(ways) if 20 * so_far >= 2**chances)
