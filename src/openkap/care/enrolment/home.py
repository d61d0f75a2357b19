"""What waits in screening and consent, for whom."""

from __future__ import annotations

from datetime import timedelta

from django.db.models import Exists, OuterRef
from django.urls import reverse

from openkap.care.accounts.actor import Actor
from openkap.care.contributions import Task
from openkap.care.enrolment.models import ConsentGiven, Decision, PatientSignature, Screening
from openkap.care.enrolment.texts import released
from openkap.care.moment import now
from openkap.care.patients.access import patients_of
from openkap.care.patients.models import Patient
from openkap.care.patients.queries import display_name
from openkap.care.permissions import Permission

# How long before a consent ends it is put on the list.
AHEAD = timedelta(days=14)
MOST = 50


def tasks(by: Actor) -> list[Task]:
    """Screenings to begin or decide, signatures to give, consents about to end."""
    found: list[Task] = []
    if by.may(Permission.COUNTERSIGN_CONSENT):
        found += _to_countersign(by)
    if by.may(Permission.DECIDE_ELIGIBILITY):
        found += _to_decide(by)
    if by.may(Permission.SCREEN):
        found += _to_screen(by)
    if by.may(Permission.TAKE_CONSENT):
        found += _ending(by)
    return found


def _to_countersign(by: Actor) -> list[Task]:
    waiting = PatientSignature.objects.filter(
        released("consent__text", "consent__patient__clinic"),
        consent__given__isnull=True,
        consent__patient__in=patients_of(by),
    ).select_related("consent__patient__identity")
    return [
        Task(
            "Countersign the consent",
            reverse("consent_countersign", args=[row.consent.patient.uid, row.consent.uid]),
            display_name(row.consent.patient.identity),
            urgency="today",
            note="the patient has signed",
        )
        for row in waiting.order_by("signed_at")[:MOST]
    ]


def _to_decide(by: Actor) -> list[Task]:
    undecided = patients_of(by).filter(
        Exists(Screening.objects.filter(patient=OuterRef("pk"))),
        ~Exists(Decision.objects.filter(patient=OuterRef("pk"))),
        status=Patient.Status.SCREENING,
    )
    return [
        Task(
            "Decide on eligibility",
            reverse("screening_decide", args=[patient.uid]),
            display_name(patient.identity),
        )
        for patient in undecided.select_related("identity").order_by("created_at")[:MOST]
    ]


def _to_screen(by: Actor) -> list[Task]:
    fresh = patients_of(by).filter(status=Patient.Status.REFERRED)
    return [
        Task(
            "Open the screening",
            reverse("screening", args=[patient.uid]),
            display_name(patient.identity),
            note="referred",
        )
        for patient in fresh.select_related("identity").order_by("created_at")[:MOST]
    ]


def _ending(by: Actor) -> list[Task]:
    ending = ConsentGiven.objects.filter(
        released("text", "patient__clinic"),
        patient__in=patients_of(by),
        withdrawal__isnull=True,
        expires_at__gt=now(),
        expires_at__lt=now() + AHEAD,
    ).select_related("patient__identity")
    return [
        Task(
            "Ask for consent again",
            reverse("consents", args=[row.patient.uid]),
            display_name(row.patient.identity),
            row.expires_at,
            note="the consent ends",
        )
        for row in ending.order_by("expires_at")[:MOST]
    ]
