"""Pages on which an identity is erased: proposed on the chart, confirmed by somebody else."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render

from openkap.care.accounts.middleware import ClinicRequest
from openkap.care.accounts.signing import prove_identity
from openkap.care.patients import erasing
from openkap.care.patients.access import patient_for
from openkap.care.patients.holds import holds_of
from openkap.care.patients.views import frame
from openkap.care.permissions import Permission
from openkap.core.errors import InputError

_SAID = {"goes": erasing.GOES, "stays": erasing.STAYS}


def propose(request: ClinicRequest, patient: str) -> HttpResponse:
    """What goes, what stays, what holds it, and the reason."""
    error: InputError | None = None
    if request.method == "POST":
        try:
            erasing.propose_erasure(by=request.actor, uid=patient, reason=request.POST.get("reason", ""))
        except InputError as refused:
            error = refused
        else:
            messages.success(
                request, "Proposed. The lead or the site administrator confirms or calls it off."
            )
            return redirect("erase_identity", patient)
    row = patient_for(request.actor, patient, Permission.PROPOSE_ERASURE, seen="erasure of identity")
    context = _SAID | {
        "waiting": erasing.waiting_erasure(row),
        "held": holds_of(row),
        "erased_at": row.identity.erased_at,
        "error": error,
        "reason": request.POST.get("reason", ""),
    }
    return render(request, "patients/erase.html", context | frame(request, row), status=422 if error else 200)


def confirm(request: ClinicRequest, erasure: str) -> HttpResponse:
    """The second person: confirms with the password, or calls it off with a reason."""
    error: InputError | None = None
    if request.method == "POST":
        try:
            if request.POST.get("act") == "call_off":
                reason = request.POST.get("reason", "")
                erasing.call_off_erasure(by=request.actor, uid=erasure, reason=reason)
            else:
                person = prove_identity(request.actor, request.POST.get("password", ""))
                erasing.erase_identity(by=request.actor, uid=erasure, person=person)
        except InputError as refused:
            error = refused
        else:
            return redirect("erasure", erasure)
    row = erasing.erasure_for(request.actor, erasure)
    context = _SAID | {
        "row": row,
        "held": [] if row.confirmed_at else holds_of(row.patient),
        "is_own": row.proposed_by_id == request.actor.staff_id,
        "meaning": erasing.MEANING,
        "error": error,
        "reason": request.POST.get("reason", ""),
    }
    return render(request, "patients/erasure.html", context, status=422 if error else 200)
