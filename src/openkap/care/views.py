"""The frame: first page, home, gallery, and the pages for when something is refused or breaks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db import connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.urls import resolve

from openkap.care.contributions import Section, Task, contributions
from openkap.care.gallery import SHOWN, example_form
from openkap.care.logs import request_id
from openkap.care.moment import now

NOW = "now"
URGENCIES = (NOW, "today", "soon")


def start(request: HttpRequest) -> HttpResponse:
    """The first page: home for who is logged in, else the demo's people or the login."""
    from django.conf import settings

    if request.user.is_authenticated:
        return redirect("home")
    return redirect("demo_start" if settings.DEMO else "account_login")


def home(request: HttpRequest) -> HttpResponse:
    """What must I do now, for whom, by when."""
    by = request.actor  # type: ignore[attr-defined]
    tasks: list[Task] = []
    facts: list[Section] = []
    for module in contributions("home"):
        tasks.extend(module.tasks(by))
        facts.extend(module.facts(by) if hasattr(module, "facts") else ())
    far = now().replace(year=now().year + 100)
    tasks.sort(key=lambda task: (URGENCIES.index(task.urgency), task.due or far, task.whom))
    lines = one_line_a_patient(tasks)
    groups = [(urgency, [line for line in lines if line.task.urgency == urgency]) for urgency in URGENCIES]
    context = {"groups": [group for group in groups if group[1]], "tasks": tasks, "facts": facts}
    return render(request, "home.html", context)


@dataclass(frozen=True, slots=True)
class Line:
    """A task, and what else waits for the same patient once it is done."""

    task: Task
    then: tuple[Task, ...] = ()


def one_line_a_patient(tasks: list[Task]) -> list[Line]:
    """The tasks, sorted already; what can wait for somebody who needs us now stands under that.

    What is due now never does: two alerts of one person are two lines.
    """
    if not any(task.urgency == NOW for task in tasks):
        return [Line(task) for task in tasks]
    whose = [resolve(task.url.partition("#")[0]).kwargs.get("patient", "") for task in tasks]
    first = {uid: number for number, uid in reversed(list(enumerate(whose))) if uid}
    under: dict[int, list[Task]] = {}
    alone = []
    for number, (task, uid) in enumerate(zip(tasks, whose, strict=True)):
        head = first.get(uid, number)
        if head == number or tasks[head].urgency != NOW or tasks[number].urgency == NOW:
            alone.append(number)
        else:
            under.setdefault(head, []).append(task)
    return [Line(tasks[number], tuple(under.get(number, ()))) for number in alone]


def gallery(request: HttpRequest) -> HttpResponse:
    """Every component in every state."""
    return render(request, "gallery.html", {"shown": SHOWN, "form": example_form()})


def health(request: HttpRequest) -> HttpResponse:
    """Whether pages and database answer."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return JsonResponse({"ok": True})


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
        context = {"patient_uid": patient_uid, "may_break": by.may("break_glass"), "back": request.path}
        return render(request, "patients/restricted.html", context, status=403)
    if kept_uid := getattr(exception, "kept_uid", ""):
        return render(request, "patients/absorbed.html", {"kept_uid": kept_uid}, status=403)
    return _trouble(
        request,
        403,
        "Not open to you",
        f"You cannot open this page: {exception}." if str(exception) else "You cannot open this page.",
        "If you need it for your work, ask the site administrator.",
    )


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _trouble(
        request,
        404,
        "Not found",
        "There is nothing at this address for you.",
        "Check the address, or search for the patient.",
    )


def server_error(request: HttpRequest) -> HttpResponse:
    # Without the request's context: whatever broke might break here again.
    context = {
        "title": "Something broke",
        "say": "This is our mistake. What was saved before is still saved.",
        "todo": "Go back and try again; if it happens twice, tell the number below to the administrator.",
        "status": 500,
        "request_id": request_id.get(),
    }
    return HttpResponse(render_to_string("trouble.html", context), status=500)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """The form came without its token: usually a login in another tab."""
    return _trouble(
        request,
        403,
        "Please send it once more",
        "The form was opened before the last login, so it could not be accepted.",
        "Go back (your text is still there), reload the page, and send it again.",
    )
