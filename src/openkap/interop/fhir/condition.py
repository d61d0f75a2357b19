"""Condition: a listed diagnosis is a yes, with its date; its absence is never a no."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from openkap.core.coding import Coding
from openkap.interop.fhir.concepts import CodeIndex, Concept, read_concept, status_code
from openkap.interop.fhir.fields import Resource, choice, name_of, text
from openkap.interop.fhir.findings import Finding, Tray, origin_of
from openkap.interop.fhir.moments import Span, read_span, span_of
from openkap.protocol.elements import Element

# Verification statuses under which R4 says the condition is not, or not yet, held to be there.
NOT_THERE = {"entered-in-error": "entered in error", "refuted": "refuted"}
NOT_YET = frozenset({"provisional", "differential", "unconfirmed"})
OVER = frozenset({"inactive", "remission", "resolved"})
CURRENT = frozenset({"active", "recurrence", "relapse"})


def read_condition(condition: Resource, place: str, index: CodeIndex, as_of: datetime, tray: Tray) -> None:
    """Add what this condition says to the tray."""
    name = name_of(condition, place)
    concept = read_concept(condition, "code")
    found = index.find("condition", concept)
    verification = status_code(condition, "verificationStatus")
    if verification in NOT_THERE:
        tray.set_aside(name, concept.shown(), NOT_THERE[verification])
        return
    is_current = _is_current(condition, name, concept.shown(), as_of, tray)
    if not found:
        meant = [each for each in index.perhaps("condition", concept) if _bears_on_now(each, is_current)]
        note_unmatched(name, concept, tray, meant)
        return
    if verification not in ("", "confirmed"):
        known = verification in NOT_YET
        why = (
            f"{verification}, not confirmed: ask" if known else f"unknown verification status {verification}"
        )
        open_still = [each for each, _ in found if _bears_on_now(each, is_current)]
        tray.doubt(open_still, name, concept.shown(), why)
        return
    for element, coding in found:
        _add(condition, name, concept, element, coding, is_current, as_of, tray)


def _add(
    condition: Resource,
    name: str,
    concept: Concept,
    element: Element,
    coding: Coding,
    is_current: bool,
    as_of: datetime,
    tray: Tray,
) -> None:
    origin, what = origin_of(name, coding), concept.shown()
    began, is_read = tray.date(name, what, lambda: _onset(condition, as_of))
    noted, is_noted = tray.date(name, what, lambda: _noted(condition, as_of))
    # Where one date cannot be read, the other does not tell how late the entry may lie.
    is_dated = is_read and is_noted
    if element.kind == "event":
        when = began
        if element.codes.dated_by == "end":
            when, _ = tray.date(name, what, lambda: _ended(condition, as_of, is_current))
        limit = noted.end if noted and is_dated else None
        tray.findings.append(Finding(element, None, when, origin, limit))
    elif is_current or _is_ever(element):
        asserted = max((each for each in (began, noted) if each), default=None) if is_dated else None
        tray.findings.append(Finding(element, True, asserted, origin))
    else:
        over, _ = tray.date(name, what, lambda: _ended(condition, as_of, is_current))
        tray.ended.extend([(element, over)] if over else [])
        tray.set_aside(name, what, f"no longer active: says nothing of {element.label.lower()} now")


def _bears_on_now(element: Element, is_current: bool) -> bool:
    return is_current or element.kind == "event" or _is_ever(element)


def _is_ever(element: Element) -> bool:
    return element.history == "lifetime"


def _is_current(condition: Resource, name: str, what: str, as_of: datetime, tray: Tray) -> bool:
    """Active, or not said to be over; what the record leaves open, or says in words, counts as current."""
    status = status_code(condition, "clinicalStatus")
    if status in CURRENT:
        return True
    if status in OVER:
        return False
    kind, value = choice(condition, "abatement")
    if kind in ("DateTime", "Period"):
        over, _ = tray.date(name, what, lambda: span_of(condition, "abatement", as_of))
        return over is None
    return kind in ("", "String") or value is False


def _onset(condition: Resource, as_of: datetime) -> Span | None:
    kind, _ = choice(condition, "onset")
    # An age, a range or a text names no day; the entry then has no date.
    return span_of(condition, "onset", as_of) if kind in ("DateTime", "Period") else None


def _noted(condition: Resource, as_of: datetime) -> Span | None:
    written = text(condition, "recordedDate") or text(condition, "assertedDate")
    return read_span(written, as_of) if written else None


def _ended(condition: Resource, as_of: datetime, is_current: bool) -> Span | None:
    """When it last held: its end, or unknown while it goes on."""
    kind, _ = choice(condition, "abatement")
    if is_current or kind not in ("DateTime", "Period"):
        return None
    return span_of(condition, "abatement", as_of)


def note_unmatched(name: str, concept: Concept, tray: Tray, meant: Iterable[Element] = ()) -> None:
    """Say why a coded thing answers no element: no code, an unknown system, or a code nobody lists.

    ``meant`` are elements that it may answer all the same, by its name or as a wider code.
    """
    meant = list(meant)
    if concept.codings and not meant:
        tray.unlisted(name, concept.shown())
    elif concept.codings:
        about = ", ".join(sorted(each.label.lower() for each in meant))
        tray.doubt(meant, name, concept.shown(), f"not listed, but may bear on {about}: ask")
    elif concept.unknown:
        tray.doubt(meant, name, concept.shown(), "code of a system that is not known here: ask")
    elif concept.text:
        tray.doubt(meant, name, concept.shown(), "text only, no code: ask")
    else:
        tray.not_understood(name, "", "no code and no text")
