"""Adverse events: recorded, updated by a new row, and a serious one reported.

An adverse event is never refused because the record is signed: its row says that it came afterwards.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.utils import timezone

from openkap.care.accounts.actor import Actor
from openkap.care.audit.actions import record
from openkap.care.ids import new_uid
from openkap.care.moment import now
from openkap.care.patients.access import patient_for
from openkap.care.permissions import Permission
from openkap.care.treatment.access import session_for
from openkap.care.treatment.models import AdverseEvent, Session
from openkap.care.treatment.rows.acts import told_audit
from openkap.care.treatment.rows.stamps import LONGEST_CLIENT_ID, TOLERANCE
from openkap.core.errors import InputError
from openkap.protocol.session_words import adverse_event_words

LONGEST_NAME = 120
# What a row that crosses out another carries on, so that it reads by itself.
AS_IT_STOOD = (
    "patient_id",
    "session_id",
    "term",
    "words",
    "onset_at",
    "ended_at",
    "grade",
    "is_serious",
    "serious_because",
    "relation",
    "action_taken",
    "treatment",
    "outcome",
    "is_expected",
    "serious_since",
    "reported_at",
    "reported_to",
    "reported_by_id",
)


@dataclass(frozen=True, slots=True)
class Event:
    """An adverse event as somebody describes it."""

    term: str
    onset_at: datetime
    grade: int
    relation: str
    action_taken: str
    outcome: str
    ended_at: datetime | None = None
    is_serious: bool = False
    serious_because: str = ""
    words: str = ""
    treatment: str = ""
    corrects: str = ""
    reason: str = ""


@transaction.atomic
def record_adverse_event(
    *, by: Actor, patient: str, uid: str, event: Event, client_id: str = ""
) -> AdverseEvent:
    """Record something untoward of a session, or update what was recorded by a new row."""
    session = _for_writing(by, patient, uid)
    held = _sent_before(client_id)
    if held is not None:
        return held
    words = adverse_event_words()
    group = words.group_of(event.term)
    _refuse_unknown_words(event)
    _refuse_impossible_times(event)
    old = _newest(session, event.corrects, event.reason) if event.corrects else None
    moment = now()
    row = AdverseEvent.objects.create(
        patient=session.patient,
        session=session,
        client_id=client_id or new_uid(),
        term=event.term,
        words=event.words.strip(),
        onset_at=event.onset_at,
        ended_at=event.ended_at,
        grade=event.grade,
        is_serious=event.is_serious,
        serious_because=event.serious_because if event.is_serious else "",
        relation=event.relation,
        action_taken=event.action_taken,
        treatment=event.treatment.strip(),
        outcome=event.outcome,
        is_expected=group.expected == "yes",
        entered_by_id=by.staff_id,
        entered_at=moment,
        corrects=old,
        reason=event.reason.strip(),
        serious_since=_known_since(old) or (moment if event.is_serious else None),
        after_signing=_is_after_signing(session, moment),
        reported_at=old.reported_at if old else None,
        reported_to=old.reported_to if old else "",
        reported_by_id=old.reported_by_id if old else None,
    )
    detail = {"term": row.term, "grade": row.grade, "serious": row.is_serious}
    if row.after_signing:
        detail["after_signing"] = True
    told_audit(by, "adverse_event.recorded", session, row, **detail)
    return row


@transaction.atomic
def cross_out_adverse_event(
    *, by: Actor, patient: str, uid: str, event: str, reason: str, client_id: str = ""
) -> AdverseEvent:
    """Entered in error, as for another patient: it stays, crossed out, and the clock of its report ends."""
    session = _for_writing(by, patient, uid)
    held = _sent_before(client_id)
    if held is not None:
        return held
    old = _newest(session, event, reason)
    moment = now()
    row = AdverseEvent.objects.create(
        client_id=client_id or new_uid(),
        entered_by_id=by.staff_id,
        entered_at=moment,
        corrects=old,
        is_retraction=True,
        reason=reason.strip(),
        after_signing=_is_after_signing(session, moment),
        **{name: getattr(old, name) for name in AS_IT_STOOD},
    )
    detail = {"after_signing": True} if row.after_signing else {}
    told_audit(by, "adverse_event.crossed_out", session, row, **detail)
    return row


def _for_writing(by: Actor, patient: str, uid: str) -> Session:
    """One writer at a time with the signature: a row is under it, or says that it came afterwards."""
    session = session_for(by, patient, uid, Permission.RECORD_SESSION)
    held = Session.objects.select_for_update().values_list("locked_at", flat=True)
    session.locked_at = held.get(pk=session.pk)
    return session


def _is_after_signing(session: Session, moment: datetime) -> bool:
    return session.locked_at is not None and session.locked_at <= moment


def _sent_before(client_id: str) -> AdverseEvent | None:
    if len(client_id) > LONGEST_CLIENT_ID:
        raise InputError("this id is too long", value=client_id, remedy="send a UUID")
    return AdverseEvent.objects.filter(client_id=client_id).first() if client_id else None


def _newest(session: Session, uid: str, reason: str) -> AdverseEvent:
    """The row that another takes the place of: the newest of its chain, for a reason."""
    old = AdverseEvent.objects.select_for_update(of=("self",)).filter(session=session, uid=uid).first()
    if old is None:
        raise InputError("there is no such adverse event in this session", remedy="reload the page")
    if old.is_retraction:
        raise InputError(
            "this adverse event is crossed out",
            value=f"{old.entered_by.name}: {old.reason}",
            remedy="record it anew if it did happen",
            where="reason",
        )
    newer = getattr(old, "corrected_by", None)
    if newer is not None:
        when = f"{timezone.localtime(newer.entered_at):%d %b %H:%M}"
        raise InputError(
            "somebody has changed this adverse event already",
            value=f"{newer.entered_by.name}, {when}: {newer.reason}",
            remedy="look at the newest line and change that one",
            where="reason",
        )
    if not reason.strip():
        raise InputError("a change needs its reason", remedy="write why", where="reason")
    return old


def _known_since(old: AdverseEvent | None) -> datetime | None:
    """An update never gives the report more time than the first serious row did."""
    if old is None:
        return None
    return old.serious_since or (old.entered_at if old.is_serious else None)


def _refuse_unknown_words(event: Event) -> None:
    words = adverse_event_words()
    grades = [int(each.value) for each in words.grades]
    for name, given, known in (
        ("grade", event.grade, grades),
        ("relation", event.relation, words.relations),
        ("action_taken", event.action_taken, words.actions),
        ("outcome", event.outcome, words.outcomes),
    ):
        if given not in known:
            said = ", ".join(map(str, known))
            raise InputError(f"the {name.replace('_', ' ')} is missing", limit=said, where=name)
    if event.is_serious and event.serious_because not in words.serious:
        raise InputError(
            "why it is serious is missing",
            limit=", ".join(words.serious),
            remedy="choose one",
            where="serious_because",
        )


def _refuse_impossible_times(event: Event) -> None:
    latest = now() + TOLERANCE
    if event.onset_at > latest or (event.ended_at is not None and event.ended_at < event.onset_at):
        raise InputError(
            "the times do not fit",
            limit="onset not in the future, end not before onset",
            remedy="correct them",
            where="onset_at",
        )
    if event.ended_at is not None and event.ended_at > latest:
        raise InputError(
            "the end is still to come",
            value=f"{timezone.localtime(event.ended_at):%d %b %H:%M}",
            limit=f"now, {timezone.localtime(now()):%d %b %H:%M}",
            remedy="leave the end empty while it goes on, and update it then",
            where="ended_at",
        )


@transaction.atomic
def report_adverse_event(
    *, by: Actor, patient: str, event: str, to: str, at: datetime | None = None
) -> AdverseEvent:
    """A serious event was reported: to whom, and when (now, where no time is given)."""
    row_patient = patient_for(by, patient, Permission.PRESCRIBE, seen="")
    rows = AdverseEvent.objects.select_for_update(of=("self",)).filter(patient=row_patient)
    row = rows.filter(uid=event).first()
    if row is None or not row.is_serious or row.is_retraction or hasattr(row, "corrected_by"):
        raise InputError("there is no such serious event to report", remedy="reload the page")
    if row.reported_at is not None:
        raise InputError(
            "this event is reported already",
            value=f"to {row.reported_to}, {timezone.localtime(row.reported_at):%d %b %H:%M}",
            remedy="what came later goes into an update of the event",
        )
    if not to.strip():
        raise InputError("to whom it was reported is missing", remedy="name the body or company", where="to")
    if len(to.strip()) > LONGEST_NAME:
        raise InputError(
            "this name is too long",
            value=f"{len(to.strip())} letters",
            limit=f"{LONGEST_NAME}",
            remedy="shorten it",
            where="to",
        )
    moment = now() if at is None else at
    if not row.onset_at - TOLERANCE <= moment <= now() + TOLERANCE:
        raise InputError(
            "the time of the report does not fit",
            value=f"{timezone.localtime(moment):%d %b %H:%M}",
            limit="after the event began, not in the future",
            remedy="correct it, or leave it empty for now",
            where="at",
        )
    AdverseEvent.objects.filter(pk=row.pk).update(
        reported_at=moment, reported_to=to.strip(), reported_by_id=by.staff_id
    )
    detail = {"to": to.strip(), "at": moment.isoformat()}
    record("adverse_event.reported", by=by, entity="adverseevent", uid=event, patient=patient, detail=detail)
    row.refresh_from_db()
    return row
