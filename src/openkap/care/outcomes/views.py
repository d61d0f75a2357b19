"""Pages of outcomes for staff: the course of symptoms, asking, alarming answers, maintenance."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render

from openkap.care.accounts.locking import lock
from openkap.care.accounts.middleware import ClinicRequest
from openkap.care.outcomes import actions, course, figures, planning, queries, questionnaires, safety
from openkap.care.outcomes.access import form_for, invitation_for, proposal_for, signal_for
from openkap.care.outcomes.case_page import case_page
from openkap.care.outcomes.forms import AskForm, DoneForm, GapForm, MaintenanceForm, VoidForm
from openkap.care.outcomes.trajectory import DRAWN, trajectories, trajectory
from openkap.care.patients.access import patient_for, patients_of
from openkap.care.patients.queries import record_ids
from openkap.care.patients.views import frame, refuse
from openkap.care.permissions import Permission
from openkap.core.errors import InputError


def outcomes(request: ClinicRequest, patient: str) -> HttpResponse:
    """The course of symptoms: figures, clusters, what the definitions say, what was asked."""
    row = patient_for(request.actor, patient, Permission.SEE_OUTCOMES, seen="outcomes")
    found = trajectories(record_ids(row), DRAWN)
    main = found[0]
    context = {
        "figures": [figures.draw(each) for each in found if each.readings or each.gaps],
        "main": main,
        "clusters": [figures.draw_cluster(main, *each) for each in main.clusters] if main.readings else [],
        # A relapse is judged against the best answer since the response, not against the start.
        "definitions": [each for each in main.judged.findings if each.of != "relapse"] if main.judged else (),
        "asked": queries.invitations_of(row),
    }
    return render(request, "outcomes/outcomes.html", context | frame(request, row))


def ask(request: ClinicRequest, patient: str) -> HttpResponse:
    """Ask for forms now: by link, or on this tablet."""
    row = patient_for(request.actor, patient, Permission.SEND_MEASURE, seen="questions asked")
    form = AskForm(request.POST or None)
    form.fields["instruments"].initial = form.usual()
    if request.method == "POST" and form.is_valid():
        try:
            invitation = actions.ask(
                by=request.actor, uid=patient, instruments=form.cleaned_data["instruments"]
            )
        except InputError as refused:
            refuse(form, refused)
            return render(request, "outcomes/ask.html", {"form": form} | frame(request, row), status=422)
        if form.cleaned_data["way"] == "tablet":
            return _hand_over(request, patient, invitation.uid)
        messages.success(request, "The link goes out within a minute.")
        return redirect("outcomes", patient)
    return render(request, "outcomes/ask.html", {"form": form} | frame(request, row))


def _hand_over(request: ClinicRequest, patient: str, invitation: str) -> HttpResponse:
    address = actions.hand_over(by=request.actor, uid=patient, invitation=invitation)
    # The patient holds the tablet now: nothing of the clinic opens until somebody proves who they are.
    lock(request)
    # On this tablet the page stays where it was opened: the policy lets a form lead to no other name.
    return redirect(urlsplit(address).path)


def invitation(request: ClinicRequest, patient: str, invitation: str) -> HttpResponse:
    """One invitation: remind, hand over the tablet for it, or say why it stays missing."""
    row, asked = invitation_for(
        request.actor, patient, invitation, Permission.SEND_MEASURE, seen="questions asked"
    )
    form = GapForm(request.POST if request.POST.get("act") == "close" else None)
    try:
        if request.POST.get("act") == "tablet":
            return _hand_over(request, patient, invitation)
        if request.POST.get("act") == "send_again":
            return _send_again(request, patient, invitation)
        if form.is_bound and form.is_valid():
            actions.close(by=request.actor, uid=patient, invitation=invitation, gap=form.cleaned_data["gap"])
            return redirect("outcomes", patient)
    except InputError as refused:
        messages.error(request, f"{str(refused.what).capitalize()}; {refused.remedy}.")
        return redirect("outcomes", patient)
    way, address = planning.way_to(row)
    shown = {
        "asked": queries.asked_page(asked),
        "sheets": questionnaires.sheets_of(asked),
        "form": form,
        "way": way if address else "",
        "address": address,
        "telephone": row.identity.telephone if request.actor.may(Permission.SEE_PATIENT) else "",
    }
    return render(request, "outcomes/invitation.html", shown | frame(request, row))


def _send_again(request: ClinicRequest, patient: str, invitation: str) -> HttpResponse:
    try:
        planning.send_again(by=request.actor, uid=patient, invitation=invitation)
    except InputError as refused:
        messages.error(request, f"{refused.what[:1].upper()}{refused.what[1:]}; {refused.remedy}.")
    else:
        messages.success(request, "The link goes out within a minute.")
    return redirect("invitation", patient, invitation)


def form_page(request: ClinicRequest, patient: str, form: str) -> HttpResponse:
    """One answered form, item by item; it can be marked as entered in error."""
    row, found = form_for(request.actor, patient, form, Permission.SEE_OUTCOMES, seen="form")
    reason = VoidForm(request.POST or None)
    error: InputError | None = None
    if request.method == "POST" and reason.is_valid():
        try:
            actions.void_form(by=request.actor, uid=patient, form=form, reason=reason.cleaned_data["reason"])
            return redirect("outcome_form", patient, form)
        except InputError as refused:
            error = refused
            found.refresh_from_db()
    shown = {"sheet": questionnaires.read_form(found), "form": reason, "error": error}
    return render(request, "outcomes/form.html", shown | frame(request, row), status=422 if error else 200)


def signal(request: ClinicRequest, patient: str, signal: str) -> HttpResponse:
    """An alarming answer: take it on, then write down what was done."""
    row, found = signal_for(request.actor, patient, signal, seen="alarming answer")
    if row.merged_into is not None and request.method == "GET":
        return redirect(queries.address_of(found))
    if request.POST.get("act") == "acknowledge":
        safety.acknowledge(by=request.actor, uid=patient, signal=signal)
        return redirect("signal", patient, signal)
    form = DoneForm(request.POST if request.POST.get("act") == "close" else None)
    case = case_page(found)
    form.offer(case["parts"])
    if form.is_bound and form.is_valid():
        try:
            safety.close_signal(
                by=request.actor,
                uid=patient,
                signal=signal,
                what_was_done=form.cleaned_data["what_was_done"],
                looked_at=form.cleaned_data["looked_at"],
            )
        except InputError as refused:
            refuse(form, refused)
        else:
            messages.success(request, "Saved. The alert is closed.")
            # Who was only called about a restricted record saw the alert, and does not see the chart.
            on_list = patients_of(request.actor, Permission.SEE_OUTCOMES).filter(pk=row.pk).exists()
            return redirect("patient", patient) if on_list else redirect("home")
    shown = {"signal": case, "form": form, "reach": queries.reach(row)}
    return render(request, "outcomes/signal.html", shown | frame(request, row))


def maintenance(request: ClinicRequest, patient: str, proposal: str) -> HttpResponse:
    """Symptoms came back: decide what follows."""
    row, found = proposal_for(request.actor, patient, proposal, seen="maintenance proposal")
    form = MaintenanceForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            course.decide_maintenance(by=request.actor, uid=patient, proposal=proposal, **form.cleaned_data)
        except InputError as refused:
            refuse(form, refused)
        else:
            messages.success(request, "Your decision is stored.")
            return redirect("outcomes", patient)
    shown: dict[str, Any] = {
        "proposal": queries.proposal_page(found),
        "figure": figures.draw(trajectory(row)),
        "form": form,
    }
    return render(request, "outcomes/maintenance.html", shown | frame(request, row))
