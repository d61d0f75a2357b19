"""Whether the decision on a patient's eligibility still rests on what is known: what has come since."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import OuterRef, QuerySet, Subquery

from openkap.care.enrolment.assessment import assess_patient
from openkap.care.enrolment.models import Decision, SharedDecision
from openkap.care.patients.models import Merge, Patient
from openkap.care.patients.same_person import same_person
from openkap.care.prepared import prepared
from openkap.protocol.assess import Reason
from openkap.protocol.facts import Fact
from openkap.protocol.model import Protocol
from openkap.protocol.rules import Action

WEIGHS = (Action.EXCLUDE, Action.CLINICIAN_REVIEW, Action.DELAY)


@dataclass(frozen=True)
class Since:
    """What has come since the decision: rules that fire now and did not, and what the patient wishes now."""

    # The protocol that was screened under: the sources of what fires are its own.
    protocol: Protocol
    fired: tuple[Reason, ...] = ()
    # Empty while the patient wishes to go on.
    wish: str = ""


def since_decision(patient: Patient) -> Since | None:
    """What speaks against treatment now and did not when the last decision was signed; none was: ``None``."""
    row = next(iter(_last_decision(patient.pk)), None)
    if row is None:
        return None
    screening = row.assessment.screening
    told = json.loads(row.assessment.snapshot)
    weighed = {reason["rule"] for reason in told.get("reasons", ())}
    answer = assess_patient(patient, screening)
    fired = tuple(
        reason
        for reason in answer.reasons
        if reason.rule.action in WEIGHS
        and (reason.rule.id not in weighed or _is_newer(reason, answer.facts.known, row))
    )
    wish = last_wish(patient)
    is_other = wish is not None and wish.wish != SharedDecision.Wish.GO_ON
    return Since(answer.protocol, fired, wish.get_wish_display() if wish and is_other else "")


@prepared
def _last_decision(patient_id: int) -> QuerySet[Decision]:
    rows = Decision.objects.filter(patient=patient_id).select_related("assessment__screening")
    return rows.order_by("-decided_at", "-id")[:1]


def last_wish(patient: Patient) -> SharedDecision | None:
    """The person's last shared decision, whichever of their records it stands in.

    As ``screening_outcome``: "go on" under a record that was merged into this one lets nobody be treated,
    and anything else said there holds until the patient is asked again after the merge.
    """
    newest: dict[int, Any] = {row.patient_id: row for row in _wishes_on(patient.pk)}
    own: SharedDecision | None = newest.pop(patient.pk, None)
    against: list[SharedDecision] = [
        row
        for row in newest.values()
        if row.wish != SharedDecision.Wish.GO_ON and (own is None or own.recorded_at <= row.merged_at)
    ]
    against.sort(key=lambda row: (row.recorded_at, row.pk))
    return against[-1] if against else own


@prepared
def _wishes_on(patient_id: int) -> QuerySet[Any, Any]:
    merged = Merge.objects.filter(absorbed=OuterRef("patient"), undone_at__isnull=True)
    rows = SharedDecision.objects.filter(patient__in=same_person(patient_id)).order_by("id")
    return rows.annotate(merged_at=Subquery(merged.values("merged_at")[:1]))


def _is_newer(reason: Reason, known: Mapping[str, Fact], row: Decision) -> bool:
    """Whether one of the values it fires on was measured after the decision."""
    times = [known[name].at for name in reason.facts if name in known]
    return any(at is not None and at > row.decided_at for at in times)
