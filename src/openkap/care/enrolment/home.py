"""What waits in screening and consent, for whom."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.db.models import Exists, OuterRef, QuerySet, Subquery
from django.urls import reverse

from openkap.care.accounts.actor import Actor
from openkap.care.contributions import Task
from openkap.care.enrolment.assessment import assess_patients
from openkap.care.enrolment.facts import in_force
from openkap.care.enrolment.models import ConsentGiven, Decision, PatientSignature, Screening
from openkap.care.enrolment.protocols import is_retired
from openkap.care.enrolment.texts import released
from openkap.care.moment import now
from openkap.care.patients.access import scope_of, visible
from openkap.care.patients.models import Patient
from openkap.care.patients.queries import NAME, display_name, name_shown
from openkap.care.permissions import Permission, Role
from openkap.care.prepared import prepared
from openkap.protocol.assess import Assessment, Verdict

# How long before a consent ends it is put on the list.
AHEAD = timedelta(days=14)
MOST = 50
# What the signatures answer, not a question.
CONSENT = "has_capacity_and_signed_consent"


def tasks(by: Actor) -> list[Task]:
    """Screenings to begin or decide, signatures to give, consents about to end."""
    found: list[Task] = []
    if by.may(Permission.COUNTERSIGN_CONSENT):
        found += _to_countersign(by)
    if by.may(Permission.DECIDE_ELIGIBILITY) or by.may(Permission.SCREEN):
        found += _under_way(by)
    if by.may(Permission.SCREEN):
        found += _to_screen(by)
    if by.may(Permission.TAKE_CONSENT):
        found += _ending(by)
    return found


def _to_countersign(by: Actor) -> list[Task]:
    return [
        Task(
            "Countersign the consent",
            reverse("consent_countersign", args=[row.consent.patient.uid, row.consent.uid]),
            display_name(row.consent.patient.identity),
            urgency="today",
            note="the patient has signed",
        )
        for row in _signed(*scope_of(by))
    ]


@prepared
def _signed(clinic_id: int, staff_id: int) -> QuerySet[PatientSignature]:
    waiting = PatientSignature.objects.filter(
        released("consent__text", "consent__patient__clinic"),
        consent__given__isnull=True,
        consent__withdrawal__isnull=True,
        consent__patient__merged_into__isnull=True,
        consent__patient__in=visible(clinic_id, staff_id),
    )
    return waiting.select_related("consent__patient__identity").order_by("signed_at")[:MOST]


def _under_way(by: Actor) -> list[Task]:
    """Screenings without a decision: what can be decided, and what is still being asked."""
    found = _undecided(*scope_of(by))
    open_ones = [row for row in found if not is_retired(row.protocol, row.protocol_version)]
    steps = [
        task
        for row, told in zip(open_ones, assess_patients(open_ones), strict=True)
        if (task := _next_step(by, row.patient, told)) is not None
    ]
    return steps + [_anew(row.patient) for row in found if row not in open_ones]


def _anew(patient: Patient) -> Task:
    url, note = reverse("screening", args=[patient.uid]), "its protocol's version was retired"
    return Task("Screen under the version in force", url, display_name(patient.identity), note=note)


@prepared
def _undecided(clinic_id: int, staff_id: int) -> QuerySet[Screening]:
    newest = Screening.objects.filter(patient=OuterRef("patient")).order_by("-opened_at", "-id").values("pk")
    rows = Screening.objects.filter(
        ~Exists(Decision.objects.filter(patient=OuterRef("patient"))),
        pk=Subquery(newest[:1]),
        patient__in=visible(clinic_id, staff_id),
        patient__status=Patient.Status.SCREENING,
    )
    return rows.select_related("patient__identity").order_by("patient__created_at")[:MOST]


def _next_step(by: Actor, patient: Patient, told: Assessment) -> Task | None:
    whom = display_name(patient.identity)
    asked = [each.fact for each in told.missing if each.fact != CONSENT]
    if told.verdict is Verdict.EXCLUDED or not told.missing:
        if not by.may(Permission.DECIDE_ELIGIBILITY):
            return None
        url = reverse("screening_decide", args=[patient.uid])
        return Task("Decide on eligibility", url, whom, note=f"verdict: {told.verdict.words}")
    if not asked:
        return Task(
            "Go through the consent", reverse("consents", args=[patient.uid]), whom, note="all is answered"
        )
    words = f"{len(asked)} question{'s' if len(asked) > 1 else ''} open"
    if by.may(Permission.TAKE_CONSENT) and Role.PRESCRIBER not in by.roles:
        return Task("Go on with the screening", reverse("screening", args=[patient.uid]), whom, note=words)
    return Task("Still being asked", reverse("screening", args=[patient.uid]), whom, note=words)


def _to_screen(by: Actor) -> list[Task]:
    return [
        Task("Open the screening", reverse("screening", args=[uid]), name_shown(*name), note="referred")
        for uid, *name in _referred(*scope_of(by))
    ]


@prepared
def _referred(clinic_id: int, staff_id: int) -> QuerySet[Patient, tuple[Any, ...]]:
    fresh = visible(clinic_id, staff_id).filter(status=Patient.Status.REFERRED)
    return fresh.order_by("created_at").values_list("uid", *NAME)[:MOST]


def _ending(by: Actor) -> list[Task]:
    return [
        Task(
            "Ask for consent again",
            reverse("consents", args=[row.patient.uid]),
            display_name(row.patient.identity),
            row.expires_at,
            note="the consent ends",
        )
        for row in _ends_soon(*scope_of(by), now(), now() + AHEAD)
    ]


@prepared
def _ends_soon(clinic_id: int, staff_id: int, moment: datetime, before: datetime) -> QuerySet[ConsentGiven]:
    ending = in_force(moment).filter(
        patient__in=visible(clinic_id, staff_id),
        patient__merged_into__isnull=True,
        expires_at__lt=before,
    )
    return ending.select_related("patient__identity").order_by("expires_at")[:MOST]
