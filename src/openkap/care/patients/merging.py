"""Two records of one person: put together and, when that was wrong, taken apart again."""

from __future__ import annotations

from django.db import transaction

from openkap.care.accounts.actor import Actor
from openkap.care.audit.actions import record
from openkap.care.contributions import contributions
from openkap.care.moment import now
from openkap.care.patients.access import patient_for
from openkap.care.patients.models import Merge, Patient, Referral, TeamMember
from openkap.care.patients.out_of_care import DIED, is_out_of_care, standing_closings
from openkap.care.permissions import Permission
from openkap.core.errors import InputError


@transaction.atomic
def merge(*, by: Actor, keep: str, absorb: str, reason: str) -> Merge:
    """Two records are one person: the kept one shows both. Nothing is moved, so it can be undone."""
    kept = patient_for(by, keep, Permission.MERGE_PATIENTS, seen="")
    absorbed = patient_for(by, absorb, Permission.MERGE_PATIENTS, seen="")
    if not reason.strip():
        raise InputError("a reason is needed", remedy="say how you know it is one person", where="reason")
    both = Patient.objects.filter(pk__in=[kept.pk, absorbed.pk]).order_by("pk")
    rows = {row.pk: row for row in both.select_for_update()}
    if kept.pk == absorbed.pk or any(row.status == Patient.Status.MERGED for row in rows.values()):
        raise InputError(
            "these two cannot be put together",
            limit="two records, neither of them part of another",
            remedy="undo the earlier merge first",
        )
    if Patient.objects.filter(merged_into=absorbed).exists():
        raise InputError(
            "the record to be absorbed holds another one",
            remedy="merge the other way round, or undo that first",
        )
    _refuse_into_closed(rows[kept.pk], absorbed)
    held = [said for module in contributions("merge_hold") if (said := module.hold(absorbed.pk))]
    if held:
        raise InputError(
            f"the other record cannot be absorbed now: {'; '.join(held)}",
            remedy="merge the other way round, or end that first",
        )
    # A death that is told under either record ends what is open under both.
    for module in contributions("record_closing"):
        module.hold([kept.pk, absorbed.pk])
    done = Merge.objects.create(
        kept=kept,
        absorbed=absorbed,
        absorbed_status=rows[absorbed.pk].status,
        reason=reason,
        merged_by_id=by.staff_id,
        merged_at=now(),
    )
    Patient.objects.filter(pk=absorbed.pk).update(status=Patient.Status.MERGED, merged_into=kept)
    record(
        "patient.merged",
        by=by,
        entity="merge",
        uid=done.uid,
        patient=keep,
        reason=reason,
        detail={"absorbed": absorb},
    )
    if rows[absorbed.pk].is_restricted:
        _restrict(by, kept, absorbed)
    _bring_referrals(by, absorbed)
    if is_out_of_care(kept.pk):
        for module in contributions("record_closing"):
            module.end(by, [kept.pk, absorbed.pk], "one person with a record that is closed")
    return done


def _refuse_into_closed(kept: Patient, absorbed: Patient) -> None:
    """Whoever is treated does not drop out of every list because an old record of theirs is closed."""
    if kept.status == Patient.Status.CLOSED and not is_out_of_care(absorbed.pk):
        closing = standing_closings(kept.pk).first()
        if closing is None or closing.reason != DIED:
            raise InputError(
                "the record to be kept is closed, and the other one is in use",
                remedy="reopen it first, with a reason, or merge the other way round",
            )


def _bring_referrals(by: Actor, absorbed: Patient) -> None:
    """What the other record's files say is known to a screening that is under way here."""
    if is_out_of_care(absorbed.pk):
        return
    for referral in Referral.objects.filter(patient=absorbed.pk).exclude(document="").order_by("received_at"):
        for module in contributions("referral_kept"):
            module.kept(by, referral)


def _restrict(by: Actor, kept: Patient, absorbed: Patient) -> None:
    """The kept record shows what was open to a care team only: it is closed too, and that team sees it.

    Undoing the merge leaves it closed: opening a record is somebody's act of its own.
    """
    Patient.objects.filter(pk=kept.pk).update(is_restricted=True)
    record(
        "patient.restricted",
        by=by,
        entity="patient",
        uid=kept.uid,
        patient=kept.uid,
        reason="a restricted record was merged into this one",
    )
    for member in TeamMember.objects.filter(patient=absorbed, until__isnull=True):
        _, is_new = TeamMember.objects.get_or_create(
            patient=kept,
            staff_id=member.staff_id,
            part=member.part,
            until=None,
            defaults={"since": now()},
        )
        if is_new:
            record(
                "team.joined",
                by=by,
                entity="patient",
                uid=kept.uid,
                patient=kept.uid,
                detail={"part": member.part, "merged": absorbed.uid},
            )


@transaction.atomic
def undo_merge(*, by: Actor, uid: str, merge_uid: str, reason: str) -> None:
    """They were two people after all: both records stand again as they were."""
    kept = patient_for(by, uid, Permission.MERGE_PATIENTS, seen="")
    if not reason.strip():
        raise InputError("a reason is needed", remedy="say how you know they are two", where="reason")
    done = Merge.objects.select_for_update().filter(uid=merge_uid, kept=kept, undone_at__isnull=True).first()
    if done is None:
        raise InputError("there is no such merge to undo", remedy="look at the chart again")
    done.undone_by_id, done.undone_at, done.undone_because = by.staff_id, now(), reason
    done.save()
    Patient.objects.filter(pk=done.absorbed_id).update(status=done.absorbed_status, merged_into=None)
    record(
        "patient.merge_undone",
        by=by,
        entity="merge",
        uid=merge_uid,
        patient=uid,
        reason=reason,
        detail={"absorbed": done.absorbed.uid},
    )
