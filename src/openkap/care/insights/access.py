"""How the lead obtains numbers: the book of their own clinic, or nothing. No patient is behind this door."""

from __future__ import annotations

from pathlib import Path

from django.db.models import QuerySet
from django.http import Http404

from openkap.care.accounts.access import require
from openkap.care.accounts.actor import Actor
from openkap.care.accounts.models import Clinic
from openkap.care.insights.book import PAGES, Book, make_book, read_book
from openkap.care.insights.chart import Exhibit
from openkap.care.insights.extract import registry_root
from openkap.care.insights.models import BenchmarkRun, ExtractRun
from openkap.care.permissions import Permission
from openkap.core.errors import InputError


def root_for(by: Actor) -> Path:
    """The releases of the person's own clinic."""
    require(by, Permission.SEE_AGGREGATES)
    return registry_root(by.clinic_uid)


def book_for(by: Actor) -> Book:
    """The book of the release in force; made now where definitions or evidence changed since the extract.

    Raises ``InputError`` without a usable release.
    """
    root = root_for(by)
    return read_book(root) or make_book(root)[0]


def prepared_book_for(by: Actor) -> Book | None:
    """The book if it is there already; ``None`` without one: a home page never waits for numbers."""
    try:
        return read_book(root_for(by))
    except InputError:
        return None


def exhibits_for(by: Actor, page: str) -> tuple[Book, tuple[Exhibit, ...]]:
    """The exhibits of one page, or ``Http404`` for a page there is not."""
    require(by, Permission.SEE_AGGREGATES)
    if page not in PAGES:
        raise Http404("no such page")
    book = book_for(by)
    return book, book.exhibits[page]


def exhibit_for(by: Actor, page: str, name: str) -> tuple[Book, Exhibit]:
    """One exhibit by its name."""
    book, exhibits = exhibits_for(by, page)
    found = next((each for each in exhibits if each.id == name), None)
    if found is None:
        raise Http404("no such exhibit")
    return book, found


def runs_for(by: Actor) -> QuerySet[ExtractRun]:
    """The extracts of the person's clinic, newest first by number: the clock may have run backwards."""
    require(by, Permission.SEE_AGGREGATES)
    return ExtractRun.objects.filter(clinic_id=by.clinic_id).order_by("-pk")


def benchmark_runs_for(by: Actor, data_fingerprint: str) -> QuerySet[BenchmarkRun]:
    """The stored comparisons of one release of the person's clinic."""
    require(by, Permission.SEE_AGGREGATES)
    return BenchmarkRun.objects.filter(clinic_id=by.clinic_id, data_fingerprint=data_fingerprint).order_by(
        "pk"
    )


def clinic_of(by: Actor) -> Clinic:
    """The person's clinic as a row."""
    require(by, Permission.SEE_AGGREGATES)
    return Clinic.objects.get(pk=by.clinic_id)
