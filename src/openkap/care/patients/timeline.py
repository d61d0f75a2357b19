"""The patients' marks on the timeline: referrals and merges."""

from __future__ import annotations

from openkap.care.contributions import TimelineEvent
from openkap.care.patients.models import Closing, CrisisPlan, Merge, Referral
from openkap.care.patients.out_of_care import DIED


def events(patient_ids: list[int]) -> list[TimelineEvent]:
    referrals = Referral.objects.filter(patient_id__in=patient_ids).defer("document")
    plans = CrisisPlan.objects.filter(patient_id__in=patient_ids)
    merges = Merge.objects.filter(kept_id__in=patient_ids)
    closings = Closing.objects.filter(patient_id__in=patient_ids)
    return [
        *(TimelineEvent(row.closed_at, "closing", _words(row), detail=row.said) for row in closings),
        *(
            TimelineEvent(row.reopened_at, "closing", "Reopened", detail=row.reopened_because)
            for row in closings
            if row.reopened_at
        ),
        *(TimelineEvent(row.received_at, "referral", "Referred", detail=row.referrer) for row in referrals),
        *(TimelineEvent(row.written_at, "plan", f"Crisis plan, version {row.version}") for row in plans),
        *(TimelineEvent(row.merged_at, "merge", "Another record merged into this one") for row in merges),
        *(
            TimelineEvent(row.undone_at, "merge", "A merge was undone", detail=row.undone_because)
            for row in merges
            if row.undone_at
        ),
    ]


def _words(row: Closing) -> str:
    """A death is recorded while the record is still open."""
    return "Death recorded" if row.reason == DIED else f"Closed: {row.get_reason_display()}"
