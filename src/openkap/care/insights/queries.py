"""Reads for the lead's pages; plain values out."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.utils import timezone
from django.utils.safestring import SafeString, mark_safe

from openkap.care.accounts.actor import Actor
from openkap.care.insights.access import benchmark_runs_for, book_for, runs_for
from openkap.care.insights.actions import latest_decision
from openkap.care.insights.book import PAGES, Book, sources
from openkap.care.insights.chart import Exhibit, Headline
from openkap.care.insights.jobs import is_lost
from openkap.care.insights.models import AccessFact, RegistryDecision
from openkap.care.insights.small_numbers import FEW, is_small
from openkap.care.insights.svg import NARROW, WIDE, draw
from openkap.care.patients.models import Patient
from openkap.core.errors import InputError

OLDER = "the numbers are of the last"


@dataclass(frozen=True)
class State:
    """How old the numbers are, and whether a newer extract is under way or went wrong."""

    extracted_at: datetime | None = None
    as_of: date | None = None
    release: str = ""
    people: str = ""
    without_consent: str = ""
    is_waiting: bool = False
    trouble: str = ""
    remedy: str = ""


def state_for(by: Actor) -> tuple[State, Book | None]:
    """The state of the clinic's registry, and its book where there is one."""
    runs = list(runs_for(by)[:5])
    last = runs[0] if runs else None
    waiting = last is not None and last.ended_at is None and not is_lost(last)
    trouble = ""
    if last is not None and is_lost(last):
        trouble = f"the extract begun {_when(last.begun_at)} did not finish; {OLDER} one that did"
    elif last is not None and last.trouble:
        trouble = f"the extract of {_when(last.ended_at)} failed: {last.trouble}; {OLDER} good one"
    try:
        book = book_for(by)
    except InputError as refused:
        nothing_yet = not any(run.release for run in runs)
        words = trouble if nothing_yet else f"{refused.what}; nothing can be shown until it is taken again"
        return State(
            is_waiting=waiting, trouble=words, remedy="" if nothing_yet else refused.remedy or ""
        ), None
    good = next((run for run in runs if run.data_fingerprint == book.marks.data), None)
    state = State(
        book.extracted_at,
        book.as_of,
        book.release,
        _few(good.people) if good else "",
        _few(good.without_consent) if good else "",
        waiting,
        trouble,
    )
    return state, book


def _few(number: int) -> str:
    return FEW if is_small(number) else f"{number}"


def _when(moment: datetime | None) -> str:
    return timezone.localtime(moment).strftime("%-d %b %Y %H:%M") if moment else ""


@dataclass(frozen=True)
class Drawn:
    """An exhibit with its drawings for a wide and a narrow page."""

    exhibit: Exhibit
    wide: SafeString
    narrow: SafeString


def drawn(exhibit: Exhibit) -> Drawn:
    """The exhibit as the page shows it."""
    if exhibit.chart is None:
        return Drawn(exhibit, SafeString(""), SafeString(""))
    wide, narrow = (draw(exhibit.chart, f"{exhibit.id}-{width}", width) for width in (WIDE, NARROW))
    # Every word in the drawing is escaped where it is written (``svg``).
    return Drawn(exhibit, mark_safe(wide), mark_safe(narrow))  # noqa: S308


def front(book: Book) -> list[dict[str, Any]]:
    """What each page leads with, for the first page."""
    return [
        {"slug": slug, "title": title, "exhibit": book.exhibits[slug][0] if book.exhibits[slug] else None}
        for slug, title in PAGES.items()
    ]


def comparisons(by: Actor, book: Book) -> list[dict[str, Any]]:
    """The stored comparisons behind the benchmark page, with the titles of their times."""
    titles = {pair.window: pair.title for pair in sources()[2].pairs}
    names = ("window", "verdict", "data_fingerprint", "evidence_fingerprint", "plan_fingerprint", "made_at")
    rows = benchmark_runs_for(by, book.marks.data).values(*names)
    return [{**row, "window": titles.get(row["window"], row["window"])} for row in rows]


def exhibit_csv(book: Book, exhibit: Exhibit) -> str:
    """The table with its definition and sources above it, as comma-separated values."""
    file = io.StringIO()
    writer = csv.writer(file)
    for label, value in about(book, exhibit):
        writer.writerow([f"# {label}", plain(value)])
    writer.writerow(exhibit.columns)
    for row in exhibit.rows:
        writer.writerow([plain(cell) for cell in row])
    return file.getvalue()


def plain(text: str) -> str:
    """Text for a spreadsheet: ordinary spaces, ordinary minus, and nothing that is read as a formula."""
    flat = text.replace("\u202f", " ").replace("\u2212", "-")
    return (
        f"'{flat}"
        if flat.startswith(("=", "@", "\t", "\r"))
        or (flat.startswith(("+", "-")) and not flat[1:2].isdigit())
        else flat
    )


def about(book: Book, exhibit: Exhibit) -> list[tuple[str, str]]:
    """What must go along with a table that leaves the page."""
    words = exhibit.words
    return [
        ("title", exhibit.title),
        *([("caution", exhibit.caution)] if exhibit.caution else []),
        *(("in words", text) for text in exhibit.plain),
        *((_label(headline), headline.value) for headline in exhibit.headlines),
        ("definition", words.get("words", "")),
        ("numerator", words.get("numerator", "")),
        ("denominator", words.get("denominator", "")),
        ("time zero", words.get("time_zero", "")),
        ("n and missing", exhibit.counts),
        ("held back", exhibit.hidden or "nothing"),
        *(("note", text) for text in exhibit.says),
        ("last extract", _when(book.extracted_at)),
        ("data up to", f"{book.as_of:%-d %b %Y}"),
        ("data fingerprint", book.marks.data),
        ("definitions fingerprint", book.marks.definitions),
        ("evidence fingerprint", book.marks.evidence),
    ]


def _label(headline: Headline) -> str:
    return f"{headline.label} ({headline.exact})" if headline.exact else headline.label


def registry_use(patient: Patient, typed: Mapping[str, str]) -> dict[str, Any]:
    """What a patient decided about the registry with the history; how they come, as typed or as it stands."""
    history = (
        RegistryDecision.objects.filter(patient=patient)
        .select_related("told_to")
        .order_by("-decided_at", "-pk")
    )
    fact = AccessFact.objects.filter(patient=patient).order_by("-recorded_at", "-pk").first()
    distance = fact.distance_km if fact else None
    return {
        "decision": latest_decision(patient.pk),
        "decisions": list(history),
        "choices": RegistryDecision.Choice.choices,
        "distance_km": typed.get("distance_km", "" if distance is None else str(distance)),
        "coverage": typed.get("coverage", fact.coverage if fact else AccessFact.Coverage.UNKNOWN),
        "coverages": AccessFact.Coverage.choices,
    }
