"""How a person obtains rows of outcomes: staff through the patient, a patient through their link."""

from __future__ import annotations

from datetime import datetime

from django.db.models import Q, QuerySet
from django.http import Http404

from openkap.care.accounts.actor import Actor, patient_actor
from openkap.care.accounts.links import end_of_link, open_link
from openkap.care.outcomes.case import together
from openkap.care.outcomes.models import Form, Invitation, MaintenanceProposal, SafetySignal
from openkap.care.patients.access import Restricted, patient_for
from openkap.care.patients.models import Patient
from openkap.care.permissions import Permission
from openkap.care.prepared import prepared
from openkap.core.errors import InputError

LINK = "measure"
ENDED = "this link has ended"


def invitation_for(
    by: Actor, patient_uid: str, uid: str, permission: Permission, *, seen: str = ""
) -> tuple[Patient, Invitation]:
    """One invitation of a patient; 404 for anybody else's."""
    patient = patient_for(by, patient_uid, permission, seen=seen)
    found = Invitation.objects.filter(patient=patient, uid=uid).first()
    if found is None:
        raise Http404("no such invitation of this patient")
    return patient, found


def form_for(
    by: Actor, patient_uid: str, uid: str, permission: Permission, *, seen: str = ""
) -> tuple[Patient, Form]:
    """One form of a patient, of records merged into it too."""
    patient = patient_for(by, patient_uid, permission, seen=seen)
    mine = Form.objects.filter(patient=patient, uid=uid) | Form.objects.filter(
        patient__merged_into=patient, uid=uid
    )
    found = mine.select_related("invitation", "score").first()
    if found is None:
        raise Http404("no such form of this patient")
    return patient, found


def signal_for(by: Actor, patient_uid: str, uid: str, *, seen: str = "") -> tuple[Patient, SafetySignal]:
    """One safety signal of a patient, of records merged into it too, for those who see outcomes; of a
    restricted record also for who was called about it: nobody can answer what they may not open.
    """
    mine = Q(patient__uid=patient_uid) | Q(patient__merged_into__uid=patient_uid)
    try:
        patient = patient_for(by, patient_uid, Permission.SEE_OUTCOMES, seen=seen)
    except Restricted:
        about = SafetySignal.objects.filter(mine, uid=uid).select_related("patient").first()
        # Who was called about one answer of a case has all of it.
        if about is None or not together(about).filter(calls__staff_id=by.staff_id).exists():
            raise
        patient = patient_for(by, patient_uid, Permission.SEE_OUTCOMES, seen=seen, called_about=uid)
    found = (
        SafetySignal.objects.filter(mine, uid=uid, patient__clinic_id=patient.clinic_id)
        .select_related("patient__merged_into", "form__invitation", "acknowledged_by", "closed_by")
        .first()
    )
    if found is None:
        raise Http404("no such signal of this patient")
    return patient, found


def proposal_for(
    by: Actor, patient_uid: str, uid: str, *, seen: str = ""
) -> tuple[Patient, MaintenanceProposal]:
    """One proposal, for the prescribers who decide on it."""
    patient = patient_for(by, patient_uid, Permission.PRESCRIBE, seen=seen)
    found = (
        MaintenanceProposal.objects.filter(patient=patient, uid=uid)
        .select_related("turn__score", "turn__before", "decided_by")
        .first()
    )
    if found is None:
        raise Http404("no such proposal for this patient")
    return patient, found


@prepared
def _asked(uid: str) -> QuerySet[Invitation]:
    return Invitation.objects.select_related(
        "patient__clinic", "patient__identity", "patient__merged_into__identity"
    ).filter(uid=uid)


def through_link(token: str) -> tuple[Actor, Invitation]:
    """The invitation behind a patient's link, and the patient as the one who acts.

    Every link of an invitation opens it until that link ends: a reminder or the clinic's tablet must not
    shut out who is in the middle of answering. Raises ``InputError`` when the link was changed, has ended,
    or the questions were closed.
    """
    by, invitation = _behind(open_link(LINK, token))
    if invitation.closed_at is not None:
        raise InputError(ENDED, remedy="ask the clinic for a new one")
    return by, invitation


def late_link(token: str) -> tuple[Actor, Invitation]:
    """As ``through_link``, for answers that come after the end, however late: handed in, nothing is shown."""
    return _behind(open_link(LINK, token, even_ended=True))


def link_end(token: str) -> datetime:
    """When a link that was opened ends."""
    return end_of_link(LINK, token)


def _behind(content: str) -> tuple[Actor, Invitation]:
    uid, _, number = content.partition(".")
    invitation = next(iter(_asked(uid)), None)
    given = number.isdecimal() and invitation is not None and 0 < int(number) <= invitation.link_number
    if invitation is None or not given:
        raise InputError(
            "this link cannot be read",
            remedy="open the link from the message again, or ask the clinic for a new one",
        )
    return patient_actor(invitation.patient.uid, invitation.patient.clinic), invitation
