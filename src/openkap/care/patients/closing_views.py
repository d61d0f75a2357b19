"""The page on which a record is closed, a death is told, and a closed record is opened again."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render

from openkap.care.accounts.middleware import ClinicRequest
from openkap.care.patients import closing
from openkap.care.patients.access import patient_for
from openkap.care.patients.forms import ClosingForm, DeathForm, ReasonForm
from openkap.care.patients.holds import holds_of
from openkap.care.patients.out_of_care import DIED
from openkap.care.patients.views import frame, refuse
from openkap.care.permissions import Permission
from openkap.core.errors import InputError

CLOSE, DEATH, REOPEN, AFTER_DEATH = "close", "death", "reopen", "after_death"
FORMS: dict[str, Any] = {CLOSE: ClosingForm, DEATH: DeathForm, REOPEN: ReasonForm}


def close_record(request: ClinicRequest, patient: str) -> HttpResponse:
    """Why it is closed and what ends with it; of a closed one, how it is opened again."""
    act = request.POST.get("act", "")
    forms = {name: kind(request.POST if act == name else None) for name, kind in FORMS.items()}
    error: InputError | None = None
    if act == AFTER_DEATH or (act in forms and forms[act].is_valid()):
        try:
            _do(request, patient, act, forms)
        except InputError as refused:
            error = refused
            if act in forms and refused.where:
                refuse(forms[act], refused)
        else:
            return redirect("close_record" if act == DEATH else "patient", patient)
    row = patient_for(request.actor, patient, Permission.RECORD_DEATH, seen="closing of the record")
    standing = closing.standing_closing(row)
    is_closed = row.status == closing.CLOSED
    may_close = request.actor.may(Permission.PLAN_COURSE)
    context = {
        "forms": forms,
        "standing": standing,
        "is_death": bool(standing and standing.reason == DIED),
        "is_closed": is_closed,
        "is_erased": row.identity.erased_at is not None,
        "may_close": may_close,
        # What is to be ended first, for whoever closes; nobody is kept from telling a death by it.
        "held": holds_of(row) if may_close and not is_closed else [],
        "error": error if error and not error.where else None,
    }
    refused_form = act in forms and forms[act].errors
    status = 422 if error or refused_form else 200
    return render(request, "patients/close.html", context | frame(request, row), status=status)


def _do(request: ClinicRequest, patient: str, act: str, forms: dict[str, Any]) -> None:
    by = request.actor
    if act == AFTER_DEATH:
        closing.close_after_death(by=by, uid=patient)
        return
    given = forms[act].cleaned_data
    if act == REOPEN:
        closing.reopen_record(by=by, uid=patient, reason=given["reason"])
        messages.success(request, "The record is in use again.")
        return
    why = closing.Why(given.get("reason", DIED), given["died_on"], given["said"])
    closing.close_record(by=by, uid=patient, why=why)
    told = "" if by.may(Permission.PLAN_COURSE) else " Whoever plans has it on their first page."
    messages.success(request, f"Recorded. No message goes out any more.{told}")
