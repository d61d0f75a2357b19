"""Consent pages: obtain, parse, act or query, render."""

from __future__ import annotations

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.html import format_html
from django.views.decorators.http import require_POST

from openkap.care.accounts.locking import GivenBack, hand_back, hand_over, is_handed, is_idle, lock_page
from openkap.care.accounts.middleware import ClinicRequest
from openkap.care.accounts.signing import prove_identity
from openkap.care.enrolment import consent_actions as acts
from openkap.care.enrolment import consent_queries as queries
from openkap.care.enrolment import consent_signing as signing
from openkap.care.enrolment.access import consent_for
from openkap.care.enrolment.consent_copy import consent_pdf
from openkap.care.enrolment.forms import given_moment
from openkap.care.enrolment.views import frame, onward
from openkap.care.patients.access import patient_for
from openkap.care.permissions import Permission
from openkap.core.errors import InputError
from openkap.protocol.consent_text import consent_words


def consents(request: ClinicRequest, patient: str) -> HttpResponse:
    """Which consent is in force, what there was before, and a new one."""
    error: InputError | None = None
    if request.method == "POST":
        try:
            opened = acts.open_consent(
                by=request.actor,
                uid=patient,
                language=request.POST.get("language", ""),
                scope=request.POST.get("scope", ""),
                handed_over_at=given_moment(request.POST.get("handed_over_on", ""), where="handed_over_at"),
            )
            return redirect("consent", patient, opened.uid)
        except InputError as refused:
            error = refused
    row = patient_for(request.actor, patient, Permission.TAKE_CONSENT, seen="consent")
    context = frame(request, row) | queries.history(row)
    language, offered = row.identity.language, context["offered"]
    context |= {"language": language, "chosen": language if language in offered else "", "error": error}
    return render(request, "enrolment/consents.html", context, status=422 if error else 200)


def consent(request: ClinicRequest, patient: str, consent: str) -> HttpResponse:
    """The text, part by part, with what has been understood; signed, it is shown as it was."""
    return _page(request, patient, consent)


def _page(request: ClinicRequest, patient: str, uid: str, error: InputError | None = None) -> HttpResponse:
    row, found = consent_for(
        request.actor, patient, uid, Permission.SEE_PATIENT, seen="" if error else "consent"
    )
    context = frame(request, row) | queries.conversation(found) | {"error": error, "typed": request.POST}
    return render(request, "enrolment/consent.html", context, status=422 if error else 200)


@require_POST
def part(request: ClinicRequest, patient: str, consent: str, part: str) -> HttpResponse:
    """One part gone through."""
    try:
        acts.go_through(
            by=request.actor,
            uid=patient,
            consent=consent,
            element=part,
            words=request.POST.get("words", ""),
            is_understood=request.POST.get("understood") == "yes",
        )
    except InputError as refused:
        error: InputError | None = refused
    else:
        error = None
    if request.headers.get("HX-Request"):
        _, found = consent_for(request.actor, patient, consent, Permission.TAKE_CONSENT)
        context = queries.conversation(found) | {"patient": patient, "error": error, "typed": request.POST}
        context["part"] = next((each for each in context["parts"] if each.id == part), None)
        if context["part"] is None:
            raise Http404("no such part of this consent text")
        return render(request, "enrolment/part_saved.html", context, status=422 if error else 200)
    if error:
        return _page(request, patient, consent, error)
    return redirect(reverse("consent", args=[patient, consent]) + f"#{part}")


@require_POST
def capacity(request: ClinicRequest, patient: str, consent: str) -> HttpResponse:
    """Capacity assessed."""
    data = request.POST
    found = acts.Abilities(
        **{name: data.get(name) == "yes" for name in ("understands", "retains", "weighs", "communicates")},
        note=data.get("note", ""),
        pressure=data.get("pressure", ""),
    )
    try:
        acts.assess_capacity(by=request.actor, uid=patient, consent=consent, found=found)
    except InputError as refused:
        return _page(request, patient, consent, refused)
    return redirect(reverse("consent", args=[patient, consent]) + "#signing")


def sign(request: ClinicRequest, patient: str, consent: str) -> HttpResponse:
    """The patient signs on the tablet; from the moment it is shown, it opens nothing else."""
    if is_idle(request) and not is_handed(request, consent):
        return lock_page(request)
    error: InputError | None = None
    if request.method == "POST":
        if request.POST.get("act") == "not_now":
            return _given_back(request, patient, consent, "not_signed")
        try:
            signing.sign_as_patient(by=request.actor, uid=patient, consent=consent, signed=_signed(request))
            told = "Signed. Now the prescriber countersigns: it stands on their list."
            return _given_back(request, patient, consent, "signed", told)
        except InputError as refused:
            error = refused
    row, found = consent_for(request.actor, patient, consent, Permission.TAKE_CONSENT, seen="consent")
    context = frame(request, row) | queries.conversation(found)
    context |= {"error": error, "typed": request.POST, "needs_interpreter": row.identity.needs_interpreter}
    if not context["signature"] and not context["missing"] and not is_handed(request, consent):
        hand_over(request, consent)
    return render(request, "enrolment/sign.html", context, status=422 if error else 200)


def _signed(request: ClinicRequest) -> signing.Signed:
    data = request.POST
    return signing.Signed(
        name=data.get("name", ""),
        strokes=data.get("strokes", ""),
        read_aloud=data.get("read_aloud") == "yes",
        interpreter=data.get("interpreter", ""),
    )


def _given_back(
    request: ClinicRequest, patient: str, consent: str, heading: str, told: str = ""
) -> HttpResponse:
    """The patient's last page, in the language of the text."""
    _, found = consent_for(request.actor, patient, consent, Permission.TAKE_CONSENT)
    words = consent_words(found.text.language)
    go_on = reverse("consent", args=[patient, consent])
    return hand_back(request, GivenBack(words[heading], words["give_back"], found.text.language, go_on, told))


def countersign(request: ClinicRequest, patient: str, consent: str) -> HttpResponse:
    """The prescriber countersigns with their password."""
    error: InputError | None = None
    if request.method == "POST":
        try:
            person = prove_identity(request.actor, request.POST.get("password", ""))
            given = signing.countersign(
                by=request.actor,
                uid=patient,
                consent=consent,
                person=person,
                early_because=request.POST.get("early_because", ""),
            )
            then = ""
            if queries.awaits_decision(given):
                link = onward("decide on eligibility", "screening_decide", patient)
                then = format_html("{}, under Screening.", link)
            said = "The consent is in force. Give the patient their copy.{}"
            messages.success(request, format_html(said, then))
            return redirect("consent", patient, consent)
        except InputError as refused:
            error = refused
    row, found = consent_for(request.actor, patient, consent, Permission.COUNTERSIGN_CONSENT, seen="consent")
    context = frame(request, row) | queries.conversation(found)
    context |= {"meaning": signing.COUNTER_MEANING, "error": error, "typed": request.POST}
    if signature := context["signature"]:
        context["short_of_time"] = signing.short_of_time(found, signature.signed_at)
    return render(request, "enrolment/countersign.html", context, status=422 if error else 200)


def withdraw(request: ClinicRequest, patient: str, consent: str) -> HttpResponse:
    """The patient withdraws; whoever records it proves who they are."""
    error: InputError | None = None
    if request.method == "POST":
        try:
            person = prove_identity(request.actor, request.POST.get("password", ""))
            signing.withdraw(
                by=request.actor,
                uid=patient,
                consent=consent,
                said=request.POST.get("said", ""),
                person=person,
            )
            messages.success(request, "The consent is withdrawn. No dose can be started.")
            return redirect("consents" if request.actor.may(Permission.TAKE_CONSENT) else "patient", patient)
        except InputError as refused:
            error = refused
    row, found = consent_for(request.actor, patient, consent, Permission.WITHDRAW_CONSENT, seen="consent")
    context = frame(request, row) | {"consent": found, "error": error, "typed": request.POST}
    return render(request, "enrolment/withdraw.html", context, status=422 if error else 200)


def copy(request: ClinicRequest, patient: str, consent: str) -> HttpResponse:
    """The signer's copy as PDF."""
    row, found = consent_for(request.actor, patient, consent, Permission.SEE_PATIENT, seen="consent copy")
    answer = HttpResponse(consent_pdf(row, found), content_type="application/pdf")
    version = "-".join(
        [found.text.version, *([str(found.text.clinic_words)] if found.text.clinic_words else [])]
    )
    answer["Content-Disposition"] = f'inline; filename="consent-{row.code}-{version}.pdf"'
    return answer
