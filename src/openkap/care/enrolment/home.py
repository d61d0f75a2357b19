"""What waits in screening and consent, for whom."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.db.models import Exists, OuterRef, QuerySet
from django.urls import reverse

from openkap.care.accounts.actor import Actor
from openkap.care.contributions import Task
from openkap.care.enrolment.models import ConsentGiven, Decision, PatientSignature, Screening
from openkap.care.moment import now
from openkap.care.patients.access import scope_of, visible
from openkap.care.patients.models import Patient
from openkap.care.patients.queries import NAME, display_name, name_shown
from openkap.care.permissions import Permission
from openkap.care.prepared import prepared

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
        consent__given__isnull=True,
        consent__patient__in=visible(clinic_id, staff_id),
        consent__text__superseded_at__isnull=True,
    )
    return waiting.select_related("consent__patient__identity").order_by("signed_at")[:MOST]


def _to_decide(by: Actor) -> list[Task]:
    return [
        Task("Decide on eligibility", reverse("screening_decide", args=[uid]), name_shown(*name))
        for uid, *name in _undecided(*scope_of(by))
    ]


@prepared
def _undecided(clinic_id: int, staff_id: int) -> QuerySet[Patient, tuple[Any, ...]]:
    undecided = visible(clinic_id, staff_id).filter(
        Exists(Screening.objects.filter(patient=OuterRef("pk"))),
        ~Exists(Decision.objects.filter(patient=OuterRef("pk"))),
        status=Patient.Status.SCREENING,
    )
    return undecided.order_by("created_at").values_list("uid", *NAME)[:MOST]


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
    ending = ConsentGiven.objects.filter(
        patient__in=visible(clinic_id, staff_id),
        withdrawal__isnull=True,
        text__superseded_at__isnull=True,
        expires_at__gt=moment,
        expires_at__lt=before,
    )
    return ending.select_related("patient__identity").order_by("expires_at")[:MOST]
