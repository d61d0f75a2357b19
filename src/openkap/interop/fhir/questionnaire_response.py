"""QuestionnaireResponse: answers whose item carries a LOINC code that an element names."""

from __future__ import annotations

from datetime import datetime

from openkap.core.coding import Coding
from openkap.core.errors import InputError
from openkap.interop.fhir.concepts import CodeIndex, Concept
from openkap.interop.fhir.fields import Resource, name_of, parts, text
from openkap.interop.fhir.findings import Finding, Tray, origin_of
from openkap.interop.fhir.moments import Span, read_span
from openkap.interop.fhir.observation import VOID, read_value

READY = frozenset({"completed", "amended"})
# US Core writes the LOINC code of an item as its linkId, with a slash before it.
MOST_ITEMS = 5000


def read_response(response: Resource, place: str, index: CodeIndex, as_of: datetime, tray: Tray) -> None:
    """Add the answers that an element asks for to the tray."""
    name = name_of(response, place)
    status = text(response, "status").lower()
    what = text(response, "questionnaire") or "questionnaire"
    if status in VOID or status == "stopped":
        tray.set_aside(name, what, VOID.get(status, "stopped before it was finished"))
        return
    if status not in READY:
        tray.not_understood(name, what, f"status {status or 'not given'}: not finished")
        return
    written = text(response, "authored")
    when = read_span(written, as_of) if written else None
    others = 0
    for item in _items(response):
        code = text(item, "linkId").rsplit("/", 1)[-1]
        asked = index.asked_by(Concept((Coding("loinc", code),), "", ()))
        others += not asked and bool(item.get("answer"))
        for element, coding in asked:
            for answer in parts(item, "answer"):
                try:
                    value = read_value(answer, element, index)
                    if when is None:
                        raise InputError("an answer without its date", remedy="ask when it was given")
                    tray.findings.append(
                        Finding(element, value, Span(when.start, when.end), origin_of(name, coding))
                    )
                except InputError as refused:
                    tray.not_understood(name, element.label, refused)
    if others:
        tray.unlisted(name, f"{what}: {others} answers")


def _items(response: Resource) -> list[Resource]:
    """All items at every level; items nest in items and in answers."""
    found: list[Resource] = []
    waiting = [response]
    while waiting and len(found) < MOST_ITEMS:
        holder = waiting.pop()
        for item in parts(holder, "item"):
            found.append(item)
            waiting.append(item)
            waiting.extend(parts(item, "answer"))
    return found
