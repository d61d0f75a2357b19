"""What the patient banner says of weight, allergy and consent: the first things a dose needs."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db.models import QuerySet
from django.db.models.functions import Coalesce
from django.utils.timezone import localtime

from openkap.care.contributions import BannerItem
from openkap.care.enrolment.consent_queries import state_of, with_standing
from openkap.care.enrolment.facts import FROM_REFERRAL
from openkap.care.enrolment.models import Consent
from openkap.care.enrolment.several_records import is_disputed, merges_of, newest_of_each, that_counts
from openkap.care.moment import now
from openkap.care.patients.models import Patient, ReferralWarning
from openkap.care.patients.referral_warnings import DRUG_ALLERGY, UNCONFIRMED, warnings_about
from openkap.care.prepared import prepared

WEIGHT, ALLERGY = "body_weight", DRUG_ALLERGY
# Answers that the banner repeats.
REPEATED = frozenset({WEIGHT, ALLERGY})


def banner_items(patient: Patient) -> list[BannerItem]:
    return [*_answers(patient), consent_item(patient.pk)]


def consent_item(patient_id: int) -> BannerItem:
    """How the consent stands that counts."""
    rows = _consent_that_counts(patient_id, now())
    if not rows:
        return BannerItem("Consent", "not asked yet", "unknown")
    state = state_of(rows[0])
    return BannerItem("Consent", state.words, state.tone)


def _answers(patient: Patient) -> list[BannerItem]:
    rows = newest_of_each(patient.pk, [WEIGHT, ALLERGY])
    merged_at = merges_of(rows)
    return [
        _weight([row for row in rows if row.element == WEIGHT], merged_at),
        _allergy(patient, [row for row in rows if row.element == ALLERGY], merged_at),
    ]


def _weight(rows: list[Any], merged_at: dict[int, datetime]) -> BannerItem:
    weight = that_counts(rows, merged_at) if rows else None
    if weight is None or not weight.is_known:
        return BannerItem("Weight", "not known", "unknown")
    return BannerItem("Weight", f"{weight.value} ({localtime(weight.observed_at):%-d %b %Y})")


def _allergy(patient: Patient, rows: list[Any], merged_at: dict[int, datetime]) -> BannerItem:
    """From the newest answer under each record of the person, the newest of all last, and from referrals."""
    newest = rows[-1] if rows and rows[-1].is_known else None
    if newest and newest.value == "yes":
        said = f" ({UNCONFIRMED})" if newest.origin.startswith(FROM_REFERRAL) else ""
        return BannerItem("Ketamine allergy", f"YES{said}", "alarm")
    if _is_warned(patient, newest):
        return BannerItem("Ketamine allergy", f"YES ({UNCONFIRMED})", "alarm")
    if newest is None:
        return BannerItem("Ketamine allergy", "not asked yet", "unknown")
    for other in rows[:-1]:
        if is_disputed(newest, other, merged_at):
            return BannerItem("Ketamine allergy", "YES in a merged record: ask again", "alarm")
    return BannerItem("Ketamine allergy", "none known")


def _is_warned(patient: Patient, newest: Any) -> bool:
    """Whether a referral says yes and nobody here has answered the question since it came."""
    asked_at = newest.answered_at if newest and not newest.origin.startswith(FROM_REFERRAL) else None
    return any(
        row.kind == ReferralWarning.Kind.DRUG and (asked_at is None or asked_at < row.referral.received_at)
        for row in warnings_about(patient)
    )


@prepared
def _consent_that_counts(patient_id: int, moment: datetime) -> QuerySet[Any]:
    """The one in force, else the last that was withdrawn or opened."""
    asked: QuerySet[Any] = with_standing(Consent.objects.filter(patient_id=patient_id), moment)
    return asked.order_by("-is_in_force", Coalesce("withdrawn_at", "opened_at").desc(), "-id")[:1]
