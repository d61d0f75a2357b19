"""What people do about measures: ask, answer, finish, take back. Each act whole, and audited."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

from django.db import transaction
from django.db.models import QuerySet

from openkap.care.accounts.actor import Actor
from openkap.care.accounts.links import make_link
from openkap.care.audit.actions import record
from openkap.care.moment import now
from openkap.care.outcomes import course, safety
from openkap.care.outcomes.access import LINK, form_for, invitation_for
from openkap.care.outcomes.follow_up import ON_REQUEST, Occasion, follow_up, form_of
from openkap.care.outcomes.models import Form, FormScore, Invitation, ItemAnswer
from openkap.care.patients.access import patient_for
from openkap.care.patients.models import Patient
from openkap.care.patients.out_of_care import refuse_out_of_care
from openkap.care.patients.same_person import hold_person
from openkap.care.permissions import Permission
from openkap.care.prepared import insert, prepared
from openkap.care.typed import FIRST_DAY
from openkap.core.errors import InputError
from openkap.instruments.score import plain, score

CLIENT_ID = re.compile(r"[0-9a-zA-Z._:-]{8,40}")
# A telephone's clock may say anything; its answer is kept, at a moment that every time zone can tell.
FIRST_MOMENT = datetime.combine(FIRST_DAY, time(), UTC)
# A tablet on the table is used now, not next week.
TABLET_LINK = timedelta(hours=2)


@transaction.atomic
def ask(
    *,
    by: Actor,
    uid: str,
    instruments: Iterable[str],
    due_at: datetime | None = None,
    occasion: str = ON_REQUEST,
) -> Invitation:
    """Ask a patient to answer forms, now or from a later moment on."""
    patient = patient_for(by, uid, Permission.SEND_MEASURE, seen="")
    refuse_out_of_care(patient)
    chosen = list(dict.fromkeys(instruments))
    if not chosen:
        raise InputError("no form was chosen", remedy="choose at least one", where="instruments")
    plan = follow_up().occasion(occasion)
    invitation = invite(patient, plan, due_at or now(), instruments=chosen, created_by=by.staff_id)
    record(
        "measure.asked",
        by=by,
        entity="invitation",
        uid=invitation.uid,
        patient=uid,
        detail={"instruments": chosen, "occasion": occasion},
    )
    return invitation


def invite(
    patient: Patient,
    plan: Occasion,
    due_at: datetime,
    *,
    instruments: Iterable[str] = (),
    about_uid: str = "",
    created_by: int | None = None,
) -> Invitation:
    """Store an invitation with its forms, unanswered; the caller writes the audit event."""
    invitation = Invitation.objects.create(
        patient=patient,
        occasion=plan.id,
        about_uid=about_uid,
        due_at=due_at,
        closes_at=due_at + plan.open_for,
        created_by_id=created_by,
        created_at=now(),
    )
    forms = [form_of(name) for name in (instruments or plan.instruments)]
    Form.objects.bulk_create(
        Form(
            invitation=invitation,
            patient=patient,
            instrument=form.id,
            instrument_version=form.version,
            instrument_fingerprint=form.fingerprint,
            position=position,
        )
        for position, form in enumerate(forms)
    )
    return invitation


def fresh_link(invitation: Invitation, lasts: timedelta | None = None) -> str:
    """A new address for the patient; older ones open the same questions until they end."""
    invitation.link_number += 1
    Invitation.objects.filter(pk=invitation.pk).update(link_number=invitation.link_number)
    remaining = max(invitation.closes_at - now(), TABLET_LINK)
    return make_link(
        LINK, f"{invitation.uid}.{invitation.link_number}", lasts=lasts or remaining, url_name="answer"
    )


@transaction.atomic
def hand_over(*, by: Actor, uid: str, invitation: str) -> str:
    """Hand the clinic's tablet to the patient: a short-lived address for it."""
    _, row = invitation_for(by, uid, invitation, Permission.SEND_MEASURE)
    refuse_closed(row)
    address = fresh_link(row, TABLET_LINK)
    record("measure.handed_over", by=by, entity="invitation", uid=row.uid, patient=uid)
    return address


@dataclass(frozen=True, slots=True)
class Tap:
    """One answer as a browser sends it. ``value`` None takes it back."""

    form: str
    item: str
    value: int | None
    client_id: str
    answered_at: datetime


@dataclass(frozen=True, slots=True)
class Saving:
    """What became of answers: how many were new, which are held now, which not and why."""

    new: int
    kept: tuple[str, ...]
    refused: tuple[tuple[str, InputError], ...]


@transaction.atomic
def save_answers(*, by: Actor, invitation: Invitation, taps: Iterable[Tap]) -> Saving:
    """Store answers, each once however often it is sent and each by itself: one that is no answer of these
    forms is named and keeps none of the others out.

    Answers that waited in a browser come late and in any order: the latest ``answered_at`` of an item counts,
    a clock that runs ahead counts as now. An alarming answer raises its signal at once, finished or not. What
    comes after the form was finished or the questions were closed is stored and looked at too; the score and
    the gap stay as they are.
    """
    waiting = list(taps)
    # The person, then the forms: in this order whoever closes the record holds them too.
    hold_person(invitation.patient_id)
    forms = {row.uid: row for row in held_forms(invitation.pk)}
    for form in forms.values():
        form.patient = invitation.patient
    rows, refused = [], []
    for tap in waiting:
        try:
            rows.append(_answer_row(by, forms, tap))
        except InputError as why:
            refused.append((tap.client_id, why))
    known = set(_known_taps(invitation.pk, [row.client_id for row in rows])) if rows else set()
    fresh = list(
        {(r.form_id, r.client_id): r for r in rows if (r.form_id, r.client_id) not in known}.values()
    )
    if fresh:
        insert(fresh)
        _look_at(by, fresh)
        late = sum(row.form.finished_at is not None or invitation.closed_at is not None for row in fresh)
        record(
            "measure.answered",
            by=by,
            entity="invitation",
            uid=invitation.uid,
            patient=invitation.patient.uid,
            detail={"answers": len(fresh)} | ({"late": late} if late else {}),
        )
    kept = tuple(dict.fromkeys(row.client_id for row in rows))
    return Saving(new=len(fresh), kept=kept, refused=tuple(refused))


def _look_at(by: Actor, fresh: list[ItemAnswer]) -> None:
    for form in {row.form_id: row.form for row in fresh}.values():
        asked = safety.asked_about(form)
        mine = [row for row in fresh if row.form_id == form.pk and row.item in asked]
        if mine:
            given = [(row.item, row.value) for row in sorted(mine, key=lambda row: row.answered_at)]
            safety.look_at(by=by, form=form, answers=latest_answers(form), given=given)


@prepared
def held_forms(invitation_id: int) -> QuerySet[Form]:
    """The forms, for whoever stores or scores their answers: one after the other."""
    return Form.objects.select_for_update().filter(invitation_id=invitation_id).order_by("position")


@prepared
def _known_taps(invitation_id: int, client_ids: list[str]) -> QuerySet[ItemAnswer, tuple[int, str]]:
    held = ItemAnswer.objects.filter(form__invitation_id=invitation_id, client_id__in=client_ids)
    return held.values_list("form_id", "client_id")


def _answer_row(by: Actor, forms: dict[str, Form], tap: Tap) -> ItemAnswer:
    form = forms.get(tap.form)
    if form is None:
        raise InputError("no such form in this invitation", value=tap.form, remedy="open the link again")
    item = form_of(form.instrument).items_by_id.get(tap.item)
    if item is None:
        raise InputError("no such question in this form", value=tap.item, remedy="open the link again")
    if tap.value is not None and tap.value not in item.answers:
        raise InputError(
            "this is not one of the answers",
            value=tap.value,
            limit=", ".join(map(str, item.answers)),
            remedy="choose one of them",
            where=tap.item,
        )
    if not CLIENT_ID.fullmatch(tap.client_id):
        raise InputError("the answer carries no usable mark", remedy="open the link again")
    return ItemAnswer(
        form=form,
        item=tap.item,
        value=tap.value,
        client_id=tap.client_id,
        answered_at=max(FIRST_MOMENT, min(tap.answered_at, now())),
        received_at=now(),
        entered_by_id=by.staff_id or None,
    )


def latest_answers(form: Form) -> dict[str, int]:
    """The answer of each item that counts; items taken back are left out."""
    found: dict[str, int | None] = {}
    for item, value in _taps_of(form.pk):
        found[item] = value
    return {item: value for item, value in found.items() if value is not None}


@prepared
def _taps_of(form_id: int) -> QuerySet[ItemAnswer, tuple[str, int | None]]:
    rows = ItemAnswer.objects.filter(form_id=form_id).order_by("answered_at", "id")
    return rows.values_list("item", "value")


@transaction.atomic
def finish(*, by: Actor, invitation: Invitation) -> Invitation:
    """The patient (or staff) is done: every form is scored at once. Twice does nothing more."""
    hold_person(invitation.patient_id)
    rows = Invitation.objects.select_for_update(of=("self",)).select_related("patient__clinic")
    row = rows.get(pk=invitation.pk)
    if row.finished_at is not None:
        return row
    refuse_closed(row)
    scored = []
    # An answer that is being stored at this moment counts too.
    for form in [each for each in held_forms(row.pk) if each.finished_at is None]:
        answers = latest_answers(form)
        form.finished_at = now()
        form.save(update_fields=["finished_at"])
        if answers:
            scored.append(_score(form, answers))
    row.finished_at = now()
    row.save(update_fields=["finished_at"])
    for each in scored:
        course.judge(by=by, patient=row.patient, score=each)
    record(
        "measure.finished",
        by=by,
        entity="invitation",
        uid=row.uid,
        patient=row.patient.uid,
        detail={"scored": [each.instrument for each in scored]},
    )
    return row


def _score(form: Form, answers: dict[str, int]) -> FormScore:
    row = score_row(form, answers, answered_at(form))
    row.save(force_insert=True)
    return row


def answered_at(form: Form) -> datetime:
    """When a form was answered: its newest answer. By a clock that is behind, not before it was asked."""
    rows = ItemAnswer.objects.filter(form=form).order_by("-answered_at")
    newest, asked = rows.values_list("answered_at", "form__invitation__created_at")[0]
    return max(newest, asked)


def score_row(form: Form, answers: dict[str, int], at: datetime) -> FormScore:
    """What a form scored, as a row that is not stored yet."""
    instrument = form_of(form.instrument)
    found = score(instrument, answers)
    return FormScore(
        form=form,
        patient=form.patient,
        instrument=instrument.id,
        instrument_version=found.version,
        instrument_fingerprint=found.fingerprint,
        total=None if found.total is None else _three_places(found.total),
        scales={each.id: plain(each.value) for each in found.scales},
        missing=list(found.missing),
        at=at,
        scored_at=now(),
    )


def _three_places(value: Fraction) -> Decimal:
    return (Decimal(value.numerator) / Decimal(value.denominator)).quantize(Decimal("0.001"))


@transaction.atomic
def close(*, by: Actor, uid: str, invitation: str, gap: str) -> None:
    """Note why a measure will stay missing: it is shown as a gap with this reason."""
    _, row = invitation_for(by, uid, invitation, Permission.SEND_MEASURE)
    # The patient may be finishing them at this moment.
    row = Invitation.objects.select_for_update().get(pk=row.pk)
    refuse_closed(row)
    if gap not in Invitation.Gap.values:
        raise InputError("the reason is missing", remedy="choose one", where="gap")
    mark_gap(row, gap)
    record("measure.closed", by=by, entity="invitation", uid=row.uid, patient=uid, detail={"gap": gap})


def mark_gap(invitation: Invitation, gap: str) -> None:
    """Close an invitation with its reason; the caller writes the audit event."""
    invitation.closed_at, invitation.gap = now(), gap
    invitation.save(update_fields=["closed_at", "gap"])


@transaction.atomic
def void_form(*, by: Actor, uid: str, form: str, reason: str) -> None:
    """A form was entered in error (wrong person, wrong day): it stays readable and counts no more."""
    _, row = form_for(by, uid, form, Permission.SEND_MEASURE)
    if not reason.strip():
        raise InputError("the reason is missing", remedy="say what was wrong", where="reason")
    row = Form.objects.select_for_update().get(pk=row.pk)
    if row.voided_at is not None:
        if (row.voided_by_id, row.voided_because) == (by.staff_id, reason.strip()):
            return
        raise InputError("somebody has marked this form meanwhile", remedy="their reason stands below")
    Form.objects.filter(pk=row.pk).update(
        voided_at=now(), voided_by_id=by.staff_id, voided_because=reason.strip()
    )
    record("measure.voided", by=by, entity="form", uid=form, patient=uid, reason=reason.strip())


def refuse_closed(invitation: Invitation) -> None:
    """Nothing is done with questions that are finished or closed."""
    if invitation.finished_at is not None or invitation.closed_at is not None:
        raise InputError(
            "these questions are finished" if invitation.finished_at else "these questions are closed",
            remedy="ask again with new ones",
        )


def as_taps(form: Form, answers: dict[str, Any], moment: datetime, mark: str) -> list[Tap]:
    """A whole sheet of answers, one tap an item, with marks that make sending it twice harmless."""
    return [Tap(form.uid, item, value, f"{mark}:{item}"[:40], moment) for item, value in answers.items()]
