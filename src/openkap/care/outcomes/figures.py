"""Trajectories as marks on paper: a figure is numbers and words here, and is drawn by its template.

Read without colour: the observed line is solid with round points, a gap is a cross on a dashed bridge, limits
are dotted and named at their end, sessions are upright strokes and therapy visits diamonds below the axis.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal

from django.utils.dateformat import format as in_words

from openkap.care.moment import now
from openkap.care.outcomes.patient_words import ENGLISH, PatientWords
from openkap.care.outcomes.trajectory import DRAWN, Reading, Trajectory, trajectories

LEFT, RIGHT, TOP, ROW = 40, 96, 26, 18
# Nothing is named at the right of a figure without limits and marks, but its last date ends there.
RIGHT_UNNAMED = 24
# As a telephone shows it without making its letters smaller.
NARROW = 328
SHORTEST = timedelta(days=14)
# A shorter axis is told in weeks, a longer one in months.
IN_WEEKS = timedelta(days=100)
# Marks nearer than this on paper would print over each other; figures then show every n-th label.
LABEL_ROOM = 66
# From one name to the next below it.
NAME_ROOM = 14
DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Mark:
    """A thing at one place, with what it says when pointed at or read aloud."""

    x: float
    y: float
    words: str
    kind: str = ""
    # Where its words stand, when they are beside it.
    words_y: float = 0.0


@dataclass(frozen=True, slots=True)
class Figure:
    """A drawn trajectory."""

    id: str
    title: str
    summary: str
    width: int
    height: int
    floor: float
    left: int
    right: float
    top: int
    paths: tuple[str, ...]
    bridges: tuple[str, ...]
    points: tuple[Mark, ...]
    gaps: tuple[Mark, ...]
    lines: tuple[Mark, ...]
    turns: tuple[Mark, ...]
    ticks: tuple[Mark, ...]
    levels: tuple[Mark, ...]
    sessions: tuple[Mark, ...]
    therapy: tuple[Mark, ...]
    rows: tuple[tuple[str, float], ...]
    trajectory: Trajectory
    spoken: PatientWords
    # What up and down mean, where the figure has no numbers.
    above: str = ""
    below: str = ""

    @property
    def edge(self) -> float:
        """Left of this a name that is centred on its place would print over the numbers of the axis."""
        return self.left + LABEL_ROOM / 2

    @property
    def narrow(self) -> Figure:
        """The same for a telephone."""
        return draw(self.trajectory, width=NARROW, height=260, prefix="narrow", spoken=self.spoken)

    @property
    def table(self) -> list[tuple[datetime, str, str, str, bool]]:
        """The same as rows of text: when, occasion, value, note; and whether the value is missing."""
        say = self.spoken.say
        read = [
            (
                row.at,
                row.occasion,
                _plain(row.total) if row.total is not None else say("not scored"),
                "" if row.total is not None else say("{count} not answered", count=row.missing),
                False,
            )
            for row in self.trajectory.readings
        ]
        gaps = [(gap.at, gap.occasion, say("missing"), gap.reason, True) for gap in self.trajectory.gaps]
        return sorted(read + gaps, key=lambda row: row[0])


def figures(patient_ids: list[int]) -> list[Figure]:
    """The figures of the printed timeline: severity over months, one an instrument."""
    found = trajectories(patient_ids, DRAWN, judged=False)
    return [draw(each) for each in found if each.readings or each.gaps]


def draw(
    found: Trajectory,
    *,
    width: int = 760,
    height: int = 300,
    prefix: str = "figure",
    spoken: PatientWords = ENGLISH,
) -> Figure:
    """Place a trajectory on paper of that size."""
    start, end = _span(found)
    named = found.lines or found.marks
    right = width - (RIGHT if named else RIGHT_UNNAMED)
    floor = height - TOP - (2 * ROW + 8 if found.marks else 0)
    seconds = (end - start).total_seconds()

    def across(at: datetime) -> float:
        share = min(max((at - start).total_seconds() / seconds, 0), 1)
        return round(LEFT + share * (right - LEFT), 1)

    def down(value: Decimal | int) -> float:
        share = (float(value) - found.least) / ((found.most - found.least) or 1)
        return round(floor - share * (floor - TOP), 1)

    scored = [row for row in found.readings if row.total is not None]
    points = tuple(Mark(across(row.at), down(row.total or 0), _say(row, found)) for row in scored)
    breaks = sorted(gap.at for gap in found.gaps)
    paths, bridges = _paths(scored, points, breaks)
    return Figure(
        id=f"{prefix}-{found.instrument}",
        title=": ".join(filter(None, (found.short, found.name))),
        summary=summary_of(found, spoken),
        width=width,
        height=height,
        floor=floor,
        left=LEFT,
        right=right,
        top=TOP,
        paths=paths,
        bridges=bridges,
        points=points,
        gaps=tuple(
            Mark(
                across(gap.at),
                _between(scored, points, gap.at, floor),
                f"{_day(gap.at)}, {gap.occasion}: {gap.reason}",
            )
            for gap in found.gaps
        ),
        lines=tuple(_limits(found, right, down)),
        turns=tuple(
            Mark(across(turn.at), TOP, f"{turn.kind}, {_day(turn.at)}: {turn.name}", turn.kind)
            for turn in found.milestones
        ),
        ticks=tuple(_ticks(start, end, across, right - LEFT, width)),
        levels=tuple(Mark(LEFT, down(value), str(value)) for value in _levels(found)),
        sessions=tuple(
            Mark(
                across(mark.at),
                floor + 12,
                f"{mark.label or spoken.say('session')}, {_day(mark.at)}",
                mark.kind,
            )
            for mark in found.marks
            if mark.kind in ("session_done", "session_missed", "session_planned") and start <= mark.at <= end
        ),
        therapy=tuple(
            Mark(
                across(mark.at),
                floor + 12 + ROW,
                f"{mark.label or spoken.say('therapy')}, {_day(mark.at)}",
                mark.kind,
            )
            for mark in found.marks
            if mark.kind == "therapy" and start <= mark.at <= end
        ),
        rows=(("sessions", floor + 16), ("therapy", floor + 16 + ROW)),
        trajectory=found,
        spoken=spoken,
    )


def draw_own(found: Trajectory, spoken: PatientWords) -> Figure:
    """A person's own curve: up and down in words, no numbers beside it."""
    figure = draw(found, width=NARROW, height=260, prefix="own", spoken=spoken)
    return replace(
        figure,
        levels=tuple(replace(level, words="") for level in figure.levels),
        above=spoken.say("more symptoms"),
        below=spoken.say("fewer symptoms"),
    )


def summary_of(found: Trajectory, spoken: PatientWords = ENGLISH) -> str:
    """The figure in one sentence, for those who cannot see it."""
    newest, base = found.newest, found.baseline
    if newest is None or base is None:
        return spoken.say("No scored {short} yet.", short=found.short)
    moved = "{short} from {before} on {first_day} to {after} on {last_day}, {count} readings."
    if len(found.readings) == 1:
        moved = "{short} from {before} on {first_day} to {after} on {last_day}, 1 reading."
    said = spoken.say(
        moved,
        short=found.short,
        before=_plain(base.total),
        first_day=_day(base.at),
        after=_plain(newest.total),
        last_day=_day(newest.at),
        count=len(found.readings),
    )
    missing = spoken.say("{count} due but missing.", count=len(found.gaps)) if found.gaps else ""
    return f"{said} {missing}".strip()


def _day(at: datetime) -> str:
    """A day in the language of the page."""
    return in_words(at, "j M Y")


def _plain(value: Decimal | None) -> str:
    return "not scored" if value is None else f"{value.normalize():f}"


def _say(row: Reading, found: Trajectory) -> str:
    return f"{_day(row.at)}, {row.occasion}: {found.short} {_plain(row.total)}"


def _span(found: Trajectory) -> tuple[datetime, datetime]:
    """From the first thing there is to the last, or to the next planned session: no empty future."""
    moments = [row.at for row in found.readings] + [gap.at for gap in found.gaps]
    if not moments:
        return now() - SHORTEST, now()
    moments += [mark.at for mark in found.marks if mark.kind == "session_done"]
    planned = (mark.at for mark in found.marks if mark.kind == "session_planned" and mark.at >= now())
    start, end = min(moments) - DAY, max([*moments, *sorted(planned)[:1]]) + DAY
    return start, max(end, start + SHORTEST)


def _limits(found: Trajectory, right: float, down: Callable[[Decimal | int], float]) -> Iterable[Mark]:
    """The dotted lines from the top; names of two that are near each other do not print over each other."""
    least = 0.0
    for line in sorted(found.lines, key=lambda each: down(each.value)):
        at = down(line.value)
        beside = max(at, least)
        least = beside + NAME_ROOM
        yield Mark(right, at, f"{line.name} {_plain(line.value)}", words_y=round(beside, 1))


def _paths(
    scored: list[Reading], points: tuple[Mark, ...], breaks: list[datetime]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Solid lines between readings; a dashed bridge where a measure between them is missing."""
    solid: list[str] = []
    dashed: list[str] = []
    for number in range(1, len(points)):
        before, after = points[number - 1], points[number]
        line = f"M{before.x} {before.y}L{after.x} {after.y}"
        gap = any(scored[number - 1].at < at < scored[number].at for at in breaks)
        (dashed if gap else solid).append(line)
    return tuple(solid), tuple(dashed)


def _between(scored: list[Reading], points: tuple[Mark, ...], at: datetime, floor: float) -> float:
    """Where the bridge passes at that time, so that the cross sits on it; on the floor outside."""
    for number in range(1, len(points)):
        if scored[number - 1].at < at < scored[number].at:
            before, after = points[number - 1], points[number]
            share = (at - scored[number - 1].at) / (scored[number].at - scored[number - 1].at)
            return round(before.y + share * (after.y - before.y), 1)
    return floor


def _levels(found: Trajectory) -> Iterable[int]:
    step = max(1, round((found.most - found.least) / 4))
    return range(found.least, found.most + 1, step)


def _ticks(
    start: datetime, end: datetime, across: Callable[[datetime], float], room: float, width: int
) -> Iterable[Mark]:
    weeks = end - start < IN_WEEKS
    dates = list(_mondays(start, end) if weeks else _firsts(start, end))
    every = max(1, -(-len(dates) * LABEL_ROOM // int(room)))
    for number, date in enumerate(dates):
        words = in_words(date, "j M" if weeks else "M Y")
        fits = number % every == 0 and across(date) + LABEL_ROOM <= width
        yield Mark(across(date), 0, words if fits else "")


def _mondays(start: datetime, end: datetime) -> Iterable[datetime]:
    day = (start + (7 - start.weekday()) * DAY).replace(hour=0, minute=0, second=0, microsecond=0)
    while day <= end:
        yield day
        day += 7 * DAY


def _firsts(start: datetime, end: datetime) -> Iterable[datetime]:
    year, month = start.year, start.month
    while True:
        month += 1
        year, month = (year + 1, 1) if month > 12 else (year, month)
        first = start.replace(year=year, month=month, day=1, hour=0, minute=0, second=0, microsecond=0)
        if first > end:
            return
        yield first


def draw_cluster(found: Trajectory, name: str, label: str, most: int) -> Figure:
    """One cluster of the instrument as a small figure of its own."""
    rows = tuple(
        Reading(row.at, row.scales.get(name), {}, row.occasion, row.form_uid, row.missing)
        for row in found.readings
    )
    base = next((new for old, new in zip(found.readings, rows, strict=True) if old is found.baseline), None)
    part = Trajectory(
        instrument=f"{found.instrument}-{name}",
        name=label,
        short=f"{found.short} {name}",
        least=0,
        most=most,
        better=found.better,
        readings=rows,
        gaps=found.gaps,
        marks=(),
        milestones=(),
        lines=(),
        clusters=(),
        baseline=base,
    )
    return draw(part, width=NARROW, height=150, prefix="cluster")
