"""The patients' part of the home page: uploaded referrals, identities to erase, restricted records."""

from __future__ import annotations

from datetime import datetime

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.urls import reverse

from openkap.care.accounts.actor import Actor
from openkap.care.accounts.models import Clinic
from openkap.care.contributions import Task
from openkap.care.first_lines import first_lines
from openkap.care.moment import now
from openkap.care.patients.erasing import open_erasures
from openkap.care.patients.keepers import without_keeper
from openkap.care.patients.models import IncomingReferral, Patient
from openkap.care.patients.out_of_care import out_of_care
from openkap.care.permissions import Permission
from openkap.care.prepared import prepared

MOST = 20


def tasks(by: Actor) -> list[Task]:
    found = _to_confirm(by) if by.may(Permission.CONFIRM_ERASURE) else []
    registers, opens = by.may(Permission.REGISTER_PATIENT), _opens_by_glass(by)
    if not (registers or opens or by.may(Permission.MANAGE_STAFF)):
        return found
    moment = now()
    # Mostly there is neither: one read says so.
    [(waits, is_shut)] = _whether(by.clinic_id, moment)
    if waits and registers:
        found += _uploaded(by)
    if is_shut and (opens or by.may(Permission.MANAGE_STAFF)):
        found += _without_keeper(by, moment)
    return found


@prepared
def _whether(clinic_id: int, moment: datetime) -> QuerySet[Clinic, tuple[bool, bool]]:
    """Whether an uploaded referral waits, and whether a restricted record is left alone."""
    sent = IncomingReferral.objects.filter(clinic=OuterRef("pk"))
    here = Clinic.objects.filter(pk=clinic_id)
    return here.values_list(Exists(sent), Exists(_left_alone(OuterRef("pk"), moment)))


def _to_confirm(by: Actor) -> list[Task]:
    return [
        Task(
            "Confirm or call off: erase an identity",
            reverse("erasure", args=[row.uid]),
            row.patient.code,
            note=f"proposed by {row.proposed_by.name}",
            since=row.proposed_at,
        )
        for row in open_erasures(by)
    ]


def _opens_by_glass(by: Actor) -> bool:
    return by.may(Permission.MANAGE_CARE_TEAM) and by.may(Permission.BREAK_GLASS)


def _without_keeper(by: Actor, moment: datetime) -> list[Task]:
    """Restricted records that nobody on their team can open to others, since a role ended."""
    shut = _first_left_alone(by.clinic_id, moment)
    alone = "restricted, and nobody on its team can let others in"
    if _opens_by_glass(by):
        lines = [
            Task(
                "Put somebody on the care team",
                reverse("care_team", args=[row.uid]),
                row.code,
                urgency="today",
                note=f"{alone}: break the glass, for this reason",
            )
            for row in shut
        ]
    else:
        lines = [
            Task(
                "See that a prescriber names a care team",
                reverse("staff"),
                row.code,
                urgency="today",
                note=f"{alone}; every prescriber has the line on the home page",
            )
            for row in shut
        ]
    return shut.rest("today") + lines


@first_lines(MOST, "restricted records without a team")
def _first_left_alone(clinic_id: int, moment: datetime) -> QuerySet[Patient]:
    return _left_alone(clinic_id, moment).order_by("id")


def _left_alone(clinic: int | OuterRef, moment: datetime) -> QuerySet[Patient]:
    return without_keeper(clinic, moment).exclude(Q(status=Patient.Status.MERGED) | out_of_care())


def _uploaded(by: Actor) -> list[Task]:
    waiting = _waiting(by.clinic_id)
    return waiting.rest("today") + [
        Task(
            "Open a record for an uploaded referral",
            reverse("incoming_referral", args=[row.uid]),
            note=row.file_name,
            due=row.uploaded_at,
            urgency="today",
        )
        for row in waiting
    ]


@first_lines(MOST, "uploaded referrals")
def _waiting(clinic_id: int) -> QuerySet[IncomingReferral]:
    sent = IncomingReferral.objects.filter(clinic_id=clinic_id).defer("document")
    return sent.order_by("uploaded_at", "id")
