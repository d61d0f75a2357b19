"""The (restricted) likelihood of tau2, its score and slope, and the search for its global maximum.

The score may have several roots, so a climb from one start can end on the wrong hill. Here all downward
crossings are bracketed on a grid and compared, with the boundary 0. Why the grid suffices: as functions of
u = log(tau2 + min vi) all weights 1/(vi + tau2) are logistic curves of unit width, so steps of 0.3 see every
feature; and a pair of roots missed between two points could only be a hill lower than its neighbour by almost
nothing. The grid ends where a bound proves the score negative: with s2 the residual variance of the
unweighted
fit, tr(P) >= (k-p)/(vmax+t) and y'PPy <= (k-p) s2/(vmin+t)^2.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from openkap.evidence.estimates import Floats

GRID_STEP = 0.3
REFINED_POINTS = 17
# A Newton step this small (relative to tau2 + min vi) leaves an error of its square: rounding.
STEP_TOLERANCE = 1e-8
MAX_STEPS = 100
LOG_2PI = float(np.log(2 * np.pi))


class MeanLikelihood:
    """One mean for all studies: everything is a handful of weighted sums.

    ``y`` and ``v`` have shape (..., k); ``t``, the value of tau2, has shape (...) or is a float when they are
    (k,). ``on`` is 1 for the studies that are there and 0 for the padding of shorter data sets.
    """

    p = 1

    def __init__(self, y: Floats, v: Floats, on: Floats | None = None) -> None:
        self.y, self.v, self.on = y, v, on
        self.k: Any = y.shape[-1] if on is None else on.sum(-1)

    def range(self, restricted: bool) -> tuple[Any, Any]:
        """The smallest variance, and the tau2 beyond which the score is negative."""
        y, v, on = self.y, self.v, self.on
        low, high = v.min(-1), v.max(-1)
        residual = y - (y.sum(-1) / self.k)[..., None]
        if on is not None:
            residual *= on
            low, high = np.where(on > 0, v, np.inf).min(-1), np.where(on > 0, v, 0.0).max(-1)
        squares = np.vecdot(residual, residual)
        return low, upper_bound(squares / (self.k - restricted), high - low) - low

    def weights(self, t: Any) -> Any:
        """The weights 1/(v + t), 0 for absent studies."""
        w = 1.0 / (self.v + (t if np.ndim(t) == 0 else t[..., None]))
        return w if self.on is None else w * self.on

    def score(self, t: Any, restricted: bool) -> tuple[Any, Any]:
        """Twice the score, y'PPy - tr(P) (restricted) or y'PPy - tr(W), and its slope in tau2."""
        w = self.weights(t)
        s1, s2 = w.sum(-1), np.vecdot(w, w)
        mean = np.vecdot(w, self.y) / s1
        wr = w * (self.y - (mean if w.ndim == 1 else mean[..., None]))
        q2, a, q3 = np.vecdot(wr, wr), np.vecdot(w, wr), np.vecdot(w * wr, wr)
        value, slope = q2 - s1, s2 - 2 * q3 + 2 * a * a / s1
        if restricted:
            share = s2 / s1
            value, slope = value + share, slope - 2 * np.vecdot(w * w, w) / s1 + share * share
        return value, slope

    def generalised_q(self, t: Any) -> tuple[Any, Any]:
        """Q(t) = y'Py and minus its slope, y'PPy."""
        w = self.weights(t)
        mean = np.vecdot(w, self.y) / w.sum(-1)
        r = self.y - (mean if w.ndim == 1 else mean[..., None])
        w *= r
        return np.vecdot(w, r), np.vecdot(w, w)

    def loglik(self, t: Any, restricted: bool) -> Any:
        """The log-likelihood; restricted: with the same constant as metafor."""
        w = self.weights(t)
        total = w.sum(-1)
        r = self.y - np.expand_dims(np.vecdot(w, self.y) / total, -1)
        logs = np.log(w if self.on is None else np.where(self.on > 0, w, 1.0)).sum(-1)
        twice = logs - np.vecdot(w * r, r) - self.k * LOG_2PI
        return (twice + np.log(self.k / total) + LOG_2PI) / 2 if restricted else twice / 2


class RegressionLikelihood:
    """Moderators: the same quantities by small matrices; ``y`` and ``v`` are (k,), ``x`` is (k, p).

    ``x`` is replaced by an orthonormal basis of its columns, which changes no quantity here and keeps
    the small systems well conditioned.
    """

    def __init__(self, y: Floats, v: Floats, x: Floats) -> None:
        self.y, self.v = y, v
        self.k, self.p = x.shape
        self.basis = np.linalg.qr(x)[0]
        self.products = (self.basis[:, :, None] * self.basis[:, None, :]).reshape(self.k, -1)

    def range(self, restricted: bool) -> tuple[Any, Any]:
        """The smallest variance, and the tau2 beyond which the score is negative."""
        low, high = self.v.min(), self.v.max()
        residual = self.y - self.basis @ (self.basis.T @ self.y)
        s2 = residual.dot(residual) / (self.k - self.p * restricted)
        return low, upper_bound(s2, high - low) - low

    def _fit(self, t: Any) -> tuple[Any, Any, Any]:
        w = 1.0 / (self.v + (t if np.ndim(t) == 0 else t[..., None]))
        inverse = np.linalg.inv(self._gram(w))
        beta = np.einsum("...ij,...j->...i", inverse, (w * self.y) @ self.basis)
        return w, inverse, self.y - beta @ self.basis.T

    def _gram(self, w: Any) -> Any:
        return (w @ self.products).reshape((*w.shape[:-1], self.p, self.p))

    def score(self, t: Any, restricted: bool) -> tuple[Any, Any]:
        """Twice the score, and its slope in tau2."""
        w, inverse, r = self._fit(t)
        wr = w * r
        a = (w * wr) @ self.basis
        q3 = np.einsum("...k,...k->...", w * wr, wr) - np.einsum("...i,...ij,...j->...", a, inverse, a)
        value = np.einsum("...k,...k->...", wr, wr) - w.sum(-1)
        slope = (w * w).sum(-1) - 2 * q3
        if restricted:
            m = self._gram(w * w) @ inverse
            third = np.einsum("...ij,...ji->...", self._gram(w**3), inverse)
            value = value + np.einsum("...ii->...", m)
            slope = slope - 2 * third + np.einsum("...ij,...ji->...", m, m)
        return value, slope

    def generalised_q(self, t: Any) -> tuple[Any, Any]:
        """Q(t) = y'Py and minus its slope, y'PPy."""
        w, _, r = self._fit(t)
        wr = w * r
        return np.einsum("...k,...k->...", wr, r), np.einsum("...k,...k->...", wr, wr)

    def loglik(self, t: Any, restricted: bool) -> Any:
        """The log-likelihood; restricted: with the same constant as metafor."""
        w, inverse, r = self._fit(t)
        twice = np.log(w).sum(-1) - np.einsum("...k,...k,...k->...", w, r, r)
        if restricted:
            twice = twice + np.linalg.slogdet(inverse)[1]
        return (twice - (self.k - self.p * restricted) * LOG_2PI) / 2


def upper_bound(s2: Any, spread: Any) -> Any:
    """The least vmin + tau2 for which (vmin + t)^2 > s2 (vmax + t), with spread = vmax - vmin.

    With equal variances this is the root of the score itself, and a rounding error would leave it outside:
    the bound is moved out by more than any rounding, and by less than a step of the search.
    """
    return (s2 + np.sqrt(s2 * s2 + 4 * s2 * spread)) / 2 * (1 + 1e-9)


def grid_of(low: Any, upper: Any) -> Any:
    """Values of tau2 from 0 to ``upper``, even in log(tau2 + low); shape (..., points)."""
    reach = np.log1p(upper / low)
    points = max(6, int(reach.max() / GRID_STEP) + 2)
    steps = np.arange(points) / (points - 1)
    return low[..., None] * np.expm1(reach[..., None] * steps)


def maximise(model: Any, restricted: bool) -> tuple[float, int]:
    """The global maximum of one data set's likelihood over tau2 >= 0, and the Newton steps it took."""
    low, upper = model.range(restricted)
    if not upper > 0:
        return 0.0, 0
    t = grid_of(low, upper)
    f, slope = model.score(t, restricted)
    turns = np.flatnonzero(hidden_turn(f, slope))
    if turns.size:
        extra = np.concatenate([np.linspace(t[i], t[i + 1], REFINED_POINTS)[1:-1] for i in turns])
        t = np.sort(np.concatenate([t, extra]))
        f, _ = model.score(t, restricted)
    steps = 0
    candidates = [0.0] if f[0] <= 0 else []
    for i in np.flatnonzero((f[:-1] > 0) & (f[1:] <= 0)).tolist():
        root, used = crossing(model, restricted, float(low), t[i : i + 2].tolist(), f[i : i + 2].tolist())
        candidates.append(root)
        steps = max(steps, used)
    if len(candidates) > 1:
        candidates.sort(key=lambda each: -float(model.loglik(each, restricted)))
    return candidates[0], steps


def hidden_turn(f: Any, slope: Any) -> Any:
    """Between which neighbours the score keeps its sign but turns towards zero and back."""
    left, right = f[..., :-1], f[..., 1:]
    towards = (left * slope[..., :-1] < 0) & (right * slope[..., 1:] > 0)
    return towards & (left * right > 0)


def crossing(
    model: Any, restricted: bool, low: float, between: Sequence[float], values: Sequence[float]
) -> tuple[float, int]:
    """The root of the score between two values of tau2, by Newton's method that cannot leave the bracket."""
    a, b = between
    t = a + (b - a) * values[0] / (values[0] - values[1])
    for step in range(1, MAX_STEPS):
        f, slope = model.score(t, restricted)
        if f > 0:
            a = t
        else:
            b = t
        new = t - float(f / slope) if slope < 0 else a
        if a < new < b:
            if abs(new - t) <= STEP_TOLERANCE * (new + low):
                return new, step
        else:
            if b - a <= 1e-15 * (b + low) or f == 0:
                return t, step
            new = (a + b) / 2
        t = new
    return t, MAX_STEPS


def maximise_many(model: MeanLikelihood, restricted: bool) -> Floats:
    """The global maximum for each row of ``model.y`` (n, k)."""
    low, upper = model.range(restricted)
    best = np.zeros(low.shape[0])
    rows = np.flatnonzero(upper > 0)
    if not rows.size:
        return best
    t = grid_of(low[rows], upper[rows])
    f, slope = _many(model, rows, grid=True).score(t, restricted)
    where, at = np.nonzero((f[:, :-1] > 0) & (f[:, 1:] <= 0))
    brackets = [(rows[where], t[where, at], t[where, at + 1])]
    row, cell = np.nonzero(hidden_turn(f, slope))
    if row.size:
        brackets.append(_brackets_within(model, restricted, rows[row], t[row, cell], t[row, cell + 1]))
    owner, a, b = (np.concatenate(part) for part in zip(*brackets, strict=True))
    roots = crossings(_many(model, owner), restricted, low[owner], a, b)
    return _best_of(model, restricted, owner, roots, at_zero=rows[f[:, 0] <= 0])


def _many(model: MeanLikelihood, rows: Any, grid: bool = False) -> MeanLikelihood:
    at: Any = (rows, None) if grid else rows
    return MeanLikelihood(model.y[at], model.v[at], None if model.on is None else model.on[at])


def _brackets_within(model: MeanLikelihood, restricted: bool, owner: Any, a: Any, b: Any) -> Any:
    t = a[:, None] + (b - a)[:, None] * np.linspace(0, 1, REFINED_POINTS)
    f, _ = _many(model, owner, grid=True).score(t, restricted)
    where, at = np.nonzero((f[:, :-1] > 0) & (f[:, 1:] <= 0))
    return owner[where], t[where, at], t[where, at + 1]


def crossings(model: MeanLikelihood, restricted: bool, low: Floats, a: Floats, b: Floats) -> Floats:
    """Many roots of the score at once; each Newton step stays inside its bracket."""
    t = (a + b) / 2
    root = t.copy()
    rows = np.arange(t.size)
    for _ in range(MAX_STEPS):
        f, slope = model.score(t, restricted)
        positive = f > 0
        a, b = np.where(positive, t, a), np.where(positive, b, t)
        with np.errstate(divide="ignore", invalid="ignore"):
            new = t - f / slope
        inside = (slope < 0) & (a < new) & (new < b)
        new = np.where(inside, new, np.where(f == 0, t, (a + b) / 2))
        done = (
            (inside & (np.abs(new - t) <= STEP_TOLERANCE * (new + low)))
            | (b - a <= 1e-15 * (b + low))
            | (f == 0)
        )
        root[rows] = new
        if done.all():
            break
        t = new
        if done.mean() > 0.3:
            going = ~done
            rows, low, a, b, t, model = (
                rows[going],
                low[going],
                a[going],
                b[going],
                t[going],
                _many(model, going),
            )
    return root


def _best_of(model: MeanLikelihood, restricted: bool, owner: Any, roots: Any, at_zero: Any) -> Floats:
    best = np.zeros(model.y.shape[0])
    counts = np.bincount(owner, minlength=best.size)
    counts[at_zero] += 1
    lone = counts[owner] == 1
    best[owner[lone]] = roots[lone]
    if not lone.all():
        rivals = np.concatenate([owner[~lone], at_zero[counts[at_zero] > 1]])
        values = np.concatenate([roots[~lone], np.zeros(rivals.size - (~lone).sum())])
        order = np.argsort(_many(model, rivals).loglik(values, restricted), kind="stable")
        best[rivals[order]] = values[order]
    return best
