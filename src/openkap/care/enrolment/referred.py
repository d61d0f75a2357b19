"""What an uploaded referral says, as first answers of the screening: each with its origin."""

from __future__ import annotations

from openkap.care.moment import now
from openkap.care.patients.models import Patient
from openkap.care.patients.referral import read_document
from openkap.protocol.facts import Fact, Facts

# The chart's own rows and our own consent answer these; a referrer cannot.
OURS = frozenset({"age", "sex", "has_capacity_and_signed_consent", "lacks_decision_capacity"})


def referred_facts(patient: Patient) -> Facts | None:
    """The facts of the newest bundle the patient came with; ``None`` for who came by form."""
    referral = patient.referrals.exclude(document="").order_by("-received_at").first()
    if referral is None:
        return None
    read = read_document(referral.document).intake.facts
    known = {fact.element.id: fact for fact in read if _counts(fact)}
    return Facts(now(), known, patient.uid)


def _counts(fact: Fact) -> bool:
    """Whether it may stand as an answer: what goes out of date needs a date."""
    return fact.element.id not in OURS and (fact.at is not None or fact.element.lasts is None)
