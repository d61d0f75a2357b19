"""A referral file: facts as JSON or YAML, or a FHIR R4 bundle, told apart by what is in it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from openkap.core.content import LARGEST_FILE_BYTES, parse_document
from openkap.core.errors import DomainError, InputError
from openkap.interop.fhir.bundle import read_bundle
from openkap.interop.fhir.concepts import CodeIndex, shipped_index
from openkap.interop.fhir.findings import Intake
from openkap.interop.fhir.patient import HAS_DIED, WHAT_THEN
from openkap.interop.json_text import read_json
from openkap.protocol.elements import Dictionary, dictionary
from openkap.protocol.facts import Facts, parse_facts

# A record of a long life is 5 MB in Synthea; this bound keeps one reading below 200 MB of memory.
LARGEST_REFERRAL_BYTES = 20_000_000
SUFFIXES = (".json", ".yaml", ".yml")
# What a file begins with when it is something else: first bytes, what it is, what to do.
_FOREIGN = (
    (b"\x1f\x8b", "a gzip archive", "unpack it first"),
    (b"PK\x03\x04", "a zip archive", "unpack it first"),
    (b"%PDF", "a PDF", "ask for the record as a FHIR R4 bundle in JSON"),
    (b"\xff\xfe", "UTF-16 text", "save it with UTF-8 encoding"),
    (b"\xfe\xff", "UTF-16 text", "save it with UTF-8 encoding"),
    (b"<", "XML", "ask for the record as a FHIR R4 bundle in JSON"),
)
_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True)
class Referral:
    """What one file says: facts, and for a record also what became of the rest of it."""

    path: Path
    facts: Facts
    intake: Intake | None = None

    @property
    def to_read(self) -> int:
        """How many entries a person must read before anything rests on this file."""
        return self.intake.to_read if self.intake else 0


def read_referral(
    path: Path,
    *,
    as_of: datetime,
    elements: Dictionary | None = None,
    index: CodeIndex | None = None,
) -> Referral:
    """Read one referral; ``DomainError`` names file and place of anything that cannot be read.

    Parameters
    ----------
    path : a regular file of at most ``LARGEST_REFERRAL_BYTES``.
    as_of : the moment of assessment, aware.
    elements, index : the dictionary and its codes; the shipped ones by default.
    """
    raw = _bytes(path)
    elements = elements or dictionary()
    try:
        data, is_json = _parsed(raw, path)
        if is_json and isinstance(data, dict) and "resourceType" in data:
            intake = read_bundle(data, elements, index or shipped_index(), as_of)
            if intake.identity.deceased:
                raise InputError(HAS_DIED, remedy=WHAT_THEN)
            return Referral(path, intake.facts, intake)
        return Referral(path, parse_facts(data, elements, as_of=as_of, where=str(path)))
    except RecursionError:
        raise InputError("nested too deeply", remedy="ask for a flatter file", where=str(path)) from None
    except DomainError as refused:
        raise (refused if str(path) in (refused.where or "") else refused.at(str(path))) from None


def referral_files(paths: tuple[Path, ...]) -> list[Path]:
    """The files meant: each file as given, and of a directory its JSON and YAML files in name order."""
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            found += sorted(each for each in path.rglob("*") if each.suffix in SUFFIXES and each.is_file())
        else:
            found.append(path)
    return found


def _bytes(path: Path) -> bytes:
    try:
        if not path.is_file():
            raise InputError(
                "not a file" if path.exists() else "there is no such file",
                remedy="give a JSON or YAML file, or a directory of them",
                where=str(path),
            )
        size = path.stat().st_size
        if size > LARGEST_REFERRAL_BYTES:
            raise InputError(
                "the file is larger than a referral can be",
                value=f"{size} bytes",
                limit=f"{LARGEST_REFERRAL_BYTES} bytes",
                remedy="ask the sender for the record of one patient, without attachments",
                where=str(path),
            )
        raw = path.read_bytes()
    except (OSError, ValueError) as failed:
        reason = failed.strerror if isinstance(failed, OSError) else str(failed)
        raise InputError(
            f"cannot read the file: {reason}", remedy="check its name and rights", where=str(path)
        ) from None
    return raw.removeprefix(_BOM)


def refuse_foreign(raw: bytes, *, where: str | None = None) -> None:
    """Raise ``InputError`` for an archive, a PDF, XML or UTF-16: what it is, and what to do."""
    start = raw.lstrip()[:4]
    for magic, kind, remedy in _FOREIGN:
        if start.startswith(magic):
            raise InputError(f"the file is {kind}", remedy=remedy, where=where)


def _parsed(raw: bytes, path: Path) -> tuple[Any, bool]:
    """The data, and whether it was JSON; YAML goes the way of content files, as text."""
    refuse_foreign(raw, where=str(path))
    start = raw.lstrip()[:4]
    if not start:
        raise InputError("the file is empty", remedy="give a facts file or a FHIR bundle", where=str(path))
    if start[:1] in (b"{", b"["):
        return read_json(_text(raw, path), str(path)), True
    if len(raw) > LARGEST_FILE_BYTES:
        raise InputError(
            "the file is larger than a facts file can be",
            value=f"{len(raw)} bytes",
            limit=f"{LARGEST_FILE_BYTES} bytes",
            remedy="give one patient for each file",
            where=str(path),
        )
    return parse_document(raw, path).data, False


def _text(raw: bytes, path: Path) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as failed:
        line = raw.count(b"\n", 0, failed.start) + 1
        raise InputError(
            "the file is not UTF-8 text",
            value=f"byte 0x{raw[failed.start]:02x} at offset {failed.start}",
            remedy="save it with UTF-8 encoding",
            where=f"{path}:{line}",
        ) from None
