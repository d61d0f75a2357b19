"""What a called person needs to know of a case: each alarming answer, who was called, who has it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any

from openkap.care.outcomes.actions import latest_answers
from openkap.care.outcomes.case import parts, together, untaken
from openkap.care.outcomes.circles import which_call, wider
from openkap.care.outcomes.follow_up import form_of, title_of
from openkap.care.outcomes.models import Call, Form, ItemAnswer, SafetySignal
from openkap.care.outcomes.wording import Question, questions_of

LONG_BEFORE = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Part:
    """What one form says of one rule: looked at as one thing before the case is closed."""

    uid: str
    items: tuple[tuple[str, str], ...]
    say: str
    form: str
    occasion: str
    raised_at: datetime
    # A telephone that was off hands in late what was answered long before.
    answered_at: datetime | None
    # Who had taken the case on before it came, and who was called about it.
    after: str
    called: tuple[str, ...]

    @property
    def in_short(self) -> str:
        """The answer in a line, for who ticks that they have looked at it."""
        return "; ".join(f"{text}: {words}" for text, words in self.items)


def case_page(signal: SafetySignal) -> dict[str, Any]:
    """The case of an alarming answer, open or closed."""
    rows = list(together(signal).select_related("form__invitation", "acknowledged_by", "closed_by"))
    calls = list(Call.objects.filter(signal__in=rows).select_related("staff").order_by("called_at", "id"))
    waiting = untaken(rows)
    closed = rows[0] if signal.closed_at else None
    level = max((row.level for row in waiting), default=0)
    return {
        "parts": _parts(rows, calls),
        "level": level,
        "escalate_at": min((row.escalate_at for row in waiting), default=None),
        "is_waiting": bool(waiting),
        "all_called_at": waiting[0].all_called_at if waiting else None,
        "called": [call.staff.name for call in _last_round(calls)],
        "calls": _which(calls),
        "taken": _taken(rows),
        "closed_by": closed.closed_by.name if closed and closed.closed_by else "",
        "closed_at": closed.closed_at if closed else None,
        "what_was_done": closed.what_was_done if closed else "",
    } | (_next(signal, waiting, calls) if waiting else {})


def _next(signal: SafetySignal, waiting: Sequence[SafetySignal], calls: Sequence[Call]) -> dict[str, Any]:
    """Who is called next, and whether somebody new is among them."""
    open_keys = {row.pk for row in waiting}
    people, is_further = wider(
        signal.patient, {call.staff_id for call in calls if call.signal_id in open_keys}
    )
    return {"next_circle": [each.name for each in people], "is_further": is_further}


def _which(calls: Sequence[Call]) -> list[tuple[str, datetime, str]]:
    """Everybody who was called, when, and which call of theirs it was."""
    told: Counter[int] = Counter()
    found = []
    for call in calls:
        told[call.staff_id] += 1
        found.append((call.staff.name, call.called_at, which_call(told[call.staff_id])))
    return found


def _last_round(calls: list[Call]) -> list[Call]:
    """Who is called now: everybody the newest call reached."""
    return [each for each in calls if (each.signal_id, each.level) == (calls[-1].signal_id, calls[-1].level)]


def _taken(rows: Sequence[SafetySignal]) -> list[tuple[str, datetime]]:
    taken = {(row.acknowledged_by.name, row.acknowledged_at) for row in rows if row.acknowledged_by}
    return sorted(((name, at) for name, at in taken if at), key=lambda each: each[1])


def _parts(rows: Sequence[SafetySignal], calls: Sequence[Call]) -> list[Part]:
    answers = {row.form_id: latest_answers(row.form) for row in rows}
    return [
        _part(
            row,
            [each for each in rows if (each.form_id, each.rule) == (row.form_id, row.rule)],
            answers[row.form_id],
            _had_it(row, rows),
            tuple(dict.fromkeys(call.staff.name for call in calls if call.signal_id == row.pk)),
        )
        for row in parts(rows)
    ]


def _had_it(row: SafetySignal, rows: Sequence[SafetySignal]) -> str:
    """Who had the case when this answer came."""
    before = [(at, name) for name, at in _taken(rows) if at <= row.raised_at and row.acknowledged_at != at]
    return max(before)[1] if before else ""


def _part(
    newest: SafetySignal,
    rows: Sequence[SafetySignal],
    latest: dict[str, int],
    after: str,
    called: tuple[str, ...],
) -> Part:
    form: Form = newest.form
    questions = {each.item: each for each in questions_of(form_of(form.instrument)).questions}
    items = list(dict.fromkeys(item for row in rows for item in row.items))
    return Part(
        uid=newest.uid,
        items=tuple(
            (questions[item].text, _as_raised(questions[item], _told(item, rows), latest.get(item)))
            for item in items
        ),
        say=newest.say,
        form=form_of(form.instrument).short,
        occasion=title_of(form.invitation.occasion),
        raised_at=newest.raised_at,
        answered_at=_answered_long_before(newest),
        after=after,
        called=called,
    )


def _told(item: str, rows: Sequence[SafetySignal]) -> list[int]:
    """What was answered each time, without repeating it."""
    return [value for value, _ in groupby(row.answers[item] for row in rows if item in row.answers)]


def _answered_long_before(signal: SafetySignal) -> datetime | None:
    """When the patient gave the newest answer of an alert, where the clinic heard of it much later."""
    there = ItemAnswer.objects.filter(
        form=signal.form, item__in=list(signal.answers), received_at__lte=signal.raised_at
    )
    moments = [row.answered_at for row in there if row.value == signal.answers[row.item]]
    newest = max(moments, default=signal.raised_at)
    return newest if signal.raised_at - newest > LONG_BEFORE else None


def _as_raised(question: Question, told: list[int], latest: int | None) -> str:
    """What was answered when somebody was called, and what stands there now where that is another answer."""
    if not told:
        return question.words(latest)
    said = ", then ".join(question.words(value) for value in told)
    return said if told[-1] == latest else f"{said}; it now says: {question.words(latest)}"
