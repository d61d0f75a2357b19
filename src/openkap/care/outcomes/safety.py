"""An alarming answer: a signal, a named person called, and wider circles until somebody answers."""

from __future__ import annotations

from collections.abc import Iterable

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef, Q
from django.urls import reverse

from openkap.care.accounts.actor import Actor, job_actor
from openkap.care.accounts.models import RoleAssignment, Staff
from openkap.care.audit.actions import record
from openkap.care.jobs import claim
from openkap.care.messaging.actions import CALL, enqueue
from openkap.care.messaging.channels import channel
from openkap.care.moment import now
from openkap.care.outcomes.access import signal_for
from openkap.care.outcomes.follow_up import follow_up, form_of
from openkap.care.outcomes.models import Call, Form, SafetySignal
from openkap.care.patients.models import Patient, TeamMember
from openkap.care.permissions import Role
from openkap.core.errors import InputError
from openkap.core.truth import Truth
from openkap.instruments.score import SafetyScore, score

# Who is called in which circle: the patient's own prescriber; everybody clinical of the team; the clinic's
# prescribers and nurses, and where there are none everybody who may answer.
TEAM_CIRCLES: tuple[tuple[Role, ...], ...] = (
    (Role.PRESCRIBER,),
    (Role.PRESCRIBER, Role.NURSE, Role.THERAPIST, Role.COORDINATOR),
)
CLINIC_CIRCLES: tuple[tuple[Role, ...], ...] = (
    (Role.PRESCRIBER, Role.NURSE),
    (Role.THERAPIST, Role.COORDINATOR),
)
# The message says nothing about the patient: it may be read on a locked screen.
CALL_SUBJECT = "OpenKAP: you are needed now"
CALL_BODY = "Please log in to OpenKAP now and open the first item on your list: "


@transaction.atomic(savepoint=False)
def look_at(
    *, by: Actor, form: Form, answers: dict[str, int], given: list[tuple[str, int | None]]
) -> list[SafetySignal]:
    """Raise a signal for each safety rule that one of the answers just ``given`` meets.

    ``answers`` is what counts of the whole form. Each new answer is looked at as if it stood: one that was
    given and taken back while the telephone was offline calls somebody as it would have online. A rule that
    was raised for this form is raised anew when every signal of it is closed, or when the answer is worse.
    """
    instrument = form_of(form.instrument)
    if not instrument.safety:
        return []
    raised: dict[str, list[SafetySignal]] | None = None
    made = []
    asked = {item for each in instrument.safety for item in each.items}
    for item, value in given:
        if value is None or item not in asked:
            continue
        for met in score(instrument, answers | {item: value}).safety:
            if met.met is not Truth.YES or item not in met.items:
                continue
            said = {each: value if each == item else answers[each] for each in met.items if each in answers}
            if raised is None:
                raised = {}
                for row in SafetySignal.objects.filter(form=form):
                    raised.setdefault(row.rule, []).append(row)
            before = raised.setdefault(met.id, [])
            if _is_new(said, before):
                before.append(_raise(by, form, met, said))
                made.append(before[-1])
    return made


def _is_new(said: dict[str, int], before: list[SafetySignal]) -> bool:
    """Whether nobody knows this yet: no signal is open, or none of them was about an answer as bad."""
    waiting = [row for row in before if row.closed_at is None]
    return any(all(value > row.answers.get(item, -1) for row in waiting) for item, value in said.items())


def _raise(by: Actor, form: Form, met: SafetyScore, said: dict[str, int]) -> SafetySignal:
    moment = now()
    signal = SafetySignal.objects.create(
        patient=form.patient,
        form=form,
        rule=met.id,
        items=list(met.items),
        say=met.say,
        answers=said,
        raised_at=moment,
        escalate_at=moment + follow_up().paging.wait(0),
    )
    called = _call(signal, form.patient)
    record(
        "safety.raised",
        by=by,
        entity="signal",
        uid=signal.uid,
        patient=form.patient.uid,
        detail={"rule": signal.rule, "form": form.uid, "called": [each.uid for each in called]},
    )
    return signal


def circle(patient: Patient, level: int) -> list[Staff]:
    """The people of one level; where a circle is empty, the next wider one.

    Only who works here now: a part in a care team alone calls nobody who has left. Of a merged record the
    team of the one in use is called too.
    """
    live = RoleAssignment.objects.filter(
        Q(until__isnull=True) | Q(until__gt=now()), clinic_id=patient.clinic_id, since__lte=now()
    )
    for roles in TEAM_CIRCLES[level:]:
        team = TeamMember.objects.filter(
            Exists(live.filter(staff_id=OuterRef("staff_id"), role=OuterRef("part"))),
            patient_id__in=[key for key in (patient.pk, patient.merged_into_id) if key],
            until__isnull=True,
            part__in=roles,
        )
        found = _people(Q(pk__in=team.values("staff_id")))
        if found:
            return found
    for roles in CLINIC_CIRCLES:
        found = _people(Q(pk__in=live.filter(role__in=roles).values("staff_id")))
        if found:
            return found
    return []


def _people(which: Q) -> list[Staff]:
    return list(Staff.objects.filter(which, is_active=True).order_by("name", "pk"))


def _call(signal: SafetySignal, patient: Patient) -> list[Staff]:
    people = circle(patient, signal.level)
    Call.objects.bulk_create(
        Call(signal=signal, staff=person, level=signal.level, called_at=now()) for person in people
    )
    for person in people:
        for kind, address in _addresses(person):
            enqueue(
                kind=kind,
                address=address,
                subject=CALL_SUBJECT,
                body=CALL_BODY + settings.BASE_URL + reverse("home"),
                purpose=CALL,
                clinic_uid=patient.clinic.uid,
                about_uid=signal.uid,
            )
    return people


def _addresses(person: Staff) -> Iterable[tuple[str, str]]:
    if person.telephone and channel().takes("text"):
        yield "text", person.telephone
    if person.email:
        yield "email", person.email


@transaction.atomic
def acknowledge(*, by: Actor, uid: str, signal: str) -> None:
    """Somebody has seen it and takes it on: nobody else is called."""
    _, row = signal_for(by, uid, signal)
    row = SafetySignal.objects.select_for_update().get(pk=row.pk)
    if row.acknowledged_at is not None:
        return
    row.acknowledged_by_id, row.acknowledged_at = by.staff_id, now()
    row.save(update_fields=["acknowledged_by", "acknowledged_at"])
    waited = int((row.acknowledged_at - row.raised_at).total_seconds())
    record("safety.acknowledged", by=by, entity="signal", uid=signal, patient=uid, detail={"after_s": waited})


@transaction.atomic
def close_signal(*, by: Actor, uid: str, signal: str, what_was_done: str) -> None:
    """Write down what was done for the patient; then the alert leaves the banner."""
    _, row = signal_for(by, uid, signal)
    row = SafetySignal.objects.select_for_update().get(pk=row.pk)
    if not what_was_done.strip():
        raise InputError(
            "what was done is missing",
            remedy="write one sentence: whom you reached, what follows",
            where="what_was_done",
        )
    if row.closed_at is not None:
        raise InputError("this was closed before", remedy="nothing more has to be done; both notes are below")
    acknowledge(by=by, uid=uid, signal=signal)
    row.refresh_from_db()
    row.closed_by_id, row.closed_at, row.what_was_done = by.staff_id, now(), what_was_done.strip()
    row.save(update_fields=["closed_by", "closed_at", "what_was_done"])
    record("safety.closed", by=by, entity="signal", uid=signal, patient=uid, reason=what_was_done.strip())


def escalate_due(worker: str) -> int:
    """Call the next wider circle about every signal nobody has answered in time."""
    waiting = SafetySignal.objects.filter(acknowledged_at__isnull=True, escalate_at__lte=now())
    done = 0
    for taken in claim(waiting.order_by("escalate_at"), worker=worker):
        done += _escalate(taken.pk)
    return done


@transaction.atomic
def _escalate(key: int) -> int:
    row = SafetySignal.objects.select_for_update(of=("self",)).select_related("patient__clinic").get(pk=key)
    row.claimed_by, row.claimed_until = "", None
    answered = row.acknowledged_at is not None
    if not answered:
        row.level += 1
        row.escalate_at = now() + follow_up().paging.wait(row.level)
        called = _call(row, row.patient)
    row.save(update_fields=["level", "escalate_at", "claimed_by", "claimed_until"])
    if not answered:
        record(
            "safety.escalated",
            by=job_actor("escalate", row.patient.clinic),
            entity="signal",
            uid=row.uid,
            patient=row.patient.uid,
            detail={"level": row.level, "called": [each.uid for each in called]},
        )
    return 0 if answered else 1
