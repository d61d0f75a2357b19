"""What outcomes hold of an identity: addresses in messages that wait or never arrived."""

from __future__ import annotations

from openkap.care.messaging.models import Message
from openkap.care.messaging.undelivered import MEASURE
from openkap.care.outcomes.models import Invitation


def erase(patient_ids: list[int]) -> None:
    """Delete them; no further question can be sent, because no address is left."""
    asked = Invitation.objects.filter(patient_id__in=patient_ids).values("uid")
    Message.objects.filter(purpose=MEASURE, about_uid__in=asked, sent_at__isnull=True).delete()
