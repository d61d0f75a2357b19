"""Measures follow treatment: what each dated point asks for, sent, reminded, closed as a gap."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Exists, Max, OuterRef, QuerySet
from django.db.models.functions import Coalesce

from openkap.care.accounts.actor import Actor, job_actor
from openkap.care.audit.actions import record
from openkap.care.contributions import CourseMark
from openkap.care.enrolment.facts import withdrawn
from openkap.care.jobs import claim, one_by_one
from openkap.care.messaging.actions import enqueue
from openkap.care.messaging.channels import channel
from openkap.care.messaging.models import Message
from openkap.care.messaging.undelivered import MEASURE
from openkap.care.moment import now
from openkap.care.outcomes import course
from openkap.care.outcomes.access import invitation_for
from openkap.care.outcomes.actions import fresh_link, invite, mark_gap, refuse_closed
from openkap.care.outcomes.begun import score_begun
from openkap.care.outcomes.called_off import GOES_ON, called_off, given_up, on_hold, still_wanted
from openkap.care.outcomes.follow_up import Occasion, follow_up
from openkap.care.outcomes.marks_of_treatment import marks_of
from openkap.care.outcomes.models import FormScore, Invitation, Turn
from openkap.care.outcomes.patient_words import patient_words
from openkap.care.patients.models import Identity, Patient
from openkap.care.patients.out_of_care import out_of_care, refuse_out_of_care
from openkap.care.patients.queries import record_ids
from openkap.care.patients.same_person import hold_person
from openkap.care.permissions import Permission
from openkap.core.errors import InputError

# Anything due later than this is planned by a later run, so that a moved session moves it for free.
AHEAD = timedelta(days=2)
# A mark seen this late still gets its measure; older ones are history.
BEHIND = timedelta(days=2)
SUBJECT = "A few questions from your clinic"
# Closed because nobody answered; what a person closed stays closed.
MISSED = (Invitation.Gap.NO_ANSWER, Invitation.Gap.UNREACHABLE)
BODY = "Please answer a few questions here: {link}"
REMINDER = "A reminder: the questions are still open: {link}"


def plan_due(worker: str) -> int:
    """Invite every patient for what their treatment asks for within the next days."""
    del worker  # an occasion is stored once, whoever plans it
    patients = {row.pk: row for row in _treated()}
    left = withdrawn(list(patients))
    wanted = [
        (patients[mark.patient_id], plan, mark.uid, mark.at + plan.due)
        for mark in marks_of(list(patients))
        for plan in _plans_for(mark)
        if mark.patient_id in patients
        and (mark.patient_id not in left or plan.anchor in GOES_ON)
        and now() - BEHIND - plan.open_for < mark.at + plan.due <= now() + AHEAD
    ]
    return plan_these(wanted)


def _treated() -> QuerySet[Patient]:
    """Records of people the clinic treats; one merged into another goes on with its person."""
    return Patient.objects.exclude(out_of_care()).select_related("clinic")


def _plans_for(mark: CourseMark) -> Iterable[Occasion]:
    return (plan for plan in follow_up().occasions if plan.anchor == mark.kind)


@transaction.atomic
def plan_these(wanted: list[tuple[Patient, Occasion, str, datetime]]) -> int:
    """Store the invitations that are not there yet; one whose day moved moves along, and is asked again."""
    about = [uid for _, _, uid, _ in wanted]
    held = Invitation.objects.filter(about_uid__in=about).prefetch_related("forms")
    stored = {(row.patient_id, row.occasion, row.about_uid): row for row in held}
    made = 0
    for patient, plan, uid, due_at in wanted:
        row = stored.get((patient.pk, plan.id, uid))
        if row is None:
            row = invite(patient, plan, due_at, about_uid=uid)
            made += 1
            record(
                "measure.planned",
                by=job_actor("plan-measures", patient.clinic),
                entity="invitation",
                uid=row.uid,
                patient=patient.uid,
                detail={"occasion": plan.id},
            )
        elif row.due_at != due_at and _can_move(row, due_at):
            _move(row, plan, due_at)
    return made


def _can_move(row: Invitation, due_at: datetime) -> bool:
    """Open, or missed at the day that was given up; what is answered stays where it is."""
    if row.finished_at is not None or any(form.finished_at for form in row.forms.all()):
        return False
    return row.closed_at is None or (row.gap in MISSED and due_at > now())


def _move(row: Invitation, plan: Occasion, due_at: datetime) -> None:
    before, row.due_at, row.closes_at = row.due_at, due_at, due_at + plan.open_for
    if due_at > now():
        # The new day has its own link and its own reminder.
        row.sent_at = row.reminded_at = row.closed_at = None
        row.gap = ""
    row.save(update_fields=["due_at", "closes_at", "sent_at", "reminded_at", "closed_at", "gap"])
    record(
        "measure.moved",
        by=job_actor("plan-measures", row.patient.clinic),
        entity="invitation",
        uid=row.uid,
        patient=row.patient.uid,
        detail={"from": before.isoformat(), "to": due_at.isoformat()},
    )


def send_due(worker: str) -> int:
    """Send the links that are due; who cannot be reached answers on the clinic's tablet."""
    open_rows = Invitation.objects.filter(finished_at__isnull=True, closed_at__isnull=True)
    due = open_rows.filter(sent_at__isnull=True, due_at__lte=now(), closes_at__gt=now())
    rows = list(due.select_related("patient__merged_into"))
    for key, gap in given_up(rows).items():
        close_open(key, gap)
    taken = claim(due.exclude(pk__in=on_hold(rows)).order_by("due_at"), worker=worker)
    return one_by_one(taken, lambda row: _send(row.pk, BODY, "sent_at"))


def remind_due(worker: str) -> int:
    """One reminder, after the share of the open time that the content names."""
    share = follow_up().reminder.after_share
    waiting = Invitation.objects.filter(
        finished_at__isnull=True,
        closed_at__isnull=True,
        sent_at__isnull=False,
        reminded_at__isnull=True,
        closes_at__gt=now(),
        due_at__lte=now(),
    ).select_related("patient__merged_into")
    late = [row for row in waiting if now() >= row.due_at + (row.closes_at - row.due_at) * share]
    # Asked again with the claim: another worker may have reminded since.
    rows = claim(waiting.filter(pk__in=still_wanted(late)), worker=worker)
    return one_by_one(rows, lambda row: _send(row.pk, REMINDER, "reminded_at"))


@transaction.atomic
def _send(key: int, body: str, mark: str) -> int:
    gone = Exists(Patient.objects.filter(out_of_care(), pk=OuterRef("patient")))
    rows = Invitation.objects.select_for_update(of=("self",)).select_related("patient__clinic")
    row = rows.annotate(is_gone=gone).get(pk=key)
    is_over = row.finished_at is not None or row.closed_at is not None
    # Asked at the last moment too: a death may have been told since the run began.
    if getattr(row, mark) is not None or is_over or row.is_gone:
        return 0
    row.claimed_by, row.claimed_until = "", None
    way = _put_into_outbox(row, body)
    setattr(row, mark, now())
    row.save(update_fields=["claimed_by", "claimed_until", "link_number", mark])
    record(
        "measure.sent" if mark == "sent_at" else "measure.reminded",
        by=job_actor("send-measures", row.patient.clinic),
        entity="invitation",
        uid=row.uid,
        patient=row.patient.uid,
        detail={"way": way or "tablet"},
    )
    return 1 if way else 0


def _put_into_outbox(row: Invitation, body: str) -> str:
    """A fresh link for the patient, and how it goes out; empty where no address is known."""
    # Nothing of a merged record moves, but its person is reached where the standing record says.
    identity = Identity.objects.filter(patient_id=row.patient.merged_into_id or row.patient_id).first()
    kind, address = _address(identity)
    if not address:
        return ""
    link, spoken = fresh_link(row), patient_words(identity.language if identity else "")
    enqueue(
        kind=kind,
        address=address,
        subject=spoken.say(SUBJECT),
        body=spoken.say(body, link=link),
        purpose=MEASURE,
        clinic_uid=row.patient.clinic.uid,
        about_uid=row.uid,
    )
    return kind


@transaction.atomic
def send_again(*, by: Actor, uid: str, invitation: str) -> None:
    """Remind by hand: whoever sees that the questions are about to close sends the link again."""
    _, found = invitation_for(by, uid, invitation, Permission.SEND_MEASURE)
    rows = Invitation.objects.select_for_update(of=("self",)).select_related("patient__clinic")
    row = rows.get(pk=found.pk)
    _refuse_sending(row)
    row.reminded_at = now()
    way = _put_into_outbox(row, REMINDER)
    if not way:
        raise InputError(
            "no e-mail address, and no telephone number that takes texts, is known",
            remedy="call them, hand over this tablet, or add an address to the person",
        )
    row.save(update_fields=["link_number", "reminded_at"])
    record(
        "measure.sent_again",
        by=by,
        entity="invitation",
        uid=row.uid,
        patient=uid,
        detail={"way": way},
    )


def _refuse_sending(row: Invitation) -> None:
    """What the jobs do not send, nobody sends by hand."""
    refuse_closed(row)
    refuse_out_of_care(row.patient)
    if row.sent_at is None:
        raise InputError(
            "these questions were not sent yet", remedy="the link goes out by itself when they are due"
        )
    if row.closes_at <= now():
        raise InputError("the time for these questions is over", remedy="ask again with new ones")
    if called_off([row]):
        raise InputError(
            "nothing stands behind these questions any more: consent was withdrawn, or the session or course "
            "was given up",
            remedy="nothing is sent",
        )
    on_its_way = Message.objects.filter(
        purpose=MEASURE, about_uid=row.uid, sent_at__isnull=True, failed_at__isnull=True, last_error=""
    )
    if on_its_way.exists():
        raise InputError(
            "a link is on its way already", remedy="wait a minute; if nothing comes of it, call them"
        )


def way_to(patient: Patient) -> tuple[str, str]:
    """How a link reaches somebody, "text" or "email", and where; no address: not at all."""
    return _address(getattr(patient, "identity", None))


def _address(identity: Identity | None) -> tuple[str, str]:
    if identity is None:
        return "", ""
    if identity.may_text and identity.telephone and channel().takes("text"):
        return "text", identity.telephone
    return "email", identity.email


def close_missed(worker: str) -> int:
    """What nobody answered in time becomes a gap with its reason; what was begun is scored as it stands."""
    del worker
    late = Invitation.objects.filter(finished_at__isnull=True, closed_at__isnull=True, closes_at__lte=now())
    rows = list(late.select_related("patient__merged_into").order_by("closes_at")[:200])
    off = called_off(rows)
    return one_by_one(rows, lambda row: close_open(row.pk, off.get(row.pk) or _why_missed(row)))


def _why_missed(row: Invitation) -> Invitation.Gap:
    reached = row.link_number > 0 or row.sent_at is None
    return Invitation.Gap.NO_ANSWER if reached else Invitation.Gap.UNREACHABLE


@transaction.atomic
def close_open(key: int, gap: Invitation.Gap, by: Actor | None = None) -> int:
    """Close one that is open, with its reason, by the job or a person; what was begun is scored."""
    hold_person(Invitation.objects.values_list("patient_id", flat=True).get(pk=key))
    row = Invitation.objects.select_for_update(of=("self",)).select_related("patient__clinic").get(pk=key)
    if row.finished_at is not None or row.closed_at is not None:
        return 0
    by = by or job_actor("close-missed", row.patient.clinic)
    scored = score_begun(row)
    mark_gap(row, gap)
    for each in scored:
        course.judge(by=by, patient=row.patient, score=each)
    record(
        "measure.closed",
        by=by,
        entity="invitation",
        uid=row.uid,
        patient=row.patient.uid,
        detail={"gap": row.gap} | ({"scored": [each.instrument for each in scored]} if scored else {}),
    )
    return 1


def detect_relapses(worker: str) -> int:
    """Judge new readings, and ask for the second one where the newest alone looks like a relapse."""
    del worker
    rules = follow_up().relapse
    # A turn whose form was voided counts here too: without it the readings are judged anew.
    people = _by_person(Turn.objects.filter(kind=course.RESPONSE))
    seen = _by_person(course.turns_that_stand(Turn.objects.all()))
    newest = _by_person(FormScore.objects.filter(instrument=rules.instrument, form__voided_at__isnull=True))
    waiting = [key for key in people if key in newest and (key not in seen or newest[key] > seen[key])]
    rows = _treated().filter(pk__in=waiting).order_by("pk")
    return one_by_one(rows, _detect)


def _by_person(rows: QuerySet[Any]) -> dict[int, datetime]:
    """The newest moment of each person's rows, by the record that speaks for them."""
    person = Coalesce("patient__merged_into", "patient")
    return dict(rows.order_by().values_list(person).annotate(Max("at")))


@transaction.atomic
def _detect(patient: Patient) -> int:
    by = job_actor("detect-relapse", patient.clinic)
    done = course.judge_again(by=by, patient=patient)
    reading = course.needs_second_reading(record_ids(patient))
    if reading is None:
        return done
    plan = follow_up().occasion("on_request")
    row = invite(patient, plan, now(), instruments=[reading.instrument], about_uid=reading.form.uid)
    record(
        "measure.planned",
        by=by,
        entity="invitation",
        uid=row.uid,
        patient=patient.uid,
        detail={"occasion": "confirm_relapse", "after": reading.form.uid},
    )
    return done + 1
