"""What waits in screening and consent, for whom."""

from __future__ import annotations

from datetime import timedelta

from django.db.models import Exists, OuterRef, Subquery
from django.urls import reverse

from openkap.care.accounts.actor import Actor
from openkap.care.contributions import Task
from openkap.care.enrolment.assessment import assess_patients
from openkap.care.enrolment.models import ConsentGiven, Decision, PatientSignature, Screening
from openkap.care.enrolment.texts import released
from openkap.care.moment import now
from openkap.care.patients.access import patients_of
from openkap.care.patients.models import Patient
from openkap.care.patients.queries import display_name
from openkap.care.permissions import Permission, Role
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


def _under_way(by: Actor) -> list[Task]:
    """Screenings without a decision: what can be decided, and what is still being asked."""
    newest = Screening.objects.filter(patient=OuterRef("patient")).order_by("-opened_at", "-id").values("pk")
    rows = Screening.objects.filter(
        ~Exists(Decision.objects.filter(patient=OuterRef("patient"))),
        pk=Subquery(newest[:1]),
        patient__in=patients_of(by),
        patient__status=Patient.Status.SCREENING,
    )
    found = list(rows.select_related("patient__identity").order_by("patient__created_at")[:MOST])
    return [
        task
        for row, told in zip(found, assess_patients(found), strict=True)
        if (task := _next_step(by, row.patient, told)) is not None
    ]


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
