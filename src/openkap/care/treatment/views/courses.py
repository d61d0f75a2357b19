"""Pages of courses, visits and the drug: obtain, parse, act or query, render."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST

from openkap.care.accounts.middleware import ClinicRequest
from openkap.care.audit.actions import record_listed
from openkap.care.conflict import Conflict
from openkap.care.patients.access import patient_for
from openkap.care.patients.queries import banner_for, chart_links
from openkap.care.permissions import Permission
from openkap.care.treatment import forms, queries
from openkap.care.treatment.access import course_for, visit_for
from openkap.care.treatment.course import due_actions, ending_actions, therapy_actions, visit_queries
from openkap.care.treatment.drug import actions as drug_actions
from openkap.care.treatment.drug import queries as drug_queries
from openkap.care.treatment.monitoring import adverse_actions
from openkap.care.treatment.planning import actions as planning_actions
from openkap.care.treatment.planning import moving_actions
from openkap.care.treatment.planning import queries as planning_queries
from openkap.core.errors import InputError


def frame(request: ClinicRequest, patient: Any) -> dict[str, Any]:
    """Banner and navigation of a chart page."""
    return {"banner": banner_for(patient), "links": chart_links(request.actor, patient.uid)}


def courses(request: ClinicRequest, patient: str) -> HttpResponse:
    """All courses of a patient."""
    row = patient_for(request.actor, patient, Permission.SEE_PATIENT, seen="courses")
    return render(request, "treatment/courses.html", frame(request, row) | queries.courses_page(row))


def course(request: ClinicRequest, patient: str, course: str) -> HttpResponse:
    """One course: its dates, what is due, and its rules as they stand."""
    row = course_for(request.actor, patient, course, Permission.SEE_PATIENT, seen="course")
    return render(request, "treatment/course.html", frame(request, row.patient) | queries.course_page(row))


def end_course(request: ClinicRequest, patient: str, course: str) -> HttpResponse:
    """End a course with its reason."""
    error: InputError | None = None
    if request.method == "POST":
        rule, reason = request.POST.get("rule", ""), request.POST.get("reason", "")
        try:
            ending_actions.end_course(by=request.actor, patient=patient, uid=course, rule=rule, reason=reason)
            return redirect("course", patient, course)
        except InputError as refused:
            error = refused
    row = course_for(request.actor, patient, course, Permission.PRESCRIBE, seen="plan")
    context = frame(request, row.patient) | queries.course_page(row) | queries.given_of(row)
    context |= {"error": error, "typed": request.POST}
    return render(request, "treatment/end_course.html", context, status=422 if error else 200)


@require_POST
def due(request: ClinicRequest, patient: str, course: str) -> HttpResponse:
    """Tests and contacts were done, one was not after all, or a contact reached nobody."""
    data = request.POST
    try:
        if data.get("undo"):
            due_actions.untick(
                by=request.actor,
                patient=patient,
                course=course,
                item=data["undo"],
                reason=data.get("reason", ""),
            )
            return redirect(reverse("course", args=[patient, course]) + "#due")
        if data.get("not_reached"):
            due_actions.not_reached(
                by=request.actor,
                patient=patient,
                course=course,
                items=data.getlist("items"),
                because=data.get("not_done_because", ""),
            )
            return redirect(reverse("course", args=[patient, course]) + "#due")
        due_actions.tick(
            by=request.actor,
            patient=patient,
            course=course,
            items=data.getlist("items"),
            done_on=forms.day_given(data, "done_on") if data.get("done_on") else None,
            note=data.get("note", ""),
        )
    except InputError as refused:
        row = course_for(request.actor, patient, course, Permission.SEE_PATIENT)
        context = frame(request, row.patient) | queries.course_page(row)
        context |= {"due_error": refused, "typed": data, "ticked": data.getlist("items")}
        return render(request, "treatment/course.html", context, status=422)
    return redirect(reverse("course", args=[patient, course]) + "#due")


@require_POST
def report_event(request: ClinicRequest, patient: str, course: str) -> HttpResponse:
    """A serious adverse event was reported."""
    event, to = request.POST.get("event", ""), request.POST.get("to", "")
    course_for(request.actor, patient, course, Permission.PRESCRIBE)
    try:
        at = forms.moment_given(request.POST, "at")
        adverse_actions.report_adverse_event(by=request.actor, patient=patient, event=event, to=to, at=at)
    except InputError as refused:
        messages.error(request, str(refused))
    return redirect("course", patient, course)


def move_visit(request: ClinicRequest, patient: str, visit: str) -> HttpResponse:
    """Move a therapy visit inside its window."""
    error: InputError | Conflict | None = None
    if request.method == "POST":
        try:
            moving_actions.move_visit(
                by=request.actor,
                patient=patient,
                uid=visit,
                starts_at=forms.needed_moment(request.POST, "starts_at"),
                version=forms.version_given(request.POST),
            )
            return redirect("visit", patient, visit)
        except (InputError, Conflict) as refused:
            error = refused
    row = visit_for(request.actor, patient, visit, Permission.PLAN_COURSE, seen="plan")
    context = (
        frame(request, row.patient) | visit_queries.visit_page(row) | {"error": error, "typed": request.POST}
    )
    return render(request, "treatment/move_visit.html", context, status=422 if error else 200)


def visit(request: ClinicRequest, patient: str, visit: str) -> HttpResponse:
    """One therapy visit with its notes and, for who may, the form for the next one."""
    if request.method == "POST":
        try:
            written = forms.note_given(request.POST)
            therapy_actions.write_note(by=request.actor, patient=patient, uid=visit, written=written)
            messages.success(request, "The note is saved.")
            return redirect("visit", patient, visit)
        except InputError as refused:
            return _visit_page(request, patient, visit, request.POST, refused)
    return _visit_page(request, patient, visit, request.POST)


def _visit_page(
    request: ClinicRequest, patient: str, uid: str, typed: QueryDict, error: InputError | None = None
) -> HttpResponse:
    row = visit_for(request.actor, patient, uid, Permission.READ_THERAPY_NOTE, seen="therapy notes")
    context = frame(request, row.patient) | visit_queries.visit_page(row)
    context |= {"error": error, "typed": typed}
    context |= visit_queries.note_form(row, typed, context["current"])
    return render(request, "treatment/visit.html", context, status=422 if error else 200)


@require_POST
def miss_visit(request: ClinicRequest, patient: str, visit: str) -> HttpResponse:
    """The visit did not take place."""
    try:
        therapy_actions.miss_visit(
            by=request.actor, patient=patient, uid=visit, reason=request.POST.get("reason", "")
        )
    except InputError as refused:
        # What was typed there is no part of a note.
        return _visit_page(request, patient, visit, QueryDict(), refused)
    return redirect("visit", patient, visit)


def my_therapy(request: ClinicRequest) -> HttpResponse:
    """The therapist's own page: visits with their windows, notes to write first."""
    visits = visit_queries.my_visits(request.actor)
    record_listed(request.actor, "my visits", [each.patient for each in visits])
    past = sum(each.is_past for each in visits)
    shown = {"visits": visits, "past": past, "ahead": len(visits) - past}
    return render(request, "treatment/my_therapy.html", shown)


def drug(request: ClinicRequest) -> HttpResponse:
    """The controlled-drug ledger: what there is, what moved, and what came in."""
    error: InputError | None = None
    if request.method == "POST":
        try:
            _drug_act(request)
            return redirect("drug")
        except InputError as refused:
            error = refused
    context = {
        "stock": drug_queries.stock(request.actor),
        "ledger": drug_queries.ledger(request.actor),
        "products": drug_actions.products().values(),
        "colleagues": planning_queries.choices(request.actor)["nurses"]
        if request.actor.may(Permission.GIVE_DOSE)
        else [],
        "error": error,
        "typed": request.POST,
    }
    return render(request, "treatment/drug.html", context, status=422 if error else 200)


def _drug_act(request: ClinicRequest) -> None:
    data = request.POST
    if data.get("act") != "count":
        drug_actions.receive(
            by=request.actor, received=forms.received_given(data), client_id=data.get("client_id", "")
        )
        return
    counted = forms.needed_number(data, "counted_mg")
    second, password = data.get("second", ""), data.get("password", "")
    witness = drug_actions.second_person(by=request.actor, uid=second, password=password)
    drug_actions.count_stock(
        by=request.actor,
        lot=data.get("lot", ""),
        counted_mg=counted,
        note=data.get("note", ""),
        witness=witness,
    )


def chairs(request: ClinicRequest) -> HttpResponse:
    """The clinic's chairs, and a new one."""
    error: InputError | None = None
    if request.method == "POST":
        try:
            planning_actions.add_chair(by=request.actor, name=request.POST.get("name", ""))
            return redirect("chairs")
        except InputError as refused:
            error = refused
    context = {
        "chairs": planning_queries.choices(request.actor)["chairs"],
        "error": error,
        "typed": request.POST,
    }
    return render(request, "treatment/chairs.html", context, status=422 if error else 200)
