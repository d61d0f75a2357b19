"""Consent texts of the clinic: read what is shipped, write the clinic's own words beside it, release both."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST

from openkap.care.accounts.middleware import ClinicRequest
from openkap.care.accounts.signing import prove_identity
from openkap.care.conflict import Conflict
from openkap.care.enrolment import own_words as drafts
from openkap.care.enrolment import texts as acts
from openkap.care.permissions import Permission
from openkap.care.typed import count_typed
from openkap.core.errors import InputError
from openkap.protocol.consent_text import languages


def texts(request: ClinicRequest) -> HttpResponse:
    """Every language with what the clinic has made of it."""
    return render(request, "enrolment/texts.html", {"texts": acts.drafted(request.actor)})


def text(request: ClinicRequest, language: str) -> HttpResponse:
    """One text to read, and to release for who reviews it."""
    error: InputError | None = None
    if request.method == "POST":
        try:
            person = prove_identity(request.actor, request.POST.get("password", ""))
            acts.release(
                by=request.actor,
                language=language,
                seen=request.POST.get("seen", ""),
                reviewed_by=request.POST.get("reviewed_by", ""),
                person=person,
                left_empty_because=request.POST.get("left_empty_because", ""),
            )
        except InputError as refused:
            error = refused
        else:
            messages.success(request, "Released. It is offered to patients from now on.")
            return redirect("consent_texts")
    found = next((each for each in acts.drafted(request.actor) if each.text.language == language), None)
    if found is None:
        raise Http404("no consent text in this language")
    context = {"each": found, "meaning": found.meaning, "error": error, "typed": request.POST}
    if request.actor.may(Permission.RELEASE_CONSENT_TEXT) and not found.is_released:
        context["ended"] = acts.ended_by_release(request.actor, found)
    return render(request, "enrolment/text.html", context, status=422 if error else 200)


def words(request: ClinicRequest, language: str) -> HttpResponse:
    """The shipped text with this clinic's own words beside it, to write on."""
    if language not in languages():
        raise Http404("no consent text in this language")
    context = {"draft": drafts.draft(request.actor, language)}
    return render(request, "enrolment/words.html", context)


@require_POST
def words_part(request: ClinicRequest, language: str, part: str) -> HttpResponse:
    """The clinic's own words of one part; a refusal, or a colleague's words, stand beside what was typed."""
    if language not in languages():
        raise Http404("no consent text in this language")
    typed, status, trouble = request.POST.get("words", ""), 200, dict[str, Any]()
    try:
        seen = count_typed(request.POST.get("seen", ""), where="seen")
        drafts.write_words(by=request.actor, language=language, part=part, words=typed, seen=seen)
    except InputError as refused:
        trouble, status = {"error": refused}, 422
    except Conflict as conflict:
        trouble, status = {"conflict": conflict}, 409
    draft = drafts.draft(request.actor, language)
    if part not in [each.section.element.id for each in draft.parts]:
        raise Http404("no such part of this consent text")
    context = {"draft": draft, "tried": part, "typed": typed, "is_saved": not trouble} | trouble
    if request.headers.get("HX-Request"):
        return render(
            request, "enrolment/words_saved.html", context | {"part": draft.part(part)}, status=status
        )
    if not trouble:
        return redirect(reverse("consent_words", args=[language]) + f"#{part}")
    return render(request, "enrolment/words.html", context, status=status)
