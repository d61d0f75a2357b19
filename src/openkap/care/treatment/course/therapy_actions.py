"""What therapists do: notes on visits, and visits that did not happen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from django.db import transaction
from django.utils.timezone import localtime

from openkap.care.accounts.actor import Actor
from openkap.care.audit.actions import record
from openkap.care.moment import now
from openkap.care.permissions import Permission
from openkap.care.treatment.access import visit_for
from openkap.care.treatment.models import Note, Visit
from openkap.core.errors import InputError
from openkap.protocol.session_words import Checklist, fidelity

FIDELITY = ("yes", "no", "not_this_time")
LONGEST_VISIT_MIN = 600
# Beside the guideline therapies of the protocol: ways of working of preparation, dosing day and integration.
WITHOUT_MODALITY = "KAP"


@dataclass(frozen=True, slots=True)
class Written:
    """A note as it was written."""

    text: str
    minutes: int
    ticks: Mapping[str, str]
    modality: str = ""
    # The checklist that was on the screen: its ticks say nothing about the items of another one.
    checklist: str = ""
    corrects: str = ""
    reason: str = ""


def checklist_of(visit: Visit, modality: str = "") -> Checklist:
    """The fidelity checklist of a visit."""
    return fidelity().for_visit(visit.kind, modality or visit.course.modality)


def modalities_of(visit: Visit) -> dict[str, str]:
    """The ways of working a note on this visit can name, with their titles."""
    therapies = {each.id: each.title for each in fidelity().checklists if Visit.Kind.TRAUMA in each.kinds}
    if visit.kind == Visit.Kind.TRAUMA:
        return therapies
    return therapies | {WITHOUT_MODALITY: "Preparation and integration only"}


def usual_modality(visit: Visit) -> str:
    """The way of working that the course has planned."""
    return visit.course.modality or WITHOUT_MODALITY


@transaction.atomic
def write_note(*, by: Actor, patient: str, uid: str, written: Written) -> Note:
    """Write the note on a visit, or correct it by a new one; the visit is done with its first note."""
    visit = visit_for(by, patient, uid, Permission.WRITE_THERAPY_NOTE)
    visit.state, visit.version = _held(visit)
    if not written.text.strip():
        raise InputError("the note is empty", remedy="write a few words", where="text")
    if not 1 <= written.minutes <= LONGEST_VISIT_MIN:
        raise InputError(
            "the minutes cannot be right",
            value=str(written.minutes),
            limit=f"1 to {LONGEST_VISIT_MIN}",
            remedy="correct them",
            where="minutes",
        )
    if visit.starts_at > now():
        raise InputError(
            "this visit has not begun yet",
            value=f"{localtime(visit.starts_at):%d %b %H:%M}",
            remedy="move the visit if it took place earlier",
        )
    modality = written.modality or usual_modality(visit)
    if modality not in modalities_of(visit):
        raise InputError(
            "there is no checklist for this way of working",
            value=modality,
            limit=", ".join(modalities_of(visit)),
            remedy="choose one of them",
            where="modality",
        )
    checklist = checklist_of(visit, modality)
    if written.checklist and written.checklist != checklist.id:
        raise InputError(
            "this way of working has a checklist of its own",
            value=checklist.title,
            remedy="go through the list below and save again",
            where="modality",
        )
    known = {str(index): item for index, item in enumerate(checklist.items)}
    strange = [key for key, tick in written.ticks.items() if key not in known or tick not in FIDELITY]
    if strange:
        raise InputError("this is not on the checklist", value=", ".join(strange), remedy="reload the page")
    old = _corrected(visit, written)
    note = Note.objects.create(
        visit=visit,
        patient=visit.patient,
        modality=modality,
        minutes=written.minutes,
        text=written.text.strip(),
        fidelity={known[key]: tick for key, tick in written.ticks.items()},
        checklist=f"{checklist.title}, version {fidelity().version}",
        written_by_id=by.staff_id,
        written_at=now(),
        corrects=old,
        reason=written.reason.strip(),
    )
    if visit.state == Visit.State.PLANNED:
        Visit.objects.filter(pk=visit.pk).update(state=Visit.State.DONE, version=visit.version + 1)
    record(
        "therapy.note_written",
        by=by,
        entity="note",
        uid=note.uid,
        patient=patient,
        reason=note.reason,
        detail={
            "visit": uid,
            "kind": visit.kind,
            "minutes": note.minutes,
            "corrects": old.uid if old else "",
        },
    )
    return note


def _corrected(visit: Visit, written: Written) -> Note | None:
    if not written.corrects:
        if Note.objects.filter(visit=visit).exists():
            raise InputError("this visit has a note already", remedy="correct it, with the reason")
        return None
    old = Note.objects.filter(visit=visit, uid=written.corrects, corrected_by__isnull=True).first()
    if old is None:
        raise InputError("somebody has corrected this note meanwhile", remedy="reload the page")
    if not written.reason.strip():
        raise InputError("a correction needs its reason", remedy="write why", where="reason")
    return old


@transaction.atomic
def miss_visit(*, by: Actor, patient: str, uid: str, reason: str) -> Visit:
    """The visit did not take place."""
    visit = visit_for(by, patient, uid, Permission.WRITE_THERAPY_NOTE)
    visit.state, visit.version = _held(visit)
    if visit.state != Visit.State.PLANNED:
        raise InputError("this visit is over", value=visit.get_state_display())
    if not reason.strip():
        raise InputError("the reason is missing", remedy="write why", where="reason")
    Visit.objects.filter(pk=visit.pk).update(
        state=Visit.State.MISSED, state_because=reason.strip(), version=visit.version + 1
    )
    record("therapy.missed", by=by, entity="visit", uid=uid, patient=patient, reason=reason.strip())
    visit.refresh_from_db()
    return visit


def _held(visit: Visit) -> tuple[str, int]:
    """The state and version as they are now; until the transaction ends nobody else writes on this visit."""
    row = Visit.objects.select_for_update().get(pk=visit.pk)
    return row.state, row.version
