"""Importing: which reader a file needs, what it gave, where it was written, what a person must look at."""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

from openkap.core.errors import DomainError, InputError
from openkap.evidence.base import Base, read_base
from openkap.evidence.dedupe import Deduplicated, deduplicate
from openkap.evidence.gate import without_contradictions
from openkap.evidence.importers.clinicaltrials_gov import read_clinicaltrials_gov
from openkap.evidence.importers.metapsy import read_metapsy
from openkap.evidence.importers.own_csv import REQUIRED, read_own_csv
from openkap.evidence.importers.pubmed import read_nbib, read_pubmed_xml
from openkap.evidence.importers.reference import Reference
from openkap.evidence.importers.revman import read_revman
from openkap.evidence.importers.ris import read_ris
from openkap.evidence.integrity import Yardstick, check_study
from openkap.evidence.integrity_finding import Finding
from openkap.evidence.scales import Scales, read_scales
from openkap.evidence.study import Study
from openkap.evidence.write import study_as_yaml

ADDRESSES = {
    "ctgov": "https://clinicaltrials.gov/api/v2/studies/{}",
    "pubmed": "https://eutils.ncbi.nlm.nih.gov/entrez/eutils/efetch.fcgi?db=pubmed&retmode=xml&id={}",
}
TIMEOUT_SECONDS = 30


@dataclass
class Answer:
    """What an import gave."""

    studies: list[tuple[Study, str | None]] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    references: Deduplicated | None = None
    rows: dict[str, int] = field(default_factory=dict)
    tables: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    written: list[Path] = field(default_factory=list)
    errors: list[DomainError] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """For ``--json``."""
        return {
            "studies": [
                {
                    "id": study.id,
                    "group": study.group.value,
                    "companion_of": study.companion_of,
                    "file": file,
                    "arms": len(study.arms),
                    "outcomes": len(study.outcomes),
                    "adverse_events": len(study.adverse_events),
                }
                for study, file in self.studies
            ],
            "findings": [each.as_dict() for each in self.findings],
            "references": [
                {
                    "study": family.study_id,
                    "is_retracted": family.is_retracted,
                    "reports": [r.as_dict() for r in family.reports],
                }
                for family in (self.references.families if self.references else [])
            ],
            "joined": [vars(join) for join in (self.references.joins if self.references else [])],
            "proposals": [vars(join) for join in (self.references.proposals if self.references else [])],
            "mentions": [vars(each) for each in (self.references.mentions if self.references else [])],
            "rows": self.rows,
            "errors": [error.as_dict() for error in self.errors],
        }

    def lines(self) -> list[str]:
        """For the terminal."""
        lines = []
        for study, file in self.studies:
            lines.append(
                f"{study.id}: {len(study.arms)} arms, {len(study.outcomes)} outcomes, "
                f"{len(study.adverse_events)} harms"
                + (f"; belongs to {study.companion_of}" if study.companion_of else "; a study of its own")
                + (f"; written to {file}" if file else "; not written (give --into)")
            )
            lines += [
                f"  {outcome.id} enters no pool until this is settled and its line under `unsettled` deleted"
                f": {reason}"
                for outcome in study.outcomes
                for reason in outcome.unsettled
            ]
        if self.references:
            found = self.references
            lines.append(f"{len(found.reports)} reports of {len(found.families)} studies")
            lines += [
                f"  study {family.study_id} rests on a retracted report: add `retracted` to its file"
                for family in found.families
                if family.is_retracted and family.study_id
            ]
            for family in found.families:
                for report in family.reports:
                    state = "RETRACTED, do not use: " if report.is_retracted else ""
                    state += "expression of concern: " if report.has_concern else ""
                    lines.append(f"  {state}{report.title} -> {family.study_id or 'not held'}")
            lines += [f"  perhaps one report: {j.first} and {j.second} ({j.reason})" for j in found.proposals]
            lines += [
                f"  perhaps about {each.study_id or 'no study held'}, {each.number}: {each.title} "
                f"({each.reason}); join it by hand if it reports that trial"
                for each in found.mentions
            ]
        lines += [f"{name}: {count} rows" for name, count in self.rows.items()]
        lines += [f"written: {path}" for path in self.written if path.suffix == ".csv"]
        lines += [
            f"[{each.severity}] {each.check}: {each.subject}: {each.sentence}; {each.remedy}"
            for each in self.findings
        ]
        return lines + [f"refused: {error}" for error in self.errors]


def import_all(inputs: tuple[str, ...], form: str, into: Path | None, root: Path) -> Answer:
    """Read every input; one that is refused does not stop the others."""
    answer = Answer()
    scales = read_scales(root / "outcome_scales.yaml")
    base = read_base(root / "trials")
    references: list[Reference] = []
    for each in inputs:
        try:
            kind, text, where = _obtain(each, form)
            _read(kind, text, where, scales, answer, references)
        except DomainError as error:
            answer.errors.append(error)
    _place(answer, base, scales, into)
    if references:
        answer.references = deduplicate(references, [*base.records, *(study for study, _ in answer.studies)])
    return answer


def _obtain(given: str, form: str) -> tuple[str, str, str]:
    path = Path(given)
    if path.exists():
        try:
            text = path.read_text(encoding="utf-8-sig")
        except UnicodeDecodeError:
            raise InputError(
                "the file is not UTF-8 text", where=given, remedy="save it with UTF-8 encoding"
            ) from None
        return (_form_of(text, path) if form == "auto" else form), text, given
    if re.fullmatch(r"NCT\d{8}", given, re.IGNORECASE):
        return "ctgov", _fetch(ADDRESSES["ctgov"].format(given.upper())), given.upper()
    match = re.fullmatch(r"(?:pmid:)?(\d{5,9})", given, re.IGNORECASE)
    if match:
        return "pubmed", _fetch(ADDRESSES["pubmed"].format(match.group(1))), f"PMID {match.group(1)}"
    raise InputError(
        "neither a file nor a number that can be fetched",
        value=given,
        limit="a path, NCT01234567 or pmid:12345678",
        remedy="check the spelling",
    )


def _fetch(address: str) -> str:
    try:
        with urlopen(address, timeout=TIMEOUT_SECONDS) as response:  # noqa: S310 - fixed https addresses
            return str(response.read().decode("utf-8"))
    except (URLError, TimeoutError, OSError) as failed:
        raise InputError(
            f"cannot be fetched: {getattr(failed, 'reason', failed)}",
            where=address,
            remedy="download the address elsewhere and give the file",
        ) from None


def _form_of(text: str, path: Path) -> str:
    start = text.lstrip()[:4000]
    if start.startswith("<"):
        return "pubmed"
    if start.startswith(("{", "[")):
        return "ctgov"
    if re.search(r"^TY  - ?", start, re.MULTILINE):
        return "ris"
    if re.search(r"^PMID- ", start, re.MULTILINE):
        return "pubmed"
    header = start.splitlines()[0] if start else ""
    if ".g_se" in header:
        return "metapsy"
    if all(column in header for column in REQUIRED):
        return "csv"
    if re.search(r"Study", header) and re.search(r"Experimental|GIV|Mean1|Events1|Total1", header):
        return "revman"
    raise InputError(
        "the form of the file cannot be told",
        value=header or "an empty file",
        where=str(path),
        remedy="say it with --form; a table of effects alone goes to `openkap evidence pool`",
        limit="ClinicalTrials.gov JSON, PubMed XML or nbib, RIS, Metapsy, RevMan or our own CSV",
    )


def _read(
    kind: str, text: str, where: str, scales: Scales, answer: Answer, references: list[Reference]
) -> None:
    if kind == "ctgov":
        imported = read_clinicaltrials_gov(text, scales, where)
        answer.studies.append((imported.study, None))
        answer.findings += imported.findings
    elif kind == "pubmed":
        is_xml = text.lstrip().startswith("<")
        references += read_pubmed_xml(text, where) if is_xml else read_nbib(text, where)
    elif kind == "ris":
        references += read_ris(text, where)
    elif kind == "metapsy":
        comparisons = read_metapsy(text, where)
        answer.rows[where] = len(comparisons)
        answer.tables[f"{Path(where).stem}_effects"] = [
            {"study": each.study, "yi": each.g, "sei": each.g_se, "outcome": each.instrument, "row": each.id}
            for each in comparisons
            if each.g is not None and each.g_se is not None
        ]
    elif kind == "revman":
        data = read_revman(text, where)
        answer.rows[where] = len(data)
        for row in data:
            # The names that `openkap evidence pool` reads.
            numbers = {
                {"giv": "yi", "giv_se": "sei"}.get(name, name): value for name, value in row.numbers.items()
            }
            table = answer.tables.setdefault(f"{Path(where).stem}_{row.kind}", [])
            table.append(
                {
                    "study": row.study,
                    **numbers,
                    "analysis": row.analysis or "",
                    "subgroup": row.subgroup or "",
                }
            )
    else:
        answer.studies += [(study, None) for study in read_own_csv(text, scales, where)]


def _place(answer: Answer, base: Base, scales: Scales, into: Path | None) -> None:
    """Join studies to those held, pass them through the gate, write them."""
    yardstick = Yardstick.of(base, scales)
    numbers = {
        number.upper(): record.companion_of or record.id
        for record in reversed(base.records)
        for number in record.citation.registrations
    }
    placed: list[tuple[Study, str | None]] = []
    for study, _ in answer.studies:
        owner = next((numbers[n.upper()] for n in study.citation.registrations if n.upper() in numbers), None)
        if owner and owner != study.id:
            study = study.model_copy(update={"companion_of": owner, "record": "companion"})
        elif owner == study.id:
            # A registration that now has results: another id, so that the older record stays beside it.
            study = study.model_copy(
                update={"id": f"{study.id}_results", "companion_of": owner, "record": "companion"}
            )
        found = list(check_study(study, scales, yardstick))
        answer.findings += found
        study = study.model_copy(update={"outcomes": without_contradictions(study.outcomes, found)})
        file = None
        if into:
            into.mkdir(parents=True, exist_ok=True)
            path = into / f"{study.id}.yaml"
            if path.exists():
                answer.errors.append(
                    InputError(
                        "the file exists and is not overwritten",
                        where=str(path),
                        remedy="move it, or choose another folder",
                    )
                )
                continue
            path.write_text(study_as_yaml(study), encoding="utf-8")
            file = str(path)
            answer.written.append(path)
        placed.append((study, file))
    answer.studies = placed
    if into:
        for name, rows in answer.tables.items():
            _write_table(into / f"{name}.csv", rows, answer)


def _write_table(path: Path, rows: list[dict[str, Any]], answer: Answer) -> None:
    """Effects as a table that `openkap evidence pool` reads; nothing is overwritten."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with path.open("x", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(
                file, list(rows[0]) if rows else ["study", "yi", "sei"], lineterminator="\n"
            )
            writer.writeheader()
            writer.writerows(rows)
    except FileExistsError:
        answer.errors.append(
            InputError("the file exists and is not overwritten", where=str(path), remedy="move it")
        )
        return
    answer.written.append(path)
