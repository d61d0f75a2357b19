"""From protocol to dates: sessions, therapy visits, what is due. Values in, values out; no rows.

The pattern of a course, the windows and the lengths come from the protocol; what a person chooses is the
first day and time, the therapy, and who.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.utils.timezone import localdate, localtime

from openkap.core.errors import InputError
from openkap.core.quantity import Quantity
from openkap.protocol.dosing_day import models_for
from openkap.protocol.model import Course, Protocol, Therapy

SATURDAY = 5
WEEK = timedelta(days=7)
DAY = timedelta(days=1)
BEFORE_FIRST = "before the first dose"
# Bounds of the program, not of a therapy: no therapy of the content comes near them. Beyond them a number was
# mistyped, and a plan would be made of dates by the thousand.
MOST_VISITS, MOST_MINUTES, MOST_DAYS_APART = 60, 240, 90
# A LOINC code beside a test's name is for machines: people read the name.
_CODES = re.compile(r" \(\d+-\d(, \d+-\d)*\)$")


@dataclass(frozen=True, slots=True)
class PlannedSession:
    """One dosing session."""

    number: int
    starts_at: datetime
    ends_at: datetime


@dataclass(frozen=True, slots=True)
class PlannedVisit:
    """One therapy visit; ``session`` is the number of the session it belongs to."""

    kind: str
    number: int
    starts_at: datetime
    minutes: int
    session: int | None = None

    @property
    def ends_at(self) -> datetime:
        return self.starts_at + timedelta(minutes=self.minutes)


@dataclass(frozen=True, slots=True)
class PlannedItem:
    """A measure, test or contact with its day."""

    kind: str
    what: str
    when: str
    due_at: datetime
    session: int | None = None


@dataclass(frozen=True)
class Plan:
    """A whole course with its dates."""

    sessions: tuple[PlannedSession, ...]
    visits: tuple[PlannedVisit, ...]
    items: tuple[PlannedItem, ...]


@dataclass(frozen=True, slots=True)
class TherapyChoice:
    """The trauma-focused therapy beside the course: which, how many visits, how far apart."""

    modality: str
    visits: int
    minutes: int
    every: timedelta = WEEK
    # The model by which a therapist is there on the day of each dose; none without it.
    dosing_day: str = ""


def pattern_of(protocol: Protocol, name: str) -> Course:
    """The protocol's course of that id; ``InputError`` lists what there is."""
    for course in protocol.courses:
        if course.id == name:
            if not course.days:
                raise InputError(
                    "the protocol leaves the days of this course to the site",
                    value=name,
                    remedy="choose another course of this protocol",
                )
            return course
    raise InputError(
        "no such course in this protocol",
        value=name,
        limit=", ".join(each.id for each in protocol.courses),
        remedy="choose one of these",
    )


def session_length(protocol: Protocol) -> timedelta:
    """How long the chair is needed: the starting dose's own time and the minimum stay."""
    over = protocol.dosing.step(protocol.dosing.start).over
    minutes = Quantity.parse(protocol.vitals.minimum_stay).to("min").value
    if over:
        minutes += Quantity.parse(over).to("min").value
    return timedelta(minutes=int(minutes))


def default_visits(therapy: Therapy) -> int | None:
    """The lower end of the therapy's own number of sessions; ``None`` where no source gives one."""
    found = re.match(r"\d+", therapy.sessions or "")
    return int(found[0]) if found else None


def default_minutes(therapy: Therapy, protocol: Protocol) -> int:
    """The upper end of the therapy's own length, else that of an integration visit."""
    found = re.findall(r"\d+", therapy.session_minutes or "")
    return int(found[-1]) if found else protocol.therapy.integration.minutes


def make_plan(
    protocol: Protocol, pattern: Course, first: datetime, therapy: TherapyChoice | None, *, now: datetime
) -> Plan:
    """All dates of a course that begins with a first session at ``first``."""
    if therapy is not None:
        _refuse_mistyped(therapy)
    length = session_length(protocol)
    sessions = tuple(
        PlannedSession(
            number, first + DAY * (day - pattern.days[0]), first + DAY * (day - pattern.days[0]) + length
        )
        for number, day in enumerate(pattern.days, 1)
    )
    visits: list[PlannedVisit] = []
    if therapy is not None:
        visits += _preparation(protocol, sessions[0], now)
        visits += _dosing_days(protocol, therapy, sessions)
        visits += _integration(protocol, sessions)
        visits += _trauma_focused(therapy, sessions, visits)
    return Plan(sessions, tuple(visits), tuple(_items(protocol, sessions, now)))


def _refuse_mistyped(therapy: TherapyChoice) -> None:
    for words, number, most, where in (
        ("visits", therapy.visits, MOST_VISITS, "visits"),
        ("minutes a visit", therapy.minutes, MOST_MINUTES, "minutes"),
        ("days between visits", therapy.every // DAY, MOST_DAYS_APART, "every"),
    ):
        if not 1 <= number <= most:
            raise InputError(
                f"this number of {words} cannot be",
                value=number,
                limit=f"1 to {most}",
                remedy="correct it, or choose no therapy and write why",
                where=where,
            )


def weekend_words(dates: Iterable[tuple[str, datetime]]) -> list[str]:
    """What falls on a weekend: possible where the clinic is open, and worth a look."""
    return [
        f"{what} is on a {day:%A}, {day:%d %b}"
        for what, day in ((what, localdate(at)) for what, at in dates)
        if day.weekday() >= SATURDAY
    ]


def _preparation(protocol: Protocol, first: PlannedSession, now: datetime) -> list[PlannedVisit]:
    """On the last working days before the first session, one a day."""
    asked = protocol.therapy.preparation
    at = first.starts_at
    days: list[datetime] = []
    while len(days) < asked.sessions:
        at -= DAY
        if localdate(at).weekday() < SATURDAY:
            days.append(at)
    if days[-1] < now:
        raise InputError(
            f"there is no time for {asked.sessions} preparation visits before the first session",
            value=f"{localtime(first.starts_at):%d %b %Y %H:%M}",
            limit="preparation comes before the first dose, on working days",
            remedy="begin later",
            where="first",
        )
    return [
        PlannedVisit("preparation", number, day, asked.minutes)
        for number, day in enumerate(reversed(days), 1)
    ]


def window_of(protocol: Protocol, session_start: datetime) -> tuple[datetime, datetime]:
    """From when to when an integration visit belongs to that session."""
    low, high = protocol.therapy.integration.window_h
    return session_start + timedelta(hours=low), session_start + timedelta(hours=high)


def integration_days(
    protocol: Protocol, session_start: datetime, dosing_days: Iterable[date]
) -> list[datetime]:
    """The days in the window, best first: a working day without a dose, then a working day, then any."""
    low, high = window_of(protocol, session_start)
    days, at = [], low
    while at <= high:
        days.append(at)
        at += DAY
    busy = set(dosing_days)
    return sorted(days, key=lambda at: (localdate(at).weekday() >= SATURDAY, localdate(at) in busy, at))


def _dosing_days(
    protocol: Protocol, therapy: TherapyChoice, sessions: Sequence[PlannedSession]
) -> list[PlannedVisit]:
    """Beside every dose, as long as the session; only where a model for this route has it."""
    if not therapy.dosing_day:
        return []
    models = {each.id: each.title for each in models_for(protocol)}
    if therapy.dosing_day not in models:
        raise InputError(
            f"no model has a therapist on the dosing day of {protocol.title} in this way",
            value=therapy.dosing_day,
            limit=", ".join(models.values()) or f"none for the route {protocol.dosing.route}",
            remedy="choose a model for this route, or none",
            where="dosing_day",
        )
    return [
        PlannedVisit(
            "dosing_day",
            each.number,
            each.starts_at,
            (each.ends_at - each.starts_at) // timedelta(minutes=1),
            each.number,
        )
        for each in sessions
    ]


def _integration(protocol: Protocol, sessions: Sequence[PlannedSession]) -> list[PlannedVisit]:
    """On the best day of each window that no earlier integration visit has taken."""
    asked, busy = protocol.therapy.integration, [localdate(each.starts_at) for each in sessions]
    made: list[PlannedVisit] = []
    for session in sessions:
        wished = [
            clear_of(day, asked.minutes, sessions, protocol, session)
            for day in integration_days(protocol, session.starts_at, busy)
        ]
        free = [at for at in wished if not any(_meets(at, asked.minutes, each) for each in made)]
        at = (free or wished)[0]
        made.append(PlannedVisit("integration", session.number, at, asked.minutes, session.number))
    return made


def _meets(at: datetime, minutes: int, visit: PlannedVisit) -> bool:
    return at < visit.ends_at and visit.starts_at < at + timedelta(minutes=minutes)


def clear_of(
    at: datetime,
    minutes: int,
    sessions: Sequence[PlannedSession],
    protocol: Protocol,
    own: PlannedSession,
) -> datetime:
    """Where the only day left is one with a dose, the visit comes before that dose, inside the window."""
    for other in sessions:
        if other.starts_at < at + timedelta(minutes=minutes) and at < other.ends_at:
            earlier = other.starts_at - timedelta(minutes=minutes)
            low, _ = window_of(protocol, own.starts_at)
            return max(earlier, low)
    return at


def _trauma_focused(
    therapy: TherapyChoice, sessions: Sequence[PlannedSession], others: Sequence[PlannedVisit]
) -> list[PlannedVisit]:
    """From the day after the first dose on, never on a day with a dose or another visit."""
    busy = {localdate(each.starts_at) for each in sessions} | {localdate(each.starts_at) for each in others}
    made: list[PlannedVisit] = []
    at = sessions[0].starts_at + DAY
    while len(made) < therapy.visits:
        if localdate(at).weekday() < SATURDAY and localdate(at) not in busy:
            made.append(PlannedVisit("trauma_focused", len(made) + 1, at, therapy.minutes))
            at += therapy.every
        else:
            at += DAY
    return made


def _items(protocol: Protocol, sessions: Sequence[PlannedSession], now: datetime) -> list[PlannedItem]:
    first, last = sessions[0], sessions[-1]
    made = [
        PlannedItem("test", _CODES.sub("", item), BEFORE_FIRST, max(now, first.starts_at - DAY), 1)
        for collect in protocol.collect
        for item in collect.items
    ]
    for measures in protocol.measures:
        for session, at in _moments(measures.when, sessions, last):
            made += [
                PlannedItem("measure", name, measures.when, at, session) for name in measures.instruments
            ]
    contact = next((each.text for each in protocol.contacts if each.text.startswith("24 h")), None)
    if contact:
        what = contact.partition(": ")[2][:120]
        made += [
            PlannedItem("contact", what, "24 h after each dose", s.starts_at + DAY, s.number)
            for s in sessions
        ]
    return made


def items_with(protocol: Protocol, session: PlannedSession, *, now: datetime) -> list[PlannedItem]:
    """What is due with one session; tests before the first dose and what follows the course are not."""
    made = _items(protocol, (session,), now)
    return [each for each in made if each.kind != "test" and each.session is not None]


def _moments(
    when: str, sessions: Sequence[PlannedSession], last: PlannedSession
) -> list[tuple[int | None, datetime]]:
    if when == "before each dose":
        return [(each.number, each.starts_at) for each in sessions]
    if after := re.fullmatch(r"(\d+) h after each dose", when):
        return [(each.number, each.starts_at + timedelta(hours=int(after[1]))) for each in sessions]
    if when == "at the end of the acute course":
        return [(None, last.starts_at + DAY)]
    if when.startswith("weeks ") and when.endswith("after the course"):
        return [(None, last.starts_at + WEEK * int(weeks)) for weeks in re.findall(r"\d+", when)]
    return []
