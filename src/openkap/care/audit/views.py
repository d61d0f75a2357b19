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


def audit_list(request: HttpRequest) -> HttpResponse:
    """Who saw or did what, newest first."""
    by: Any = request.actor  # type: ignore[attr-defined]
    asked = {name: request.GET.get(name, "").strip() for name in ("actor", "patient", "action")}
    page = request.GET.get("page", "1")
    found = queries.find_events(events_for(by), clinic=by.clinic_uid, page=page_typed(page), **asked)
    sequence, digest = queries.head_of(by.clinic_uid)
    narrowed = urlencode({name: value for name, value in asked.items() if value})
    query = f"{narrowed}&" if narrowed else ""
    return render(
        request,
        "audit/list.html",
        {"found": found, "asked": asked, "query": query, "anchor": f"{sequence}:{digest}"},
    )


def audit_export(request: HttpRequest) -> StreamingHttpResponse:
    """The clinic's whole chain as a file for ``openkap audit verify``."""
    by: Any = request.actor  # type: ignore[attr-defined]
    events_for(by)
    record("audit.exported", by=by, entity="audit", uid=by.clinic_uid)
    answer = StreamingHttpResponse(queries.export_lines(by.clinic_uid), content_type="application/x-ndjson")
    answer.headers["Content-Disposition"] = f'attachment; filename="audit-{by.clinic_uid}.jsonl"'
    return answer
