"""RIS, the exchange form of reference managers; UTF-8, tags repeat for authors and keywords."""

from __future__ import annotations

import re

from openkap.core.errors import InputError
from openkap.evidence.importers.reference import Notice, Reference, find_doi, find_registrations, find_year

# A capital, a capital or digit, two spaces, hyphen; the space behind it may be missing before an empty value.
_LINE = re.compile(r"^([A-Z][A-Z0-9])  - ?(.*)$")


def read_ris(text: str, where: str = "RIS") -> list[Reference]:
    """Every record from ``TY`` to ``ER``; ``InputError`` names the line of one that does not close."""
    references: list[Reference] = []
    record: dict[str, list[str]] | None = None
    last = ""
    opened = 0
    for number, line in enumerate(text.lstrip("\ufeff").splitlines(), 1):
        match = _LINE.match(line)
        if match is None:
            if record is not None and line.strip() and last:
                record[last][-1] += f" {line.strip()}"
            continue
        tag, value = match.group(1), match.group(2).strip()
        if tag == "TY":
            if record is not None:
                raise _not_closed(where, opened)
            record, opened = {}, number
        if record is None:
            raise InputError(
                "a tag before the first TY",
                value=line,
                where=f"{where}, line {number}",
                remedy="export it again",
            )
        if tag == "ER":
            references.append(_reference(record, f"{where}, line {opened}"))
            record, last = None, ""
            continue
        record.setdefault(tag, []).append(value)
        last = tag
    if record is not None:
        raise _not_closed(where, opened)
    if not references:
        raise InputError("no record in the file", where=where, remedy="export it again as RIS")
    return references


def _not_closed(where: str, line: int) -> InputError:
    return InputError(
        "a record without its end", limit="TY ... ER", where=f"{where}, line {line}", remedy="export it again"
    )


def _reference(record: dict[str, list[str]], where: str) -> Reference:
    def first(*tags: str) -> str | None:
        return next((record[tag][0] for tag in tags if record.get(tag) and record[tag][0]), None)

    title = first("TI", "T1") or "(no title)"
    notes = " ".join(record.get("N1", []) + record.get("KW", []))
    retracted = (
        re.match(r"\s*(retracted|withdrawn)\b", title, re.IGNORECASE) or "Retracted Publication" in notes
    )
    start, end = first("SP"), first("EP")
    accession = first("AN") or ""
    return Reference(
        title=title,
        where=where,
        authors=tuple(value for tag in ("AU", "A1") for value in record.get(tag, []) if value),
        year=find_year(first("PY", "Y1", "DA")),
        journal=first("JO", "JF", "JA", "T2"),
        volume=first("VL"),
        issue=first("IS"),
        pages=f"{start}-{end}" if start and end else start,
        doi=find_doi(first("DO")) or find_doi(first("UR")),
        pmid=accession if re.fullmatch(r"\d{5,9}", accession) else None,
        mentioned=find_registrations(first("AB", "N2"), notes),
        abstract=first("AB", "N2"),
        types=tuple(record.get("TY", [])),
        keywords=tuple(value for value in record.get("KW", []) if value),
        notices=(Notice("retraction", "said by the record itself"),) if retracted else (),
    )
