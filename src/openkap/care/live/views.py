"""The live page and what it fetches: obtain, parse, act or query, answer."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.middleware.csrf import get_token
from django.shortcuts import render
from django.views.decorators.http import require_POST

from openkap.care.accounts.locking import is_idle, touch
from openkap.care.accounts.middleware import ClinicRequest
from openkap.care.live import board as boards
from openkap.care.live.access import live_session_for, photo_for
from openkap.care.live.page import page_data
from openkap.care.live.paper import monitoring_form
from openkap.care.live.queries import alerts_waiting, refreshed
from openkap.care.live.screens import heard_of, left
from openkap.care.live.session_record import digest, is_whole
from openkap.care.live.sync import receive
from openkap.care.live.waiting import waiting_for
from openkap.care.live.worker import worker_script
from openkap.care.looks import look_over, looked, looks_on
from openkap.care.moment import now
from openkap.care.patients.queries import banner_for
from openkap.care.sent_json import read_object, sent_by
from openkap.care.treatment.rows.acts import reread
from openkap.core.errors import InputError

LONGEST_BODY = 4_000_000


LIVE = "live session"


def live(request: ClinicRequest, patient: str, session: str) -> HttpResponse:
    """The session page for tablets."""
    row = live_session_for(request.actor, patient, session, seen=LIVE)
    looked(request, LIVE, session)
    context = {"banner": banner_for(row.patient), "session": row, "data": page_data(request.actor, row)}
    return render(request, "live/live.html", context)


def live_state(request: ClinicRequest, patient: str, session: str) -> JsonResponse:
    """What is new since the mark the tablet knows. Polled every two seconds; also behind a locked screen."""
    row = _looked_on(request, patient, session, is_shown=not (is_idle(request) or request.GET.get("left")))
    if request.GET.get("left"):
        left(session=row, device=str(request.GET.get("device", "")))
        return JsonResponse({})
    # Before the lock: what a locked tablet holds is still to be known.
    _heard(request, row, request.GET)
    if is_idle(request):
        return JsonResponse({"locked": True} | alerts_waiting(row), status=423)
    if request.GET.get("active"):
        touch(request)
    told = refreshed(row, request.actor, request.GET.get("mark", ""))
    return JsonResponse(told | {"csrf": get_token(request), "who": request.actor.uid})


def _looked_on(
    request: ClinicRequest, patient: str, session: str, *, is_shown: bool = True, write: bool = False
) -> Any:
    """The session for who asks by a script; without the page before it, that is a look of its own."""
    is_new = is_shown and not looks_on(request, LIVE, session)
    row = live_session_for(request.actor, patient, session, write=write, seen=LIVE if is_new else "")
    if is_new:
        looked(request, LIVE, session)
    return row


@require_POST
def live_sync(request: ClinicRequest, patient: str, session: str) -> JsonResponse:
    """A tablet sends what it holds, and gets the state after it."""
    row = _looked_on(request, patient, session, write=True)
    try:
        body = _body(request)
        device = str(body.get("device", ""))[:40]
        answers = receive(by=request.actor, patient=patient, session=row, device=device, body=body)
    except InputError as refused:
        return JsonResponse({"what": refused.what, "remedy": refused.remedy or ""}, status=400)
    reread(row)
    _heard(request, row, body)
    told = refreshed(row, request.actor, str(body.get("mark", "")))
    mine = {"answers": answers, "csrf": get_token(request), "who": request.actor.uid}
    return JsonResponse(told | mine)


def _body(request: HttpRequest) -> dict[str, Any]:
    body = read_object(sent_by(request)[:LONGEST_BODY])
    if body is None:
        raise InputError("this cannot be read", remedy="reload the page")
    return body


def _heard(request: ClinicRequest, row: Any, sent: Any) -> None:
    device = str(sent.get("device", ""))
    if device:
        heard_of(
            by=request.actor,
            session=row,
            device=device,
            name=str(sent.get("name", "")),
            ahead_ms=_whole(sent.get("ahead_ms")),
            waiting=_whole(sent.get("waiting")),
        )


def _whole(given: Any) -> int:
    try:
        return int(given)
    except (TypeError, ValueError, OverflowError):
        return 0


def photo(request: ClinicRequest, patient: str, session: str, photo: str) -> HttpResponse:
    """A photograph of the monitor; one whose bytes have changed is not shown as what was seen."""
    row = photo_for(request.actor, patient, session, photo)
    if is_whole(row) is False:
        context = {"photo": row, "session": row.session, "found": digest(bytes(row.image))}
        return render(request, "live/photo_changed.html", context, status=409)
    return HttpResponse(bytes(row.image), content_type=row.media_type)


def form(request: ClinicRequest, patient: str, session: str) -> HttpResponse:
    """The monitoring form with the fields regulators ask for, filled from the record."""
    row = live_session_for(request.actor, patient, session, seen="monitoring form")
    answer = HttpResponse(monitoring_form(row), content_type="application/pdf")
    answer.headers["Content-Disposition"] = f'inline; filename="monitoring-{row.uid}.pdf"'
    return answer


def replay(request: ClinicRequest, patient: str, session: str) -> HttpResponse:
    """The session again, minute by minute."""
    row = live_session_for(request.actor, patient, session, seen="session replay")
    data = page_data(request.actor, row) | {"replay": True}
    context = {"banner": banner_for(row.patient), "session": row, "data": data}
    return render(request, "live/replay.html", context)


def board(request: ClinicRequest) -> HttpResponse:
    """Every chair, for the wall; for who sees numbers only, how many are in use."""
    told = _board(request, is_opened=True)
    if "counts" in told:
        return render(request, "live/board_counts.html", {"counts": told["counts"], "at": now()})
    return render(request, "live/board.html", {"data": told})


def board_state(request: ClinicRequest) -> JsonResponse:
    """The board again; polled, and shown without anybody's name."""
    return JsonResponse(_board(request))


def _board(request: ClinicRequest, *, is_opened: bool = False) -> dict[str, Any]:
    told = boards.board_of(request.actor)
    look_over(request, "board", (row["patient"] for row in told.get("rows", ())), is_opened=is_opened)
    return told


def my_alerts(request: ClinicRequest) -> HttpResponse:
    """What nobody answered and now waits for this prescriber; polled by the head of every page."""
    return render(request, "live/my_alerts.html", waiting_for(request.actor))


def worker(request: HttpRequest) -> HttpResponse:
    """The script that lets the live page come back after a reload without network."""
    answer = HttpResponse(worker_script(), content_type="text/javascript")
    answer.headers["Service-Worker-Allowed"] = "/"
    return answer
