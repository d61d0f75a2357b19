"""The models in words: for ``openkap models`` and for whoever reviews the content."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from openkap.pharmacology.library import sources
from openkap.pharmacology.model import CompartmentModel, load_model, model_ids
from openkap.pharmacology.published import Outcome, window
from openkap.pharmacology.schema import Value


def listing() -> list[dict[str, Any]]:
    """One row a model."""
    rows = []
    for model in (load_model(name) for name in model_ids()):
        rows.append(
            {
                "id": model.id,
                "title": model.file.title,
                "drug": model.file.drug,
                "site": model.file.sampling.site,
                "status": model.file.status,
                "runs": is_complete(model),
                "variability": _variability(model),
                "routes": list(model.file.routes),
                "sources": list(model.file.source),
            }
        )
    return rows


def is_complete(model: CompartmentModel) -> bool:
    """True when every route of the model can be simulated without assumptions."""
    needed = [name for route in model.file.routes for name in model.needed(route)]
    return bool(needed) and all(model.file.parameters[name].value is not None for name in needed)


def _variability(model: CompartmentModel) -> str:
    spread = model.file.variability
    if spread is None or not (spread.omega or spread.borrowed):
        return "none"
    return "own" if spread.omega else "borrowed"


def describe(model_id: str) -> dict[str, Any]:
    """Everything in the file, with the sources written out."""
    model = load_model(model_id)
    data: dict[str, Any] = model.file.model_dump(mode="json", by_alias=True)
    data["fingerprint"] = model.fingerprint
    data["sources"] = {name: sources().core(name).cite() for name in model.file.source}
    return data


def described(model_id: str) -> str:
    """The same, as text."""
    model = load_model(model_id)
    file = model.file
    lines = [
        f"{file.id}: {file.title}",
        f"  {file.drug}, status {file.status}, {file.sampling.site} blood",
        f"  structure: {file.structure}",
        f"  people: {file.population or 'not found'}" + (f" (n = {file.n})" if file.n else ""),
    ]
    lines += [f"  {name:22} {_value(each)}" for name, each in file.parameters.items()]
    spread = file.variability
    if spread is not None:
        lines += [
            f"  varies: {name} {each.value if each.value is not None else 'not found'} ({each.type})"
            for name, each in spread.omega.items()
        ]
        if spread.borrowed is not None:
            lines.append(f"  varies: borrowed from {spread.borrowed.model}; {spread.borrowed.note}")
    lines += [
        f"  covariate: {each.covariate} on {', '.join(each.on)}: {each.form} {each.value or ''} "
        f"{each.note or ''}"
        for each in file.covariates
    ]
    lines += [f"  ! {each}" for each in file.warnings]
    lines += [f"  source {name}: {sources().core(name).cite()}" for name in file.source]
    return "\n".join(line.rstrip() for line in lines)


def _value(each: Value) -> str:
    if each.value is not None:
        number = f"{each.value:g} {each.unit}"
    elif each.range is not None:
        number = f"{each.range[0]:g} to {each.range[1]:g} {each.unit}"
    else:
        number = "not found"
    extra = f" (SE {each.se:g})" if each.se is not None else ""
    return f"{number}{extra}  {each.meaning}  [{', '.join(each.source)}; {each.grade}]"


def report_lines(found: Sequence[Outcome]) -> list[str]:
    """The table of predictions, then the misses with their reasons, then what was not predicted."""
    lines = []
    for row in found:
        if row.predicted is None or row.fold is None or row.observed is None:
            continue
        low, high = row.observed
        seen = f"{low:.4g}" if low == high else f"{low:.4g}-{high:.4g}"
        verdict = "ok" if row.inside else "OUTSIDE"
        lines.append(
            f"{row.predicted:9.4g} {seen:>11} {row.unit:8} fold {row.fold:5.2f} {verdict:8}"
            f"{row.model:31} {row.what}"
        )
    inside = [row for row in found if row.inside]
    outside = [row for row in found if row.inside is False]
    lines += ["", f"outside the {window()}-fold window, and why:"]
    lines += [f"  {row.fold:.2f} {row.model}, {row.what}: {row.why}" for row in outside]
    lines += ["", "observations that no model here can be held against:"]
    lines += [f"  {row.id}, {row.what}: {row.why}" for row in found if row.inside is None]
    external = [row for row in found if row.kind == "external" and row.inside is not None]
    good = sum(1 for row in external if row.inside)
    rows = f"{len(inside)} of {len(inside) + len(outside)} rows inside the window"
    lines += ["", f"{rows}; {good} of {len(external)} of those that played no part in the model's making"]
    return lines
