"""ClinicalTrials.gov API v2: one study's JSON, with results where posted, as a study of ours.

Traps this reader knows: every value is text; ``dispersionType`` decides whether a spread is an SD, an SE or
an interval; group ids hold inside one outcome only; time is free text and may hide in class titles;
crossover groups are sequences, not arms; the protocol section may contradict the results. What cannot be
decided is kept as text and named in a finding; nothing is guessed.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from pathlib import Path

from openkap.core.errors import InputError
from openkap.evidence.gate import without_contradictions
from openkap.evidence.importers.reference import find_registrations, find_year
from openkap.evidence.importers.registry_checks import find_contradictions, is_outside
from openkap.evidence.importers.registry_fields import (
    dig,
    list_of,
)
from openkap.evidence.importers.registry_harms import read_harms
from openkap.evidence.importers.registry_outcomes import read_outcomes
from openkap.evidence.importers.registry_record import PLACE, Record
from openkap.evidence.importers.registry_sample import read_sample
from openkap.evidence.integrity_finding import Finding
from openkap.evidence.scales import Scales
from openkap.evidence.study import (
    Citation,
    Design,
    Diagnosis,
    Group,
    Place,
    Population,
    Study,
    Tier,
)


@dataclass
class Imported:
    """A study read from a registry record, and what a person must look at."""

    study: Study
    findings: list[Finding] = field(default_factory=list)


def read_clinicaltrials_gov(text: str, scales: Scales, where: str = "ClinicalTrials.gov") -> Imported:
    """One study of the v2 API (or a list or ``studies`` page holding one).

    Raises
    ------
    InputError
        when the text is not JSON, or is not a v2 study record.
    """
    try:
        record = json.loads(text)
    except json.JSONDecodeError as failed:
        raise InputError(
            f"not readable as JSON: {failed.msg}",
            where=f"{where}:{failed.lineno}",
            remedy="download it again",
        ) from None
    except RecursionError:
        raise InputError(
            "nested too deeply to be a registry record", where=where, remedy="download it again"
        ) from None
    if isinstance(record, dict) and isinstance(record.get("studies"), list):
        record = record["studies"]
    if isinstance(record, list) and len(record) == 1:
        record = record[0]
    number = dig(record, "protocolSection", "identificationModule", "nctId")
    if not isinstance(number, str) or not re.fullmatch(r"NCT\d{8}", number):
        raise InputError(
            "not a study record of the ClinicalTrials.gov API, version 2",
            value=number,
            limit="protocolSection.identificationModule.nctId",
            remedy="download https://clinicaltrials.gov/api/v2/studies/<number>",
            where=where,
        )
    try:
        return _read(Record(record, number, scales))
    except (KeyError, TypeError, AttributeError, ValueError) as failed:
        raise InputError(
            f"the record is not shaped as the API describes: {failed!r}",
            remedy="download it again; if it stays, report it with the number",
            where=f"{where}, {number}",
        ) from None


def read_file(path: Path, scales: Scales) -> Imported:
    """As ``read_clinicaltrials_gov``, from a file."""
    return read_clinicaltrials_gov(path.read_text(encoding="utf-8-sig"), scales, str(path))


def _read(record: Record) -> Imported:
    outcomes = tuple(read_outcomes(record))
    harms = tuple(read_harms(record))
    sample = read_sample(record)
    find_contradictions(record, outcomes)
    outcomes = without_contradictions(outcomes, record.findings)
    for group in record.arms.sequences:
        record.doubt(
            "crossover-sequence",
            f"the group {group!r} is a sequence of treatments, not an arm",
            "enter first-period values by hand; period results are not pooled as arms",
        )
    for group in record.arms.unclear:
        record.doubt(
            "arm-unclear",
            f"the group {group!r} names no drug that is known here",
            "set its role and drug in the file",
        )
    identification = record.protocol["identificationModule"]
    start = dig(record.protocol, "statusModule", "startDateStruct", "date")
    references = list_of(dig(record.protocol, "referencesModule", "references"))
    result_pmids = [
        str(each["pmid"]) for each in references if each.get("type") == "RESULT" and each.get("pmid")
    ]
    study = Study(
        id=record.number.lower(),
        record="study" if outcomes else "registration",
        group=Group.OTHER_QUESTION if is_outside(record) else _group(record, bool(outcomes)),
        status=dig(record.protocol, "statusModule", "overallStatus"),
        citation=Citation(
            title=identification.get("briefTitle") or identification.get("officialTitle") or record.number,
            year=find_year(start),
            pmid=result_pmids[0] if result_pmids else None,
            registrations=(record.number, *_other_numbers(record)),
            sources=(PLACE,),
        ),
        design=_design(record),
        sample=sample,
        population=_population(record),
        diagnosis=Diagnosis(
            instrument=next((o.instrument for o in outcomes if o.domain == "ptsd"), None),
            sources=(PLACE,),
        ),
        comparator=", ".join(arm.label for arm in record.arms.all if arm.role == "comparator") or None,
        arms=record.arms.all,
        outcomes=outcomes,
        adverse_events=harms,
        missing=() if record.results else ("results not posted",),
        notes=("Read by the ClinicalTrials.gov importer; check each finding before use.",),
        places={
            PLACE: Place(
                url=f"https://clinicaltrials.gov/study/{record.number}",
                holds="registry record read through the version 2 API",
                tier=Tier.B,
            )
        },
    )
    return Imported(study, record.findings)


def _other_numbers(record: Record) -> tuple[str, ...]:
    others = list_of(dig(record.protocol, "identificationModule", "secondaryIdInfos"))
    found = find_registrations(*(str(each.get("id")) for each in others))
    return tuple(number for number in found if number != record.number)


def _group(record: Record, has_outcomes: bool) -> Group:
    design = record.protocol.get("designModule") or {}
    prevention = dig(design, "designInfo", "primaryPurpose") == "PREVENTION"
    if not has_outcomes:
        return Group.REGISTERED_PREVENTION if prevention else Group.REGISTERED
    if prevention:
        return Group.PREVENTION
    if design.get("studyType") == "OBSERVATIONAL":
        return Group.OBSERVATIONAL
    randomised = dig(design, "designInfo", "allocation") == "RANDOMIZED"
    return Group.EFFICACY_RCT if randomised else Group.EFFICACY_UNCONTROLLED


def _design(record: Record) -> Design:
    info = dig(record.protocol, "designModule", "designInfo") or {}
    words = [info.get("allocation"), info.get("interventionModel"), info.get("primaryPurpose")]
    masking = dig(info, "maskingInfo", "masking")
    who = list_of(dig(info, "maskingInfo", "whoMasked"))
    dates = [
        dig(record.protocol, "statusModule", key, "date")
        for key in ("startDateStruct", "completionDateStruct")
    ]
    return Design(
        type=", ".join(str(word).lower().replace("_", " ") for word in words if word) or None,
        blinding=f"{masking.lower()} ({', '.join(str(each).lower() for each in who)})"
        if masking and who
        else masking,
        recruitment=" to ".join(date for date in dates if date) or None,
        sources=(PLACE,),
    )


def _population(record: Record) -> Population:
    module = record.protocol.get("eligibilityModule") or {}
    ages = " to ".join(each for each in (module.get("minimumAge"), module.get("maximumAge")) if each)
    conditions = "; ".join(list_of(dig(record.protocol, "conditionsModule", "conditions")))
    text = f"{conditions} {module.get('eligibilityCriteria') or ''}".lower()
    return Population(
        setting=conditions or None,
        military="true" if re.search(r"\bveterans?\b|active[- ]duty", text) else None,
        details={"age_range": ages} if ages else {},
        sources=(PLACE,),
    )
