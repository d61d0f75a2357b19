"""An alarming answer: a signal, a named person called, and wider circles until somebody answers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable

from django.conf import settings
from django.db import transaction
from django.urls import reverse

from openkap.care.accounts.actor import Actor, job_actor
from openkap.care.accounts.models import Staff
from openkap.care.audit.actions import record
from openkap.care.jobs import claim, one_by_one
from openkap.care.messaging.actions import CALL, enqueue
from openkap.care.messaging.channels import channel
from openkap.care.moment import now
from openkap.care.outcomes.access import signal_for
from openkap.care.outcomes.case import hold, is_graver, parts, stands_there, untaken
from openkap.care.outcomes.circles import circle, named, which_call, wider
from openkap.care.outcomes.follow_up import follow_up, form_of
from openkap.care.outcomes.models import Call, Form, SafetySignal
from openkap.care.patients.models import Patient
from openkap.core.errors import InputError
from openkap.core.truth import Truth
from openkap.instruments.score import SafetyScore, score

# The message says nothing about the patient: it may be read on a locked screen.
CALL_SUBJECT = "OpenKAP: you are needed now"
CALL_BODY = "Please log in to OpenKAP now and open the first item on your list: "


def asked_about(form: Form) -> set[str]:
    """The questions of a form that a safety rule looks at."""
    return {item for each in form_of(form.instrument).safety for item in each.items}


@transaction.atomic(savepoint=False)
def look_at(
    *, by: Actor, form: Form, answers: dict[str, int], given: list[tuple[str, int | None]]
) -> list[SafetySignal]:
    """Put each safety rule that one of the answers just ``given`` meets into the person's case.

    ``answers`` is what counts of the whole form. Each new answer is looked at as if it stood: one that was
    given and taken back while the telephone was offline calls somebody as it would have online. The first
    opens the case and calls; one that is graver than what waits, or comes after somebody took the case on,
    calls anew; any other is added to what people were called about.
    """
    instrument = form_of(form.instrument)
    case: list[SafetySignal] | None = None
    made = []
    asked = asked_about(form)
    for item, value in given:
        if value is None or item not in asked:
            continue
        for met in score(instrument, answers | {item: value}).safety:
            if met.met is not Truth.YES or item not in met.items:
                continue
            said = {each: value if each == item else answers[each] for each in met.items if each in answers}
            if case is None:
                case = hold(form.patient)
            if not stands_there(form, met.id, said, case):
                made.append(_raise(by, form, met, said, case))
                case.append(made[-1])
    return made


def _raise(
    by: Actor, form: Form, met: SafetyScore, said: dict[str, int], case: list[SafetySignal]
) -> SafetySignal:
    moment, waiting = now(), untaken(case)
    signal = SafetySignal(
        patient=form.patient,
        form=form,
        rule=met.id,
        items=list(met.items),
        say=met.say,
        answers=said,
        raised_at=moment,
        level=max((row.level for row in waiting), default=0),
        # What comes later never puts off the next call.
        escalate_at=min([*(row.escalate_at for row in waiting), moment + follow_up().paging.wait(0)]),
        all_called_at=waiting[0].all_called_at if waiting else None,
    )
    people = _whom(form.patient, case, waiting) if is_graver(signal, waiting) else []
    if not waiting and not people:
        signal.all_called_at = moment
    signal.save(force_insert=True)
    called = _call(signal, people, case)
    record(
        "safety.raised",
        by=by,
        entity="signal",
        uid=signal.uid,
        patient=form.patient.uid,
        detail={"rule": signal.rule, "form": form.uid, "called": [each.uid for each in called]}
        | ({"case": case[0].uid} if case else {}),
    )
    return signal


def _whom(patient: Patient, case: list[SafetySignal], waiting: list[SafetySignal]) -> list[Staff]:
    """The first circle; with them who was called about what waits, or has taken on what came before."""
    known = _called_about(waiting) | {row.acknowledged_by_id for row in case if row.acknowledged_by_id}
    people = circle(patient)
    return people + [each for each in named(patient, known) if each not in people] if known else people


def _called_about(rows: list[SafetySignal]) -> set[int]:
    return set(Call.objects.filter(signal__in=rows).values_list("staff_id", flat=True)) if rows else set()


def _call(signal: SafetySignal, people: list[Staff], case: list[SafetySignal]) -> list[Staff]:
    moment = now()
    before = Counter(Call.objects.filter(signal__in=case).values_list("staff_id", flat=True) if case else ())
    Call.objects.bulk_create(
        Call(signal=signal, staff=person, level=signal.level, called_at=moment) for person in people
    )
    for person in people:
        again = which_call(before[person.pk] + 1)
        for kind, address in _addresses(person):
            enqueue(
                kind=kind,
                address=address,
                subject=f"{CALL_SUBJECT} ({again})" if again else CALL_SUBJECT,
                body=(f"This is the {again}. " if again else "")
                + CALL_BODY
                + settings.BASE_URL
                + reverse("home"),
                purpose=CALL,
                clinic_uid=signal.patient.clinic.uid,
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
    """Somebody has seen the case and takes all of it on: nobody else is called."""
    _, row = signal_for(by, uid, signal)
    _take_on(by, uid, signal, hold(row.patient))


def _take_on(by: Actor, uid: str, signal: str, case: list[SafetySignal]) -> None:
    waiting, moment = untaken(case), now()
    if not waiting:
        return
    for row in waiting:
        row.acknowledged_by_id, row.acknowledged_at = by.staff_id, moment
        row.save(update_fields=["acknowledged_by", "acknowledged_at"])
    waited = int((moment - waiting[0].raised_at).total_seconds())
    record(
        "safety.acknowledged",
        by=by,
        entity="signal",
        uid=signal,
        patient=uid,
        detail={"after_s": waited} | _all_of(waiting),
    )


def _all_of(rows: list[SafetySignal]) -> dict[str, list[str]]:
    return {"answers": [row.uid for row in rows]} if len(rows) > 1 else {}


@transaction.atomic
def close_signal(
    *, by: Actor, uid: str, signal: str, what_was_done: str, looked_at: Collection[str] = ()
) -> None:
    """Write down what was done for the patient; then the alert leaves the banner.

    ``looked_at`` names the parts of the case that were read; one that is a single answer is the one named.
    """
    _, row = signal_for(by, uid, signal)
    if not what_was_done.strip():
        raise InputError(
            "what was done is missing",
            remedy="write one sentence: whom you reached, what follows",
            where="what_was_done",
        )
    case = hold(row.patient)
    if row.pk not in {each.pk for each in case}:
        raise InputError("this was closed before", remedy="nothing more has to be done; both notes are below")
    unseen = [each for each in parts(case) if each.uid not in (looked_at or (signal,))]
    if unseen:
        raise InputError(
            f"not looked at yet: {len(unseen)} of the alarming answers above",
            remedy="read each and tick it; one may have come while you wrote",
            where="looked_at",
        )
    _take_on(by, uid, signal, case)
    moment = now()
    for each in case:
        each.closed_by_id, each.closed_at, each.what_was_done = by.staff_id, moment, what_was_done.strip()
        each.save(update_fields=["closed_by", "closed_at", "what_was_done"])
    record(
        "safety.closed",
        by=by,
        entity="signal",
        uid=signal,
        patient=uid,
        detail=_all_of(case),
        reason=what_was_done.strip(),
    )


def escalate_due(worker: str) -> int:
    """Call more people about every case nobody has answered in time; where there are none, the same again."""
    waiting = SafetySignal.objects.filter(acknowledged_at__isnull=True, escalate_at__lte=now())
    taken = claim(waiting.order_by("escalate_at"), worker=worker)
    return one_by_one(taken, lambda row: _escalate(row.pk))


@transaction.atomic
def _escalate(key: int) -> int:
    row = SafetySignal.objects.select_related("patient__clinic").get(pk=key)
    # The person first, as whoever closes the case: the other way round the two would wait for each other.
    case = hold(row.patient)
    SafetySignal.objects.filter(pk=key).update(claimed_by="", claimed_until=None)
    waiting = untaken(case)
    # Another answer of the case, or another worker, may have called these people just now.
    if not any(each.pk == key and each.escalate_at <= now() for each in waiting):
        return 0
    level = max(each.level for each in waiting) + 1
    people, is_further = wider(row.patient, _called_about(waiting))
    for each in waiting:
        each.level, each.escalate_at = level, now() + follow_up().paging.wait(level)
        each.all_called_at = None if is_further else each.all_called_at or now()
        each.save(update_fields=["level", "escalate_at", "all_called_at"])
    spoken_of = _spoken_of(waiting)
    called = _call(spoken_of, people, case)
    record(
        "safety.escalated",
        by=job_actor("escalate", row.patient.clinic),
        entity="signal",
        uid=spoken_of.uid,
        patient=row.patient.uid,
        detail={"level": level, "called": [each.uid for each in called], "further": is_further},
    )
    return 1


def _spoken_of(waiting: list[SafetySignal]) -> SafetySignal:
    """Which answer of a case people were last called about: the calls that follow are about it too."""
    last = Call.objects.filter(signal__in=waiting).order_by("-called_at", "-pk").first()
    return next((row for row in waiting if last is not None and row.pk == last.signal_id), waiting[0])
