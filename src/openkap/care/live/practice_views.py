"""Practice: choose a scenario, work it on the live page, read the debrief."""

from __future__ import annotations

import json

from django.contrib import messages
from django.http import HttpResponse, JsonResponse
from django.middleware.csrf import get_token
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST

from openkap.care.accounts.middleware import ClinicRequest
from openkap.care.live import practice
from openkap.care.live.page import SHORT
from openkap.care.live.practice_state import monitor, practice_page, practice_state
from openkap.care.live.scenario import scenarios as shipped
from openkap.care.live.state import ms
from openkap.care.live.sync import MOST_AT_ONCE
from openkap.care.moment import now
from openkap.care.sent_json import read_object, sent_by
from openkap.care.typed import count_typed
from openkap.core.errors import InputError


def scenarios(request: ClinicRequest) -> HttpResponse:
    """The scenarios, and which of them this person has passed."""
    rows = [
        {"scenario": scenario, "passed": practice.has_passed(request.actor, name)}
        for name, (scenario, _) in shipped().items()
    ]
    return render(request, "live/scenarios.html", {"rows": rows, "speeds": practice.SPEEDS})


@require_POST
def begin(request: ClinicRequest, scenario: str) -> HttpResponse:
    """Begin a run."""
    try:
        speed = count_typed(request.POST.get("speed", ""), where="speed")
        run = practice.begin(by=request.actor, scenario=scenario, speed=speed)
    except InputError as refused:
        messages.error(request, f"{refused.what}; {refused.remedy}")
        return redirect("practice")
    return redirect("practice_run", run.uid)


def run(request: ClinicRequest, run: str) -> HttpResponse:
    """The live page on the simulated patient."""
    found = practice.run_of(request.actor, run)
    if found.row.ended_at is not None:
        return redirect("practice_debrief", run)
    urls = {
        "state": reverse("practice_state", args=[run]),
        "sync": reverse("practice_sync", args=[run]),
        "end": reverse("practice_end", args=[run]),
    }
    context = {"scenario": found.scenario, "data": practice_page(found, urls), "run": found.row}
    return render(request, "live/practice.html", context)


def state(request: ClinicRequest, run: str) -> JsonResponse:
    """The state of the run; always whole, one person looks at it."""
    return JsonResponse(_told(request, run))


def _told(request: ClinicRequest, uid: str) -> dict[str, object]:
    found = practice.run_of(request.actor, uid)
    whole = practice_state(found) | {"monitor": monitor(found)}
    mark = f"{len(found.entries)}-{now():%H%M%S}"
    return {
        "now": ms(found.session_time(now())),
        "mark": mark,
        "state": whole,
        "screens": [],
        "csrf": get_token(request),
    }


@require_POST
def entries(request: ClinicRequest, run: str) -> JsonResponse:
    """Entries of the run."""
    body = read_object(sent_by(request) or b"{}")
    sent = None if body is None else body.get("entries", [])
    if not isinstance(sent, list) or not all(isinstance(entry, dict) for entry in sent):
        return JsonResponse({"what": "this cannot be read", "remedy": "reload the page"}, status=400)
    answers = [practice.take(by=request.actor, uid=run, entry=entry) for entry in sent[:MOST_AT_ONCE]]
    return JsonResponse(_told(request, run) | {"answers": answers})


@require_POST
def end(request: ClinicRequest, run: str) -> HttpResponse:
    """End the run."""
    practice.end(by=request.actor, uid=run)
    return redirect("practice_debrief", run)


def debrief(request: ClinicRequest, run: str) -> HttpResponse:
    """What was done when, against the protocol."""
    found = practice.run_of(request.actor, run)
    if found.row.ended_at is None:
        return redirect("practice_run", run)
    told = json.loads(found.row.debrief)
    for act in told["done"]:
        values = act["payload"].get("values") or {}
        act["said"] = [f"{SHORT.get(name, name)} {value}" for name, value in values.items()]
    return render(request, "live/debrief.html", {"run": found.row, "scenario": found.scenario, "told": told})
