"""Recurring work on patient records: uploaded bundles that nobody made a record of are deleted."""

from __future__ import annotations

from datetime import timedelta

from openkap.care.accounts.actor import job_actor
from openkap.care.audit.actions import record
from openkap.care.jobs import Job
from openkap.care.moment import now
from openkap.care.patients.models import IncomingReferral

# Identity that serves no treatment is not kept longer than a referral may reasonably wait.
KEPT = timedelta(days=30)


def delete_abandoned(worker: str) -> int:
    """Delete uploads older than the limit, each with an event of the audit."""
    old = IncomingReferral.objects.filter(uploaded_at__lt=now() - KEPT).select_related("clinic")
    for row in old:
        record(
            "referral.abandoned", by=job_actor("delete-abandoned", row.clinic), entity="incoming", uid=row.uid
        )
    return old.delete()[0] if old else 0


JOBS = [
    Job(
        name="delete-abandoned-referrals",
        run=delete_abandoned,
        every=timedelta(hours=6),
        says="Delete uploaded bundles that nobody made a record of within 30 days",
    )
]
