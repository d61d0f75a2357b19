"""What of outcomes ends with a record: questions that wait or are planned, messages that have not gone."""

from __future__ import annotations

from openkap.care.accounts.actor import Actor
from openkap.care.outcomes import identity_copies
from openkap.care.outcomes.models import Invitation
from openkap.care.outcomes.planning import close_open


def end(by: Actor, patient_ids: list[int], words: str) -> None:
    """Close what is open and take back what has not been sent; what was begun is scored as it stands."""
    del words  # a gap has its own
    waiting = Invitation.objects.filter(
        patient_id__in=patient_ids, finished_at__isnull=True, closed_at__isnull=True
    )
    for key in waiting.order_by("pk").values_list("pk", flat=True):
        close_open(key, Invitation.Gap.ENDED, by)
    # Last: each of them was waited for, so that no message is being written meanwhile.
    identity_copies.erase(patient_ids)
