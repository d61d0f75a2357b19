"""How much content the room has, of which grade; every refusal with its place."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

from openkap.core.content import Schema, Tally, content_files, read_document
from openkap.core.errors import ContentError, DomainError
from openkap.pharmacology import library
from openkap.pharmacology.mechanism import mechanism_map
from openkap.pharmacology.model import read_model
from openkap.pharmacology.published import Check
from openkap.pharmacology.schema import Sourced
from openkap.pharmacology.variability import random_effects

_TABLES: tuple[tuple[str, str, type[Sourced]], ...] = (
    ("absorption", "routes.yaml", library.AbsorptionRow),
    ("absorption", "defaults.yaml", library.Default),
    ("absorption", "ceilings.yaml", library.Ceiling),
    ("absorption", "derived_rates.yaml", library.DerivedRate),
    ("absorption", "usual_doses.yaml", library.UsualDose),
    ("observed", "observed.yaml", library.Observed),
    ("observed", "perezruixo_table4.yaml", library.Table4),
    ("observed", "comparisons.yaml", library.Comparison),
    ("observed", "checks.yaml", Check),
    ("interactions", "pharmacokinetic.yaml", library.Interaction),
    ("interactions", "pharmacodynamic.yaml", library.EffectInteraction),
    ("interactions", "patient_factors.yaml", library.PatientFactor),
)
_RESPONSES = "responses.yaml"


def tally(root: Path) -> list[Tally]:
    """Models, tables, findings, mechanism and sources below ``root``, each counted by grade."""
    known: set[str] = set()
    sources = Tally("pharmacology sources")
    _guarded(sources, lambda: _sources(root, sources, known))
    models = Tally("pharmacology model values")
    for path in content_files("models", root=root):
        _guarded(models, partial(_model, path, root, models, known))
    return [sources, models, *_tables(root, known), _mechanism(root, known)]


def _guarded(into: Tally, work: Callable[[], None]) -> None:
    try:
        work()
    except DomainError as error:
        into.errors.append(error)


def _sources(root: Path, into: Tally, known: set[str]) -> None:
    for name, row in library.sources(root).sources.items():
        known.add(name)
        into.add(row.grade)


def _model(path: Path, root: Path, into: Tally, known: set[str]) -> None:
    model = read_model(path, root=root)
    if model.id != path.stem:
        raise ContentError(
            "the id of a model is the name of its file", value=model.id, limit=path.stem, where=str(path)
        )
    random_effects(model)
    spread = model.file.variability
    rows: list[Sourced] = [*model.file.parameters.values(), *model.file.covariates, *model.file.residual]
    rows += [model.file.validity] if model.file.validity else []
    if spread is not None:
        rows += [spread.borrowed] if spread.borrowed else []
        rows += [*spread.omega.values(), *spread.occasion.values(), *spread.covariance]
    _count(rows, into, known, str(path))


def _count(rows: Iterable[Sourced], into: Tally, known: set[str], where: str) -> None:
    for row in rows:
        missing = [name for name in row.source if name not in known]
        if missing:
            raise ContentError(
                "a source that the source list does not have",
                value=missing[0],
                limit="an id in sources/pharmacology.yaml",
                remedy="add the source, or correct its spelling",
                where=where,
            )
        into.add(row.grade)


def _tables(root: Path, known: set[str]) -> Iterable[Tally]:
    for folder, name, schema in _TABLES:
        into = Tally(f"pharmacology {folder} {name.removesuffix('.yaml').replace('_', ' ')}")
        _guarded(into, partial(_table, root, schema, folder, name, into, known))
        if schema is library.Ceiling:
            _guarded(into, partial(_ask_again, root, into, known))
        yield into
    into = Tally("pharmacology findings")
    for path in content_files("pharmacodynamics", root=root):
        if path.name != _RESPONSES:
            _guarded(into, partial(_table, root, library.Finding, path.parent.name, path.name, into, known))
    yield into
    responses = Tally("pharmacology responses")
    _guarded(responses, lambda: _responses(root, responses, known))
    yield responses
    reference = Tally("pharmacology reference person")
    _guarded(reference, lambda: _reference(root, reference, known))
    yield reference


def _reference(root: Path, into: Tally, known: set[str]) -> None:
    where = root / "observed" / "reference.yaml"
    _count(_sourced(library.reference(root)), into, known, str(where))


def _table(root: Path, schema: type[Sourced], folder: str, name: str, into: Tally, known: set[str]) -> None:
    _count(library.rows(schema, folder, name, root=root), into, known, str(root / folder / name))


def _ask_again(root: Path, into: Tally, known: set[str]) -> None:
    _count([library.ask_again(root)], into, known, str(root / "absorption" / "ceilings.yaml"))


def _responses(root: Path, into: Tally, known: set[str]) -> None:
    found = library.responses(root)
    path = root / "pharmacodynamics" / _RESPONSES
    _count(_sourced(found), into, known, read_document(path).where())


def _sourced(node: object) -> Iterable[Sourced]:
    """Every sourced value below ``node``."""
    if isinstance(node, Sourced):
        yield node
    elif isinstance(node, dict):
        for each in node.values():
            yield from _sourced(each)
    elif isinstance(node, tuple):
        for each in node:
            yield from _sourced(each)
    elif isinstance(node, Schema):
        for name in type(node).model_fields:
            yield from _sourced(getattr(node, name))


def _mechanism(root: Path, known: set[str]) -> Tally:
    into = Tally("pharmacology mechanism findings")

    def work() -> None:
        found = mechanism_map(root)
        rows = [row for node in found.nodes for row in (*node.evidence_for, *node.evidence_against)]
        _count([*rows, *found.cross_cutting], into, known, str(root / "mechanism" / "mechanism.yaml"))

    _guarded(into, work)
    return into
