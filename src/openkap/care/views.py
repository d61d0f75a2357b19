"""The frame: first page, home, gallery, and the pages for when something is refused or breaks."""

from __future__ import annotations

import sys
from typing import Any

from django.conf import settings
from django.db import DatabaseError, OperationalError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.template.loader import render_to_string

from openkap.care.accounts.turned_away import once_more
from openkap.care.contributions import Section, contributions
from openkap.care.first_lines import whole_lists
from openkap.care.gallery import SHOWN, example_form
from openkap.care.logs import request_id
from openkap.care.looks import look_over
from openkap.care.messaging.heartbeat import jobs_health
from openkap.care.worklist import URGENCIES, how_many, one_line_a_patient, patient_of, tasks_of

BROKEN = {
    "title": "Something broke",
    "say": "This is our mistake. What was saved before is still saved.",
    "todo": "Go back and try again; if it happens twice, tell the number below to the administrator.",
    "status": 500,
}
AWAY = {
    "title": "The records cannot be reached just now",
    "say": "The database does not answer, so this was not saved. What was saved before is still saved.",
    "todo": "Go back (your text is still there) and send it again in a minute. If it goes on, call the "
    "administrator, and write on paper meanwhile.",
    "status": 503,
}


def start(request: HttpRequest) -> HttpResponse:
    """The first page: home for who is logged in, else the demo's people or the login."""
    if request.user.is_authenticated:
        return redirect("home")
    return redirect("demo_start" if settings.DEMO else "account_login")


def home(request: HttpRequest) -> HttpResponse:
    """What must I do now, for whom, by when."""
    by = request.actor  # type: ignore[attr-defined]
    with whole_lists("all" in request.GET):
        tasks = tasks_of(by)
    look_over(request, "to-do list", map(patient_of, tasks))  # type: ignore[arg-type]
    facts: list[Section] = []
    for module in contributions("home"):
        facts.extend(module.facts(by) if hasattr(module, "facts") else ())
    lines = one_line_a_patient(tasks)
    groups = [(urgency, [line for line in lines if line.task.urgency == urgency]) for urgency in URGENCIES]
    counted = [(urgency, group, how_many(group)) for urgency, group in groups if group]
    context = {"groups": counted, "tasks": tasks, "facts": facts}
    context["count"] = sum(task.stands_for for task in tasks)
    return render(request, "home.html", context)


def gallery(request: HttpRequest) -> HttpResponse:
    """Every component in every state."""
    return render(request, "gallery.html", {"shown": SHOWN, "form": example_form()})


def health(request: HttpRequest) -> HttpResponse:
    """Whether pages and database answer, and, where jobs belong to them, whether those run."""
    try:
        jobs = jobs_health()
    except DatabaseError:
        return JsonResponse({"ok": False, "database": "does not answer"}, status=503)
    age = None if jobs.age is None else round(jobs.age.total_seconds())
    told = {"ok": jobs.is_well, "jobs": {"expected": jobs.is_expected, "heartbeat_age_s": age}}
    return JsonResponse(told, status=200 if jobs.is_well else 503)


def _trouble(request: HttpRequest, status: int, title: str, say: str, todo: str) -> HttpResponse:
    context = {"title": title, "say": say, "todo": todo, "status": status, "request_id": request_id.get()}
    return HttpResponse(render_to_string("trouble.html", context, request), status=status)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _trouble(
        request,
        400,
        "That could not be read",
        "The request did not arrive in a form that can be understood.",
        "Go back and send it again.",
    )


def refused(request: HttpRequest, exception: Any) -> HttpResponse:
    """403: the reason, for a restricted record the emergency door, for a merged one the way to the other."""
    patient_uid = getattr(exception, "patient_uid", "")
    if patient_uid:
        by = request.actor  # type: ignore[attr-defined]
        # A page that broken glass does not open, or that takes what was sent, leads on to the chart.
        leads_back = request.method == "GET" and getattr(exception, "opens_by_glass", True)
        context = {
            "patient_uid": patient_uid,
            "may_break": by.may("break_glass"),
            "back": request.path if leads_back else "",
        }
        return render(request, "patients/restricted.html", context, status=403)
    if kept_uid := getattr(exception, "kept_uid", ""):
        return render(request, "patients/absorbed.html", {"kept_uid": kept_uid}, status=403)
    return _trouble(
        request,
        403,
        "Not open to you",
        f"You cannot open this page: {exception}." if str(exception) else "You cannot open this page.",
        _whom_to_ask(request),
    )


def _whom_to_ask(request: HttpRequest) -> str:
    actor = getattr(request, "actor", None)
    if actor is not None and actor.may("manage_staff"):
        return "Nobody changes their own roles: if you need it for your work, ask another site administrator."
    return "If you need it for your work, ask the site administrator."


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    actor = getattr(request, "actor", None)
    searches = actor is not None and actor.may("search_patients")
    return _trouble(
        request,
        404,
        "Not found",
        "There is nothing at this address for you.",
        "Check the address, or search for the patient." if searches else "Check the address.",
    )


def server_error(request: HttpRequest) -> HttpResponse:
    # Without the request's context: whatever broke might break here again.
    actor = getattr(request, "actor", None)
    # A full disk, a server that is away: nobody's mistake on this page, and over in a while.
    is_away = isinstance(sys.exc_info()[1], OperationalError)
    context = {
        "is_synthetic": settings.DEMO or getattr(actor, "is_synthetic", False),
        **(AWAY if is_away else BROKEN),
        "request_id": request_id.get(),
    }
    return HttpResponse(render_to_string("trouble.html", context), status=context["status"])


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """The form came without its token: usually a login in another tab."""
    return once_more(request) or _trouble(
        request,
        403,
        "Please send it once more",
        "The page was opened before somebody logged in on this device, so nothing of it was saved.",
        "Go back. Where what you wrote still stands there, copy it; then reload the page and send it again.",
    )
