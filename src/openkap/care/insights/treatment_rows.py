"""Courses, sessions, doses, readings, scores, events, therapy and overrides as registry rows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from openkap.care.enrolment.models import Decision, Withdrawal
from openkap.care.enrolment.protocols import protocol_of
from openkap.care.insights.source import Row, Source
from openkap.care.outcomes.models import FormScore, ItemAnswer, MaintenanceProposal
from openkap.care.treatment.models import (
    AdverseEvent,
    Course,
    Discharge,
    DoseEvent,
    Entry,
    GateDecision,
    Note,
    Prescription,
    Session,
    Visit,
)
from openkap.registry.definition import read_definitions

COMPLETE = "complete"
OVER = (Session.State.LEFT, Session.State.ABORTED, Session.State.CANCELLED)
# Criteria B to E of the DSM-5 as instruments name their scales, and as the registry names its clusters.
CLUSTERS = {
    "B": "intrusion",
    "C": "avoidance",
    "D": "negative_cognition_mood",
    "E": "arousal",
    "total": "total",
}
# Element of a reading, in the order in which one stands for the column.
VITALS = {
    "systolic": ("sbp", "sbp_predose"),
    "diastolic": ("dbp", "dbp_predose"),
    "heart_rate": ("heart_rate", "heart_rate_predose"),
    "spo2": ("spo2", "spo2_room_air", "spo2_predose_room_air"),
}
THERAPY = {
    Visit.Kind.PREPARATION: "preparation",
    Visit.Kind.INTEGRATION: "integration",
    Visit.Kind.TRAUMA: "trauma_focused",
    Visit.Kind.DOSING_DAY: "other",
}


def courses(source: Source) -> Iterator[Row]:
    """Every course, begun or not; its index is its first dose."""
    planned: dict[int, int] = defaultdict(int)
    for number in Session.objects.filter(course__in=source.courses).values_list("course_id", flat=True):
        planned[number] += 1
    for pk, course in source.courses.items():
        dosing = protocol_of(course.protocol, course.protocol_version).dosing
        ended = course.ended_at if course.ended_at and course.ended_at < source.cut else None
        yield {
            "course_id": course.uid,
            "patient_id": source.names[course.patient_id],
            "site_id": source.clinic.uid,
            "therapist_id": f"staff {course.therapist_id}" if course.therapist_id else None,
            "index_at": source.index.get(pk),
            "drug": dosing.drug,
            "route": dosing.route,
            "planned_sessions": planned[pk],
            "ended_on": source.day(ended) if ended else None,
            "end_reason": _end_reason(source, course) if ended else "ongoing",
        }


def _end_reason(source: Source, course: Course) -> str:
    if course.ended_rule == COMPLETE:
        return "completed"
    died = source.deaths.get(source.names[course.patient_id])
    assert course.ended_at is not None
    # A course is closed in the record after the death it ended by.
    return "death" if died is not None and died <= course.ended_at else "withdrawn"


def course_events(source: Source) -> Iterator[Row]:
    """What followed a begun course: treatment again, withdrawal, another treatment, death."""
    for pk, course in source.courses.items():
        begun = source.index.get(pk)
        if begun is None:
            continue
        person = source.names[course.patient_id]
        later = [
            source.index[each.pk]
            for each in source.courses_of[person]
            if source.index.get(each.pk, begun) > begun
        ]
        if later:
            yield _event(source, course, "retreatment", min(later))
        if person in source.deaths:
            yield _event(source, course, "death", source.deaths[person])
    yield from _withdrawals(source)
    yield from _other_treatments(source)


def _withdrawals(source: Source) -> Iterator[Row]:
    rows = Withdrawal.objects.filter(withdrawn_at__lt=source.cut).select_related("consent")
    for row in source.of_patients(rows, "consent__patient").order_by("pk"):
        course = source.course_at(row.consent.patient_id, row.withdrawn_at)
        if course is not None and source.index.get(course.pk, source.cut) <= row.withdrawn_at:
            yield _event(source, course, "withdrawal", row.withdrawn_at, row.uid)


def _other_treatments(source: Source) -> Iterator[Row]:
    rows = MaintenanceProposal.objects.filter(
        decision=MaintenanceProposal.Decision.OTHER, decided_at__lt=source.cut
    )
    for row in source.of_patients(rows).order_by("pk"):
        course = source.course_at(row.patient_id, row.decided_at)
        if course is not None and course.pk in source.index:
            yield _event(source, course, "other_treatment", row.decided_at, row.uid)


def _event(source: Source, course: Course, kind: str, at: Any, name: str = "") -> Row:
    return {
        "event_id": f"{kind} {course.uid} {name}",
        "course_id": course.uid,
        "kind": kind,
        "occurred_on": source.day(at),
    }


def _sessions(source: Source) -> list[Session]:
    """Sessions that are over, in the order of their plan."""
    rows = Session.objects.filter(course__in=source.courses, state__in=OVER, starts_at__lt=source.cut)
    return [
        row
        for row in rows.select_related("course").order_by("starts_at", "pk")
        if source.starts.get(row.pk, row.starts_at) < source.cut
    ]


def sessions(source: Source) -> Iterator[Row]:
    """Each session that is over, at the moment of its dose or, without one, of its plan."""
    for row in _sessions(source):
        dosed = row.pk in source.starts
        left = row.state == Session.State.LEFT
        yield {
            "session_id": row.uid,
            "course_id": row.course.uid,
            "number": row.number,
            "started_at": source.starts.get(row.pk, row.starts_at),
            "status": ("completed" if left else "stopped") if dosed else "cancelled",
        }


def doses(source: Source) -> Iterator[Row]:
    """One administration a session: what was given from start to stop, after corrections."""
    over = {row.pk: row for row in _sessions(source) if row.pk in source.starts}
    stops = DoseEvent.objects.filter(kind=DoseEvent.Kind.STOP, corrected_by__isnull=True, session__in=over)
    for stop in stops.order_by("pk"):
        session = over[stop.session_id]
        dosing = protocol_of(session.course.protocol, session.course.protocol_version).dosing
        assert stop.given_ug is not None
        yield {
            "dose_id": f"dose {session.uid}",
            "session_id": session.uid,
            "drug": dosing.drug,
            "route": dosing.route,
            "dose_mg": stop.given_ug / 1000,
            "started_at": source.starts[session.pk],
            "ended_at": stop.observed_at,
            "sequence": stop.pk,
            "status": "amended" if stop.corrects_id else "final",
        }


def vitals(source: Source) -> Iterator[Row]:
    """Each set of readings, corrections with what they replace, and those taken back."""
    over = {row.pk: row for row in _sessions(source)}
    rows = Entry.objects.filter(
        session__in=over, kind__in=[Entry.Kind.VITALS, Entry.Kind.GATE], observed_at__lt=source.cut
    ).select_related("corrects")
    told: set[int] = set()
    for row in rows.prefetch_related("values").order_by("pk"):
        values = {value.element: value.number for value in row.values.all()}
        read = {column: _first(values, names) for column, names in VITALS.items()}
        replaces = row.corrects_id in told
        if not replaces and all(value is None for value in read.values()):
            continue
        told.add(row.pk)
        session = over[row.session_id]
        begun = source.starts.get(session.pk, session.starts_at)
        yield {
            "vital_id": row.uid,
            "session_id": session.uid,
            "minute": round((row.observed_at - begun).total_seconds() / 60),
            **read,
            "sequence": row.pk,
            "replaces": row.corrects.uid if replaces and row.corrects else None,
            "status": "entered-in-error" if row.is_retraction else "amended" if replaces else "final",
        }


def _first(values: dict[str, Decimal | None], names: tuple[str, ...]) -> int | None:
    found = next((values[name] for name in names if values.get(name) is not None), None)
    return None if found is None else int(found.to_integral_value(ROUND_HALF_UP))


def _scored(source: Source) -> Iterator[tuple[FormScore, Course, str, dict[str, str]]]:
    """Each finished form of a scale the registry defines, with its course and its scale's name there."""
    scales = {scale.id: scale for scale in read_definitions().scales.scales}
    rows = FormScore.objects.filter(at__lt=source.cut).select_related("form")
    for row in source.of_patients(rows).order_by("pk"):
        scale = scales.get(row.instrument.replace("-", ""))
        course = source.course_at(row.patient_id, row.at)
        if scale is None or course is None:
            continue
        clusters = {
            own: name for own, name in CLUSTERS.items() if name in scale.clusters and own in row.scales
        }
        yield row, course, scale.id, clusters


def scores(source: Source) -> Iterator[Row]:
    """A row for each cluster and the total; of a voided form as entered in error."""
    for row, course, scale, clusters in _scored(source):
        for place, (own, cluster) in enumerate(clusters.items()):
            value = row.scales[own]
            yield {
                "score_id": f"{row.form.uid} {cluster}",
                "course_id": course.uid,
                "scale": scale,
                "cluster": cluster,
                "assessed_at": row.at,
                "value": None if value is None else float(value),
                # One number each, in the order of the forms.
                "sequence": row.pk * len(CLUSTERS) + place,
                "status": "entered-in-error" if row.form.voided_at else "final",
            }


def items(source: Source) -> Iterator[Row]:
    """The answers behind each total: of every item the latest."""
    for row, _, _, clusters in _scored(source):
        if "total" not in clusters:
            continue
        taps = ItemAnswer.objects.filter(form_id=row.form_id).order_by("answered_at", "pk")
        latest = {item: value for item, value in taps.values_list("item", "value") if item.isdecimal()}
        for item, value in latest.items():
            yield {"score_id": f"{row.form.uid} total", "item": int(item), "answer": value}


def adverse_events(source: Source) -> Iterator[Row]:
    """Each adverse event in the clinic's list of terms; an update replaces what it corrects."""
    over = {row.pk: row.uid for row in _sessions(source)}
    rows = AdverseEvent.objects.filter(onset_at__lt=source.cut, entered_at__lt=source.cut)
    told: set[int] = set()
    for row in source.of_patients(rows).select_related("corrects", "session__course").order_by("pk"):
        course = row.session.course if row.session else source.course_at(row.patient_id, row.onset_at)
        if course is None or course.pk not in source.courses:
            continue
        told.add(row.pk)
        replaces = row.corrects_id in told
        yield {
            "event_id": row.uid,
            "course_id": course.uid,
            "session_id": over.get(row.session_id),
            "occurred_on": source.day(row.onset_at),
            "term": row.term,
            "grade": row.grade,
            "serious": "yes" if row.is_serious else "no",
            "sequence": row.pk,
            "replaces": row.corrects.uid if replaces and row.corrects else None,
            "status": "entered-in-error" if row.is_retraction else "amended" if replaces else "final",
        }


def therapy(source: Source) -> Iterator[Row]:
    """Each contact that took place; the minutes as noted, else as planned."""
    rows = Visit.objects.filter(course__in=source.courses, state=Visit.State.DONE, starts_at__lt=source.cut)
    noted = dict(
        Note.objects.filter(visit__in=rows, corrected_by__isnull=True)
        .order_by("pk")
        .values_list("visit_id", "minutes")
    )
    for row in rows.select_related("course").order_by("pk"):
        yield {
            "contact_id": row.uid,
            "course_id": row.course.uid,
            "kind": THERAPY[Visit.Kind(row.kind)],
            "started_at": row.starts_at,
            "minutes": noted.get(row.pk, row.minutes),
        }


def overrides(source: Source) -> Iterator[Row]:
    """Where a person decided against, or beyond, what the system proposed; the act, never their words."""
    over = {row.pk: row for row in _sessions(source)}
    held = {"session__in": over, "corrected_by__isnull": True, "observed_at__lt": source.cut}
    for order in Prescription.objects.filter(is_changed=True, **held).order_by("pk"):
        yield _override(over[order.session_id], order, f"dose {order.step}", "another dose than proposed")
    for gate in GateDecision.objects.filter(goes_on=True, **held).order_by("pk"):
        yield _override(over[gate.session_id], gate, gate.rule, "went on after review")
    for leaving in Discharge.objects.filter(against=True, **held).order_by("pk"):
        yield _override(over[leaving.session_id], leaving, "discharge", "left before the conditions were met")
    decided = Decision.objects.filter(is_override=True, decided_at__lt=source.cut)
    for row in source.of_patients(decided).order_by("pk"):
        after = [
            each
            for each in source.courses_of.get(source.names[row.patient_id], [])
            if each.planned_at >= row.decided_at
        ]
        if after:
            yield {
                "override_id": f"eligibility {row.uid}",
                "course_id": after[0].uid,
                "rule": "eligibility",
                "decided_at": row.decided_at,
                "reason": f"decided {row.get_outcome_display()}",
            }


def _override(session: Session, row: Prescription | GateDecision | Discharge, rule: str, reason: str) -> Row:
    return {
        "override_id": f"{rule} {row.uid}",
        "course_id": session.course.uid,
        "session_id": session.uid,
        "rule": rule,
        "decided_at": row.observed_at,
        "reason": reason,
    }
