"""The course of symptoms: readings of an instrument, gaps, marks of treatment and turns on one time axis."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.db.models import QuerySet

from openkap.care.contributions import CourseMark
from openkap.care.outcomes import course
from openkap.care.outcomes.follow_up import form_of, title_of
from openkap.care.outcomes.marks_of_treatment import marks_of
from openkap.care.outcomes.models import (
    Form,
    FormScore,
    Turn,
)
from openkap.care.patients.models import Patient
from openkap.care.patients.queries import record_ids
from openkap.care.prepared import prepared
from openkap.instruments.change import Change
from openkap.instruments.load import sources
from openkap.instruments.model import Instrument

# The scales drawn large, one figure each, in this order; others are listed.
DRAWN = ("pcl-5", "phq-9")


@dataclass(frozen=True, slots=True)
class Reading:
    """One scored form on the time axis."""

    at: datetime
    total: Decimal | None
    scales: dict[str, Decimal | None]
    occasion: str
    form_uid: str
    missing: int
    occasion_id: str = ""


@dataclass(frozen=True, slots=True)
class Gap:
    """A measure that was due and is not there."""

    at: datetime
    occasion: str
    reason: str
    occasion_id: str = ""
    reason_id: str = ""


@dataclass(frozen=True, slots=True)
class Milestone:
    """A named turn of the course, with its definition and where that comes from."""

    at: datetime
    kind: str
    name: str
    source: str
    grade: str
    before: Decimal | None
    after: Decimal | None


@dataclass(frozen=True, slots=True)
class Line:
    """A horizontal line of a figure: what it means and where."""

    name: str
    value: Decimal


@dataclass(frozen=True, slots=True)
class Trajectory:
    """All readings of one instrument, and what belongs on the same time axis."""

    instrument: str
    name: str
    short: str
    least: int
    most: int
    better: str
    readings: tuple[Reading, ...]
    gaps: tuple[Gap, ...]
    marks: tuple[CourseMark, ...]
    milestones: tuple[Milestone, ...]
    lines: tuple[Line, ...]
    clusters: tuple[tuple[str, str, int], ...]
    baseline: Reading | None = None
    judged: Change | None = None

    @property
    def newest(self) -> Reading | None:
        """The last reading with a total."""
        return next((row for row in reversed(self.readings) if row.total is not None), None)

    @property
    def points(self) -> Decimal | None:
        """After minus before: a fall is negative."""
        new, base = self.newest, self.baseline
        if new is None or base is None or new.total is None or base.total is None or new is base:
            return None
        return new.total - base.total


def trajectory(
    patient: Patient, instrument: str = "pcl-5", *, judged: bool = True, marked: bool = True
) -> Trajectory:
    """The readings of one instrument of a patient and of records merged into theirs.

    ``marked`` with the dated points of treatment, for whoever draws them.
    """
    return trajectories(record_ids(patient), (instrument,), judged=judged, marked=marked)[0]


def trajectories(
    patient_ids: list[int], instruments: Iterable[str], *, judged: bool = True, marked: bool = True
) -> list[Trajectory]:
    """One trajectory an instrument; readings, gaps, marks and turns are read once for all of them."""
    names = list(instruments)
    rows: dict[str, list[FormScore]] = {name: [] for name in names}
    for row in _scores(patient_ids, names):
        rows[row.instrument].append(row)
    gaps = _gaps(patient_ids, names)
    marks = tuple(marks_of(patient_ids)) if marked else ()
    turns = _turns(patient_ids)
    return [_trajectory(form_of(name), rows[name], gaps[name], marks, turns, judged=judged) for name in names]


@prepared
def _scores(patient_ids: list[int], instruments: list[str]) -> QuerySet[FormScore]:
    rows = FormScore.objects.filter(
        patient_id__in=patient_ids, instrument__in=instruments, form__voided_at__isnull=True
    )
    return rows.select_related("form__invitation").order_by("at", "id")


@prepared
def _turns(patient_ids: list[int]) -> QuerySet[Turn]:
    rows = course.turns_that_stand(Turn.objects.filter(patient_id__in=patient_ids))
    return rows.select_related("score", "before").order_by("at", "id")


def _trajectory(
    instrument: Instrument,
    rows: list[FormScore],
    gaps: list[Gap],
    marks: tuple[CourseMark, ...],
    turns: list[Turn],
    *,
    judged: bool,
) -> Trajectory:
    main = instrument.scale(instrument.main) if instrument.main else None
    least, most = main.range if main else (0, 0)
    base = course.baseline_of(rows)
    last = next((row for row in reversed(rows) if row.total is not None), None)
    compared = judged and base is not None and last is not None and base.pk != last.pk
    readings = {row.pk: _reading(row) for row in rows}
    return Trajectory(
        instrument=instrument.id,
        name=instrument.name,
        short=instrument.short,
        least=least,
        most=most,
        better=instrument.better,
        readings=tuple(readings.values()),
        gaps=tuple(gaps),
        marks=marks,
        milestones=tuple(
            milestone_of(instrument, turn) for turn in turns if turn.score.instrument == instrument.id
        ),
        lines=tuple(_lines(instrument)),
        clusters=tuple((each.id, each.name, each.range[1]) for each in instrument.scales if each is not main),
        baseline=readings[base.pk] if base else None,
        judged=course.change_between(instrument, base, last) if compared and base and last else None,
    )


def _reading(row: FormScore) -> Reading:
    return Reading(
        at=row.at,
        total=row.total,
        scales={name: None if value is None else Decimal(str(value)) for name, value in row.scales.items()},
        occasion=title_of(row.form.invitation.occasion),
        form_uid=row.form.uid,
        missing=len(row.missing),
        occasion_id=row.form.invitation.occasion,
    )


def _gaps(patient_ids: list[int], names: list[str]) -> dict[str, list[Gap]]:
    found: dict[str, list[Gap]] = {name: [] for name in names}
    for row in _closed(patient_ids, names):
        invitation = row.invitation
        found[row.instrument].append(
            Gap(
                invitation.due_at,
                title_of(invitation.occasion),
                invitation.get_gap_display(),
                invitation.occasion,
                invitation.gap,
            )
        )
    return found


@prepared
def _closed(patient_ids: list[int], instruments: list[str]) -> QuerySet[Form]:
    rows = Form.objects.filter(
        patient_id__in=patient_ids,
        instrument__in=instruments,
        invitation__closed_at__isnull=False,
        # Begun, and scored when its time was over: a reading, not a gap.
        score__isnull=True,
    )
    return rows.select_related("invitation").order_by("invitation__due_at")


def milestone_of(instrument: Instrument, turn: Turn) -> Milestone:
    """A turn of the course with the name of its definition and where that stands."""
    by_id = {each.id: each for each in instrument.change}
    definition = by_id.get(turn.definition)
    known = sources()
    titles = "; ".join(known[name].title for name in definition.sources) if definition else ""
    return Milestone(
        at=turn.at,
        kind=turn.kind,
        name=definition.name if definition else turn.definition,
        source=titles,
        grade=definition.grade.value if definition else "",
        before=turn.before.total,
        after=turn.score.total,
    )


def _lines(instrument: Instrument) -> Iterable[Line]:
    """The remission limit and the first general cut-off, where the content has them."""
    for each in instrument.change:
        limit = each.end_at_most if each.end_at_most is not None else each.end_below
        if each.of == "remission" and each.default and limit is not None:
            yield Line("remission", Decimal(limit))
    for cutoff in instrument.cutoffs:
        if cutoff.who is None and cutoff.at_least is not None and cutoff.scale == instrument.main:
            yield Line("cut-off", Decimal(cutoff.at_least))
            return
