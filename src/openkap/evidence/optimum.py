"""The maximum of a likelihood in several variance parameters, with derivatives by complex steps."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np

from openkap.evidence.estimates import Floats

# Fractions of the effects' variance where the search for a start looks, for each component.
START_FRACTIONS = (0.0, 0.05, 0.25, 1.0)
STARTS_KEPT = 2
COMPLEX_STEP = 1e-30
HESSIAN_STEP = 1e-5
MAX_STEPS = 100
STEP_TOLERANCE = 1e-9
# Gains below the rounding of the likelihood itself cannot be judged.
ROUNDING = 1e-13


def gradient(function: Callable[[Any], Any], theta: Floats) -> Floats:
    """The gradient without cancellation: the imaginary part of a step along the imaginary axis."""
    slopes = np.empty(theta.size)
    for i in range(theta.size):
        point = theta.astype(complex)
        point[i] += 1j * COMPLEX_STEP
        slopes[i] = np.imag(function(point)) / COMPLEX_STEP
    return slopes


def hessian(function: Callable[[Any], Any], theta: Floats, scale: float, positive: Any) -> Floats:
    """Second derivatives by central differences of the gradient (one-sided at a bound)."""
    matrix = np.empty((theta.size, theta.size))
    for i in range(theta.size):
        step = HESSIAN_STEP * (abs(theta[i]) + 1e-2 * scale)
        up, down = theta.copy(), theta.copy()
        up[i] += step
        down[i] = max(0.0, theta[i] - step) if positive[i] else theta[i] - step
        matrix[i] = (gradient(function, up) - gradient(function, down)) / (up[i] - down[i])
    return (matrix + matrix.T) / 2


def maximise_variances(
    loglik: Callable[[Any], Any],
    size: int,
    scale: float,
    starts: Callable[[float], list[Floats]] | None = None,
    positive: Any = None,
) -> tuple[Floats, float, Floats, bool]:
    """The maximum over ``size`` parameters, its value, the Hessian there, and whether it converged.

    ``positive`` marks parameters that may not leave 0; all of them when None.
    """
    bounded = np.ones(size, bool) if positive is None else np.asarray(positive)
    scale = scale if scale > 0 else 1.0
    if starts is None:
        points = [scale * np.array(each) for each in itertools.product(START_FRACTIONS, repeat=size)]
    else:
        points = starts(scale)
    ranked = sorted(points, key=lambda point: -float(loglik(point)))[:STARTS_KEPT]
    ends = [climb(loglik, start, scale, bounded) for start in ranked]
    theta, value, converged = max(ends, key=lambda end: end[1])
    return theta, value, hessian(loglik, theta, scale, bounded), converged


def climb(
    loglik: Callable[[Any], Any], theta: Floats, scale: float, positive: Any
) -> tuple[Floats, float, bool]:
    """Newton's method with halved steps; parameters at 0 that want to fall stay there."""
    value = float(loglik(theta))
    for _ in range(MAX_STEPS):
        slope = gradient(loglik, theta)
        free = ~(positive & (theta <= 0) & (slope <= 0))
        if not free.any():
            return theta, value, True
        curve = _forward_hessian(loglik, theta, slope, scale)[np.ix_(free, free)]
        step = np.zeros(theta.size)
        step[free] = _ascent(curve, slope[free])
        new, gained = _line(loglik, theta, step, value, positive)
        moved = np.abs(new - theta) <= STEP_TOLERANCE * (np.abs(theta) + 1e-6 * scale)
        theta, value = new, gained
        if moved.all():
            return theta, value, True
    return theta, value, False


def _forward_hessian(loglik: Callable[[Any], Any], theta: Floats, slope: Floats, scale: float) -> Floats:
    """Second derivatives from one side: enough to steer by, at half the price."""
    matrix = np.empty((theta.size, theta.size))
    for i in range(theta.size):
        step = HESSIAN_STEP * (abs(theta[i]) + 1e-2 * scale)
        up = theta.copy()
        up[i] += step
        matrix[i] = (gradient(loglik, up) - slope) / step
    return (matrix + matrix.T) / 2


def _ascent(curve: Floats, slope: Floats) -> Floats:
    values, vectors = np.linalg.eigh(curve)
    size = np.maximum(np.abs(values), 1e-12 * np.abs(values).max() + 1e-300)
    return np.asarray(vectors @ ((vectors.T @ slope) / size))


def _line(
    loglik: Callable[[Any], Any], theta: Floats, step: Floats, value: float, positive: Any
) -> tuple[Floats, float]:
    for halving in range(40):
        new = theta + step * 0.5**halving
        new = np.where(positive, np.maximum(new, 0.0), new)
        gained = float(loglik(new))
        if gained >= value - ROUNDING * (1 + abs(value)):
            return new, gained
    return theta, value
