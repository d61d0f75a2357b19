"""A kinetic model: its parameters, compartments and ways in, read from a content file and checked.

Inside the room amounts are mg, volumes L, times min; concentrations are reported in ng/mL.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path as FilePath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from openkap.core.content import SHIPPED, Document, content_files, read_document
from openkap.core.errors import ContentError, DomainError, InputError
from openkap.core.quantity import Dimension, Quantity, parse_unit
from openkap.pharmacology.expression import Expression, dimension
from openkap.pharmacology.schema import ModelFile, Path, Value

Array = NDArray[np.float64]

# What each kind of parameter is measured in inside the room.
_INSIDE: dict[Dimension, str] = {
    parse_unit(unit).dimension: unit
    for unit in ("L", "min", "/min", "L/min", "1", "L/kg", "L/min/kg", "ng/mL")
}
_PER_TIME = parse_unit("/min").dimension
_TIME = parse_unit("min").dimension
_VOLUME = parse_unit("L").dimension
_PER_MASS = -1  # exponent of mass in L/kg and L/min/kg, which a person's weight turns into L and L/min


@dataclass(frozen=True, eq=False)
class CompartmentModel:
    """A model as it was read, with the fingerprint of its file."""

    file: ModelFile
    origin: FilePath
    fingerprint: str
    assumed: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        """The model's name in content."""
        return self.file.id

    @property
    def parent(self) -> str:
        """The substance that is given."""
        return self.file.analytes[0]

    @property
    def is_nonlinear(self) -> bool:
        """True when some transfer or loss depends on the concentration."""
        lost = any(path.loss for paths in self.file.routes.values() for path in paths)
        return lost or any(flow.km for flow in self.file.flows)

    def typical(self) -> dict[str, float]:
        """Every known parameter in the room's units (L/kg stays per kg)."""
        return {name: inside(each) for name, each in self.file.parameters.items() if each.value is not None}

    def paths(self, route: str) -> tuple[Path, ...]:
        """The ways from a dose by ``route`` into the body; ``InputError`` when the model has none."""
        if not self.file.compartments:
            raise InputError(
                f"the model {self.id} holds summary values, not compartments: it cannot be simulated",
                value=self.file.status,
                remedy="choose a model that 'openkap models list' marks as one that runs",
            )
        if route not in self.file.routes:
            raise InputError(
                f"the model {self.id} has no kinetics for this route",
                value=route,
                limit=", ".join(self.file.routes),
                remedy="leave out --model to get the route's default",
            )
        return self.file.routes[route]

    def needed(self, route: str) -> frozenset[str]:
        """Names of the parameters that a dose by ``route`` needs."""
        return frozenset().union(*(Expression.parse(text).names for text in _formulas(self.file, [route])))

    def require(self, route: str) -> None:
        """Refuse when a needed parameter was not found in the literature that was read."""
        self.paths(route)
        missing = sorted(n for n in self.needed(route) if self.file.parameters[n].value is None)
        if missing:
            raise InputError(
                f"the model {self.id} lacks parameters that were not found in any source read",
                value=", ".join(missing),
                remedy=f"give your own, for instance --assume '{missing[0]}=1', and say so where you show it",
            )

    def assume(self, given: Mapping[str, str]) -> CompartmentModel:
        """The model with some parameters as the caller states them; the result says that they are assumed."""
        parameters = dict(self.file.parameters)
        for name, text in given.items():
            if name not in parameters:
                raise InputError(
                    f"the model {self.id} has no such parameter",
                    value=name,
                    limit=", ".join(parameters),
                    remedy="check the spelling with 'openkap models show'",
                )
            old = parameters[name]
            wanted = old.unit or "1"
            quantity = Quantity.parse(text if " " in text.strip() or wanted != "1" else f"{text.strip()} 1")
            parameters[name] = old.model_copy(
                update={
                    "value": quantity.number(wanted),
                    "unit": wanted,
                    "grade": "platform",
                    "note": "assumed",
                }
            )
        file = self.file.model_copy(update={"parameters": parameters})
        return replace(self, file=file, assumed=(*self.assumed, *given))


def inside(value: Value) -> float:
    """A parameter's number in the room's units."""
    assert value.value is not None
    assert value.unit is not None
    return value.value * units_inside(value.unit)


def units_inside(unit: str) -> float:
    """How many of the room's units one ``unit`` is: 1/60 for L/h."""
    return Quantity.of(1, unit).number(_INSIDE[parse_unit(unit).dimension])


def load_model(id_or_path: str | FilePath, *, root: FilePath = SHIPPED) -> CompartmentModel:
    """A shipped model by its id, or anybody's model file by its path.

    Raises ``InputError`` for an unknown id, ``ContentError`` (file, line, remedy) for a file that breaks
    a rule: a missing unit, swapped limits, a name that no parameter has, a formula of the wrong kind.
    """
    text = str(id_or_path)
    if text.endswith((".yaml", ".yml")) or FilePath(text).is_file():
        return read_model(FilePath(text), root=root)
    path = root / "models" / f"{text}.yaml"
    if not text.replace("_", "").isalnum() or not path.is_file():
        raise InputError(
            "no such model",
            value=text,
            limit=", ".join(model_ids(root)),
            remedy="see 'openkap models list', or give the path of a model file",
        )
    return _cached(path, root)


@lru_cache(maxsize=64)
def _cached(path: FilePath, root: FilePath) -> CompartmentModel:
    return read_model(path, root=root)


def model_ids(root: FilePath = SHIPPED) -> list[str]:
    """The ids of all model files below ``root``."""
    return [path.stem for path in content_files("models", root=root)]


def read_model(path: FilePath, *, root: FilePath = SHIPPED) -> CompartmentModel:
    """One model file, checked; a model that names a ``disposition`` takes that one's compartments over."""
    document = read_document(path)
    file = document.parse(ModelFile)
    if file.disposition is not None:
        file = _on_disposition(file, load_model(file.disposition, root=root).file)
    _check(file, document)
    return CompartmentModel(file, path, document.fingerprint)


def _on_disposition(file: ModelFile, below: ModelFile) -> ModelFile:
    """The absorption of one file on the compartments of another."""
    own = {name: value for name, value in file.parameters.items() if name not in below.parameters}
    return file.model_copy(
        update={
            "parameters": {**own, **below.parameters},
            "compartments": {**below.compartments, **file.compartments},
            "flows": (*below.flows, *file.flows),
            "routes": {**{"iv": below.routes["iv"]}, **file.routes},
            "analytes": below.analytes,
            "variability": file.variability or below.variability,
            "residual": file.residual or below.residual,
            "covariates": (*below.covariates, *file.covariates),
            "warnings": (*file.warnings, *(f"{below.id}: {text}" for text in below.warnings)),
            "source": tuple(dict.fromkeys((*file.source, *below.source))),
        }
    )


def _formulas(file: ModelFile, routes: Iterable[str]) -> Iterable[str]:
    for compartment in file.compartments.values():
        yield from filter(None, [compartment.volume])
    for flow in file.flows:
        yield from filter(None, [flow.rate, flow.km])
    for route in routes:
        for path in file.routes[route]:
            loss = [path.loss.c50, path.loss.hill] if path.loss else []
            transit = [path.transit.mean_time] if path.transit else []
            optional = [path.fraction, path.fraction_of_later_devices, path.lag, path.over, path.rate]
            yield from filter(None, [*optional, *loss, *transit])


def _check(file: ModelFile, document: Document) -> None:
    known: dict[str, Dimension] = {}
    used = _used(file, document)
    for name, each in file.parameters.items():
        place = ("parameters", name)
        if each.unit is None:
            known[name] = parse_unit("1").dimension
            continue
        kind = parse_unit(each.unit).dimension
        if file.compartments and kind not in _INSIDE and name in used:
            raise document.error(
                f"{name} has a unit that no compartment model can use",
                place,
                value=each.unit,
                limit="a volume, a time, 1/time, volume/time, one of these per kg, or a plain ratio",
                remedy="correct the unit",
            )
        known[name] = _without_mass(kind)
    for covariate in file.covariates:
        unknown = [name for name in covariate.on if name not in file.parameters and name != "all"]
        if unknown:
            raise _unknown(document, ("covariates",), unknown[0], file.parameters)
    _check_effects(file, document)
    _check_shape(file, document)
    for text, kind, what in _kinds(file):
        _check_formula(document, text, kind, what, known, file)


def _used(file: ModelFile, document: Document) -> set[str]:
    names: set[str] = set()
    for text in _formulas(file, file.routes):
        try:
            names |= Expression.parse(text).names
        except DomainError as error:
            raise document.error(error.what, value=text, limit=error.limit, remedy=error.remedy) from None
    return names


def _without_mass(kind: Dimension) -> Dimension:
    # L/kg becomes L once a person's weight is known; ng/mL keeps its mass (kind 1).
    return (kind[0], 0, *kind[2:]) if kind[1] == _PER_MASS else kind


def _kinds(file: ModelFile) -> Iterable[tuple[str | None, Dimension, str]]:
    ratio, conc = parse_unit("1").dimension, parse_unit("ng/mL").dimension
    for name, compartment in file.compartments.items():
        yield compartment.volume, _VOLUME, f"the volume of {name}"
    for flow in file.flows:
        yield flow.rate, _PER_TIME, f"the rate from {flow.from_} to {flow.to}"
        yield flow.km, conc, f"the km from {flow.from_} to {flow.to}"
    for route, paths in file.routes.items():
        for path in paths:
            where = f"of {route}, {path.name}"
            yield path.fraction, ratio, f"the fraction {where}"
            yield path.fraction_of_later_devices, ratio, f"the fraction {where}"
            yield path.lag, _TIME, f"the lag {where}"
            yield path.over, _TIME, f"the duration {where}"
            yield path.rate, _PER_TIME, f"the rate {where}"
            yield (path.transit.mean_time if path.transit else None), _TIME, f"the transit time {where}"
            yield (path.loss.c50 if path.loss else None), conc, f"the c50 {where}"
            yield (path.loss.hill if path.loss else None), ratio, f"the hill {where}"


def _check_formula(
    document: Document,
    text: str | None,
    kind: Dimension,
    what: str,
    known: Mapping[str, Dimension],
    file: ModelFile,
) -> None:
    if text is None:
        return
    formula = Expression.parse(text)
    unknown = sorted(formula.names - known.keys())
    if unknown:
        raise _unknown(document, (), unknown[0], file.parameters)
    if any(file.parameters[name].unit is None for name in formula.names):
        return
    try:
        found = dimension(formula, known)
    except InputError as error:
        raise document.error(f"{what}: {error.what}", value=text, remedy=error.remedy) from None
    if found != kind:
        raise document.error(
            f"{what} has units of the wrong kind",
            value=text,
            limit="volumes in L, times in min or h, rates in 1/time, fractions in 1",
            remedy="check the formula and the units of its parameters",
        )


def _check_effects(file: ModelFile, document: Document) -> None:
    spread = file.variability
    if spread is None:
        return
    named = [*spread.omega, *spread.occasion, *(n for each in spread.covariance for n in each.between)]
    named += list(spread.borrowed.effects) if spread.borrowed else []
    for name in named:
        if name not in file.parameters:
            raise _unknown(document, ("variability",), name, file.parameters)


def _check_shape(file: ModelFile, document: Document) -> None:
    for i, flow in enumerate(file.flows):
        for end in (flow.from_, flow.to):
            if end not in file.compartments and not (end == "out" and end == flow.to):
                raise _unknown(document, ("flows", i), end, file.compartments)
        if flow.km is not None and file.compartments[flow.from_].volume is None:
            raise document.error(
                "a transfer that saturates needs the volume of where it starts",
                ("flows", i),
                value=flow.from_,
                remedy="give that compartment a volume",
            )
    for route, paths in file.routes.items():
        for i, path in enumerate(paths):
            if file.compartments and path.into not in file.compartments:
                raise _unknown(document, ("routes", route, i), path.into, file.compartments)


def _unknown(document: Document, place: tuple[Any, ...], name: str, known: Iterable[str]) -> ContentError:
    return document.error(
        "a name that the file does not define",
        place,
        value=name,
        limit=", ".join(known),
        remedy="correct its spelling or define it",
    )
