"""Pages of the chart that are about the person: obtain, parse, act or query, render."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from openkap.care.accounts.middleware import ClinicRequest
from openkap.care.accounts.queries import colleagues_by_role
from openkap.care.conflict import Conflict, conflict_page
from openkap.care.patients import actions, merging, queries
from openkap.care.patients.access import patient_for
from openkap.care.patients.contact_point_actions import end_contact_point, use_contact_point
from openkap.care.patients.contact_points import ways_to_reach
from openkap.care.patients.forms import (
    ChangeIdentityForm,
    ContactForm,
    CrisisPlanForm,
    ReasonForm,
    RestrictionForm,
    chosen,
)
from openkap.care.patients.referral_warnings import warnings_to_look_at
from openkap.care.patients.searching import criteria
from openkap.care.patients.warning_actions import look_at_warning as look_at
from openkap.care.permissions import Permission
from openkap.care.typed import page_typed
from openkap.care.worklist import tasks_about
from openkap.core.errors import InputError


def frame(request: ClinicRequest, row: Any) -> dict[str, Any]:
    """What every page of the chart shows around its own part."""
    return {"banner": queries.banner_for(row), "links": queries.chart_links(request.actor, row.uid)}


def refuse(form: Any, refused: InputError) -> None:
    """Put a refusal beside its field."""
    words = f"{refused.what}; {refused.remedy}." if refused.remedy else f"{refused.what}."
    form.add_error(refused.where if refused.where in form.fields else None, f"{words[:1].upper()}{words[1:]}")


def patient_list(request: ClinicRequest) -> HttpResponse:
    """Find a patient, or look through the clinic's."""
    text, page = request.GET.get("q", ""), request.GET.get("page", "1")
    # Who looks through the list sees who is treated; the closed ones have a list of their own.
    closed = "closed" if request.GET.get("phase") == "closed" else ""
    found = queries.find_patients(request.actor, text=text, status=closed, page=page_typed(page))
    context = {
        "found": found,
        "text": text,
        "query": _query(text, closed),
        "read_as": criteria(text).read_as,
        "closed": closed,
    }
    return render(request, "patients/list.html", context)


def _query(text: str, phase: str) -> str:
    from urllib.parse import urlencode

    asked = {name: given for name, given in (("q", text), ("phase", phase)) if given}
    return f"{urlencode(asked)}&" if asked else ""


def chart(request: ClinicRequest, patient: str) -> HttpResponse:
    """The patient's overview."""
    row = patient_for(request.actor, patient, Permission.SEE_PATIENT)
    around = frame(request, row)
    context = {
        "glance": queries.glance(request.actor, row, around["banner"]),
        "sections": queries.overview(request.actor, row),
        "warnings": warnings_to_look_at(row),
        "merged": queries.merged_records(row),
        "kept": queries.kept_record(row),
        "is_restricted": row.is_restricted,
        "erased_at": row.identity.erased_at,
        "closing": queries.closing_of(row),
        "is_closed": row.status == row.Status.CLOSED,
    }
    return render(request, "patients/chart.html", context | around)


@require_POST
def look_at_warning(request: ClinicRequest, patient: str) -> HttpResponse:
    """What a referral warns of holds, or does not."""
    try:
        look_at(
            by=request.actor,
            uid=patient,
            warning=request.POST.get("warning", ""),
            holds=request.POST.get("holds") == "yes",
            because=request.POST.get("because", ""),
        )
    except InputError as refused:
        messages.warning(request, f"{refused.what.capitalize()}: {refused.remedy}.")
    else:
        messages.success(request, "Recorded.")
    return redirect("patient", patient)


def to_do(request: ClinicRequest, patient: str) -> HttpResponse:
    """What of one's own list is about this patient; the overview asks for it once it is shown."""
    row = patient_for(request.actor, patient, Permission.SEE_PATIENT, seen="what to do")
    context: dict[str, Any] = {"tasks": tasks_about(request.actor, row.uid)}
    if request.headers.get("HX-Request"):
        return render(request, "patients/to_do_lines.html", context)
    return render(request, "patients/to_do.html", context | frame(request, row))


def timeline(request: ClinicRequest, patient: str) -> HttpResponse:
    """Everything that happened, on one page, to be printed."""
    row = patient_for(request.actor, patient, Permission.SEE_PATIENT, seen="timeline")
    shown = {"events": queries.timeline(row), "figures": queries.timeline_figures(row)}
    return render(request, "patients/timeline.html", shown | frame(request, row))


def identity(request: ClinicRequest, patient: str) -> HttpResponse:
    """Who they are and how to reach them."""
    row = patient_for(request.actor, patient, Permission.EDIT_PATIENT, seen="identity")
    if row.identity.erased_at is not None:
        return redirect(
            "erase_identity" if request.actor.may(Permission.PROPOSE_ERASURE) else "patient", patient
        )
    stored = queries.identity_values(row)
    stored["needs_interpreter"] = chosen(stored["needs_interpreter"])
    form = ChangeIdentityForm(request.POST or None, initial=stored)
    if request.method == "POST" and form.is_valid():
        changes = dict(form.cleaned_data)
        version = changes.pop("version")
        try:
            actions.change_identity(by=request.actor, uid=patient, changes=changes, version=version)
        except Conflict as conflict:
            conflict.theirs["needs_interpreter"] = chosen(conflict.theirs["needs_interpreter"])
            return conflict_page(request, form, conflict, **frame(request, row))
        messages.success(request, "Saved.")
        return redirect("patient_identity", patient)
    others = [each for each in ways_to_reach(queries.record_ids(row)) if not each.is_in_use]
    context = {"form": form, "title": "Person", "button": "Save", "others": others}
    return render(request, "patients/identity.html", context | frame(request, row))


@require_POST
def contact_point(request: ClinicRequest, patient: str) -> HttpResponse:
    """Another telephone, e-mail or address is the one in use, or leads nowhere."""
    act = use_contact_point if request.POST.get("act") == "use" else end_contact_point
    try:
        act(by=request.actor, uid=patient, point=request.POST.get("point", ""))
    except InputError as refused:
        messages.warning(request, f"{refused.what.capitalize()}: {refused.remedy}.")
    else:
        messages.success(request, "Saved.")
    return redirect("patient_identity", patient)


def contacts(request: ClinicRequest, patient: str) -> HttpResponse:
    """Emergency contact, escort and others; add one or end one."""
    row = patient_for(request.actor, patient, Permission.EDIT_PATIENT, seen="contacts")
    if row.identity.erased_at is not None:
        return redirect(
            "erase_identity" if request.actor.may(Permission.PROPOSE_ERASURE) else "patient", patient
        )
    form = ContactForm(request.POST if request.POST.get("act") == "add" else None)
    if request.POST.get("act") == "end":
        actions.end_contact(by=request.actor, uid=patient, contact=request.POST.get("contact", ""))
        return redirect("contacts", patient)
    if form.is_bound and form.is_valid():
        try:
            actions.add_contact(by=request.actor, uid=patient, **form.cleaned_data)
        except InputError as refused:
            told = f"{refused.what}: {refused.value}; {refused.remedy}"
            form.add_error(refused.where, f"{told[:1].upper()}{told[1:]}.")
        else:
            messages.success(request, "Saved.")
            return redirect("contacts", patient)
    context = {"form": form, "contacts": queries.contacts_of(row)}
    return render(request, "patients/contacts.html", context | frame(request, row))


def crisis_plan(request: ClinicRequest, patient: str) -> HttpResponse:
    """What helps in a crisis."""
    row = patient_for(request.actor, patient, Permission.EDIT_PATIENT, seen="crisis plan")
    if row.identity.erased_at is not None:
        return redirect(
            "erase_identity" if request.actor.may(Permission.PROPOSE_ERASURE) else "patient", patient
        )
    stored = queries.crisis_plan(row)
    form = CrisisPlanForm(request.POST or None, initial=stored)
    if request.method == "POST" and form.is_valid():
        words = dict(form.cleaned_data)
        version = words.pop("version")
        try:
            actions.write_crisis_plan(by=request.actor, uid=patient, version=version, words=words)
        except Conflict as conflict:
            return conflict_page(request, form, conflict, **frame(request, row))
        messages.success(request, "Saved. Earlier versions are kept.")
        return redirect("patient", patient)
    context = {"form": form, "title": "Crisis plan", "button": "Save the plan", "stored": stored}
    return render(request, "patients/form.html", context | frame(request, row))


def care_team(request: ClinicRequest, patient: str) -> HttpResponse:
    """Who looks after the patient."""
    row = patient_for(request.actor, patient, Permission.MANAGE_CARE_TEAM, seen="care team")
    people = colleagues_by_role(request.actor)
    error = ""
    if request.method == "POST":
        try:
            _change_team(request, patient, people)
        except InputError as refused:
            error = f"{refused.what}; {refused.remedy}"
        else:
            return redirect("care_team", patient)
    context = {"team": queries.team_of(row), "people": people, "error": error}
    return render(request, "patients/team.html", context | frame(request, row))


def _change_team(request: ClinicRequest, patient: str, people: Any) -> None:
    if leaving := request.POST.get("leave"):
        actions.leave_team(by=request.actor, uid=patient, staff_uid=leaving)
        return
    uid, _, role = request.POST.get("join", "").partition(":")
    chosen = next((each for each in people if (each.uid, each.role) == (uid, role)), None)
    if chosen is None:
        raise InputError("nobody was chosen", remedy="choose a colleague from the list", where="join")
    actions.join_team(by=request.actor, uid=patient, members=[(chosen.staff_id, chosen.role)])


def same_person(request: ClinicRequest, patient: str) -> HttpResponse:
    """Records that may be the same person; put two together, or take them apart again."""
    row = patient_for(request.actor, patient, Permission.MERGE_PATIENTS, seen="duplicates")
    form = ReasonForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        reason = form.cleaned_data["reason"]
        try:
            if undo := request.POST.get("undo"):
                merging.undo_merge(by=request.actor, uid=patient, merge_uid=undo, reason=reason)
            else:
                absorb = request.POST.get("absorb", "")
                merging.merge(by=request.actor, keep=patient, absorb=absorb, reason=reason)
        except InputError as refused:
            refuse(form, refused)
        else:
            return redirect("patient", patient)
    context = {
        "form": form,
        "candidates": queries.candidates_of(request.actor, row),
        "merged": queries.merged_records(row),
    }
    return render(request, "patients/same_person.html", context | frame(request, row))


def restrict(request: ClinicRequest, patient: str) -> HttpResponse:
    """Open the chart to the care team only, or to the clinic again."""
    row = patient_for(request.actor, patient, Permission.RESTRICT_PATIENT, seen="restriction")
    form = RestrictionForm(request.POST or None, initial={"to": "clinic" if row.is_restricted else "team"})
    if request.method == "POST" and form.is_valid():
        actions.restrict(
            by=request.actor,
            uid=patient,
            is_restricted=form.cleaned_data["to"] == "team",
            reason=form.cleaned_data["reason"],
        )
        return redirect("patient", patient)
    say = "" if row.is_restricted else _who_opens_it(request, row)
    context = {"form": form, "title": form.title, "button": form.title, "say": say}
    return render(request, "patients/form.html", context | frame(request, row))


def _who_opens_it(request: ClinicRequest, row: Any) -> str:
    """Whom a restriction leaves inside, before it is made."""
    team = ", ".join(f"{each['name']} ({each['part']})" for each in queries.team_of(row))
    joins = (
        "" if actions.is_on_team(request.actor, row) else " You are put on it, so that you can open it again."
    )
    return f"The care team: {team or 'nobody yet'}.{joins}"
