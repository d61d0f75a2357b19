"""Reports to studies: which records are the same report, which reports tell of the same study.

A shared DOI or PMID makes two records one report. A trial number that a report is indexed under, alone, makes
it a report of that study; numbers that its text names, several numbers, and the numbers of reviews and of
notices only propose. Titles are compared only where identifiers are silent. A proposal has its reason, for a
person to accept.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from typing import Any

from openkap.evidence.importers.reference import Reference
from openkap.evidence.study import Study

# Same first author and year, and titles nearly alike: 0.9 parts the pairs of the test set
# (tests/unit/evidence/test_dedupe.py), which hold companion papers of one trial on both sides of it.
TITLE_LIKENESS = 0.9


@dataclass(frozen=True)
class Join:
    """Why two records are held to be one; ``certain`` is false for a likeness of titles."""

    first: str
    second: str
    reason: str
    certain: bool


@dataclass(frozen=True)
class Mention:
    """A trial number beside a report that may be, or may only speak of, that trial; a person decides."""

    report: str
    title: str
    number: str
    study_id: str | None
    reason: str


@dataclass
class Family:
    """The reports of one study, and the study of the base they belong to, if known."""

    reports: list[Reference] = field(default_factory=list)
    study_id: str | None = None

    @property
    def is_retracted(self) -> bool:
        """True when any of its reports is."""
        return any(report.is_retracted for report in self.reports)


@dataclass
class Deduplicated:
    """Distinct reports, the families they form, every join with its reason, and what is only proposed."""

    reports: list[Reference]
    families: list[Family]
    joins: list[Join]
    proposals: list[Join]
    mentions: list[Mention]

    @property
    def retracted(self) -> list[Reference]:
        """Reports that must not be used."""
        return [report for report in self.reports if report.is_retracted]


def deduplicate(references: Iterable[Reference], studies: Iterable[Study] = ()) -> Deduplicated:
    """Group records into reports and reports into studies.

    Parameters
    ----------
    references : records of any reader, in any order.
    studies : the base; a family that shares an identifier with a study is given its id.

    Notes
    -----
    A retraction notice on any copy of a report holds for the report.
    """
    records = list(references)
    parent = list(range(len(records)))
    joins: list[Join] = []

    def root(at: int) -> int:
        while parent[at] != at:
            parent[at] = parent[parent[at]]
            at = parent[at]
        return at

    seen: dict[str, int] = {}
    for at, record in enumerate(records):
        for key in report_keys(record):
            if key in seen and root(seen[key]) != root(at):
                joins.append(Join(records[seen[key]].where, record.where, f"same {key}", certain=True))
                parent[root(at)] = root(seen[key])
            seen.setdefault(key, at)
    merged: dict[int, Reference] = {}
    for at, record in enumerate(records):
        top = root(at)
        merged[top] = _merge(merged[top], record) if top in merged else record
    reports = list(merged.values())
    owners = _owners(studies)
    families = _families(reports, owners, joins)
    return Deduplicated(reports, families, joins, _alike(reports), list(_mentions(families, owners)))


def report_keys(record: Reference) -> list[str]:
    """Identifiers that belong to one report only."""
    keys = [("DOI", record.doi), ("PMID", record.pmid), ("PMCID", record.pmcid)]
    return [f"{name} {value.lower()}" for name, value in keys if value]


def _owners(studies: Iterable[Study]) -> dict[str, str]:
    """Every identifier of the base, and the study it belongs to."""
    owners: dict[str, str] = {}
    for study in studies:
        owner = study.companion_of or study.id
        citation = study.citation
        for name, value in (("DOI", citation.doi), ("PMID", citation.pmid), ("PMCID", citation.pmcid)):
            if value:
                owners.setdefault(f"{name} {value.lower()}", owner)
        for number in citation.registrations:
            owners.setdefault(number.upper(), owner)
    return owners


def _families(reports: list[Reference], owners: dict[str, str], joins: list[Join]) -> list[Family]:
    families: dict[str, Family] = {}
    for report in reports:
        numbers = [each.upper() for each in report.registrations] if report.reports_one_trial else []
        study_id = next((owners[key] for key in [*report_keys(report), *numbers] if key in owners), None)
        key = study_id or (numbers[0] if numbers else f"alone {report.where}")
        family = families.setdefault(key, Family(study_id=study_id))
        if family.reports:
            joins.append(Join(family.reports[0].where, report.where, f"same study, {key}", certain=True))
        family.reports.append(report)
    return list(families.values())


def _mentions(families: list[Family], owners: dict[str, str]) -> Iterator[Mention]:
    """Numbers of a report that did not make it part of their study."""
    for family in families:
        for report in family.reports:
            indexed = () if report.reports_one_trial else report.registrations
            for number in dict.fromkeys((*indexed, *report.mentioned)):
                owner = owners.get(number.upper())
                if (owner and owner == family.study_id) or number in set(report.registrations) - set(indexed):
                    continue
                reason = _why_only_proposed(report) if number in indexed else "named in its text only"
                yield Mention(report.where, report.title, number, owner, reason)


def _why_only_proposed(report: Reference) -> str:
    if len(report.registrations) > 1:
        return f"indexed under {len(report.registrations)} trial numbers"
    return f"indexed under it, but its type is {', '.join(report.types)}"


def _alike(reports: list[Reference]) -> list[Join]:
    found = []
    for at, one in enumerate(reports):
        for other in reports[at + 1 :]:
            if one.year and other.year and abs(one.year - other.year) > 1:
                continue
            if one.doi and other.doi and one.doi != other.doi and one.pmid and other.pmid:
                continue
            if _plain(_first_author(one)) != _plain(_first_author(other)):
                continue
            likeness = SequenceMatcher(None, _plain(one.title), _plain(other.title)).ratio()
            if likeness >= TITLE_LIKENESS:
                reason = f"same first author, near the same year, titles {likeness:.0%} alike"
                found.append(Join(one.where, other.where, reason, certain=False))
    return found


def _merge(one: Reference, other: Reference) -> Reference:
    """The first record, completed from the second; nothing the second knows is lost."""
    values: dict[str, Any] = {}
    for name in one.__dataclass_fields__:
        mine, theirs = getattr(one, name), getattr(other, name)
        if isinstance(mine, tuple):
            values[name] = tuple(dict.fromkeys((*mine, *theirs))) if name != "authors" else (mine or theirs)
        else:
            values[name] = mine if mine is not None else theirs
    return Reference(**values)


def _first_author(record: Reference) -> str:
    return re.split(r"[ ,]", record.authors[0], maxsplit=1)[0] if record.authors else ""


def _plain(text: str) -> str:
    folded = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return " ".join(re.findall(r"[a-z0-9]+", folded.lower()))
