"""Pages by which a patient comes: a form, or an uploaded bundle that fills the form."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.template.defaultfilters import capfirst

from openkap.care.accounts.glass import break_glass
from openkap.care.accounts.middleware import ClinicRequest
from openkap.care.accounts.views import inside
from openkap.care.conflict import ConflictRow
from openkap.care.patients.access import restricted_patient
from openkap.care.patients.actions import IDENTITY_FIELDS, AlreadyRegistered, NewPatient, register_referral
from openkap.care.patients.closing import reopen_for_referral
from openkap.care.patients.contact_points import KINDS
from openkap.care.patients.forms import ReferralForm, UploadForm, said_in_field
from openkap.care.patients.joining import ABOUT_THE_PERSON, beside, join_referral
from openkap.care.patients.named_contacts import contacts_named
from openkap.care.patients.queries import candidates_for
from openkap.care.patients.referral import incoming_for, receive, registered_values, suggested
from openkap.care.patients.referral_document import read_document
from openkap.care.patients.referral_warnings import warned_words
from openkap.care.patients.restricted_matches import restricted_matches
from openkap.core.errors import DomainError, InputError


def new_referral(request: ClinicRequest) -> HttpResponse:
    """A person is referred by form."""
    form = ReferralForm(request.POST or None)
    return _register(request, form, {"title": "New referral"})


def upload_referral(request: ClinicRequest) -> HttpResponse:
    """A record comes as a FHIR bundle; what it says is shown before anything is registered."""
    form = UploadForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        file = form.cleaned_data["bundle"]
        try:
            incoming = receive(by=request.actor, raw=file.read(), file_name=file.name or "")
        except DomainError as refused:
            form.add_error("bundle", capfirst(str(refused)))
        else:
            return redirect("incoming_referral", incoming.uid)
    return render(request, "patients/upload.html", {"form": form}, status=422 if form.errors else 200)


def incoming_referral(request: ClinicRequest, incoming: str) -> HttpResponse:
    """What the bundle says, beside the form it fills; a person looks before the record is opened."""
    try:
        row = incoming_for(request.actor, incoming)
        said = read_document(row.document)
        form = ReferralForm(request.POST or None, initial=suggested(said.person))
        context = {
            "title": "Referral from a file",
            "said": said,
            "file_name": row.file_name,
            "warned": warned_words(said),
        }
        return _register(request, form, context, incoming=row, person=said.person)
    except AlreadyRegistered as refused:
        rows = _typed(request, incoming, refused.patient_uid)
        if differing := [row for row in rows if not row.same]:
            same = [row for row in rows if row.same]
            context = {"rows": differing, "same": same, "patient_uid": refused.patient_uid}
            return render(request, "patients/registered_meanwhile.html", context, status=409)
        messages.warning(request, f"{capfirst(refused.what)}: {refused.remedy}.")
        return redirect("patient", refused.patient_uid)


def _typed(request: ClinicRequest, incoming: str, patient: str) -> list[ConflictRow]:
    """What was typed, beside what stands in the record that somebody made of the upload meanwhile."""
    # A referral that joins a record changes nothing in it: what differs was on the screen beside it.
    if request.method != "POST" or request.POST.get("join"):
        return []
    typed = ReferralForm(request.POST)
    theirs = registered_values(request.actor, patient, incoming)
    return [
        ConflictRow(
            name,
            str(field.label or name.replace("_", " ").capitalize()),
            said_in_field(field, theirs[name]),
            said_in_field(field, yours),
        )
        for name, field in typed.fields.items()
        if (yours := request.POST.get(name, ""))
    ]


def _register(
    request: ClinicRequest, form: Any, context: dict[str, Any], *, incoming: Any = None, person: Any = None
) -> HttpResponse:
    """Register what the form says, unless the person may be here already and nobody has looked yet."""
    numbers = person.identifiers if person else ()
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        if again := request.POST.get("reopen", ""):
            return _reopen(request, form, context, again, incoming)
        if joined := request.POST.get("join", ""):
            return _join(request, form, context, joined, incoming, person)
        if same := request.POST.get("same", ""):
            labels = {name: str(form[name].label) for name in ABOUT_THE_PERSON}
            found = beside(request.actor, same, data, labels)
            context |= {"beside": found, "join": same}
            context["is_lost"] = any(each.differs and not each.is_kept for each in found)
            context["is_kept"] = any(each.is_kept for each in found)
            return render(request, "patients/new_referral.html", {"form": form} | context)
        candidates = candidates_for(
            request.actor,
            family_name=data["family_name"],
            given_name=data["given_name"],
            birth_date=data["birth_date"],
            telephone=data["telephone"],
            identifiers=numbers,
        )
        restricted = restricted_matches(
            request.actor,
            birth_date=data["birth_date"],
            telephone=data["telephone"],
            identifiers=numbers,
        )
        if not (candidates or restricted) or request.POST.get("is_new") == "yes":
            patient = register_referral(
                by=request.actor,
                person=NewPatient(
                    sex=data["sex"],
                    is_veteran=data["is_veteran"],
                    identifiers=numbers,
                    contacts=contacts_named(person),
                    **{name: data[name] for name in IDENTITY_FIELDS},
                ),
                referrer=data["referrer"],
                reason=data["reason"],
                incoming=incoming,
            )
            return redirect("patient", patient.uid)
        context |= {"candidates": candidates, "restricted": restricted}
    return render(request, "patients/new_referral.html", {"form": form} | context)


def _reopen(
    request: ClinicRequest, form: Any, context: dict[str, Any], uid: str, incoming: Any
) -> HttpResponse:
    """The person has a closed record: it is opened again and keeps this referral too."""
    given = {name: form.cleaned_data[name] for name in ("referrer", "reason")}
    try:
        reopen_for_referral(by=request.actor, uid=uid, incoming=incoming, reach=_reach(form), **given)
    except AlreadyRegistered:
        raise
    except InputError as refused:
        form.add_error(None, f"{capfirst(refused.what)}: {refused.remedy}.")
        return render(request, "patients/new_referral.html", {"form": form} | context, status=422)
    messages.success(request, "The record is in use again. Look whether what it says still holds.")
    return redirect("patient", uid)


def _join(
    request: ClinicRequest, form: Any, context: dict[str, Any], uid: str, incoming: Any, person: Any
) -> HttpResponse:
    """The person is treated here: their record keeps this referral too, and nothing in it is changed."""
    try:
        join_referral(
            by=request.actor,
            uid=uid,
            incoming=incoming,
            identifiers=person.identifiers if person else (),
            contacts=contacts_named(person),
            reach=_reach(form),
            **{name: form.cleaned_data[name] for name in ("referrer", "reason")},
        )
    except AlreadyRegistered:
        raise
    except InputError as refused:
        form.add_error(None, f"{capfirst(refused.what)}: {refused.remedy}.")
        return render(request, "patients/new_referral.html", {"form": form} | context, status=422)
    messages.success(
        request,
        "The referral is kept in this record. Nothing that stood here was changed: another telephone, e-mail "
        "or address stands beside, and what else differs is changed under Person.",
    )
    return redirect("patient", uid)


def _reach(form: Any) -> dict[str, str]:
    return {kind: form.cleaned_data[kind] for kind in KINDS}


def open_in_emergency(request: ClinicRequest, patient: str) -> HttpResponse:
    """Break the glass to a restricted record."""
    restricted_patient(request.actor, patient)
    reason = request.POST.get("reason", "")
    error = ""
    if request.method == "POST":
        try:
            break_glass(by=request.actor, patient_uid=patient, reason=reason)
        except InputError as refused:
            error = f"{refused.what}; {refused.remedy}"
        else:
            return redirect(inside(request, request.POST.get("next", ""), "home"))
    context = {
        "patient_uid": patient,
        "may_break": True,
        "error": error,
        "reason": reason,
        "back": request.POST.get("next", ""),
    }
    return render(request, "patients/restricted.html", context, status=422 if error else 200)
