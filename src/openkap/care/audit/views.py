"""Pages of the auditor: read, filter, export."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import render

from openkap.care.audit import queries
from openkap.care.audit.access import events_for
from openkap.care.audit.actions import record
from openkap.care.typed import page_typed
from openkap.core.errors import InputError


def audit_list(request: HttpRequest) -> HttpResponse:
    """Who saw or did what, newest first."""
    by: Any = request.actor  # type: ignore[attr-defined]
    asked = {name: request.GET.get(name, "").strip() for name in ("actor", "patient", "action", "from", "to")}
    about = {name: asked[name] for name in ("actor", "patient", "action")}
    events, days, error = events_for(by), None, None
    try:
        days = queries.days_typed(asked["from"], asked["to"])
    except InputError as refused:
        events, error = events.none(), refused
    page = page_typed(request.GET.get("page", "1"))
    found = queries.find_events(events, clinic=by.clinic_uid, page=page, days=days, **about)
    sequence, digest = queries.head_of(by.clinic_uid)
    given = {name: value for name, value in asked.items() if value}
    # What a link narrows further stays within the same days.
    within = urlencode([(name, value) for name, value in given.items() if name in {"from", "to"}])
    context = {
        "found": found,
        "asked": asked,
        "error": error,
        "query": f"{urlencode(given)}&" if given else "",
        "within": f"&{within}" if within else "",
        "anchor": f"{sequence}:{digest}",
    }
    return render(request, "audit/list.html", context, status=422 if error else 200)


def audit_export(request: HttpRequest) -> StreamingHttpResponse:
    """The clinic's whole chain as a file for ``openkap audit verify``."""
    by: Any = request.actor  # type: ignore[attr-defined]
    events_for(by)
    record("audit.exported", by=by, entity="audit", uid=by.clinic_uid)
    answer = StreamingHttpResponse(queries.export_lines(by.clinic_uid), content_type="application/x-ndjson")
    answer.headers["Content-Disposition"] = f'attachment; filename="audit-{by.clinic_uid}.jsonl"'
    return answer
