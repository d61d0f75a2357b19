"""The exact solution of linear models under piecewise-constant input.

Between two breaks (a bolus, a pump that starts, changes or stops, a zero-order release that begins or
ends) the amounts obey ``dx/dt = A x + input`` with constant input, so the matrix exponential carries the
state over; no step size, no tolerance. The input rates are states of their own whose derivative is zero,
which makes infusions part of the same exponential.

On evenly spaced times a run of ``L`` points costs about ``2 * log2(L)`` small matrix products instead of
``L`` of them: rows ``C E^b`` and states ``E^(B a) x`` are made by doubling, and their product holds
``C E^(a B + b) x`` for all points at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from math import ceil, log2

import numpy as np
from numpy.typing import NDArray

from openkap.pharmacology.exponential import exponentials

Array = NDArray[np.float64]

# People solved together: their matrices and rows then stay inside the processor's cache.
PEOPLE_AT_ONCE = 250
# Below this many evenly spaced points plain stepping is as quick.
_SHORT_RUN = 4
# Exponentials remembered at a time; each holds a matrix for every person of a group.
_KEPT = 64


@dataclass(frozen=True)
class LinearSystem:
    """Matrices of many people for one model.

    ``rates`` (people, states, states) in 1/min; ``outputs`` (people, quantities, states) turns amounts in
    mg into what is reported; ``infused`` lists the states that take constant-rate input.
    """

    rates: Array
    outputs: Array
    infused: tuple[int, ...]

    def __post_init__(self) -> None:
        off_diagonal = self.rates * (1 - np.eye(self.rates.shape[-1]))
        assert off_diagonal.min(initial=0.0) >= 0, "rates off the diagonal must not be negative"


@dataclass(frozen=True)
class Jump:
    """An amount (mg, per person) that enters a state at a time (min, per person)."""

    state: int
    time_min: Array
    amount_mg: Array


@dataclass(frozen=True)
class Inflow:
    """A constant rate (mg/min, per person) into a state from ``start_min`` to ``stop_min``."""

    state: int
    start_min: Array
    stop_min: Array
    rate_mg_min: Array


def solve(
    system: LinearSystem,
    jumps: Sequence[Jump],
    inflows: Sequence[Inflow],
    times_min: Array,
    *,
    workers: int = 1,
) -> Array:
    """What the system reports at each time, for each person.

    Parameters
    ----------
    system : the matrices.
    jumps, inflows : the input; each time, amount and rate has shape (people,).
    times_min : shape (times,), increasing. A value at the time of a jump includes the jump.
    workers : threads; the array products run outside the interpreter lock.

    Returns
    -------
    Shape (people, quantities, times).
    """
    people = system.rates.shape[0]
    answer = np.empty((people, system.outputs.shape[1], len(times_min)))
    parts = [slice(low, min(low + PEOPLE_AT_ONCE, people)) for low in range(0, people, PEOPLE_AT_ONCE)]

    def one(part: slice) -> None:
        _Solution(system, jumps, inflows, part).fill(times_min, answer[part])

    if len(parts) == 1 or workers == 1:
        for part in parts:
            one(part)
    else:
        with ThreadPoolExecutor(workers) as pool:
            list(pool.map(one, parts))
    return answer


class _Solution:
    """The march of one group of people through the breaks and the wanted times."""

    def __init__(
        self, system: LinearSystem, jumps: Sequence[Jump], inflows: Sequence[Inflow], part: slice
    ) -> None:
        self.people, self.states, _ = system.rates[part].shape
        self.infused = system.infused
        size = self.states + len(self.infused)
        self.rates = np.zeros((self.people, size, size))
        self.rates[:, : self.states, : self.states] = system.rates[part]
        for column, state in enumerate(self.infused):
            self.rates[:, state, self.states + column] = 1.0
        self.rows = np.zeros((self.people, system.outputs.shape[1], size))
        self.rows[:, :, : self.states] = system.outputs[part]
        self.jumps = [Jump(each.state, each.time_min[part], each.amount_mg[part]) for each in jumps]
        self.inflows = [
            Inflow(each.state, each.start_min[part], each.stop_min[part], each.rate_mg_min[part])
            for each in inflows
        ]
        self.state = np.zeros((self.people, size, 1))
        self._known: dict[float, list[Array]] = {}

    def fill(self, times: Array, answer: Array) -> None:
        """Write the reported quantities at ``times`` into ``answer`` (people, quantities, times)."""
        shared, own = self._breaks()
        every = np.concatenate([times[:1], shared, own.min(axis=1, initial=np.inf)])
        start = float(every.min(initial=np.inf))
        grid = np.union1d(np.union1d(times, shared[shared <= times[-1]]), [start])
        wanted = np.full(len(grid), -1)
        wanted[np.searchsorted(grid, times)] = np.arange(len(times))
        is_break = np.isin(grid, shared)
        has_own = np.zeros(len(grid), dtype=bool)
        if own.size:
            inside = own[(own > start) & (own <= grid[-1])]
            has_own[np.unique(np.searchsorted(grid, inside, side="left"))] = True
        everybody = np.arange(self.people)
        self._enter(everybody, np.full(self.people, start))
        if wanted[0] >= 0:
            answer[:, :, wanted[0]] = (self.rows @ self.state)[:, :, 0]
        at = 0
        for length in _runs(grid, is_break, has_own):
            if length >= _SHORT_RUN:
                points = self._run((grid[at + length] - grid[at]) / length, length)
                first, last = wanted[at + 1], wanted[at + length]
                if first >= 0 and last - first == length - 1:
                    answer[:, :, first : last + 1] = points[:, :, 1:]
                else:
                    asked = wanted[at + 1 : at + length + 1]
                    answer[:, :, asked[asked >= 0]] = points[:, :, 1:][:, :, asked >= 0]
            else:
                self._step(grid[at], grid[at + 1], own if has_own[at + 1] else None)
            at += length
            if is_break[at]:
                self._enter(everybody, np.full(self.people, grid[at]))
            if (length < _SHORT_RUN or is_break[at]) and wanted[at] >= 0:
                answer[:, :, wanted[at]] = (self.rows @ self.state)[:, :, 0]

    def _breaks(self) -> tuple[Array, Array]:
        """Times at which everybody's input changes (sorted), and the others, (kinds, people)."""
        columns = [each.time_min for each in self.jumps]
        for each in self.inflows:
            columns += [each.start_min, each.stop_min]
        common = [column[0] for column in columns if column.max() == column.min()]
        rest = [column for column in columns if column.max() != column.min()]
        own = np.sort(np.stack(rest), axis=0) if rest else np.empty((0, self.people))
        return np.unique(np.asarray(common, dtype=float)), own

    def _enter(self, who: NDArray[np.int64], now: Array) -> None:
        """Apply what happens to ``who`` at their times ``now``: amounts enter, rates are set anew.

        Rates are summed from what is running, never added and taken away again: a pump that stopped
        leaves exactly nothing behind.
        """
        for each in self.jumps:
            self.state[who, each.state, 0] += np.where(each.time_min[who] == now, each.amount_mg[who], 0.0)
        for column, state in enumerate(self.infused):
            rate = np.zeros(len(who))
            for inflow in self.inflows:
                if inflow.state == state:
                    runs = (inflow.start_min[who] <= now) & (now < inflow.stop_min[who])
                    rate += np.where(runs, inflow.rate_mg_min[who], 0.0)
            self.state[who, self.states + column, 0] = rate

    def _over(self, minutes: float, doublings: int = 0) -> Array:
        """The exponential over ``minutes * 2**doublings``; kept, as runs of one spacing share it."""
        if minutes not in self._known:
            if len(self._known) > _KEPT:
                self._known.clear()
            self._known[minutes] = [exponentials(self.rates, minutes)]
        powers = self._known[minutes]
        while len(powers) <= doublings:
            powers.append(powers[-1] @ powers[-1])
        return powers[doublings]

    def _step(self, begin: float, end: float, own: Array | None) -> None:
        """From one grid time to the next, stopping at the breaks that some people have of their own."""
        if own is None:
            self.state = self._over(end - begin) @ self.state
            return
        inside = (own > begin) & (own <= end)
        with_break = inside.any(axis=0)
        plain = np.flatnonzero(~with_break)
        if plain.size:
            over = self._over(end - begin) if plain.size * 2 > self.people else None
            matrices = exponentials(self.rates[plain], end - begin) if over is None else over[plain]
            self.state[plain] = matrices @ self.state[plain]
        who = np.flatnonzero(with_break)
        now = np.full(who.size, begin)
        stops = np.sort(np.where(inside[:, who], own[:, who], np.inf), axis=0)
        for stop in stops:
            halts = np.isfinite(stop)
            if not halts.any():
                break
            some, until = who[halts], stop[halts]
            self.state[some] = exponentials(self.rates[some], until - now[halts]) @ self.state[some]
            self._enter_once(some, until, moved=until > now[halts])
            now[halts] = until
        self.state[who] = exponentials(self.rates[who], end - now) @ self.state[who]

    def _enter_once(self, who: NDArray[np.int64], now: Array, *, moved: NDArray[np.bool_]) -> None:
        """As ``_enter``, but two breaks of one person at the same moment count as one."""
        if moved.any():
            self._enter(who[moved], now[moved])

    def _run(self, minutes: float, length: int) -> Array:
        """All points 0..length of an evenly spaced run; moves the state to its last point."""
        depth = ceil(log2(length + 1) / 2)
        rows = self.rows
        for doublings in range(depth):
            rows = np.concatenate([rows, rows @ self._over(minutes, doublings)], axis=1)
        inner, quantities = 2**depth, self.rows.shape[1]
        outer = length // inner + 1
        states, doublings = self.state, depth
        while states.shape[2] < outer:
            wanted = states[:, :, : outer - states.shape[2]]
            states = np.concatenate([states, self._over(minutes, doublings) @ wanted], axis=2)
            doublings += 1
        # Point a * inner + b of quantity q: state a times row b of q; the layout is the answer's own.
        left = np.ascontiguousarray(states.transpose(0, 2, 1))[:, None]
        right = rows.reshape(self.people, inner, quantities, -1).transpose(0, 2, 3, 1)
        points: Array = left @ np.ascontiguousarray(right)
        last_outer, last_inner = divmod(length, inner)
        self.state = states[:, :, last_outer : last_outer + 1]
        for bit in range(last_inner.bit_length()):
            if last_inner >> bit & 1:
                self.state = self._over(minutes, bit) @ self.state
        # The slice above is a view, and entering doses writes into the state.
        self.state = np.ascontiguousarray(self.state)
        return points.reshape(self.people, quantities, outer * inner)[:, :, : length + 1]


def _runs(grid: Array, is_break: NDArray[np.bool_], has_own: NDArray[np.bool_]) -> list[int]:
    """Lengths (in intervals) of evenly spaced stretches without a break inside; else single intervals."""
    gaps = np.diff(grid)
    lengths: list[int] = []
    at = 0
    while at < len(gaps):
        end = at
        # Spacing that differs only by the rounding of the times themselves counts as even.
        rounding = 4 * np.spacing(max(abs(grid[at]), abs(grid[-1])))
        while (
            end < len(gaps)
            and not has_own[end + 1]
            and abs(gaps[end] - gaps[at]) <= rounding
            and (end == at or not is_break[end])
        ):
            end += 1
        length = end - at
        if length >= _SHORT_RUN:
            lengths.append(length)
            at = end
        else:
            lengths.append(1)
            at += 1
    return lengths
