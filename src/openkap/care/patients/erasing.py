"""Erasing who somebody was: proposed by one person with a reason, confirmed by another, never undone.

Identity and ways to reach the person go; the clinical record stays under its pseudonym, because it has to be
kept (GDPR art. 17(3)). What was signed stays as evidence. ``GOES`` and ``STAYS`` say so on the pages.
"""

from __future__ import annotations

from django.db import transaction
from django.db.models import QuerySet
from django.http import Http404

from openkap.care.accounts.access import require
from openkap.care.accounts.actor import Actor
from openkap.care.accounts.models import Staff
from openkap.care.accounts.signing import sign
from openkap.care.audit.actions import record
from openkap.care.contributions import contributions
from openkap.care.moment import now
from openkap.care.patients.access import patient_for
from openkap.care.patients.actions import set_status
from openkap.care.patients.holds import holds_of
from openkap.care.patients.models import (
    Contact,
    ContactPoint,
    CrisisPlan,
    Erasure,
    Identifier,
    Identity,
    Patient,
    Referral,
    ReferralWarning,
)
from openkap.care.patients.names import search_form
from openkap.care.patients.queries import record_ids
from openkap.care.permissions import Permission
from openkap.core.errors import InputError

MEANING = "The identity of this person is erased here. It cannot be brought back."
GOES = (
    "name, birth date, gender and pronouns, address, e-mail and telephone",
    "numbers of other systems, and the uploaded referral document",
    "contacts around the person, and in every version of the crisis plan whom to call and the safe place",
    "messages that wait or could not be delivered",
)
STAYS = (
    "the clinical record under its code, with year of birth, sex and language: it has to be kept",
    "signed consents with the name and the drawing, and signed records of sessions: evidence",
    "what people wrote in their own words (notes, reasons): read it for names before you propose this",
    "the audit, which names nobody, and backups made before: they hold the identity until they are deleted",
)
# What an erased identity no longer says.
EMPTY = {
    "family_name": "",
    "given_name": "",
    "preferred_name": "",
    "search_name": "",
    "birth_date": None,
    "gender": "",
    "pronouns": "",
    "email": "",
    "telephone": "",
    "may_text": False,
    "address": "",
}


def _refuse_held(patient: Patient) -> None:
    if held := holds_of(patient):
        raise InputError(
            f"the identity is still needed: {'; '.join(held)}",
            limit="no course running, no session open, no serious event and no alarming answer open",
            remedy="end or close these first",
        )


def open_erasures(by: Actor) -> QuerySet[Erasure]:
    """Proposals of the person's clinic that nobody has confirmed or called off."""
    require(by, Permission.CONFIRM_ERASURE)
    waiting = Erasure.objects.filter(
        patient__clinic_id=by.clinic_id, confirmed_at__isnull=True, called_off_at__isnull=True
    )
    return waiting.select_related("patient", "proposed_by").order_by("proposed_at")


def erasure_for(by: Actor, uid: str) -> Erasure:
    """One proposal of the person's clinic, for whoever confirms: the pseudonym, never the name."""
    require(by, Permission.CONFIRM_ERASURE)
    found = (
        Erasure.objects.filter(patient__clinic_id=by.clinic_id, uid=uid)
        .select_related("patient", "proposed_by", "confirmed_by", "called_off_by")
        .first()
    )
    if found is None:
        raise Http404("no such proposal at this clinic")
    return found


def waiting_erasure(patient: Patient) -> Erasure | None:
    """The proposal about this record that is open."""
    rows = Erasure.objects.filter(patient=patient, confirmed_at__isnull=True, called_off_at__isnull=True)
    return rows.select_related("proposed_by").first()


@transaction.atomic
def propose_erasure(*, by: Actor, uid: str, reason: str) -> Erasure:
    """Ask that the person's identity be erased; somebody else looks and confirms."""
    patient = patient_for(by, uid, Permission.PROPOSE_ERASURE, seen="")
    Patient.objects.select_for_update().get(pk=patient.pk)
    if patient.identity.erased_at is not None:
        raise InputError("the identity is erased already", remedy="nothing has to be done")
    if not reason.strip():
        raise InputError("a reason is needed", remedy="say who asked for it, and when", where="reason")
    said = set(search_form(reason).split())
    named = search_form(patient.identity.family_name, patient.identity.given_name).split()
    if said & {word for word in named if len(word) > 2}:
        raise InputError(
            "the reason names the person",
            limit="the reason stays when the name is gone",
            remedy="write “the patient” instead",
            where="reason",
        )
    _refuse_held(patient)
    if waiting_erasure(patient):
        raise InputError("this is proposed already", remedy="wait for the lead or the site administrator")
    row = Erasure.objects.create(
        patient=patient, reason=reason.strip(), proposed_by_id=by.staff_id, proposed_at=now()
    )
    record("erasure.proposed", by=by, entity="erasure", uid=row.uid, patient=uid, reason=reason.strip())
    return row


@transaction.atomic
def call_off_erasure(*, by: Actor, uid: str, reason: str) -> None:
    """The identity stays: said by who would have confirmed."""
    row = _locked(by, uid)
    if not reason.strip():
        raise InputError("a reason is needed", remedy="say why the identity stays", where="reason")
    row.called_off_by_id, row.called_off_at, row.called_off_because = by.staff_id, now(), reason.strip()
    row.save(update_fields=["called_off_by", "called_off_at", "called_off_because"])
    record(
        "erasure.called_off",
        by=by,
        entity="erasure",
        uid=uid,
        patient=row.patient.uid,
        reason=reason.strip(),
    )


@transaction.atomic
def erase_identity(*, by: Actor, uid: str, person: Staff) -> None:
    """Erase what was proposed. ``person`` comes from ``prove_identity`` of this request."""
    row = _locked(by, uid)
    if row.proposed_by_id == by.staff_id:
        raise InputError("two people are needed", remedy="somebody else confirms what you proposed")
    patient = Patient.objects.select_for_update().get(pk=row.patient_id)
    if patient.status == Patient.Status.MERGED:
        raise InputError(
            "this record was merged into another one since",
            remedy="call this off and propose it for the record in use",
        )
    _refuse_held(patient)
    row.confirmed_by_id, row.confirmed_at = by.staff_id, now()
    row.save(update_fields=["confirmed_by", "confirmed_at"])
    ids = record_ids(patient)
    _erase(ids)
    for module in contributions("identity_copies"):
        module.erase(ids)
    sign(by=by, person=person, meaning=MEANING, entity="erasure", uid=uid, content=f"{uid}\n{row.reason}")
    set_status(by=by, patient=patient, status=Patient.Status.CLOSED, because="the identity was erased")
    record(
        "patient.identity_erased",
        by=by,
        entity="erasure",
        uid=uid,
        patient=patient.uid,
        reason=row.reason,
        detail={"proposed_by": row.proposed_by.uid, "records": len(ids)},
    )


def _locked(by: Actor, uid: str) -> Erasure:
    found = erasure_for(by, uid)
    row = Erasure.objects.select_for_update().get(pk=found.pk)
    if row.confirmed_at is not None or row.called_off_at is not None:
        raise InputError("this was decided meanwhile", remedy="look at the page again")
    return row


def _erase(ids: list[int]) -> None:
    moment = now()
    Identity.objects.filter(patient_id__in=ids, erased_at__isnull=True).update(**EMPTY, erased_at=moment)
    Identifier.objects.filter(patient_id__in=ids).delete()
    Contact.objects.filter(patient_id__in=ids).delete()
    ContactPoint.objects.filter(patient_id__in=ids).delete()
    # Their words are another clinic's and may name somebody.
    ReferralWarning.objects.filter(patient_id__in=ids).exclude(words="").delete()
    Referral.objects.filter(patient_id__in=ids, erased_at__isnull=True).update(document="", erased_at=moment)
    plans = CrisisPlan.objects.filter(patient_id__in=ids, erased_at__isnull=True)
    plans.update(people_to_call="", safe_place="", erased_at=moment)
