"""QuestionnaireResponse: answers to the screening questions, and totals under their LOINC code.

The answered screening questionnaire is the one place where a record can say "no". Its canonical address is
``SCREENING`` and the linkId of an item is the element it answers; in every other questionnaire only items
whose linkId is a LOINC code that an element names are read.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from openkap.core.coding import Coding
from openkap.core.errors import InputError, quote
from openkap.interop.fhir.concepts import CodeIndex, Concept
from openkap.interop.fhir.fields import Resource, choice, name_of, parts, text
from openkap.interop.fhir.findings import Finding, Tray, origin_of
from openkap.interop.fhir.moments import Span, read_span
from openkap.interop.fhir.observation import VOID, NoValue, read_value
from openkap.protocol.elements import Element, Event, Value

SCREENING = "urn:openkap:questionnaire:screening"
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
    unfinished = "" if status in READY else f"status {status or 'not given'}: not finished"
    if unfinished:
        tray.not_understood(name, what, unfinished)
    written = text(response, "authored")
    when, _ = tray.date(name, what, lambda: read_span(written, as_of) if written else None)
    answered = Answered(name, what, when, as_of, index, tray, unfinished)
    screening = what.split("|")[0] == SCREENING
    for item in _items(response):
        if screening:
            answered.by_element(item)
        else:
            answered.by_loinc(item)
    if answered.others:
        tray.unlisted(name, f"{what}: {answered.others} answers")


@dataclass
class Answered:
    """One response while its items are read."""

    name: str
    what: str
    when: Span | None
    as_of: datetime
    index: CodeIndex
    tray: Tray
    unfinished: str = ""
    others: int = 0

    def by_element(self, item: Resource) -> None:
        """An answer to a question of the screening questionnaire."""
        link = text(item, "linkId")
        answers = list(parts(item, "answer"))
        element = self.index.by_id.get(link)
        if not answers:
            return
        if element is None:
            self.tray.not_understood(self.name, quote(link), "no such screening question")
            return
        self._add(element, answers, f"{self.name}, answer to {link}")

    def by_loinc(self, item: Resource) -> None:
        """An answer whose linkId ends in a LOINC code."""
        code = text(item, "linkId").rsplit("/", 1)[-1]
        asked = self.index.asked_by(Concept((Coding("loinc", code),), "", ()))
        self.others += not asked and bool(item.get("answer"))
        for element, coding in asked:
            self._add(element, list(parts(item, "answer")), origin_of(self.name, coding))

    def _add(self, element: Element, answers: list[Resource], origin: str) -> None:
        try:
            value = _read_answers(element, answers, self.index)
        except NoValue as nothing:
            self.tray.not_understood(self.name, element.label, nothing)
        except InputError as refused:
            self.tray.doubt([element], self.name, element.label, refused, self.when)
        else:
            self._count(element, value, answers, origin)

    def _count(self, element: Element, value: Value, answers: list[Resource], origin: str) -> None:
        is_no = value is False or value == Event(ever=False)
        if self.unfinished:
            doubted = [] if is_no else [element]
            self.tray.doubt(doubted, self.name, element.label, self.unfinished, self.when)
        elif isinstance(value, Event) and value.ever:
            self._add_event(element, answers[0], origin)
        elif self.when is None and not (value is True and element.codes.codelist):
            why = InputError("an answer without its date", remedy="ask when it was given")
            self.tray.doubt([] if is_no else [element], self.name, element.label, why)
        else:
            self.tray.findings.append(Finding(element, value, self.when, origin))

    def _add_event(self, element: Element, answer: Resource, origin: str) -> None:
        _, written = choice(answer, "value")
        latest = self.when.end if self.when else self.as_of
        # A yes without its date is a date to ask for; a year alone stays a span.
        is_dated = isinstance(written, str) and written[:1].isdigit()
        dated, _ = self.tray.date(
            self.name, element.label, lambda: read_span(written, latest) if is_dated else None
        )
        self.tray.findings.append(Finding(element, None, dated, origin, latest))


def _read_answers(element: Element, answers: list[Resource], index: CodeIndex) -> Value:
    if element.kind == "findings":
        listed = [_answer_text(each) for each in answers]
        return element.parse(listed if len(listed) > 1 else listed[0])
    if len(answers) > 1:
        raise InputError("several answers to one question", value=len(answers), remedy="ask which one holds")
    kind, given = choice(answers[0], "value")
    if element.kind == "event" and isinstance(given, str) and given[:1].isdigit():
        return Event(ever=True)  # its date is read as a span: it may be a year only
    if kind == "Coding":
        return element.parse(_answer_text(answers[0]))
    return read_value(answers[0], element, index)


def _answer_text(answer: Resource) -> str:
    kind, value = choice(answer, "value")
    if kind == "Coding" and isinstance(value, dict):
        return text(value, "code") or text(value, "display")
    if kind == "String" and isinstance(value, str):
        return value
    raise InputError(f"an answer given as {kind or 'nothing'} cannot be read here", remedy="ask again")


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
