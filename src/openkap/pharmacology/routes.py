"""Routes side by side: what reaches the blood, how fast, with which confidence; and which do not exist."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from openkap.core.errors import InputError
from openkap.pharmacology.absorption import choose
from openkap.pharmacology.exposure import Exposure, exposure, output_times
from openkap.pharmacology.figure import Bar, ranges
from openkap.pharmacology.library import defaults, reference_weight_kg, usual_doses
from openkap.pharmacology.population import Person, Population
from openkap.pharmacology.regimen import Regimen
from openkap.pharmacology.simulate import simulate


@dataclass(frozen=True)
class RouteRow:
    """One default: its exposure in people like this one, or the reason there is none."""

    id: str
    route: str
    drug: str
    dose: str
    model: str | None
    site: str | None
    confidence: str
    cmax: tuple[float, float, float] | None
    tmax: tuple[float, float, float] | None
    auc: tuple[float, float, float] | None
    same_auc_mg: tuple[float, float, float] | None
    same_cmax_mg: tuple[float, float, float] | None
    reason: str


def compare(person: Person, *, people: int = 200, seed: int = 1) -> list[RouteRow]:
    """Each default route at its usual dose: 5 %, median and 95 % of people (ng/mL, min, ng/mL*h).

    ``same_auc_mg`` and ``same_cmax_mg`` are the doses with the area or peak of the first row (0.5 mg/kg by
    vein); every route draws people of its own, so these bands are, if anything, too wide.
    """
    found: list[RouteRow] = []
    reference: Exposure | None = None
    weight = person.weight_kg or reference_weight_kg()
    for row in defaults():
        route = row.routes[0]
        usual = usual_doses().get(row.id)
        try:
            model = choose(route, row.drug, site=row.site).model
            if usual is None:
                raise InputError("no usual dose by this route is on record", value=row.id)
            regimen = Regimen.single(route=route, dose=usual.dose, over=usual.over or 0.0)
            crowd = Population.around(person, people, seed=seed + len(found))
            result = exposure(simulate(model, regimen, crowd, output_times(regimen, 1440.0)))
        except InputError as refusal:
            nothing = (row.model, None, row.confidence, None, None, None, None, None, refusal.what)
            found.append(RouteRow(row.id, route, row.drug, "", *nothing))
            continue
        reference = reference or result
        given = sum(each.mg(weight) for each in regimen.doses)
        assert usual is not None
        said = f"{usual.dose} over {usual.over}" if usual.over else usual.dose
        found.append(
            RouteRow(
                id=row.id,
                route=route,
                drug=row.drug,
                dose=said,
                model=model.id,
                site=model.file.sampling.site,
                confidence=row.confidence,
                cmax=_three(result.cmax),
                tmax=_three(result.tmax_min),
                auc=_three(result.auc_infinite),
                same_auc_mg=_three(given * reference.auc_infinite / result.auc_infinite),
                same_cmax_mg=_three(given * reference.cmax / result.cmax),
                reason=row.reason,
            )
        )
    return found


def _three(values: Any) -> tuple[float, float, float]:
    low, middle, high = np.quantile(values, (0.05, 0.5, 0.95))
    return float(low), float(middle), float(high)


def figure(rows: list[RouteRow]) -> str:
    """Areas under the curve side by side, as SVG."""
    bars = [
        Bar(
            f"{row.route}, {row.dose}",
            row.auc[1],
            row.auc[0],
            row.auc[2],
            f"{row.drug.replace('_', ' ')}, {row.model}",
        )
        for row in rows
        if row.auc is not None
    ]
    missing = "; ".join(f"{row.route} {row.drug}: {row.reason}" for row in rows if row.auc is None)
    return ranges(
        title="Exposure by route at a usual dose",
        x_label="Area under the concentration curve (ng/mL × h)",
        bars=bars,
        caption=(
            "Points: median of virtual people; lines: 5 to 95 % of them, where the model has variability. "
            "Models differ in sampling site, and racemic and S-ketamine are different drugs: equal area is "
            f"not equal effect. Not drawn: {missing}."
        ),
    )
