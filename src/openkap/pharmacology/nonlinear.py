"""Numerical integration, only where saturation forbids the exact solution.

Two kinds of saturation: a transfer that slows as the concentration rises (Michaelis-Menten), and a share of
the absorbed drug lost as the plasma level rises (sigmoid Emax). SciPy's LSODA integrates between breaks, so
that no step straddles one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.integrate import solve_ivp

from openkap.pharmacology.disposition import Inflow, Jump, LinearSystem

Array = NDArray[np.float64]

# Far below the 1e-8 that the linear solution is held to; amounts are mg.
_RELATIVE, _ABSOLUTE_MG = 1e-10, 1e-14


@dataclass(frozen=True)
class Saturation:
    """The transfer at ``rates[to, begin]`` is divided by ``1 + C / km``; ``per_mg`` turns mg into C."""

    begin: int
    to: int | None
    rate: Array
    km: Array
    per_mg: Array


@dataclass(frozen=True)
class EntryLoss:
    """Of what enters ``into`` from ``begin`` (or at once, ``None``) the share C^h / (C^h + c50^h) is lost."""

    begin: int | None
    into: int
    rate: Array
    level_state: int
    per_mg: Array
    c50: Array
    hill: Array

    def kept(self, amounts: Array, person: int) -> float:
        """The share that reaches the blood at these amounts."""
        level = max(float(amounts[self.level_state] * self.per_mg[person]), 0.0)
        ratio = (level / float(self.c50[person])) ** float(self.hill[person])
        return float(1.0 / (1.0 + ratio))


def integrate(
    system: LinearSystem,
    jumps: Sequence[Jump],
    inflows: Sequence[Inflow],
    times_min: Array,
    saturations: Sequence[Saturation],
    losses: Sequence[EntryLoss],
) -> Array:
    """As ``disposition.solve``, one person after the other; shape (people, quantities, times)."""
    people = system.rates.shape[0]
    answer = np.empty((people, system.outputs.shape[1], len(times_min)))
    for person in range(people):
        states = _one(system, jumps, inflows, times_min, saturations, losses, person)
        answer[person] = system.outputs[person] @ states
    return answer


def _one(
    system: LinearSystem,
    jumps: Sequence[Jump],
    inflows: Sequence[Inflow],
    times: Array,
    saturations: Sequence[Saturation],
    losses: Sequence[EntryLoss],
    person: int,
) -> Array:
    rates = system.rates[person]

    def change(_: float, amounts: Array, entering: Array) -> Array:
        flow = rates @ amounts + entering
        for each in saturations:
            level = max(float(amounts[each.begin] * each.per_mg[person]), 0.0)
            full = float(each.rate[person]) * amounts[each.begin]
            held_back = full - full / (1 + level / float(each.km[person]))
            flow[each.begin] += held_back
            if each.to is not None:
                flow[each.to] -= held_back
        for loss in losses:
            if loss.begin is not None:
                gone = 1 - loss.kept(amounts, person)
                flow[loss.into] -= gone * float(loss.rate[person]) * amounts[loss.begin]
        return np.asarray(flow)

    moments = [float(each.time_min[person]) for each in jumps]
    moments += [float(t[person]) for each in inflows for t in (each.start_min, each.stop_min)]
    breaks = np.unique([*moments, times[0], times[-1]])
    breaks = breaks[breaks <= times[-1]]
    state = np.zeros(len(rates))
    found = np.zeros((len(rates), len(times)))
    for i, begin in enumerate(breaks):
        before = state.copy()
        for jump in jumps:
            if jump.time_min[person] == begin:
                at_once = [loss for loss in losses if loss.begin is None and loss.into == jump.state]
                kept = at_once[0].kept(before, person) if at_once else 1.0
                state[jump.state] += jump.amount_mg[person] * kept
        found[:, times == begin] = state[:, None]
        if i + 1 == len(breaks):
            break
        end = breaks[i + 1]
        entering = np.zeros(len(rates))
        for inflow in inflows:
            if inflow.start_min[person] <= begin < inflow.stop_min[person]:
                entering[inflow.state] += inflow.rate_mg_min[person]
        inside = times[(times > begin) & (times < end)]
        solved = solve_ivp(
            change,
            (begin, end),
            state,
            method="LSODA",
            t_eval=np.append(inside, end),
            args=(entering,),
            rtol=_RELATIVE,
            atol=_ABSOLUTE_MG,
        )
        assert solved.success, solved.message
        found[:, (times > begin) & (times < end)] = solved.y[:, :-1]
        state = solved.y[:, -1]
    return found
