"""Exponentials of many compartment matrices at once, accurate in every single entry.

A compartment matrix has no negative entry off its diagonal. Shifted by its largest outflow it has none at
all, so its Taylor series and the squarings that follow add and multiply only numbers that are not
negative: nothing cancels. Equal, nearly equal and stiff rate constants are therefore not special cases,
and a concentration that has decayed by ten orders of magnitude is still right to its last digits.

Source: the shifted Taylor series with scaling and squaring for essentially non-negative matrices,
J. Xue and Q. Ye, Math. Comp. 82 (2013) 1577, section 3; truncation chosen for the norm bound below.
"""

from __future__ import annotations

from math import ceil, log2

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

# With the scaled norm at most one, the terms left out are below 1e-10 of an entry that is reached after
# as many steps as a chain of this many compartments has.
_LARGEST_NORM = 1.0
_SHORT_CHAIN = 6


def exponentials(rates: Array, duration: Array | float) -> Array:
    """``exp(rates * duration)`` for each matrix.

    Parameters
    ----------
    rates : shape (people, states, states), 1/min; entries off the diagonal must not be negative.
    duration : minutes, one number or shape (people,); not negative.

    Returns
    -------
    Shape (people, states, states), dimensionless, no negative entry.
    """
    people, states, _ = rates.shape
    if people == 0:
        return np.zeros_like(rates)
    minutes = np.broadcast_to(np.asarray(duration, dtype=float), (people,))
    outflow = -np.einsum("pii->pi", rates).min(axis=1)
    shifted = rates + outflow[:, None, None] * np.eye(states)
    largest = float((shifted.sum(axis=1).max(axis=1) * minutes).max())
    squarings = max(0, ceil(log2(largest / _LARGEST_NORM))) if largest > 0 else 0
    step = minutes / 2.0**squarings
    answer = _taylor(shifted * step[:, None, None], terms=16 if states <= _SHORT_CHAIN else 20)
    answer *= np.exp(-outflow * step)[:, None, None]
    for _ in range(squarings):
        answer = answer @ answer
    return answer


def _taylor(matrices: Array, *, terms: int) -> Array:
    """The series up to the power ``terms`` (a multiple of four), four powers at a time."""
    one = np.eye(matrices.shape[-1])
    second = matrices @ matrices
    third = second @ matrices
    fourth = second @ second
    weights = [1.0]
    for power in range(1, terms + 1):
        weights.append(weights[-1] / power)
    total = weights[terms] * fourth
    for base in range(terms - 4, -1, -4):
        total += (
            weights[base] * one
            + weights[base + 1] * matrices
            + weights[base + 2] * second
            + weights[base + 3] * third
        )
        if base:
            total = total @ fourth
    return total
