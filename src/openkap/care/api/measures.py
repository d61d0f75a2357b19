"""Operations on measures: a patient's answers by link, trajectories, and alarming answers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from decimal import Decimal

from django.http import HttpRequest
from ninja import Router, Schema
from ninja.security import django_auth
from pydantic import AwareDatetime, Field

from openkap.care.access_rules import link_holder, needs
from openkap.care.api.operations import Answer, asked_by, operation
from openkap.care.moment import now
from openkap.care.outcomes import actions, queries, questionnaires, safety
from openkap.care.outcomes.access import late_link, through_link
from openkap.care.outcomes.actions import Tap
from openkap.care.outcomes.follow_up import form_of
from openkap.care.outcomes.link_views import mark_answered_here, spoken_behind
from openkap.care.outcomes.patient_words import patient_words
from openkap.care.outcomes.trajectory import trajectory as course_of
from openkap.care.patients.access import patient_for
from openkap.care.permissions import Permission
from openkap.core.errors import InputError

router = Router(tags=["measures"])
_LINK = link_holder("a patient answers by link")
# A form has at most a few dozen items; more in one request is not ours.
MOST_TAPS = 200


class TapIn(Schema):
    """One answer; ``client_id`` makes sending it twice harmless."""

    form: str = Field(max_length=12)
    item: str = Field(max_length=20)
    value: int | None = Field(ge=-1000, le=1000)
    client_id: str = Field(min_length=8, max_length=40, pattern=r"^[0-9a-zA-Z._:-]+$")
    answered_at: AwareDatetime


class TapsIn(Schema):
    """Answers, oldest first; what waited in a browser comes together."""

    answers: list[TapIn] = Field(max_length=MOST_TAPS)


class NotKept(Answer):
    """One answer that could not be stored, and what to do."""

    client_id: str
    what: str
    remedy: str


class Saved(Answer):
    """What is stored now: only what ``kept`` names may leave the browser that sent it."""

    stored: int
    kept: list[str]
    refused: list[NotKept]
    answered: int
    total: int
    saved_at: datetime
    needs_help: bool


class SheetOut(Answer):
    """One form and its answers so far."""

    uid: str
    instrument: str
    answers: dict[str, int]
    total: int
    is_finished: bool


class Sheets(Answer):
    """All forms behind a link."""

    sheets: list[SheetOut]


class Finished(Answer):
    """The answers are with the clinic."""

    finished_at: datetime
    needs_help: bool


@contextmanager
def told_in_their_words(request: HttpRequest, token: str) -> Iterator[None]:
    """What is refused is said in the language of whoever holds the link."""
    try:
        yield
    except InputError as why:
        raise spoken_behind(request, token).refusal(why) from None


@operation(router, "GET", "link/{token}", name="link_state", may=_LINK, response=Sheets)
def link_state(request: HttpRequest, token: str) -> Sheets:
    """The forms behind a link and what was answered; a browser that lost its page resumes from it."""
    with told_in_their_words(request, token):
        _, invitation = through_link(token)
    return Sheets(
        sheets=[
            SheetOut(
                uid=sheet.uid,
                instrument=sheet.instrument,
                answers={} if sheet.is_finished else sheet.answers,
                total=len(sheet.questions),
                is_finished=sheet.is_finished,
            )
            for sheet in questionnaires.sheets_of(invitation)
        ]
    )


@operation(router, "POST", "link/{token}/answers", name="link_answers", may=_LINK, response=Saved)
def link_answers(request: HttpRequest, token: str, body: TapsIn) -> Saved:
    """Store answers, each once and each by itself; an alarming one raises its signal at once.

    A link takes answers for a while after its end, and after the questions were finished or closed.
    """
    with told_in_their_words(request, token):
        by, invitation = late_link(token)
        taps = [
            Tap(each.form, each.item, each.value, each.client_id, each.answered_at) for each in body.answers
        ]
        saved = actions.save_answers(by=by, invitation=invitation, taps=taps)
        if saved.refused and not saved.kept:
            raise saved.refused[0][1]
    spoken = patient_words(questionnaires.language_of(invitation))
    answered, total = questionnaires.progress_of(invitation)
    mark_answered_here(request, invitation)
    return Saved(
        stored=saved.new,
        kept=list(saved.kept),
        refused=[
            NotKept(client_id=mark, what=why.what, remedy=why.remedy or "")
            for mark, why in ((mark, spoken.refusal(why)) for mark, why in saved.refused)
        ],
        answered=answered,
        total=total,
        saved_at=now(),
        needs_help=questionnaires.has_signal(invitation),
    )


@operation(router, "POST", "link/{token}/finish", name="link_finish", may=_LINK, response=Finished)
def link_finish(request: HttpRequest, token: str) -> Finished:
    """Finish: every form is scored at once. Twice does nothing more."""
    with told_in_their_words(request, token):
        by, invitation = through_link(token)
        done = actions.finish(by=by, invitation=invitation)
    return Finished(finished_at=done.finished_at or now(), needs_help=questionnaires.has_signal(invitation))


class ReadingOut(Answer):
    """One scored form; ``total`` null where it could not be scored."""

    at: datetime
    occasion: str
    total: Decimal | None
    scales: dict[str, Decimal | None]


class GapOut(Answer):
    """A measure that was due and is not there, with the reason."""

    at: datetime
    occasion: str
    reason: str


class TurnOut(Answer):
    """A named turn of the course."""

    at: datetime
    kind: str
    definition: str


class TrajectoryOut(Answer):
    """The readings of one instrument of one patient."""

    instrument: str
    least: int
    most: int
    readings: list[ReadingOut]
    gaps: list[GapOut]
    turns: list[TurnOut]


@operation(
    router,
    "GET",
    "patients/{uid:patient}/trajectory",
    name="trajectory",
    may=needs(Permission.SEE_OUTCOMES),
    auth=django_auth,
    response=TrajectoryOut,
)
def trajectory(request: HttpRequest, patient: str, instrument: str = "pcl-5") -> TrajectoryOut:
    """The course of symptoms by one instrument, gaps with their reason."""
    row = patient_for(asked_by(request), patient, Permission.SEE_OUTCOMES, seen="outcomes")
    found = course_of(row, form_of(instrument).id, judged=False, marked=False)
    return TrajectoryOut(
        instrument=found.instrument,
        least=found.least,
        most=found.most,
        readings=[
            ReadingOut(at=each.at, occasion=each.occasion, total=each.total, scales=each.scales)
            for each in found.readings
        ],
        gaps=[GapOut(at=each.at, occasion=each.occasion, reason=each.reason) for each in found.gaps],
        turns=[TurnOut(at=each.at, kind=each.kind, definition=each.name) for each in found.milestones],
    )


class SignalOut(Answer):
    """What alarming answers of one person wait together, not closed. Which patient, not what was answered."""

    uid: str
    patient: str
    raised_at: datetime
    is_acknowledged: bool
    level: int


@operation(
    router,
    "GET",
    "signals",
    name="signals",
    may=needs(Permission.ANSWER_PAGE),
    auth=django_auth,
    response=list[SignalOut],
)
def signals(request: HttpRequest) -> list[SignalOut]:
    """Alarming answers of the clinic that are not closed, one case a person, oldest first."""
    return [
        SignalOut(
            uid=each.uid,
            patient=each.patient_uid,
            raised_at=each.raised_at,
            is_acknowledged=each.is_acknowledged,
            level=each.level,
        )
        for each in queries.open_signals(asked_by(request))
    ]


class Acknowledged(Answer):
    """Somebody has it."""

    acknowledged: bool


@operation(
    router,
    "POST",
    "patients/{uid:patient}/signals/{uid:signal}/acknowledge",
    name="acknowledge_signal",
    may=needs(Permission.ANSWER_PAGE),
    auth=django_auth,
    response=Acknowledged,
)
def acknowledge(request: HttpRequest, patient: str, signal: str) -> Acknowledged:
    """Take an alarming answer on: nobody else is called."""
    safety.acknowledge(by=asked_by(request), uid=patient, signal=signal)
    return Acknowledged(acknowledged=True)
