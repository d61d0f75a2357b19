"""What of outcomes ends with a record: questions that wait or are planned, messages that have not gone."""

from __future__ import annotations

from django.db.models import QuerySet

from openkap.care.accounts.actor import Actor
from openkap.care.outcomes import identity_copies
from openkap.care.outcomes.models import Invitation
from openkap.care.outcomes.planning import close_open


def hold(patient_ids: list[int]) -> None:
    """Until the record is closed nobody sends, finishes or closes its open questions."""
    list(_waiting(patient_ids).select_for_update().values_list("pk", flat=True))


def end(by: Actor, patient_ids: list[int], words: str) -> None:
    """Close what is open and take back what has not been sent; what was begun is scored as it stands."""
    del words  # a gap has its own
    for key in _waiting(patient_ids).values_list("pk", flat=True):
        close_open(key, Invitation.Gap.ENDED, by)
    # Each of them was waited for, so that no message is being written meanwhile.
    identity_copies.erase(patient_ids)


def _waiting(patient_ids: list[int]) -> QuerySet[Invitation]:
    found = Invitation.objects.filter(finished_at__isnull=True, closed_at__isnull=True)
    return found.filter(patient_id__in=patient_ids).order_by("pk")
