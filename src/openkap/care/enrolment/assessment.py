"""The assessment as plain data: what the live page shows is what is stored, and stored it is shown again."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from openkap.care.enrolment.facts import screening_facts, screening_facts_of
from openkap.care.enrolment.models import Screening
from openkap.care.enrolment.protocols import protocol_of
from openkap.care.patients.models import Patient
from openkap.protocol.assess import Assessment, Verdict, assess
from openkap.protocol.elements import dictionary
from openkap.protocol.model import Protocol

TONES = {
    Verdict.EXCLUDED: "alarm",
    Verdict.INCOMPLETE: "unknown",
    Verdict.CLINICIAN_REVIEW: "watch",
    Verdict.DELAY: "watch",
    Verdict.ELIGIBLE: "good",
}


def assess_patient(patient: Patient, screening: Screening) -> Assessment:
    """The answer of the screening's protocol on everything known now."""
    protocol = protocol_of(screening.protocol, screening.protocol_version)
    return assess(screening_facts(patient), protocol)


def assess_patients(screenings: list[Screening]) -> list[Assessment]:
    """The answer of each screening, for a list: ``patient`` with its identity is loaded with each."""
    facts = screening_facts_of([each.patient for each in screenings])
    return [
        assess(facts[each.patient_id], protocol_of(each.protocol, each.protocol_version))
        for each in screenings
    ]


def shown(assessment: Assessment) -> dict[str, Any]:
    """All a page shows of an assessment, without going back to code or content."""
    told = assessment.as_dict()
    elements = dictionary()
    for name, fact in told["facts"].items():
        fact["label"] = elements[name].label
        fact["standing"] = assessment.facts.known[name].standing(assessment.facts.as_of).value
    for reason in told["reasons"]:
        reason["action_words"] = assessment.protocol.rule(reason["rule"]).action.words
    told["inactive"] = [
        {"rule": name, "title": assessment.protocol.rule(name).title} for name in assessment.inactive
    ]
    told["words"] = assessment.verdict.words
    told["tone"] = TONES[assessment.verdict]
    told["so_far_words"] = assessment.so_far.words
    told["cleared"] = len(assessment.cleared)
    told["protocol"]["title"] = assessment.protocol.title
    return told


def notice(protocol: Protocol) -> list[dict[str, Any]]:
    """The guideline-conflict notice alone, before anything is assessed."""
    return [
        {
            "body": position.body,
            "position": position.position,
            "about_ptsd": position.about_ptsd,
            "status": position.status or "",
            "grade": position.grade.value,
        }
        for position in protocol.against()
    ]


def canonical(told: Any) -> str:
    """The one text of some data: what is stored and fingerprinted."""
    return json.dumps(told, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def fingerprint_of(told: dict[str, Any]) -> str:
    """SHA-256 of all but the moment: equal as long as the answer and its grounds are."""
    still = {key: value for key, value in told.items() if key != "as_of"}
    return hashlib.sha256(canonical(still).encode()).hexdigest()
