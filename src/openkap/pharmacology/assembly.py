"""From a model, its individual parameters and a regimen to matrices and inputs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from openkap.pharmacology.disposition import Inflow, Jump, LinearSystem
from openkap.pharmacology.expression import Expression
from openkap.pharmacology.model import CompartmentModel
from openkap.pharmacology.nonlinear import EntryLoss, Saturation
from openkap.pharmacology.regimen import Dose, Regimen
from openkap.pharmacology.schema import Path

Array = NDArray[np.float64]

NG_ML_PER_MG_L = 1000.0
EFFECT_SITE = "effect_site"


@dataclass(frozen=True)
class Assembly:
    """The linear system of many people, its input, and the names of what it reports."""

    system: LinearSystem
    jumps: list[Jump]
    inflows: list[Inflow]
    states: list[str]
    reported: list[str]
    saturations: list[Saturation]
    losses: list[EntryLoss]


def assemble(
    model: CompartmentModel,
    values: dict[str, Array],
    regimen: Regimen,
    weight_kg: Array,
    *,
    ke0_per_min: Array | None = None,
    integrate: bool = False,
) -> Assembly:
    """The system of ``model`` for people with these parameter ``values`` (each of shape (people,)).

    Reported are the concentration of every analyte (ng/mL), then ``effect_site`` (ng/mL) when ``ke0`` is
    given, then with ``integrate`` the area under each concentration so far (ng/mL * min).
    """
    builder = _Builder(model, values, len(weight_kg))
    for dose in regimen.doses:
        model.require(dose.route)
    builder.disposition()
    for route in regimen.routes:
        builder.absorption(route)
    for dose in regimen.doses:
        builder.give(dose, weight_kg)
    return builder.finish(ke0_per_min, integrate=integrate)


class _Builder:
    def __init__(self, model: CompartmentModel, values: dict[str, Array], people: int) -> None:
        self.model, self.values, self.people = model, values, people
        self.states = list(model.file.compartments)
        self.flows: list[tuple[int, int | None, Array]] = []
        self.jumps: list[Jump] = []
        self.inflows: list[Inflow] = []
        self.entries: dict[tuple[str, str], int] = {}
        self.saturations: list[Saturation] = []
        self.losses: list[EntryLoss] = []

    def of(self, text: str) -> Array:
        return np.broadcast_to(Expression.parse(text).evaluate(self.values), (self.people,)).astype(float)

    def disposition(self) -> None:
        for flow in self.model.file.flows:
            to = None if flow.to == "out" else self.states.index(flow.to)
            begin, rate = self.states.index(flow.from_), self.of(flow.rate)
            self.flows.append((begin, to, rate))
            if flow.km is not None:
                per_mg = NG_ML_PER_MG_L / self._volume(flow.from_)
                self.saturations.append(Saturation(begin, to, rate, self.of(flow.km), per_mg))

    def _volume(self, compartment: str) -> Array:
        volume = self.model.file.compartments[compartment].volume
        assert volume is not None, "a saturable transfer starts where a concentration is known"
        return self.of(volume)

    def absorption(self, route: str) -> None:
        """Depots and transit chains of a route's paths, and where each path begins."""
        for path in self.model.paths(route):
            entry = self.states.index(path.into)
            if path.rate is not None:
                entry = self._chain(f"{route}_{path.name}_depot", entry, self.of(path.rate), 1)
            if path.transit is not None:
                count = path.transit.compartments
                rate = count / self.of(path.transit.mean_time)
                entry = self._chain(f"{route}_{path.name}_transit", entry, rate, count)
            self.entries[route, path.name] = entry
            if path.loss is not None:
                into = self.states.index(path.into)
                loss = EntryLoss(
                    begin=None if path.rate is None else self.states.index(f"{route}_{path.name}_depot_1"),
                    into=into,
                    rate=np.zeros(self.people) if path.rate is None else self.of(path.rate),
                    level_state=into,
                    per_mg=NG_ML_PER_MG_L / self._volume(path.into),
                    c50=self.of(path.loss.c50),
                    hill=self.of(path.loss.hill),
                )
                self.losses.append(loss)

    def _chain(self, name: str, into: int, rate: Array, count: int) -> int:
        for i in range(count):
            self.states.append(f"{name}_{count - i}")
            self.flows.append((len(self.states) - 1, into, rate))
            into = len(self.states) - 1
        return into

    def give(self, dose: Dose, weight_kg: Array) -> None:
        """Split a dose over its route's paths; devices after the first have a fraction of their own."""
        whole = dose.amount * weight_kg if dose.per_kg else np.full(self.people, dose.amount)
        for path in self.model.paths(dose.route):
            amount = self._fraction_of(path, whole, later=dose.later_device)
            lag = self.of(path.lag) if path.lag else np.zeros(self.people)
            over = self.of(path.over) if path.over else np.full(self.people, dose.over_min)
            self._enter(self.entries[dose.route, path.name], dose.start_min + lag, over, amount)

    def _fraction_of(self, path: Path, whole: Array, *, later: bool) -> Array:
        if path.fraction is None:
            return whole
        first_fraction = self.of(path.fraction)
        device = self.model.file.device_mg
        if path.fraction_of_later_devices is None or device is None:
            return whole * first_fraction
        first = np.zeros_like(whole) if later else np.minimum(whole, device)
        return first * first_fraction + (whole - first) * self.of(path.fraction_of_later_devices)

    def _enter(self, state: int, start: Array, over: Array, amount: Array) -> None:
        at_once = over <= 0
        if at_once.any():
            self.jumps.append(Jump(state, start, np.where(at_once, amount, 0.0)))
        if not at_once.all():
            rate = np.where(at_once, 0.0, amount / np.where(at_once, 1.0, over))
            self.inflows.append(Inflow(state, start, start + np.clip(over, 0, None), rate))

    def finish(self, ke0: Array | None, *, integrate: bool) -> Assembly:
        volumes = {
            name: (i, self.of(each.volume))
            for i, each in enumerate(self.model.file.compartments.values())
            if each.volume is not None and (name := each.analyte) is not None
        }
        ordered = [name for name in self.model.file.analytes if name in volumes]
        reported = [*ordered]
        body = len(self.states)
        size = body + (ke0 is not None) + (len(ordered) if integrate else 0)
        rates = np.zeros((self.people, size, size))
        for begin, to, rate in self.flows:
            rates[:, begin, begin] -= rate
            if to is not None:
                rates[:, to, begin] += rate
        outputs = np.zeros((self.people, size, size))
        for row, name in enumerate(ordered):
            state, volume = volumes[name]
            outputs[:, row, state] = NG_ML_PER_MG_L / volume
        row, state = len(ordered), body
        if ke0 is not None:
            parent, volume = volumes[self.model.parent]
            rates[:, state, parent] = ke0 / volume
            rates[:, state, state] = -ke0
            outputs[:, row, state] = NG_ML_PER_MG_L
            reported.append(EFFECT_SITE)
            row, state = row + 1, state + 1
        if integrate:
            for name in ordered:
                begin, volume = volumes[name]
                rates[:, state, begin] = 1 / volume
                outputs[:, row, state] = NG_ML_PER_MG_L
                reported.append(f"auc_{name}")
                row, state = row + 1, state + 1
        infused = tuple(dict.fromkeys(each.state for each in self.inflows))
        system = LinearSystem(rates, np.ascontiguousarray(outputs[:, : len(reported)]), infused)
        return Assembly(
            system, self.jumps, self.inflows, self.states, reported, self.saturations, self.losses
        )
