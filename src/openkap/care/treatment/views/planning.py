"""Pages that change the plan, all of one shape: look at what would change, then do exactly that."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.contrib import messages
from django.http import HttpResponse, QueryDict
from django.shortcuts import redirect, render

from openkap.care.accounts.middleware import ClinicRequest
from openkap.care.conflict import Conflict
from openkap.care.patients.access import patient_for
from openkap.care.permissions import Permission
from openkap.care.treatment import forms, queries
from openkap.care.treatment.access import course_for, session_for
from openkap.care.treatment.course import ending_actions
from openkap.care.treatment.planning import (
    actions as planning_actions,
)
from openkap.care.treatment.planning import (
    handover_actions,
    handover_queries,
    moving,
    moving_actions,
    replan_actions,
)
from openkap.care.treatment.planning import queries as planning_queries
from openkap.care.treatment.rows.how_it_ended import words_now
from openkap.care.treatment.views.courses import frame
from openkap.core.errors import InputError


@dataclass(frozen=True)
class Look:
    """One page: ``look`` gives what would change, ``do`` does it and gives the course.

    ``instead`` are the other acts of the page, by the name of their button. ``draft`` are the
    fields that were chosen, never written: with them in its address the preview can be asked for again.
    """

    template: str
    look: Callable[[QueryDict], Any]
    do: Callable[[QueryDict], str]
    said: str = ""
    instead: Mapping[str, Callable[[QueryDict], str]] = field(default_factory=dict)
    draft: tuple[str, ...] = ()


PLACE = ("starts_at", "chair", "nurse")
COURSE = (
    *("pattern", "first", "kind", "ends_on", "chair", "prescriber", "nurse"),
    *("modality", "therapist", "dosing_day", "visits", "minutes", "every"),
)


def _look_then_do(
    request: ClinicRequest, patient: str, page: Look, context: Callable[[], dict[str, Any]]
) -> HttpResponse:
    error: InputError | Conflict | None = None
    preview = None
    is_sent = request.method == "POST"
    data = request.POST if is_sent else _only(page.draft, request.GET)
    if is_sent or data:
        try:
            if is_sent and (other := page.instead.get(data.get("act", ""))):
                return redirect("course", patient, other(data))
            preview = page.look(data)
            if is_sent and data.get("act") == "do":
                course = page.do(data)
                if page.said:
                    messages.success(request, page.said)
                return redirect("course", patient, course)
        except (InputError, Conflict) as refused:
            error = refused
    again = f"{request.path}?{_only(page.draft, data).urlencode()}"
    shown = {"preview": preview, "error": error, "typed": data, "again": again}
    return render(request, page.template, context() | shown, status=422 if error else 200)


def _only(names: tuple[str, ...], data: QueryDict) -> QueryDict:
    found = QueryDict(mutable=True)
    for name in names:
        if data.get(name):
            found.setlist(name, data.getlist(name))
    return found


def plan(request: ClinicRequest, patient: str) -> HttpResponse:
    """Plan a course: choose, look at the dates, then make it."""
    by = request.actor

    def look(data: QueryDict) -> planning_actions.Draft:
        return planning_actions.draft_course(by=by, uid=patient, wanted=forms.wanted_given(data))

    def do(data: QueryDict) -> str:
        return planning_actions.plan_course(
            by=by, uid=patient, wanted=forms.wanted_given(data), seen=data.get("seen", "")
        ).uid

    def context() -> dict[str, Any]:
        row = patient_for(by, patient, Permission.PLAN_COURSE, seen="planning")
        choices = planning_queries.choices(by) | planning_queries.patterns_for(row)
        return frame(request, row) | choices | queries.courses_page(row)

    return _look_then_do(request, patient, Look("treatment/plan.html", look, do, draft=COURSE), context)


def move_session(request: ClinicRequest, patient: str, session: str) -> HttpResponse:
    """Move a session: first what moves with it, then the move."""
    by = request.actor
    row = session_for(by, patient, session, Permission.PLAN_COURSE, seen="plan")

    def look(data: QueryDict) -> moving.Move:
        return moving.preview_move(
            by=by, session=row, later=forms.later_given(data), **forms.place_given(data)
        )

    def do(data: QueryDict) -> str:
        moving_actions.move_session(
            by=by,
            patient=patient,
            uid=session,
            version=forms.version_given(data),
            reason=data.get("reason", ""),
            later=forms.later_given(data),
            seen=data.get("seen", ""),
            **forms.place_given(data),
        )
        return row.course.uid

    def cancel(data: QueryDict) -> str:
        ending_actions.cancel_session(by=by, patient=patient, uid=session, reason=data.get("reason", ""))
        return row.course.uid

    said = "Moved, with everything that depends on it."
    page = Look("treatment/move_session.html", look, do, said, {"cancel": cancel}, (*PLACE, "later"))
    return _look_then_do(
        request,
        patient,
        page,
        lambda: frame(request, row.patient) | planning_queries.choices(by) | planning_queries.move_page(row),
    )


def replan(request: ClinicRequest, patient: str, session: str) -> HttpResponse:
    """After a visit without a dose: another session in its place, or none with the reason."""
    by = request.actor
    row = session_for(by, patient, session, Permission.PLAN_COURSE, seen="plan")

    def look(data: QueryDict) -> replan_actions.InItsPlace:
        return replan_actions.preview_in_its_place(by=by, session=row, **forms.place_given(data))

    def do(data: QueryDict) -> str:
        replan_actions.plan_in_its_place(
            by=by, patient=patient, uid=session, seen=data.get("seen", ""), **forms.place_given(data)
        )
        return row.course.uid

    def none(data: QueryDict) -> str:
        replan_actions.plan_none(by=by, patient=patient, uid=session, reason=data.get("reason", ""))
        return row.course.uid

    said = "Planned, with its visits and what is due."
    page = Look("treatment/replan.html", look, do, said, {"none": none}, PLACE)
    return _look_then_do(
        request,
        patient,
        page,
        lambda: (
            frame(request, row.patient)
            | planning_queries.choices(by)
            | {"session": row, "state_words": words_now(row), "decided": queries.replanned_words(row)}
        ),
    )


def hand_over(request: ClinicRequest, patient: str, course: str) -> HttpResponse:
    """Change who: one person's part in what remains of a course passes to somebody else."""
    by = request.actor
    row = course_for(by, patient, course, Permission.PLAN_COURSE, seen="plan")

    def look(data: QueryDict) -> handover_actions.Passed:
        return handover_actions.preview_handover(by=by, course=row, wanted=forms.handover_given(data))

    def do(data: QueryDict) -> str:
        handover_actions.hand_over(
            by=by,
            patient=patient,
            uid=course,
            wanted=forms.handover_given(data),
            reason=data.get("reason", ""),
            seen=data.get("seen", ""),
        )
        return course

    page = Look("treatment/hand_over.html", look, do, "Handed over.", draft=("before", "after", "only"))
    return _look_then_do(
        request,
        patient,
        page,
        lambda: frame(request, row.patient) | handover_queries.handover_page(by, row),
    )
