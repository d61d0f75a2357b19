"""Screening pages: obtain, parse, act or query, render."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.html import format_html
from django.views.decorators.http import require_POST

from openkap.care.accounts.middleware import ClinicRequest
from openkap.care.accounts.signing import prove_identity
from openkap.care.conflict import Conflict
from openkap.care.enrolment import actions, queries
from openkap.care.enrolment.access import assessment_for, screening_for
from openkap.care.enrolment.banner import REPEATED
from openkap.care.enrolment.forms import given_answer, given_moment
from openkap.care.enrolment.protocols import offered
from openkap.care.patients.queries import banner_for, chart_links
from openkap.care.permissions import Permission
from openkap.core.errors import InputError
from openkap.protocol.elements import dictionary


def frame(request: ClinicRequest, row: Any) -> dict[str, Any]:
    """Banner and navigation of a chart page."""
    return {"banner": banner_for(row), "links": chart_links(request.actor, row.uid)}


def onward(words: str, name: str, patient: str) -> str:
    """What comes next, as a link, for the sentence that says what was done."""
    return format_html(' <a href="{}">Next: {}</a>', reverse(name, args=[patient]), words)


def screening(request: ClinicRequest, patient: str) -> HttpResponse:
    """How far screening is, what the verdict is so far, and what is left; opens it the first time."""
    if request.method == "POST":
        try:
            actions.open_screening(by=request.actor, uid=patient, protocol=request.POST.get("protocol", ""))
        except InputError as refused:
            messages.error(request, str(refused))
        return redirect("screening", patient)
    row, current = screening_for(request.actor, patient, Permission.SCREEN, seen="screening")
    context = frame(request, row) | {"decisions": queries.decisions_of(row)}
    if current is None:
        return render(request, "enrolment/open.html", context | {"protocols": offered()})
    return render(request, "enrolment/screening.html", context | overview(row, current))


def overview(row: Any, current: Any) -> dict[str, Any]:
    """What the overview shows of a screening that is open."""
    form = queries.screening_form(row, current)
    return {
        "form": form,
        "told": form.told,
        "notice": queries.notice_of(current),
        "shared": queries.shared_decision(current),
        "alternatives": queries.alternatives_of(current),
        "next": form.after(""),
    }


def section(request: ClinicRequest, patient: str, section: str) -> HttpResponse:
    """The questions of one section, saved one by one."""
    row, current = screening_for(request.actor, patient, Permission.SCREEN, seen="screening")
    if current is None:
        return redirect("screening", patient)
    form = queries.screening_form(row, current)
    state = form.state(section)
    if state is None:
        raise Http404("no such section")
    context = {"form": form, "state": state, "told": form.told, "next": form.after(section)}
    return render(request, "enrolment/section.html", frame(request, row) | context)


@require_POST
def answer(request: ClinicRequest, patient: str, element: str) -> HttpResponse:
    """One answer; what is refused stands beside the field with what was typed."""
    row, current = screening_for(request.actor, patient, Permission.SCREEN)
    if current is None:
        return redirect("screening", patient)
    if element not in dictionary():
        raise Http404("no such question")
    trouble = _save(request, patient, element)
    form = queries.screening_form(row, current)
    question = form.question(element)
    if question is None:
        raise Http404("this question is not asked")
    question = replace(question, **trouble)
    state = next(each for each in form.sections if question.element in [q.element for q in each.questions])
    context = {"form": form, "state": state, "told": form.told, "next": form.after(state.section.id)}
    if request.headers.get("HX-Request"):
        context |= {"question": question, "patient": patient, "oob": True}
        if element in REPEATED:
            context["banner"] = banner_for(row)
        return render(request, "enrolment/answered.html", context, status=422 if trouble else 200)
    if not trouble:
        return redirect(f"{state_url(patient, state)}#q-{element}")
    swapped = tuple(question if q.element.id == element else q for q in state.questions)
    context["state"] = replace(state, questions=swapped)
    return render(request, "enrolment/section.html", frame(request, row) | context, status=422)


def state_url(patient: str, state: queries.SectionState) -> str:
    """Where a section stands."""
    return reverse("screening_section", args=[patient, state.section.id])


def _save(request: ClinicRequest, patient: str, name: str) -> dict[str, Any]:
    """Save the answer; what went wrong as the fields of a ``Question``, empty when all is well."""
    element = dictionary()[name]
    given = given_answer(request.POST, element)
    typed = request.POST.get("value", "") or request.POST.get("on", "")
    if given == "":
        return {}
    try:
        actions.answer(
            by=request.actor,
            uid=patient,
            element=name,
            given=given,
            confirmed=request.POST.get("confirmed") == "yes",
            observed_at=given_moment(request.POST.get("observed_on", ""), where=name),
            seen=request.POST.get("seen"),
        )
    except InputError as refused:
        limit = f" Possible: {refused.limit}." if refused.limit else ""
        return {"typed": typed, "error": f"{refused.what}.{limit}", "remedy": refused.remedy or ""}
    except Conflict as conflict:
        return {"typed": typed, "conflict": f"{conflict.who} answered meanwhile: {conflict.theirs[name]}"}
    return {}


@require_POST
def shared_decision(request: ClinicRequest, patient: str) -> HttpResponse:
    """Record the shared decision."""
    try:
        actions.record_shared_decision(
            by=request.actor,
            uid=patient,
            wish=request.POST.get("wish", ""),
            patient_said=request.POST.get("patient_said", ""),
            alternatives=request.POST.getlist("alternatives"),
        )
    except InputError as refused:
        row, current = screening_for(request.actor, patient, Permission.SCREEN)
        if current is None:
            return redirect("screening", patient)
        context = frame(request, row) | overview(row, current) | {"error": refused, "typed": request.POST}
        return render(request, "enrolment/screening.html", context, status=422)
    messages.success(request, "The shared decision is recorded.")
    return redirect("screening", patient)


def decide(request: ClinicRequest, patient: str) -> HttpResponse:
    """The prescriber decides, with a reason where it differs, and signs."""
    row, current = screening_for(request.actor, patient, Permission.DECIDE_ELIGIBILITY, seen="screening")
    if current is None:
        return redirect("screening", patient)
    error: InputError | None = None
    if request.method == "POST":
        chosen = actions.Chosen(
            request.POST.get("outcome", ""),
            request.POST.get("reason", ""),
            request.POST.get("seen", ""),
            tuple(request.POST.getlist("without")),
        )
        try:
            person = prove_identity(request.actor, request.POST.get("password", ""))
            decision = actions.decide(by=request.actor, uid=patient, chosen=chosen, person=person)
        except InputError as refused:
            error = refused
        else:
            treats = decision.outcome in actions.TREATED
            then = (
                format_html("{}, under Course.", onward("plan the course", "courses", patient))
                if treats
                else ""
            )
            messages.success(request, format_html("Decided and signed.{}", then))
            return redirect("assessment", patient, decision.assessment.uid)
    form = queries.screening_form(row, current)
    context = frame(request, row) | {
        "form": form,
        "told": form.told,
        "shared": queries.shared_decision(current),
        "outcomes": queries.OUTCOMES,
        "without": actions.decided_without(form.told),
        "named": request.POST.getlist("without"),
        "suggested": actions.OUTCOME_OF[form.verdict],
        "error": error,
        "typed": request.POST,
    }
    return render(request, "enrolment/decide.html", context, status=422 if error else 200)


def assessment(request: ClinicRequest, patient: str, assessment: str) -> HttpResponse:
    """What the system saw and what was decided, as it was."""
    row, stored = assessment_for(request.actor, patient, assessment)
    decision = getattr(stored, "decision", None)
    context = {
        "stored": stored,
        "told": queries.stored(stored),
        "decision": decision,
        "without": _without(decision, queries.stored(stored)),
        "shared": queries.shared_decision_of(decision),
    }
    return render(request, "enrolment/assessment.html", frame(request, row) | context)


def _without(decision: Any, told: dict[str, Any]) -> list[dict[str, Any]]:
    """The facts that a decision to treat went without."""
    treats = decision is not None and decision.is_override and decision.outcome in actions.TREATED
    return actions.decided_without(told) if treats else []
