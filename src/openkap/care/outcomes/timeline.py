"""The outcomes' marks on the timeline: turns, alarming answers, decisions about maintenance."""

from __future__ import annotations

from django.urls import reverse

from openkap.care.contributions import TimelineEvent
from openkap.care.outcomes.course import turns_that_stand
from openkap.care.outcomes.follow_up import form_of, title_of
from openkap.care.outcomes.models import FormScore, Invitation, MaintenanceProposal, SafetySignal, Turn

TONES = {"relapse": "alarm", "response": "good", "remission": "good"}


def events(patient_ids: list[int]) -> list[TimelineEvent]:
    return [
        *_turns(patient_ids),
        *_signals(patient_ids),
        *_proposals(patient_ids),
        *_scores(patient_ids),
        *_gaps(patient_ids),
    ]


def _turns(patient_ids: list[int]) -> list[TimelineEvent]:
    rows = turns_that_stand(Turn.objects.filter(patient_id__in=patient_ids))
    return [
        TimelineEvent(
            row.at,
            "turn",
            row.kind.capitalize(),
            detail=f"{form_of(row.score.instrument).short} {_points(row.before)} → {_points(row.score)}",
            tone=TONES.get(row.kind, "plain"),
        )
        for row in rows.select_related("score", "before")
    ]


def _points(row: FormScore) -> str:
    return "not scored" if row.total is None else f"{row.total.normalize():f}"


def _signals(patient_ids: list[int]) -> list[TimelineEvent]:
    rows = SafetySignal.objects.filter(patient_id__in=patient_ids).select_related(
        "patient", "acknowledged_by"
    )
    found = []
    for row in rows:
        url = reverse("signal", args=[row.patient.uid, row.uid])
        said = "nobody has acknowledged it yet"
        if row.acknowledged_at and row.acknowledged_by:
            waited = int((row.acknowledged_at - row.raised_at).total_seconds() // 60)
            said = f"acknowledged by {row.acknowledged_by.name} after {waited} min"
        found.append(TimelineEvent(row.raised_at, "signal", "Alarming answer", url, said, "alarm"))
    return found


def _proposals(patient_ids: list[int]) -> list[TimelineEvent]:
    rows = MaintenanceProposal.objects.filter(patient_id__in=patient_ids, decided_at__isnull=False)
    return [
        TimelineEvent(row.decided_at, "decision", f"Decided: {row.get_decision_display()}", detail=row.reason)
        for row in rows
        if row.decided_at
    ]


def _scores(patient_ids: list[int]) -> list[TimelineEvent]:
    """One mark for each day of answers, all of its scores in one line."""
    rows = (
        FormScore.objects.filter(patient_id__in=patient_ids, form__voided_at__isnull=True)
        .select_related("form__invitation")
        .order_by("at")
    )
    by_invitation: dict[int, list[FormScore]] = {}
    for row in rows:
        by_invitation.setdefault(row.form.invitation_id, []).append(row)
    return [
        TimelineEvent(
            group[0].at,
            "measure",
            title_of(group[0].form.invitation.occasion),
            detail=", ".join(
                f"{form_of(row.instrument).short} {row.total.normalize():f}"
                if row.total is not None
                else f"{form_of(row.instrument).short} answered"
                for row in group
            ),
        )
        for group in by_invitation.values()
    ]


def _gaps(patient_ids: list[int]) -> list[TimelineEvent]:
    rows = Invitation.objects.filter(
        patient_id__in=patient_ids, closed_at__isnull=False, forms__score__isnull=True
    ).distinct()
    return [
        TimelineEvent(
            row.due_at,
            "gap",
            f"{title_of(row.occasion)}: missing",
            detail=row.get_gap_display(),
            tone="unknown",
        )
        for row in rows
    ]
