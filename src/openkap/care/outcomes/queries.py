"""Reads of outcomes for lists and pages of staff: what was asked, open cases, proposals; plain values out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Count, Exists, OuterRef, Q, QuerySet
from django.db.models.functions import Coalesce
from django.urls import reverse
from django.utils.timezone import localtime

from openkap.care.accounts.actor import Actor
from openkap.care.messaging.actions import CALL
from openkap.care.messaging.undelivered import MEASURE, in_words, undelivered_fields
from openkap.care.moment import now
from openkap.care.outcomes.case import parts, untaken
from openkap.care.outcomes.follow_up import form_of, title_of
from openkap.care.outcomes.models import (
    Call,
    Invitation,
    MaintenanceProposal,
    SafetySignal,
)
from openkap.care.outcomes.trajectory import milestone_of
from openkap.care.patients.access import in_care, scope_of, visible
from openkap.care.patients.models import Patient
from openkap.care.patients.queries import display_name, record_ids
from openkap.care.permissions import Permission
from openkap.care.prepared import prepared


@dataclass(frozen=True, slots=True)
class Asked:
    """One invitation as the outcomes page lists it."""

    uid: str
    occasion: str
    forms: str
    due_at: datetime
    closes_at: datetime
    state: str
    tone: str
    is_open: bool
    # The link has gone out, and the time for it is not over.
    is_out: bool = False
    # A message that did not arrive: to whom, and since when.
    undelivered: str = ""


def invitations_of(patient: Patient, limit: int = 40) -> list[Asked]:
    """What was asked and what became of it, newest first."""
    rows = (
        _with_late(Invitation.objects.filter(patient_id__in=record_ids(patient)))
        .prefetch_related("forms")
        .order_by("-due_at", "-id")[:limit]
    )
    return [
        Asked(
            uid=row.uid,
            occasion=title_of(row.occasion),
            forms=", ".join(form_of(form.instrument).short for form in row.forms.all()),
            due_at=row.due_at,
            closes_at=row.closes_at,
            state=_state(row)[0],
            tone=_state(row)[1],
            is_open=row.finished_at is None and row.closed_at is None,
        )
        for row in rows
    ]


def _with_late(rows: QuerySet[Invitation]) -> QuerySet[Any]:
    """With how many answers came after the questions were finished or closed."""
    after = Q(forms__answers__received_at__gt=Coalesce("finished_at", "closed_at"))
    return rows.annotate(came_late=Count("forms__answers", filter=after))


def _state(row: Any) -> tuple[str, str]:
    late = f"; answers came after that: {row.came_late}" if row.came_late else ""
    if row.finished_at is not None:
        return f"✓ answered {localtime(row.finished_at):%-d %b %Y}{late}", "good"
    if row.closed_at is not None:
        return f"– {row.get_gap_display()}{late}", "watch" if late else "unknown"
    if row.sent_at is not None:
        reminded = f", reminded {localtime(row.reminded_at):%-d %b}" if row.reminded_at else ""
        until = f"{localtime(row.closes_at):%-d %b}"
        return f"sent {localtime(row.sent_at):%-d %b}{reminded}, open until {until}", "watch"
    return f"planned for {localtime(row.due_at):%-d %b %Y}", "plain"


@dataclass(frozen=True, slots=True)
class OpenSignal:
    """A person's case in a list: their alarming answers that are open."""

    uid: str
    patient_uid: str
    patient_name: str
    raised_at: datetime
    escalate_at: datetime
    level: int
    is_acknowledged: bool
    # Somebody had taken it on, and what came after that waits for somebody again.
    is_anew: bool
    # Everybody who is named was called, and nobody further is.
    all_called: bool
    # How many parts there are to look at.
    answers: int
    url: str
    # A call that did not arrive: to whom, and since when.
    undelivered: str


def open_signals(by: Actor) -> list[OpenSignal]:
    """The open cases of the patients whose outcomes somebody may see, oldest first; and those about which
    they were called themselves. A person has one, however many answers are in it.
    """
    cases: dict[int, list[Any]] = {}
    for row in _open_signals(*scope_of(by, Permission.SEE_OUTCOMES)):
        cases.setdefault(person_of(row).pk, []).append(row)
    return [_open_case(rows) for rows in cases.values()]


def _open_case(rows: list[Any]) -> OpenSignal:
    """One line for the answers of one person; what nobody has taken on yet speaks for them."""
    waiting: list[Any] = untaken(rows) or rows
    lost = [in_words(row.undelivered_to, row.undelivered_since) for row in reversed(waiting)]
    return OpenSignal(
        uid=rows[0].uid,
        patient_uid=person_of(rows[0]).uid,
        patient_name=display_name(person_of(rows[0]).identity),
        raised_at=waiting[0].raised_at,
        escalate_at=min(row.escalate_at for row in waiting),
        level=max(row.level for row in waiting),
        is_acknowledged=not untaken(rows),
        is_anew=len(untaken(rows)) not in (0, len(rows)),
        all_called=waiting[0].all_called_at is not None,
        answers=len(parts(rows)),
        url=address_of(rows[0]),
        undelivered=next(filter(None, lost), ""),
    )


@prepared
def _open_signals(clinic_id: int, staff_id: int) -> QuerySet[Any]:
    # Who was called about one answer of a case is called about the person.
    same = Q(signal__patient=OuterRef("patient")) | Q(signal__patient=OuterRef("patient__merged_into"))
    same |= Q(signal__patient__merged_into=OuterRef("patient"))
    same |= Q(signal__patient__merged_into=OuterRef("patient__merged_into"))
    called = Call.objects.filter(same, staff_id=staff_id, signal__closed_at__isnull=True)
    # The record in use decides who may see the alert.
    seen = Q(patient__merged_into__isnull=True, patient__in=visible(clinic_id, staff_id))
    seen |= Q(patient__merged_into__in=visible(clinic_id, staff_id))
    waiting = SafetySignal.objects.filter(
        seen | Q(Exists(called)),
        patient__clinic_id=clinic_id,
        closed_at__isnull=True,
    )
    told = waiting.annotate(**undelivered_fields(CALL))
    rows = told.select_related("patient__identity", "patient__merged_into__identity")
    return rows.order_by("raised_at", "id")


def person_of(signal: SafetySignal) -> Patient:
    """The record in use of the person an alert is about: of a merged record, the one it was merged into."""
    return signal.patient.merged_into or signal.patient


def address_of(signal: SafetySignal) -> str:
    """Where an alert is answered: under the record in use."""
    return reverse("signal", args=[person_of(signal).uid, signal.uid])


def proposal_page(proposal: MaintenanceProposal) -> dict[str, Any]:
    """The proposal with the readings behind it."""
    milestone = milestone_of(form_of(proposal.turn.score.instrument), proposal.turn)
    return {
        "uid": proposal.uid,
        "made_at": proposal.made_at,
        "milestone": milestone,
        "decision": proposal.get_decision_display() if proposal.decision else "",
        "reason": proposal.reason,
        "decided_by": proposal.decided_by.name if proposal.decided_by else "",
        "decided_at": proposal.decided_at,
        "choices": MaintenanceProposal.Decision.choices,
    }


def open_proposals(by: Actor) -> list[MaintenanceProposal]:
    """Proposals nobody has decided on, with the patient's identity."""
    return _open_proposals(*scope_of(by, Permission.SEE_OUTCOMES))


@prepared
def _open_proposals(clinic_id: int, staff_id: int) -> QuerySet[MaintenanceProposal]:
    waiting = MaintenanceProposal.objects.filter(
        patient__in=in_care(clinic_id, staff_id),
        decided_at__isnull=True,
        turn__score__form__voided_at__isnull=True,
        turn__before__form__voided_at__isnull=True,
    )
    return waiting.select_related("patient__identity", "turn").order_by("made_at")


def asked_page(invitation: Invitation) -> Asked:
    """One invitation for its own page."""
    told = Invitation.objects.filter(pk=invitation.pk).annotate(**undelivered_fields(MEASURE))
    row = _with_late(told).get()
    state, tone = _state(row)
    forms = ", ".join(form_of(form.instrument).short for form in invitation.forms.order_by("position"))
    return Asked(
        uid=invitation.uid,
        occasion=title_of(invitation.occasion),
        forms=forms,
        due_at=invitation.due_at,
        closes_at=invitation.closes_at,
        state=state,
        tone=tone,
        is_open=invitation.finished_at is None and invitation.closed_at is None,
        is_out=invitation.sent_at is not None and invitation.closes_at > now(),
        undelivered=in_words(row.undelivered_to, row.undelivered_since),
    )


def reach(patient: Patient) -> dict[str, Any]:
    """How to reach the patient and the people around them, for somebody who must call now."""
    from openkap.care.patients.contact_points import ways_to_reach
    from openkap.care.patients.queries import contacts_of, crisis_plan

    return {
        "telephone": patient.identity.telephone,
        "others": [
            each
            for each in ways_to_reach(record_ids(patient))
            if each.kind == "telephone" and not each.is_in_use
        ],
        "language": patient.identity.language,
        "interpreter": patient.identity.needs_interpreter,
        "contacts": contacts_of(patient),
        "plan": crisis_plan(patient),
    }
