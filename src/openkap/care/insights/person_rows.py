"""The clinic, its people, their consents and their ways to the door as registry rows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django.db.models import QuerySet

from openkap.care.enrolment.models import ConsentGiven, Decision, Withdrawal
from openkap.care.insights.models import AccessFact, RegistryDecision
from openkap.care.insights.source import Row, Source
from openkap.care.patients.models import Patient, Referral

ELIGIBLE = {
    Decision.Outcome.ELIGIBLE: "yes",
    Decision.Outcome.REVIEWED: "yes",
    Decision.Outcome.NOT_ELIGIBLE: "no",
    Decision.Outcome.WAIT: "unknown",
}


def sites(source: Source) -> Iterator[Row]:
    """The clinic itself."""
    yield {"site_id": source.clinic.uid, "zone": source.clinic.time_zone}


def patients(source: Source) -> Iterator[Row]:
    """Everybody of the clinic, whatever was touched: who is not allowed in is found out by consent."""
    facts: dict[str, AccessFact] = {}
    for fact in AccessFact.objects.filter(patient__clinic=source.clinic).order_by("recorded_at", "id"):
        facts[source.names[fact.patient_id]] = fact
    rows = Patient.objects.filter(clinic=source.clinic, merged_into__isnull=True).select_related("identity")
    for row in rows.order_by("pk"):
        known = facts.get(row.uid)
        died = source.deaths.get(row.uid)
        veteran = {True: "yes", False: "no", None: "unknown"}[row.is_veteran]
        yield {
            "patient_id": row.uid,
            "site_id": source.clinic.uid,
            "birth_year": row.birth_year,
            "sex": row.sex,
            "veteran": veteran,
            "language": (row.identity.language or None) if hasattr(row, "identity") else None,
            "distance_km": float(known.distance_km) if known and known.distance_km is not None else None,
            "coverage": known.coverage if known else "unknown",
            "died_on": source.day(died) if died else None,
        }


def consents(source: Source) -> Iterator[Row]:
    """Every decision about treatment and about the registry, of everybody."""
    here = {"patient__clinic": source.clinic}
    for decision in RegistryDecision.objects.filter(**here).order_by("pk"):
        given = decision.choice == RegistryDecision.Choice.GIVEN
        yield _consent(
            source, f"registry {decision.uid}", decision.patient_id, "registry", given, decision.decided_at
        )
    for consent in ConsentGiven.objects.filter(**here).select_related("consent").order_by("pk"):
        yield _consent(
            source, f"given {consent.consent.uid}", consent.patient_id, "treatment", True, consent.valid_from
        )
    withdrawals = Withdrawal.objects.filter(consent__patient__clinic=source.clinic).select_related("consent")
    for row in withdrawals.order_by("pk"):
        yield _consent(
            source, f"withdrawn {row.uid}", row.consent.patient_id, "treatment", False, row.withdrawn_at
        )


def _consent(source: Source, name: str, patient: int, purpose: str, given: bool, at: datetime) -> Row:
    return {
        "consent_id": name,
        "patient_id": source.names[patient],
        "purpose": purpose,
        "decision": "given" if given else "withdrawn",
        "decided_at": at,
    }


def referrals(source: Source) -> Iterator[Row]:
    """Each way to the door with how far it led, up to the next referral of the same person."""
    by_person: dict[str, list[Referral]] = defaultdict(list)
    rows = source.of_patients(Referral.objects.filter(received_at__lt=source.cut)).defer("document")
    for row in rows.order_by("received_at", "id"):
        by_person[source.names[row.patient_id]].append(row)
    decisions = _by_person(source, Decision.objects.filter(decided_at__lt=source.cut), "decided_at")
    given = _by_person(source, ConsentGiven.objects.filter(valid_from__lt=source.cut), "valid_from")
    for person, found in by_person.items():
        ends = [each.received_at for each in found[1:]] + [source.cut]
        for referral, end in zip(found, ends, strict=True):
            judged = [row for row in decisions[person] if referral.received_at <= row.decided_at < end]
            signed = [row for row in given[person] if referral.received_at <= row.valid_from < end]
            yield {
                "referral_id": referral.uid,
                "patient_id": person,
                "referred_on": source.day(referral.received_at),
                "screened_on": source.day(judged[0].decided_at) if judged else None,
                "eligible": ELIGIBLE[Decision.Outcome(judged[-1].outcome)] if judged else "unknown",
                "consented_on": source.day(signed[0].valid_from) if signed else None,
            }


def _by_person(source: Source, rows: QuerySet[Any], order: str) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = defaultdict(list)
    for row in source.of_patients(rows).order_by(order, "pk"):
        found[source.names[row.patient_id]].append(row)
    return found
