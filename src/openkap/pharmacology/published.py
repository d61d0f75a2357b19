"""What the models predict against what was observed: every row of the content, with its fold error."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from openkap.core.content import SHIPPED, Schema, read_document
from openkap.core.quantity import Quantity
from openkap.pharmacology.absorption import with_absorption
from openkap.pharmacology.exposure import clearance_l_h, exposure, output_times
from openkap.pharmacology.library import (
    Observed,
    Table4,
    defaults,
    number,
    observed,
    reference,
    reference_weight_kg,
    responses,
    rows,
)
from openkap.pharmacology.model import CompartmentModel, load_model
from openkap.pharmacology.population import Person
from openkap.pharmacology.regimen import Regimen
from openkap.pharmacology.schema import Name, Sourced, Text
from openkap.pharmacology.simulate import simulate

_DAY_MIN = 1440.0
_OVER_NORKETAMINE = (
    "known: the published parameters over-predict the noresketamine area while its peak agrees "
    "(nlmixr2lib errata); the printed areas resemble ours over the first 8 to 9 h"
)


class Check(Sourced):
    """How one observation is predicted, and why it misses where it does."""

    id: Name
    observed: Name
    model: Name
    route: Name
    dose: Text
    over: str | None = None
    metric: Name
    analyte: Name | None = None
    kind: Name
    loan: Name | None = None
    why_outside: str | None = None


class NotPredicted(Schema):
    """Observations that no model here can be held against, with the reason."""

    rows: list[object]
    not_predicted: dict[Name, Text]


@dataclass(frozen=True)
class Outcome:
    """One line of the report; ``fold`` is 1 inside an observed range."""

    id: str
    what: str
    model: str
    kind: str
    predicted: float | None
    observed: tuple[float, float] | None
    unit: str
    fold: float | None
    why: str | None
    source: tuple[str, ...]

    @property
    def inside(self) -> bool | None:
        """Within the window of agreement; ``None`` when nothing was predicted."""
        return None if self.fold is None else self.fold <= window()


def window() -> float:
    """The fold within which a prediction agrees with an observation."""
    return number(reference().agreement, "1")


def _typical() -> Person:
    return Person(weight_kg=reference_weight_kg())


def outcomes(root: Path = SHIPPED) -> list[Outcome]:
    """Every predicted-versus-observed row, in the order of the content."""
    by_id = {row.id: row for row in observed(root)}
    found = [
        _outcome(check, by_id[check.observed]) for check in rows(Check, "observed", "checks.yaml", root=root)
    ]
    silent = read_document(root / "observed" / "checks.yaml").parse(NotPredicted).not_predicted
    found += [_silent(by_id[name], reason) for name, reason in silent.items()]
    found += list(_table4(root))
    return found


def predict(check: Check) -> float:
    """The typical prediction, in ng/mL, min, h or ng/mL*h as the metric says."""
    model = load_model(check.model)
    if check.loan is not None:
        row = next(each for each in defaults() if each.id == check.loan)
        assert row.absorption is not None
        model = with_absorption(model, check.route, row.absorption)
    if check.metric == "css":
        rate = Quantity.parse(check.dose).number("mg/kg/h") * reference_weight_kg()
        return rate / clearance_l_h(model, _typical()) * 1000.0
    regimen = Regimen.single(route=check.route, dose=check.dose, over=check.over or 0.0)
    return _metric(model, regimen, check.metric, check.analyte, _typical())


def _metric(
    model: CompartmentModel, regimen: Regimen, metric: str, analyte: str | None, person: Person
) -> float:
    if metric == "level_at_2_min":
        return float(simulate(model, regimen, person, [0.0, 2.0]).parent[0, 1])
    result = simulate(model, regimen, person, output_times(regimen, _DAY_MIN))
    found = exposure(result, analyte)
    if metric == "auc_ratio":
        return float(found.auc_infinite[0] / exposure(result).auc_infinite[0])
    columns = {
        "cmax": found.cmax,
        "tmax": found.tmax_min,
        "auc": found.auc,
        "auc_infinite": found.auc_infinite,
        "half_life": found.half_life_h,
    }
    return float(columns[metric][0])


def _outcome(check: Check, row: Observed) -> Outcome:
    unit = {"tmax": "min", "half_life": "h", "auc_ratio": "1"}.get(check.metric, "ng/mL")
    unit = "ng/mL*h" if check.metric.startswith("auc_inf") else unit
    predicted = predict(check)
    limits = _observed_in(row, unit)
    fold = fold_error(predicted, limits)
    over = f" over {check.over}" if check.over else ""
    return Outcome(
        id=check.id,
        what=f"{check.dose} {check.route}{over}, {check.analyte or 'drug'} {check.metric}",
        model=check.model,
        kind=check.kind,
        predicted=predicted,
        observed=limits,
        unit=unit,
        fold=fold,
        why=check.why_outside if fold > window() else None,
        source=row.source,
    )


def fold_error(predicted: float, observed_limits: tuple[float, float]) -> float:
    """How many times too high or too low; 1 within an observed range."""
    low, high = observed_limits
    return max(predicted / high, low / predicted, 1.0)


def _observed_in(row: Observed, unit: str) -> tuple[float, float]:
    assert row.value is not None
    pair = row.value if isinstance(row.value, tuple) else (row.value, row.value)
    factor = 1.0
    if row.unit == "umol/L":
        factor = number(responses().molar_mass, "g/mol")
    elif unit in ("min", "h"):
        factor = Quantity.of(1, row.unit.split()[0]).number(unit)
    return pair[0] * factor, pair[1] * factor


def _silent(row: Observed, reason: str) -> Outcome:
    pair = None
    if row.value is not None:
        pair = row.value if isinstance(row.value, tuple) else (row.value, row.value)
    what = f"{row.drug} {row.route}, {row.analyte} {row.metric}"
    return Outcome(row.id, what, "none", "not_predicted", None, pair, row.unit, None, reason, row.source)


def _table4(root: Path) -> Iterator[Outcome]:
    model = load_model("perezruixo2021_esketamine")
    people = {
        each.stratum: Person(age_years=each.age_years, ancestry=each.ancestry)
        for each in reference(root).strata
    }
    for row in rows(Table4, "observed", "perezruixo_table4.yaml", root=root):
        dose = row.dose.value
        assert dose is not None
        stratum = "_".join(row.stratum.replace(">", "over ").lower().split())
        regimen = Regimen.single(route="intranasal", dose=Quantity.of(dose, "mg"))
        result = simulate(model, regimen, people[row.stratum], np.arange(0.0, _DAY_MIN + 1))
        for analyte, peak, area in (
            ("esketamine", row.cmax, row.auc),
            ("s_norketamine", row.nk_cmax, row.nk_auc),
        ):
            found = exposure(result, analyte)
            for metric, predicted, printed in (("cmax", found.cmax, peak), ("auc 0-24 h", found.auc, area)):
                assert printed.value is not None
                fold = fold_error(float(predicted[0]), (printed.value, printed.value))
                yield Outcome(
                    id=f"table4_{stratum}_{dose:g}_{analyte}_{metric[:4].strip()}",
                    what=f"{dose:g} mg intranasal, {row.stratum}, {analyte} {metric}",
                    model=model.id,
                    kind="same_study",
                    predicted=float(predicted[0]),
                    observed=(printed.value, printed.value),
                    unit="ng/mL" if metric == "cmax" else "ng/mL*h",
                    fold=fold,
                    why=_OVER_NORKETAMINE if fold > window() else None,
                    source=row.source,
                )
