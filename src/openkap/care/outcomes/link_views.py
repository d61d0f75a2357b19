"""Pages behind a patient's link: the questions, and the last page with their own curve."""

from __future__ import annotations

import re
import secrets
from datetime import datetime
from pathlib import Path
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import override
from django.views.decorators.csrf import csrf_exempt

from openkap.care.accounts.actor import Actor
from openkap.care.accounts.locking import ANSWERED_KEY, is_idle, lock
from openkap.care.moment import now
from openkap.care.outcomes import actions, figures, questionnaires
from openkap.care.outcomes.access import late_link, link_end, through_link
from openkap.care.outcomes.actions import Tap
from openkap.care.outcomes.help_line import help_line
from openkap.care.outcomes.models import Invitation
from openkap.care.outcomes.own_curve import own_curve
from openkap.care.outcomes.patient_words import PatientWords, patient_words
from openkap.care.outcomes.plain_words import in_plain_words
from openkap.core.errors import InputError


# The token in the address is the credential, no cookie is: a browser that lost its cookies loses no answer.
@csrf_exempt
def answer(request: HttpRequest, token: str) -> HttpResponse:
    """The questions on a phone: one at a time with scripts, a plain list without."""
    try:
        by, invitation = through_link(token)
    except InputError as refused:
        return _ended(request, refused, token)
    error = ""
    if request.method == "POST":
        error = _save(request, by, invitation)
        if not error and request.POST.get("act") == "finish":
            try:
                actions.finish(by=by, invitation=invitation)
            except InputError as refused:
                # The clinic has closed them at this moment.
                return _ended(request, refused, token)
            return redirect("answered", token)
    if invitation.finished_at is not None:
        return redirect("answered", token)
    # In the browser of somebody who works here it is the patient who reads on: nothing else opens.
    if request.user.is_authenticated and not is_idle(request):
        lock(request)
    spoken = patient_words(questionnaires.language_of(invitation))
    return _render(
        request, "outcomes/answer.html", _page(by, invitation, token, spoken) | {"error": error}, spoken
    )


def spoken_behind(request: HttpRequest, token: str) -> PatientWords:
    """The words for who holds the link: by their record, or by their browser where the link says nothing."""
    try:
        _, invitation = late_link(token)
    except InputError:
        return patient_words(getattr(request, "LANGUAGE_CODE", ""))
    return patient_words(questionnaires.language_of(invitation))


def _render(
    request: HttpRequest, template: str, context: dict[str, Any], spoken: PatientWords, status: int = 200
) -> HttpResponse:
    """A page in the patient's language, its dates too."""
    with override(spoken.language):
        page = render(request, template, context | {"patient_words": spoken}, status=status)
    page.headers["Content-Language"] = spoken.language
    return page


def _save(request: HttpRequest, by: Actor, invitation: Invitation) -> str:
    """Store what the plain form carries; what could not be stored, in words."""
    mark_answered_here(request, invitation)
    taps = _taps(request, questionnaires.sheets_of(invitation))
    saved = actions.save_answers(by=by, invitation=invitation, taps=taps)
    spoken = patient_words(questionnaires.language_of(invitation))
    refused = [spoken.refusal(why) for _, why in saved.refused[:1]]
    return "; ".join(f"{why.what}; {why.remedy}" for why in refused)


def _page(by: Actor, invitation: Invitation, token: str, spoken: PatientWords) -> dict[str, Any]:
    sheets = questionnaires.sheets_of(invitation, spoken.wanted)
    return {
        "sheets": sheets,
        "key": invitation.uid,
        "token": token,
        "ends_ms": int(link_end(token).timestamp() * 1000),
        "answered": sum(sheet.answered for sheet in sheets),
        "total": sum(len(sheet.questions) for sheet in sheets),
        "clinic": by.clinic_name,
        "is_synthetic": by.is_synthetic,
        "help_line": help_line(),
        "needs_help": questionnaires.has_signal(invitation),
        "saved_at": questionnaires.last_saved(invitation),
    }


def _taps(request: HttpRequest, sheets: list[questionnaires.Sheet]) -> list[Tap]:
    """What the plain form carries and is not stored yet."""
    found, moment = [], now()
    for sheet in sheets:
        for question in sheet.questions:
            given = request.POST.get(f"{sheet.uid}:{question.item}", "")
            if ANSWER.fullmatch(given) and sheet.answers.get(question.item) != int(given):
                found.append(_tap(sheet.uid, question.item, int(given), moment))
    return found


WORKER = Path(__file__).parents[1] / "static" / "js" / "answer-worker.js"
# ``isdigit`` would take digits that int() does not read.
ANSWER = re.compile(r"-?[0-9]{1,4}")
# What the plain form calls an answer: its form and its item.
FIELD = re.compile(r"[0-9a-z]{1,12}:([0-9a-zA-Z-]{1,20})")


def _sent(request: HttpRequest) -> list[tuple[str, str]]:
    """The answers of a plain form as they came: item and value."""
    found = [(FIELD.fullmatch(name), value) for name, value in request.POST.items()]
    return [(name[1], str(value)) for name, value in found if name]


def _tap(form: str, item: str, value: int, moment: datetime) -> Tap:
    return Tap(form, item, value, f"page:{secrets.token_hex(12)}", moment)


def mark_answered_here(request: HttpRequest, invitation: Invitation) -> None:
    """Whose browser answers, by the page or through the API, sees the last page whole.

    Not by what comes after the end: an answer sent then would open the curve to whoever found the link.
    """
    seen = request.session.get(ANSWERED_KEY, [])
    # Written once, not with every tap.
    if invitation.finished_at is None and invitation.uid not in seen:
        request.session[ANSWERED_KEY] = [*seen[-5:], invitation.uid]


def worker(request: HttpRequest) -> HttpResponse:
    """The script that lets the questions open again without network, on the patient's own phone."""
    return HttpResponse(WORKER.read_text(encoding="utf-8"), content_type="text/javascript")


def answered(request: HttpRequest, token: str) -> HttpResponse:
    """The last page: thanks, help where it is needed, and the person's own curve in plain words."""
    try:
        by, invitation = through_link(token)
    except InputError as refused:
        return _ended(request, refused, token)
    if invitation.finished_at is None:
        return redirect("answer", token)
    spoken = patient_words(questionnaires.language_of(invitation))
    context: dict[str, Any] = {
        "clinic": by.clinic_name,
        "is_synthetic": by.is_synthetic,
        "help_line": help_line(),
        # Only the browser that answered sees the curve: a link found later opens no health data.
        "is_theirs": invitation.uid in request.session.get(ANSWERED_KEY, []),
        "key": invitation.uid,
        "token": token,
    }
    context["needs_help"] = context["is_theirs"] and questionnaires.has_signal(invitation)
    if context["is_theirs"]:
        curve = own_curve(invitation.patient, spoken)
        context |= {"words": in_plain_words(curve, spoken)}
        if len([row for row in curve.readings if row.total is not None]) > 1:
            with override(spoken.language):
                context |= {"figure": figures.draw_own(curve, spoken)}
    return _render(request, "outcomes/answered.html", context, spoken)


def _ended(request: HttpRequest, refused: InputError, token: str) -> HttpResponse:
    """The link has ended: nothing is shown any more, but what a telephone still holds is taken."""
    spoken = spoken_behind(request, token)
    told = spoken.refusal(refused)
    context: dict[str, Any] = {"what": told.what, "todo": told.remedy, "help_line": help_line()}
    try:
        by, invitation = late_link(token)
    except InputError:
        # Nobody knows whose it is: what was sent goes back to who sent it.
        context["sent_back"] = _sent(request)
        return _render(request, "outcomes/link_ended.html", context, spoken, status=410)
    context |= {"key": invitation.uid, "token": token, "handed_in": request.method == "POST"}
    if request.method == "POST":
        context["error"] = _save(request, by, invitation)
        context["needs_help"] = questionnaires.has_signal(invitation)
    return _render(request, "outcomes/link_ended.html", context, spoken, status=410)
