"""Pages of the lead, and the page where a patient's decision on the registry is written down."""

from __future__ import annotations

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from openkap.care.accounts.middleware import ClinicRequest
from openkap.care.insights import access, actions, queries
from openkap.care.insights.book import PAGES
from openkap.care.insights.exhibit_paper import exhibit_pdf
from openkap.care.patients.access import patient_for
from openkap.care.patients.queries import banner_for, chart_links
from openkap.care.permissions import Permission
from openkap.care.typed import count_typed
from openkap.core.errors import InputError


def insights(request: ClinicRequest) -> HttpResponse:
    """What each page leads with, and how old it is."""
    state, book = queries.state_for(request.actor)
    context = {"state": state, "pages": PAGES, "front": queries.front(book) if book else []}
    return render(request, "insights/front.html", context)


def page(request: ClinicRequest, page: str) -> HttpResponse:
    """One page: every exhibit with its table, its words, its n and missing."""
    if page not in PAGES:
        raise Http404("no such page")
    state, book = queries.state_for(request.actor)
    context = {
        "state": state,
        "pages": PAGES,
        "page": page,
        "title": PAGES[page],
        "drawn": [queries.drawn(each) for each in book.exhibits[page]] if book else [],
        "book": book,
        "comparisons": queries.comparisons(request.actor, book) if book and page == "benchmark" else [],
    }
    return render(request, f"insights/{'benchmark' if page == 'benchmark' else 'page'}.html", context)


def exhibit_csv(request: ClinicRequest, page: str, exhibit: str) -> HttpResponse:
    """The table for a spreadsheet."""
    return _download(request, page, exhibit, "csv")


def exhibit_paper(request: ClinicRequest, page: str, exhibit: str) -> HttpResponse:
    """The exhibit on paper."""
    return _download(request, page, exhibit, "pdf")


def _download(request: ClinicRequest, page: str, exhibit: str, kind: str) -> HttpResponse:
    try:
        book, found = access.exhibit_for(request.actor, page, exhibit)
    except InputError as refused:
        # Nothing to download yet is no refusal of the person.
        return HttpResponse(
            f"{refused.what}: {refused.remedy}", status=409, content_type="text/plain; charset=utf-8"
        )
    if kind == "csv":
        answer = HttpResponse(queries.exhibit_csv(book, found), content_type="text/csv; charset=utf-8")
    else:
        answer = HttpResponse(
            exhibit_pdf(book, found, request.actor.clinic_name, is_synthetic=request.actor.is_synthetic),
            content_type="application/pdf",
        )
    answer.headers["Content-Disposition"] = (
        f'attachment; filename="{page}-{found.id}-{book.as_of.isoformat()}.{kind}"'
    )
    return answer


@require_POST
def ask_extract(request: ClinicRequest) -> HttpResponse:
    """Ask for an extract by hand."""
    actions.ask_by_hand(by=request.actor)
    messages.success(request, "The extract is asked for; it takes a minute or two.")
    return redirect("insights")


def registry_use(request: ClinicRequest, patient: str) -> HttpResponse:
    """What the patient decided about the registry; record a decision."""
    error: InputError | None = None
    if request.method == "POST":
        try:
            actions.decide_registry_use(
                by=request.actor,
                uid=patient,
                choice=request.POST.get("choice", ""),
                said=request.POST.get("said", ""),
            )
            messages.success(request, "The decision is recorded.")
            return redirect("registry_use", patient)
        except InputError as refused:
            error = refused
    return _registry_page(request, patient, error)


@require_POST
def registry_access(request: ClinicRequest, patient: str) -> HttpResponse:
    """Record how far the patient comes and who pays."""
    try:
        actions.note_access(
            by=request.actor,
            uid=patient,
            distance_km=_kilometres(request.POST.get("distance_km", "")),
            coverage=request.POST.get("coverage", ""),
        )
    except InputError as refused:
        return _registry_page(request, patient, refused)
    messages.success(request, "Noted.")
    return redirect("registry_use", patient)


def _registry_page(request: ClinicRequest, patient: str, error: InputError | None) -> HttpResponse:
    row = patient_for(request.actor, patient, Permission.SEE_PATIENT, seen="registry use")
    context = {"banner": banner_for(row), "links": chart_links(request.actor, row.uid)}
    context |= queries.registry_use(row, request.POST) | {"error": error, "typed": request.POST}
    return render(request, "insights/registry_use.html", context, status=422 if error else 200)


def _kilometres(text: str) -> int | None:
    if not text.strip():
        return None
    return count_typed(text, where="distance_km")
