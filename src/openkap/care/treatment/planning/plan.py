"""From protocol to dates: sessions, therapy visits, what is due. Values in, values out; no rows.

The pattern of a course, the windows and the lengths come from the protocol; what a person chooses is the
first day and time, the therapy, and who.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import groupby
from typing import Protocol as TypeProtocol

from django.utils.timezone import localdate, localtime

from openkap.care.treatment.planning.placing import Diary, Placed
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
    # Why it is not at its usual time.
    because: str = ""

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


def sessions_of(protocol: Protocol, pattern: Course, first: datetime) -> tuple[PlannedSession, ...]:
    """The sessions of a course that begins with one at ``first``."""
    length = session_length(protocol)
    # By the clinic's clock: the hour stays when summer time begins or ends.
    starts = [localtime(first) + DAY * (day - pattern.days[0]) for day in pattern.days]
    return tuple(PlannedSession(number, at, at + length) for number, at in enumerate(starts, 1))


def make_plan(
    protocol: Protocol,
    sessions: tuple[PlannedSession, ...],
    therapy: TherapyChoice | None,
    diary: Diary | None,
    *,
    now: datetime,
) -> Plan:
    """All dates of a course of these sessions: each visit goes where the diary is free, in its window."""
    visits: list[PlannedVisit] = []
    if therapy is not None and diary is not None:
        _refuse_mistyped(therapy)
        visits += _preparation(protocol, sessions[0], diary, now)
        visits += _dosing_days(protocol, therapy, sessions)
        visits += _integration(protocol, sessions, diary)
        visits += _trauma_focused(therapy, sessions, visits, diary)
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


def _preparation(
    protocol: Protocol, first: PlannedSession, diary: Diary, now: datetime
) -> list[PlannedVisit]:
    """On the last working days before the first session, one a day."""
    asked = protocol.therapy.preparation
    days = [day for day in _working_days(first.starts_at, -DAY) if day > now]
    placed: list[Placed] = []
    while len(placed) < asked.sessions:
        if not days:
            raise InputError(
                f"there is no time for {asked.sessions} preparation visits before the first session",
                value=f"{localtime(first.starts_at):%d %b %Y %H:%M}",
                limit="preparation comes before the first dose, on working days",
                remedy="begin later, or choose another therapist",
                where="first",
            )
        found = diary.place([[day] for day in days], asked.minutes)
        at = found or Placed(days[0])
        placed.append(at)
        days = [day for day in days if localdate(day) < localdate(at.at)]
    return [
        PlannedVisit("preparation", number, each.at, asked.minutes, because=each.because)
        for number, each in enumerate(reversed(placed), 1)
    ]


def _working_days(start: datetime, step: timedelta) -> list[datetime]:
    """The days after (or before) a moment, at its hour, as far as anybody plans."""
    days = (start + step * count for count in range(1, MOST_DAYS_APART + 1))
    return [day for day in days if localdate(day).weekday() < SATURDAY]


def window_of(protocol: Protocol, session_start: datetime) -> tuple[datetime, datetime]:
    """From when to when an integration visit belongs to that session."""
    low, high = protocol.therapy.integration.window_h
    # Hours that pass, not hours of a clock that may be put forward between them.
    dose = session_start.astimezone(UTC)
    return dose + timedelta(hours=low), dose + timedelta(hours=high)


def integration_days(
    protocol: Protocol, session_start: datetime, dosing_days: Iterable[date]
) -> list[list[datetime]]:
    """The days in the window, in groups, best first: working days without a dose, working days, then any."""
    low, high = window_of(protocol, session_start)
    days, at = [], low
    while at <= high:
        days.append(at)
        at += DAY
    busy = set(dosing_days)

    def worth(at: datetime) -> tuple[bool, bool]:
        return localdate(at).weekday() >= SATURDAY, localdate(at) in busy

    return [list(group) for _, group in groupby(sorted(days, key=worth), key=worth)]


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


def _integration(protocol: Protocol, sessions: Sequence[PlannedSession], diary: Diary) -> list[PlannedVisit]:
    """In the window of each session, where neither a dose nor an earlier integration visit is."""
    made: list[PlannedVisit] = []
    for session in sessions:
        at = place_integration(protocol, session.starts_at, sessions, made, diary)
        made.append(
            PlannedVisit(
                "integration",
                session.number,
                at.at,
                protocol.therapy.integration.minutes,
                session.number,
                at.because,
            )
        )
    return made


class Dose(TypeProtocol):
    """A session of this plan or a row of it."""

    @property
    def number(self) -> int: ...
    @property
    def starts_at(self) -> datetime: ...
    @property
    def ends_at(self) -> datetime: ...


def place_integration(
    protocol: Protocol,
    session_start: datetime,
    doses: Sequence[Dose],
    others: Sequence[PlannedVisit],
    diary: Diary,
    minutes: int | None = None,
) -> Placed:
    """The best free time of the window; where none is free the usual one, which is then a conflict."""
    low, high = window_of(protocol, session_start)
    length = minutes or protocol.therapy.integration.minutes
    groups = [
        [_clear_of(day, length, doses, low) for day in group]
        for group in integration_days(protocol, session_start, [localdate(each.starts_at) for each in doses])
    ]

    def refused(at: datetime) -> str:
        if not low <= at <= high:
            return "it is outside the window"
        for dose in doses:
            # After a dose nobody talks it through on the same day.
            same_day = localdate(dose.starts_at) == localdate(at)
            if same_day and dose.starts_at < at + timedelta(minutes=length):
                return f"session {dose.number} is on that day"
        meets = [each for each in others if _meets(at, length, each)]
        return f"{meets[0].kind} {meets[0].number} is then" if meets else ""

    return diary.place(groups, length, refused=refused) or Placed(groups[0][0])


def _meets(at: datetime, minutes: int, visit: PlannedVisit) -> bool:
    return at < visit.ends_at and visit.starts_at < at + timedelta(minutes=minutes)


def _clear_of(at: datetime, minutes: int, doses: Sequence[Dose], low: datetime) -> datetime:
    """On a day with a dose at that hour the visit comes before the dose, inside the window."""
    for dose in doses:
        if dose.starts_at < at + timedelta(minutes=minutes) and at < dose.ends_at:
            return max(dose.starts_at - timedelta(minutes=minutes), low)
    return at


def _trauma_focused(
    therapy: TherapyChoice,
    sessions: Sequence[PlannedSession],
    others: Sequence[PlannedVisit],
    diary: Diary,
) -> list[PlannedVisit]:
    """From the day after the first dose on, never on a day with a dose or another visit."""
    busy = {localdate(each.starts_at) for each in sessions} | {localdate(each.starts_at) for each in others}
    made: list[PlannedVisit] = []
    after = sessions[0].starts_at
    while len(made) < therapy.visits:
        days = [day for day in _working_days(after, DAY) if localdate(day) not in busy]
        at = diary.place([[day] for day in days], therapy.minutes) or Placed(days[0])
        made.append(PlannedVisit("trauma_focused", len(made) + 1, at.at, therapy.minutes, because=at.because))
        # At the hour of the doses again, however this one was placed.
        after = _at_hour_of(sessions[0].starts_at, at.at) + therapy.every - DAY
    return made


def _at_hour_of(usual: datetime, day: datetime) -> datetime:
    own = localtime(usual)
    return localtime(day).replace(hour=own.hour, minute=own.minute)


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
