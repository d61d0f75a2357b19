"""What waits in screening and consent, for whom; and who is treated against a verdict."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.db.models import Exists, F, OuterRef, Q, QuerySet, Subquery
from django.urls import reverse

from openkap.care.accounts.actor import Actor
from openkap.care.contributions import Task
from openkap.care.enrolment.assessment import assess_patients
from openkap.care.enrolment.models import ConsentGiven, Decision, PatientSignature, Screening, Withdrawal
from openkap.care.enrolment.protocols import is_retired
from openkap.care.enrolment.queries import CONSENT
from openkap.care.enrolment.texts import released
from openkap.care.first_lines import first_lines
from openkap.care.moment import now
from openkap.care.patients.access import in_care, scope_of
from openkap.care.patients.models import Patient
from openkap.care.patients.queries import NAME, display_name, name_shown
from openkap.care.permissions import Permission, Role
from openkap.protocol.assess import Assessment, Verdict

# How long before a consent ends it is put on the list.
AHEAD = timedelta(days=14)
MOST = 50
# More overrides than this are a number on the last line.
NAMED = 5
# Whose next dose rests on a consent.
IN_TREATMENT = (Patient.Status.ELIGIBLE, Patient.Status.IN_COURSE, Patient.Status.MAINTENANCE)
TREATED = (Decision.Outcome.ELIGIBLE, Decision.Outcome.REVIEWED)


def tasks(by: Actor) -> list[Task]:
    """Screenings to begin or decide, signatures to give, consents that end or ended, overrides in force."""
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
    waiting = _signed(*scope_of(by))
    return waiting.rest("today") + [
        Task(
            "Countersign the consent",
            reverse("consent_countersign", args=[row.consent.patient.uid, row.consent.uid]),
            display_name(row.consent.patient.identity),
            urgency="today",
            note="the patient has signed",
            since=row.signed_at,
        )
        for row in waiting
    ]


@first_lines(MOST, "consents to countersign")
def _signed(clinic_id: int, staff_id: int) -> QuerySet[PatientSignature]:
    waiting = PatientSignature.objects.filter(
        released("consent__text", "consent__patient__clinic"),
        consent__given__isnull=True,
        consent__withdrawal__isnull=True,
        consent__patient__merged_into__isnull=True,
        consent__patient__in=in_care(clinic_id, staff_id),
    )
    return waiting.select_related("consent__patient__identity").order_by("signed_at", "id")


def _under_way(by: Actor) -> list[Task]:
    """Screenings without a decision: what can be decided, and what is still being asked."""
    rows = _undecided_or_overridden(*scope_of(by))
    found = [row for row in rows if not row.is_override]
    open_ones = [row for row in found if not is_retired(row.protocol, row.protocol_version)]
    steps = [
        task
        for row, told in zip(open_ones, assess_patients(open_ones), strict=True)
        if (task := _next_step(by, row, told)) is not None
    ]
    anew = [_anew(row) for row in found if row not in open_ones]
    against = [row for row in rows if row.is_override] if by.may(Permission.DECIDE_ELIGIBILITY) else []
    return steps + anew + rows.rest() + _against_the_verdict(against)


def _against_the_verdict(rows: list[Any]) -> list[Task]:
    """Treated although the rules say no: a person decided it, and it stays in sight while it lasts."""
    left = len(rows) - NAMED
    return [
        Task(
            "Look again: treated against the verdict",
            reverse("screening", args=[row.patient.uid]),
            display_name(row.patient.identity),
            note=f"{row.because}; and {left} more" if number == NAMED and left > 0 else row.because,
        )
        for number, row in enumerate(rows[:NAMED], 1)
    ]


def _anew(row: Screening) -> Task:
    return Task(
        "Screen under the version in force",
        reverse("screening", args=[row.patient.uid]),
        display_name(row.patient.identity),
        note="its protocol's version was retired",
        since=row.patient.created_at,
    )


@first_lines(MOST, "screenings")
def _undecided_or_overridden(clinic_id: int, staff_id: int) -> QuerySet[Any]:
    """The newest screening of who waits for a decision, then of who is treated against the verdict."""
    newest = Screening.objects.filter(patient=OuterRef("patient")).order_by("-opened_at", "-id").values("pk")
    last = Decision.objects.filter(patient=OuterRef("patient")).order_by("-decided_at", "-id")
    rows = Screening.objects.filter(
        pk=Subquery(newest[:1]), patient__in=in_care(clinic_id, staff_id)
    ).annotate(
        is_override=Subquery(last.values("is_override")[:1]),
        outcome=Subquery(last.values("outcome")[:1]),
        because=Subquery(last.values("reason")[:1]),
    )
    signed = PatientSignature.objects.filter(
        released("consent__text", "consent__patient__clinic"),
        consent__given__isnull=True,
        consent__patient=OuterRef("patient"),
    )
    waiting = Q(is_override__isnull=True, patient__status=Patient.Status.SCREENING)
    against = Q(is_override=True, outcome__in=TREATED, patient__status__in=IN_TREATMENT)
    order = F("is_override").asc(nulls_first=True)
    found = rows.filter(waiting | against).annotate(is_signed=Exists(signed))
    return found.select_related("patient__identity").order_by(order, "patient__created_at", "id")


def _next_step(by: Actor, row: Any, told: Assessment) -> Task | None:
    patient, since = row.patient, row.patient.created_at
    whom = display_name(patient.identity)
    asked = [each.fact for each in told.missing if each.fact != CONSENT]
    if told.verdict is Verdict.EXCLUDED or not told.missing:
        if not by.may(Permission.DECIDE_ELIGIBILITY):
            return None
        url = reverse("screening_decide", args=[patient.uid])
        return Task("Decide on eligibility", url, whom, note=f"verdict: {told.verdict.words}", since=since)
    screening = reverse("screening", args=[patient.uid])
    if not asked:
        # Signed and not countersigned: that is the prescriber's own line.
        if row.is_signed:
            return None
        url = reverse("consents", args=[patient.uid])
        note = "all questions answered; the consent is missing"
        return Task("Go through the consent", url, whom, note=note, since=since)
    words = f"{len(asked)} question{'s' if len(asked) > 1 else ''} open"
    if by.may(Permission.TAKE_CONSENT) and Role.PRESCRIBER not in by.roles:
        return Task("Go on with the screening", screening, whom, note=words, since=since)
    return Task("Still being asked", screening, whom, note=words, since=since)


def _to_screen(by: Actor) -> list[Task]:
    waiting = _referred(*scope_of(by))
    return waiting.rest() + [
        Task(
            "Open the screening",
            reverse("screening", args=[uid]),
            name_shown(*name),
            note="referred, not screened yet",
            since=since,
        )
        for uid, since, *name in waiting
    ]


@first_lines(MOST, "referrals to screen")
def _referred(clinic_id: int, staff_id: int) -> QuerySet[Patient, tuple[Any, ...]]:
    fresh = in_care(clinic_id, staff_id).filter(status=Patient.Status.REFERRED)
    return fresh.order_by("created_at", "id").values_list("uid", "created_at", *NAME)


def _ending(by: Actor) -> list[Task]:
    """Consents of those in treatment that no longer carry a dose, or will not for much longer."""
    waiting = _newest_consents(*scope_of(by), now() + AHEAD)
    return waiting.rest("today") + [
        Task(
            "Ask for consent again",
            reverse("consents", args=[row.patient.uid]),
            display_name(row.patient.identity),
            row.expires_at if row.is_current else None,
            "today" if not row.is_current or row.expires_at <= now() else "soon",
            _why_again(row),
        )
        for row in waiting
    ]


def _why_again(row: Any) -> str:
    if row.expires_at <= now():
        return "the consent has ended: no dose until it is renewed"
    return "the consent ends" if row.is_current else "a newer version must be signed before the next dose"


@first_lines(MOST, "consents that end")
def _newest_consents(clinic_id: int, staff_id: int, before: datetime) -> QuerySet[Any]:
    newest = (
        ConsentGiven.objects.filter(patient=OuterRef("patient")).order_by("-valid_from", "-id").values("pk")
    )
    current = ConsentGiven.objects.filter(released("text", "patient__clinic"), pk=OuterRef("pk"))
    withdrawn = Withdrawal.objects.filter(
        consent__patient=OuterRef("patient"), withdrawn_at__gte=OuterRef("valid_from")
    )
    rows = ConsentGiven.objects.filter(
        ~Exists(withdrawn),
        pk=Subquery(newest[:1]),
        patient__in=in_care(clinic_id, staff_id),
        patient__merged_into__isnull=True,
        patient__status__in=IN_TREATMENT,
    ).annotate(is_current=Exists(current))
    due = rows.filter(Q(expires_at__lt=before) | Q(is_current=False))
    return due.select_related("patient__identity").order_by("expires_at", "id")
