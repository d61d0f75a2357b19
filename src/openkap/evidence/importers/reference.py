"""A bibliographic report, whatever form it came in."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass, field
from typing import Any

# Registries a trial number is recognised by: ClinicalTrials.gov, ANZCTR, ISRCTN, EudraCT, ChiCTR.
REGISTRATION = re.compile(
    r"\b(NCT\d{8}|ACTRN\d{14}p?|ISRCTN\d{8}|20\d{2}-\d{6}-\d{2}|ChiCTR[A-Z0-9-]{8,})\b", re.IGNORECASE
)
# Publication types of papers about other papers.
NO_TRIAL_REPORT = re.compile(r"\breview\b|meta-analysis|retraction of publication", re.IGNORECASE)
DOI = re.compile(r"\b(10\.\d{4,9}/[^\s\"<>\[\]]+)", re.IGNORECASE)


@dataclass(frozen=True)
class Notice:
    """A later word on a report: retraction, concern, erratum, update; and where it stands."""

    kind: str
    citation: str
    pmid: str | None = None


@dataclass(frozen=True)
class Reference:
    """One report. ``where`` is the file and the record in it.

    ``registrations`` are the numbers it was indexed under, ``mentioned`` those that only its text names: a
    review names many trials and reports none of them.
    """

    title: str
    where: str
    authors: tuple[str, ...] = ()
    year: int | None = None
    journal: str | None = None
    volume: str | None = None
    issue: str | None = None
    pages: str | None = None
    doi: str | None = None
    pmid: str | None = None
    pmcid: str | None = None
    registrations: tuple[str, ...] = ()
    mentioned: tuple[str, ...] = ()
    abstract: str | None = None
    types: tuple[str, ...] = ()
    keywords: tuple[str, ...] = ()
    notices: tuple[Notice, ...] = field(default=())

    @property
    def is_retracted(self) -> bool:
        """Retracted, by a link or by its own publication type."""
        return any(notice.kind == "retraction" for notice in self.notices) or (
            "Retracted Publication" in self.types
        )

    @property
    def has_concern(self) -> bool:
        """An expression of concern stands against it."""
        return any(notice.kind == "concern" for notice in self.notices)

    @property
    def reports_one_trial(self) -> bool:
        """Indexed under one trial number, and by type no review of trials and no notice about a paper."""
        return len(self.registrations) == 1 and not any(NO_TRIAL_REPORT.search(kind) for kind in self.types)

    def as_dict(self) -> dict[str, Any]:
        """For ``--json``."""
        return {**asdict(self), "is_retracted": self.is_retracted, "has_concern": self.has_concern}


def find_registrations(*texts: str | None) -> tuple[str, ...]:
    """Trial numbers in free text, in upper case, each once, in order."""
    found = [match.upper() for text in texts if text for match in REGISTRATION.findall(text)]
    return tuple(dict.fromkeys(found))


def find_doi(text: str | None) -> str | None:
    """The first DOI in a text, in lower case (DOIs ignore case), without a trailing full stop."""
    match = DOI.search(text or "")
    return match.group(1).rstrip(".,;)").lower() if match else None


def find_year(text: str | None) -> int | None:
    """The first four-digit year from 1900 on."""
    match = re.search(r"\b(19|20)\d{2}\b", text or "")
    return int(match.group(0)) if match else None
