"""What an uploaded referral warns of: known from the moment it is kept, before anybody opens a screening."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import QuerySet

from openkap.care.contributions import BannerItem
from openkap.care.patients.models import Patient, Referral, ReferralWarning
from openkap.care.patients.referral_document import ReadReferral
from openkap.care.patients.same_person import same_person
from openkap.care.prepared import prepared
from openkap.interop.fhir import warnings
from openkap.protocol.elements import dictionary

# The question of the screening about the drug itself.
DRUG_ALLERGY = "hypersensitivity_ketamine_or_esketamine"
UNCONFIRMED = "from the referral, not confirmed"
Kind = ReferralWarning.Kind
# As many as a banner names one by one.
NAMED = 3


def keep_warnings(referral: Referral, said: ReadReferral) -> None:
    """Note what this referral warns of."""
    drug = said.intake.facts.value(DRUG_ALLERGY) is True
    found = [(Kind.DRUG, "")] if drug else []
    found += [
        (Kind.FLAG if each.resource == warnings.FLAG else Kind.ALLERGY, _short(each.words))
        for each in said.intake.warnings
        if not (drug and DRUG_ALLERGY in each.answers)
    ]
    ReferralWarning.objects.bulk_create(
        ReferralWarning(referral=referral, patient=referral.patient, kind=kind, words=words)
        for kind, words in dict.fromkeys(found)
    )


def warned_words(said: ReadReferral) -> list[str]:
    """The same in words, for whoever looks at the file before it is kept."""
    drug = [dictionary()[DRUG_ALLERGY].label] if said.intake.facts.value(DRUG_ALLERGY) is True else []
    labels = {warnings.ALLERGY: "Allergy", warnings.FLAG: "Flag"}
    rest = [
        f"{labels[each.resource]}: {each.words}"
        for each in said.intake.warnings
        if not (drug and DRUG_ALLERGY in each.answers)
    ]
    return [*drug, *dict.fromkeys(rest)]


def _short(words: str) -> str:
    longest = ReferralWarning._meta.get_field("words").max_length or 0
    return words if len(words) <= longest else f"{words[: longest - 1]}…"


def warned_items(patient: Patient) -> list[BannerItem]:
    """Allergies and flags for the banner."""
    rows = warnings_about(patient)
    return [
        item
        for kind, label in ((Kind.ALLERGY, "Allergy"), (Kind.FLAG, "Flag"))
        for confirmed in (True, None)
        if (
            item := _item(
                label, [row.words for row in rows if row.kind == kind and row.holds is confirmed], confirmed
            )
        )
    ]


def _item(label: str, said: list[str], confirmed: bool | None) -> BannerItem | None:
    words = list(dict.fromkeys(said))
    if not words:
        return None
    more = f" and {len(words) - NAMED} more" if len(words) > NAMED else ""
    standing = "" if confirmed else f" ({UNCONFIRMED})"
    return BannerItem(label, f"{'; '.join(words[:NAMED])}{more}{standing}", "alarm")


@dataclass(frozen=True, slots=True)
class ToLookAt:
    """One warning that nobody here has looked at yet."""

    uid: str
    kind: str
    words: str
    received_at: datetime
    referrer: str


def warnings_to_look_at(patient: Patient) -> list[ToLookAt]:
    """Allergies and flags that are not confirmed yet; the one to the drug is a question of the screening."""
    return [
        ToLookAt(row.uid, row.get_kind_display(), row.words, row.referral.received_at, row.referral.referrer)
        for row in warnings_about(patient)
        if row.kind != Kind.DRUG and row.looked_at is None
    ]


def warnings_about(patient: Patient) -> list[Any]:
    """Every warning about one person, under whichever of their records; the first received first.

    Not asked where the record's own read says: nothing.
    """
    return _warnings_about(patient.pk) if getattr(patient, "has_warnings", True) else []


@prepared
def _warnings_about(patient_id: int) -> QuerySet[Any, Any]:
    rows = ReferralWarning.objects.filter(patient__in=same_person(patient_id))
    return rows.select_related("referral").defer("referral__document").order_by("id")
