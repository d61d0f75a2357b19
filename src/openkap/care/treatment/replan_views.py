"""The page that re-plans a visit without a dose: look at the session in its place first, then make it."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render

from openkap.care.accounts.middleware import ClinicRequest
from openkap.care.permissions import Permission
from openkap.care.treatment import forms, queries, replan_actions
from openkap.care.treatment.access import session_for
from openkap.care.treatment.views import frame
from openkap.core.errors import InputError


def replan(request: ClinicRequest, patient: str, session: str) -> HttpResponse:
    """Another session in its place, or none with the reason."""
    error: InputError | None = None
    preview = None
    data = request.POST
    row = session_for(request.actor, patient, session, Permission.PLAN_COURSE, seen="plan")
    if request.method == "POST":
        try:
            if data.get("act") == "none":
                replan_actions.plan_none(
                    by=request.actor, patient=patient, uid=session, reason=data.get("reason", "")
                )
                return redirect("course", patient, row.course.uid)
            starts_at = forms.needed_moment(data, "starts_at")
            chair, nurse = data.get("chair", ""), data.get("nurse", "")
            preview = replan_actions.preview_in_its_place(
                by=request.actor, session=row, starts_at=starts_at, chair=chair, nurse=nurse
            )
            if data.get("act") == "plan":
                replan_actions.plan_in_its_place(
                    by=request.actor,
                    patient=patient,
                    uid=session,
                    starts_at=starts_at,
                    chair=chair,
                    nurse=nurse,
                )
                messages.success(request, "Planned, with its visits and what is due.")
                return redirect("course", patient, row.course.uid)
        except InputError as refused:
            error = refused
    context = frame(request, row.patient) | queries.choices(request.actor)
    context |= {"session": row, "preview": preview, "error": error, "typed": data}
    context["decided"] = queries.replanned_words(row)
    return render(request, "treatment/replan.html", context, status=422 if error else 200)
