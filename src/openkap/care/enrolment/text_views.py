"""Consent texts of the clinic: read what is shipped, and release it."""

from __future__ import annotations

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render

from openkap.care.accounts.middleware import ClinicRequest
from openkap.care.accounts.signing import prove_identity
from openkap.care.enrolment import texts as acts
from openkap.core.errors import InputError


def texts(request: ClinicRequest) -> HttpResponse:
    """Every language with what the clinic has made of it."""
    return render(request, "enrolment/texts.html", {"texts": acts.shipped(request.actor.clinic_id)})


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
            )
        except InputError as refused:
            error = refused
        else:
            messages.success(request, "Released. It is offered to patients from now on.")
            return redirect("consent_texts")
    found = next(
        (each for each in acts.shipped(request.actor.clinic_id) if each.text.language == language), None
    )
    if found is None:
        raise Http404("no consent text in this language")
    context = {"each": found, "meaning": acts.MEANING, "error": error, "typed": request.POST}
    return render(request, "enrolment/text.html", context, status=422 if error else 200)
