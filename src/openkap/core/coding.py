"""Codings and codelists: a word of a published terminology, with where it was seen."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from openkap.core.errors import ContentError

# Short names used in content and on screens, with the URI that FHIR R4 prescribes.
SYSTEMS: Final = {
    "sct": "http://snomed.info/sct",
    "loinc": "http://loinc.org",
    "icd10cm": "http://hl7.org/fhir/sid/icd-10-cm",
    "icd10": "http://hl7.org/fhir/sid/icd-10",
    "rxnorm": "http://www.nlm.nih.gov/research/umls/rxnorm",
    "atc": "http://www.whocc.no/atc",
    "ucum": "http://unitsofmeasure.org",
}
SHORT_NAMES: Final = {uri: name for name, uri in SYSTEMS.items()}
# OIDs and older spellings that records carry for the same systems.
_OTHER_NAMES: Final = {
    "urn:oid:2.16.840.1.113883.6.96": "sct",
    "urn:oid:2.16.840.1.113883.6.1": "loinc",
    "urn:oid:2.16.840.1.113883.6.90": "icd10cm",
    "urn:oid:2.16.840.1.113883.6.88": "rxnorm",
    "https://loinc.org": "loinc",
    "https://snomed.info/sct": "sct",
    "http://hl7.org/fhir/sid/icd-10-us": "icd10cm",
}


def short_system(uri: str) -> str | None:
    """Our short name of a code system, or ``None`` for one we do not know."""
    trimmed = uri.strip().rstrip("/")
    return SHORT_NAMES.get(trimmed) or _OTHER_NAMES.get(trimmed)


@dataclass(frozen=True, slots=True)
class Coding:
    """One code of one system (short name), with its display text and where the pair was read."""

    system: str
    code: str
    display: str = ""
    seen_in: str = ""


@dataclass(frozen=True)
class Codelist:
    """A named set of codings that mean the same to a rule."""

    id: str
    codings: tuple[Coding, ...]

    def __contains__(self, coding: object) -> bool:
        return isinstance(coding, Coding) and (coding.system, coding.code) in self._keys

    @property
    def _keys(self) -> frozenset[tuple[str, str]]:
        return frozenset((each.system, each.code) for each in self.codings)


COLUMNS: Final = ("system", "code", "display", "seen_in")


def read_codelist(path: Path) -> Codelist:
    """A CSV with the columns system, code, display, seen_in; each row must say where it was seen."""
    codings: list[Coding] = []
    with path.open(encoding="utf-8", newline="") as file:
        rows = csv.DictReader(file)
        if tuple(rows.fieldnames or ()) != COLUMNS:
            raise ContentError(
                "wrong columns in a codelist",
                value=rows.fieldnames,
                limit=", ".join(COLUMNS),
                remedy="correct the first line",
                where=f"{path}:1",
            )
        for row in rows:
            where = f"{path}:{rows.line_num}"
            coding = Coding(*(str(row[column] or "").strip() for column in COLUMNS))
            if coding.system not in SYSTEMS:
                raise ContentError(
                    "unknown code system",
                    value=coding.system,
                    limit=", ".join(SYSTEMS),
                    remedy="use the short name of a known system",
                    where=where,
                )
            if not coding.code or not coding.seen_in:
                raise ContentError(
                    "a code needs its value and where it was seen",
                    value=coding.display,
                    remedy="fill in code and seen_in, or remove the row",
                    where=where,
                )
            codings.append(coding)
    return Codelist(path.stem, tuple(codings))
