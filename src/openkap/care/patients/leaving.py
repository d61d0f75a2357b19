"""What ends when somebody's role at a clinic ends: their part in the care teams there."""

from __future__ import annotations

from openkap.care.accounts.actor import Actor
from openkap.care.accounts.models import Staff
from openkap.care.audit.actions import record
from openkap.care.moment import now
from openkap.care.patients.models import TeamMember


def role_ended(by: Actor, person: Staff, role: str) -> None:
    """End the part that needed this role, for every patient of the clinic; each is audited."""
    rows = TeamMember.objects.filter(
        patient__clinic_id=by.clinic_id, staff=person, part=role, until__isnull=True
    )
    held = list(rows.select_for_update(of=("self",)).select_related("patient").order_by("pk"))
    # All of them before the first event: the audit is held last.
    TeamMember.objects.filter(pk__in=[row.pk for row in held]).update(until=now())
    for row in held:
        record(
            "team.left",
            by=by,
            entity="patient",
            uid=row.patient.uid,
            patient=row.patient.uid,
            detail={"staff": person.uid, "because": "role ended"},
        )
