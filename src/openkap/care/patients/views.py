"""Pages about patients: obtain, parse, act or query, render."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render

from openkap.care.accounts.middleware import ClinicRequest
from openkap.care.conflict import Conflict, conflict_page
from openkap.care.patients import queries
from openkap.care.patients.access import patient_for
from openkap.care.patients.actions import IDENTITY_FIELDS, NewPatient, change_identity, register_referral
from openkap.care.patients.forms import ChangeIdentityForm, ReferralForm
from openkap.care.permissions import Permission


def patient_list(request: ClinicRequest) -> HttpResponse:
    """Find a patient, or look through the clinic's."""
    text, page = request.GET.get("q", ""), request.GET.get("page", "1")
    found = queries.find_patients(request.actor, text=text, page=int(page) if page.isdigit() else 1)
    return render(request, "patients/list.html", {"found": found, "text": text})


def chart(request: ClinicRequest, patient: str) -> HttpResponse:
    """The patient's overview."""
    row = patient_for(request.actor, patient, Permission.SEE_PATIENT)
    context = {
        "banner": queries.banner_for(row),
        "links": queries.chart_links(request.actor, patient),
    }
    return render(request, "patients/chart.html", context)


def identity(request: ClinicRequest, patient: str) -> HttpResponse:
    """Who they are and how to reach them."""
    row = patient_for(request.actor, patient, Permission.EDIT_PATIENT, seen="identity")
    form = ChangeIdentityForm(request.POST or None, initial=queries.identity_values(row))
    frame = {"banner": queries.banner_for(row), "links": queries.chart_links(request.actor, patient)}
    if request.method == "POST" and form.is_valid():
        version = form.cleaned_data.pop("version")
        try:
            change_identity(by=request.actor, uid=patient, changes=form.cleaned_data, version=version)
        except Conflict as conflict:
            return conflict_page(request, form, conflict, **frame)
        messages.success(request, "Saved.")
        return redirect("patient_identity", patient)
    return render(request, "patients/identity.html", {"form": form, **frame})


def new_referral(request: ClinicRequest) -> HttpResponse:
    """A person is referred by form."""
    form = ReferralForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        person = NewPatient(
            sex=data["sex"], is_veteran=data["is_veteran"], **{name: data[name] for name in IDENTITY_FIELDS}
        )
        patient = register_referral(
            by=request.actor, person=person, referrer=data["referrer"], reason=data["reason"]
        )
        return redirect("patient", patient.uid)
    return render(request, "patients/new_referral.html", {"form": form})
