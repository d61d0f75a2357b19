"""Instruments from content files: read, checked against themselves, refused with file and line.

The schema (``model``) checks each part alone, ``coherence`` the parts against each other.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from openkap.core.content import SHIPPED, Schema, Tally, content_files, read_document
from openkap.core.errors import DomainError, InputError
from openkap.core.source import Seen, Source
from openkap.instruments.coherence import faults
from openkap.instruments.model import Instrument

FOLDER = "instruments"
SOURCES = ("sources", "instruments.yaml")


class _SourceRow(Schema):
    title: str
    url: str
    kind: str
    seen: Seen
    note: str | None = None


def instrument(name: str, *, root: Path = SHIPPED) -> Instrument:
    """The instrument of that id.

    Raises
    ------
    InputError
        When no file of that id is below ``root``.
    ContentError
        When its file breaks a rule; names file and line.
    """
    wanted = name.strip().lower()
    for path in content_files(FOLDER, root=root):
        if path.stem == wanted:
            return _read(path, sources(root))
    raise InputError(
        "no instrument of that id",
        value=name,
        limit=", ".join(path.stem for path in content_files(FOLDER, root=root)),
        remedy="choose one of these, or run: openkap instruments list",
    )


def instruments(*, root: Path = SHIPPED) -> Iterator[Instrument]:
    """Every instrument below ``root``, in the order of their ids."""
    known = sources(root)
    for path in content_files(FOLDER, root=root):
        yield _read(path, known)


def sources(root: Path = SHIPPED) -> dict[str, Source]:
    """The sources that instruments may name, by id."""
    document = read_document(root.joinpath(*SOURCES))
    if not isinstance(document.data, dict):
        raise document.error("sources are a mapping of ids", remedy="write one id for each source")
    found: dict[str, Source] = {}
    for name in document.data:
        row = document.parse(_SourceRow, (name,))
        found[name] = Source(name, row.title, row.url, row.kind, row.seen, row.note)
    return found


def tally(root: Path) -> list[Tally]:
    """Counts and refusals of the instruments below ``root``, for the content check."""
    whole, parts, origins = Tally("instruments"), Tally("instrument rules"), Tally("instrument sources")
    if not root.joinpath(FOLDER).is_dir():
        return []
    try:
        known = sources(root)
    except DomainError as error:
        return [Tally("instrument sources", errors=[error])]
    for source in known.values():
        origins.add(source.seen.value)
    for path in content_files(FOLDER, root=root):
        try:
            read = _read(path, known)
        except DomainError as error:
            whole.errors.append(error)
            continue
        whole.add(f"depth {read.depth}")
        for part in read.sourced():
            parts.add(part.grade.value)
    return [whole, parts, origins]


def _read(path: Path, known: dict[str, Source]) -> Instrument:
    document = read_document(path)
    if isinstance(document.data, dict) and "fingerprint" in document.data:
        raise document.error(
            "the fingerprint is computed, never written", ("fingerprint",), remedy="remove it"
        )
    read = document.parse(Instrument)
    for place, what, remedy in faults(read, path.stem, known):
        raise document.error(what, place, remedy=remedy)
    return read.model_copy(update={"fingerprint": document.fingerprint})
