"""The fields that regulators ask of a session, filled from its record alone; nothing is typed again.

The fields follow what was seen of the esketamine risk programme's form; the printed form itself is the
programme's. A field is empty where the record does not hold it: what is unknown is never a "no".
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils import timezone

from openkap.care.enrolment.facts import answers_until, fact_of
from openkap.care.live.effects import Seen, clock, dissociation, plain, sedation, seen_of
from openkap.care.patients.queries import display_name
from openkap.care.treatment.models import AdverseEvent, Clearance, Discharge, DoseCheck, DoseEvent, Session
from openkap.care.treatment.rows import facts as reading
from openkap.care.treatment.session.readiness import assessed
from openkap.care.treatment.session.record import mg, minute
from openkap.protocol.condition import facts_of
from openkap.protocol.elements import dictionary
from openkap.protocol.facts import Standing, show_value
from openkap.protocol.monitoring import Unmet
from openkap.protocol.rules import Rule, Stage
from openkap.protocol.windows import windows

NEW_SINCE = "new_symptoms_or_medicines_since_last_visit"
# What the form asks for, and the question of the screening that answers it. The screening asks for
# benzodiazepines and hypnotics together with every other depressant.
MEDICINES = {
    "cns_depressant_or_alcohol": "Benzodiazepines, hypnotics (asked with other CNS depressants, alcohol)",
    "psychostimulant_same_day": "Psychostimulants on treatment days",
    "maoi": "MAO inhibitors",
    "opioid_use": "Opioids, last use",
}
VITAL_SIGNS = "vital signs"
NOT_SHUT = frozenset({"clear", "noted", "decided"})


@dataclass(frozen=True, slots=True)
class Field:
    """One field of the form: empty where the record does not hold it, and the row it came from."""

    label: str
    value: str = ""
    row: str = ""


@dataclass(frozen=True)
class Record:
    """What the form is filled from, read once."""

    session: Session
    rows: reading.Rows
    seen: list[Seen]
    events: list[DoseEvent]
    check: DoseCheck | None
    discharge: Discharge | None

    @property
    def begun(self) -> datetime | None:
        return reading.started_at(self.events)

    @property
    def left(self) -> datetime | None:
        return self.discharge.observed_at if self.discharge else None


def form_fields(session: Session) -> list[Field]:
    """The fields in the order of the form."""
    rows = reading.rows_of(session)
    checks = DoseCheck.objects.filter(session=session, corrected_by__isnull=True).select_related(
        "lot", "second", "prescription"
    )
    record = Record(
        session,
        rows,
        seen_of(rows),
        reading.dose_events(session),
        checks.order_by("-id").first(),
        Discharge.objects.filter(session=session).select_related("entered_by").order_by("-id").first(),
    )
    return [
        *_about(record),
        *_dose(record),
        *_pressures(record),
        _acceptable_before(record),
        _acceptable_before_leaving(record),
        _oximetry(record),
        *_medicines(record),
        _sedation(record),
        _dissociation(record),
        _effects(record),
        _serious(record),
        *_times(record),
        Field("Monitored by", session.nurse.name, "the session's plan"),
        Field("Prescriber on site", session.prescriber.name, "the session's plan"),
    ]


def row_of(what: str, row: Any) -> str:
    """How a row of the record is found again."""
    return f"{what} {row.uid}, {row.entered_by.name}, {clock(row.observed_at)}"


def _about(record: Record) -> list[Field]:
    session, begun = record.session, record.begun
    course = session.course
    return [
        Field("Site", session.patient.clinic.name, "the patient's clinic"),
        Field(
            "Patient",
            f"{display_name(session.patient.identity)}, code {session.patient.code}",
            f"patient {session.patient.uid}",
        ),
        Field(
            "Date of treatment",
            f"{timezone.localtime(begun):%d %b %Y}" if begun else "",
            _event_row(record, "start"),
        ),
        Field("Protocol", f"{course.protocol} {course.protocol_version}", f"course {course.uid}"),
    ]


def _event_row(record: Record, kind: str) -> str:
    found = next((each for each in record.events if each.kind == kind), None)
    return row_of("dose event", found) if found else ""


def _dose(record: Record) -> list[Field]:
    check = record.check
    stopped = next((each for each in record.events if each.kind == "stop"), None)
    if stopped is not None:
        dose = Field("Dose given", f"{mg(stopped.given_ug)} mg", row_of("dose event", stopped))
    elif check is not None and record.events:
        ordered = f"ordered {check.prescription.dose_mg} mg, end not recorded"
        dose = Field("Dose given", ordered, f"order {check.prescription.uid}")
    else:
        dose = Field("Dose given")
    if check is None:
        return [dose, Field("Product, lot, expiry")]
    lot = f"{check.lot.name}, lot {check.lot.lot_number}, expires {check.lot.expires_on}"
    return [dose, Field("Product, lot, expiry", lot, f"dose check {check.uid}, second {check.second.name}")]


def _pressures(record: Record) -> list[Field]:
    middle = windows()
    return [
        _monitored(record),
        _baseline(record),
        _pressure(f"Blood pressure at {middle.minutes('form_middle'):g} min", _middle(record)),
        _pressure("Blood pressure before leaving", _last(record)),
    ]


def _monitored(record: Record) -> Field:
    if record.discharge is None or record.begun is None:
        return Field("Minutes monitored")
    minutes = minute(record.discharge.observed_at, record.begun)
    return Field("Minutes monitored", str(minutes), row_of("departure", record.discharge))


def _baseline(record: Record) -> Field:
    for entry in reversed(record.rows.of("gate")):
        values = {value.element: reading.parsed(value) for value in reading.values_of(entry)}
        if {"sbp_predose", "dbp_predose"} <= set(values):
            said = f"{plain(values['sbp_predose'])}/{plain(values['dbp_predose'])} mmHg"
            return Field(
                "Blood pressure before", f"{said} at {clock(entry.observed_at)}", row_of("entry", entry)
            )
    return Field("Blood pressure before")


def _pressure(label: str, seen: Seen | None) -> Field:
    if seen is None:
        return Field(label)
    said = f"{plain(seen.values['sbp'])}/{plain(seen.values['dbp'])} mmHg at {clock(seen.at)}"
    return Field(label, said, row_of("entry", seen.entry))


def _with_pressure(record: Record) -> list[Seen]:
    return [each for each in record.seen if {"sbp", "dbp"} <= set(each.values)]


def _middle(record: Record) -> Seen | None:
    if record.begun is None:
        return None
    aim = record.begun + windows().span("form_middle")
    near = [each for each in _with_pressure(record) if abs(each.at - aim) <= windows().span("form_near")]
    return min(near, key=lambda each: abs(each.at - aim), default=None)


def _last(record: Record) -> Seen | None:
    left = record.left
    if left is None:
        return None
    return next((each for each in reversed(_with_pressure(record)) if each.at <= left), None)


def _is_about_vital_signs(rule: Rule) -> bool:
    return rule.is_active and all(
        dictionary()[name].group == VITAL_SIGNS for name in facts_of(rule.condition)
    )


def _acceptable_before(record: Record) -> Field:
    """By the gates on vital signs alone, as they stood when the dose was released."""
    label = "Vital signs acceptable before dosing"
    cleared = Clearance.objects.filter(session=record.session).select_related("entered_by").last()
    if cleared is None:
        return Field(label)
    protocol = reading.protocol_of_session(record.session)
    about = {rule.id for rule in protocol.stage(Stage.BEFORE_DOSE) if _is_about_vital_signs(rule)}
    gates = [gate for gate in json.loads(cleared.snapshot) if gate["rule"] in about]
    shut = [gate for gate in gates if gate["state"] not in NOT_SHUT]
    decided = [gate for gate in gates if gate["state"] == "decided"]
    row = row_of("release", cleared)
    if shut:
        return Field(label, f"no: {'; '.join(_gate(gate) for gate in shut)}", row)
    if decided:
        return Field(label, f"yes, by the prescriber's decision: {'; '.join(map(_gate, decided))}", row)
    return Field(label, "yes" if gates else "", row if gates else "")


def _gate(gate: dict[str, Any]) -> str:
    return f"{gate['rule']} {gate['title'].lower()} ({gate['saw'] or 'not known'})"


def _acceptable_before_leaving(record: Record) -> Field:
    """By the conditions on vital signs alone, as they stood when the patient left."""
    label = "Vital signs acceptable before leaving"
    left, begun = record.discharge, record.begun
    if left is None or begun is None:
        return Field(label)
    protocol = reading.protocol_of_session(record.session)
    longer = reading.longer_than_usual(record.session, protocol, record.events)
    answer = assessed(record.session, record.rows, left.observed_at, begun, longer)
    unmet = [each for each in answer.unmet if _is_about_vital_signs(each.rule)]
    row = row_of("departure", left)
    known = [each for each in unmet if each.is_known]
    if known:
        return Field(label, f"no: {'; '.join(map(_unmet, known))}", row)
    return Field(label) if unmet else Field(label, "yes", row)


def _unmet(each: Unmet) -> str:
    return f"{each.rule.id} {each.rule.title.lower()}, {each.said}"


def _oximetry(record: Record) -> Field:
    found = next((each for each in record.seen if "spo2" in each.values), None)
    if found is None:
        return Field("Pulse oximetry done")
    return Field("Pulse oximetry done", f"yes, first at {clock(found.at)}", row_of("entry", found.entry))


def _medicines(record: Record) -> list[Field]:
    """What the screening knew when the dose began, and what was asked on the day."""
    moment = record.begun or record.session.starts_at
    answers = answers_until(record.session.patient, MEDICINES, moment)
    fields = []
    for name, label in MEDICINES.items():
        answer = answers.get(name)
        if answer is None:
            fields.append(Field(label))
            continue
        fact = fact_of(answer)
        day = f"{timezone.localtime(answer.observed_at):%d %b %Y}"
        row = f"answer {answer.uid}, {answer.answered_by.name}, {day}"
        said = show_value(fact.value)
        if fact.standing(moment) is not Standing.COUNTS:
            said = f"not recorded since {day}, then: {said}"
        fields.append(Field(label, said, row))
    return [*fields, _new_medicines(record)]


def _new_medicines(record: Record) -> Field:
    label = "New medicines or symptoms since the last visit"
    for entry in reversed(record.rows.of("gate")):
        for value in reading.values_of(entry):
            if value.element == NEW_SINCE:
                return Field(label, show_value(reading.parsed(value)), row_of("entry", entry))
    return Field(label)


def _course_field(label: str, said: str, seen: list[Seen]) -> Field:
    rows = "; ".join(dict.fromkeys(row_of("entry", each.entry) for each in seen))
    return Field(label, said, rows if said else "")


def _sedation(record: Record) -> Field:
    return _course_field("Sedation (MOAA/S)", *sedation(record.seen, record.begun))


def _dissociation(record: Record) -> Field:
    late = reading.protocol_of_session(record.session).vitals.late_after
    said, seen = dissociation(record.seen, record.begun, late)
    asked = [
        (entry, reading.parsed(value))
        for entry in record.rows.of("discharge")
        for value in reading.values_of(entry)
        if value.element == "dissociation"
    ]
    field = _course_field("Dissociation (CADSS-6)", said, seen)
    if not asked:
        return field
    entry, answer = asked[-1]
    words = f"asked at {clock(entry.observed_at)}: {str(answer).replace('_', ' ')}"
    return Field(
        field.label,
        "; ".join(filter(None, [field.value, words])),
        "; ".join(filter(None, [field.row, row_of("entry", entry)])),
    )


def _effects(record: Record) -> Field:
    rows = AdverseEvent.objects.filter(AdverseEvent.STANDS, session=record.session)
    found = list(rows.order_by("onset_at"))
    said = [
        f"{row.term}, grade {row.grade}, from {clock(row.onset_at)}"
        + (f" to {_with_day(row.ended_at, row.onset_at)}" if row.ended_at else f", {row.outcome}")
        + _after_signing(row)
        for row in found
    ]
    return Field("Effects, with time of onset and end", "; ".join(said) or "none recorded", _events(found))


def _serious(record: Record) -> Field:
    rows = AdverseEvent.objects.filter(AdverseEvent.STANDS, session=record.session, is_serious=True)
    found = list(rows.order_by("onset_at"))
    said = [
        f"{row.term}: {row.serious_because}; {row.words}; reported "
        + (
            f"to {row.reported_to} {_with_day(row.reported_at, row.onset_at)}"
            if row.reported_at
            else "not yet"
        )
        + _after_signing(row)
        for row in found
    ]
    return Field("Serious adverse events", "; ".join(said) or "none recorded", _events(found))


def _with_day(moment: datetime, onset: datetime) -> str:
    """The time, with its day where that is another than the onset's."""
    local = timezone.localtime(moment)
    same = local.date() == timezone.localdate(onset)
    return clock(moment) if same else f"{local:%d %b %Y %H:%M}"


def _after_signing(row: AdverseEvent) -> str:
    return ", recorded after signing" if row.after_signing else ""


def _events(rows: list[AdverseEvent]) -> str:
    return "; ".join(f"adverse event {row.uid}" for row in rows)


def _times(record: Record) -> list[Field]:
    """When every condition for leaving was first met, and when the patient left: two different things."""
    left = record.discharge
    if left is None:
        return [Field("Ready to leave"), Field("Left")]
    row = row_of("departure", left)
    ready = f"{clock(left.ready_at)}, minute {minute(left.ready_at, record.begun)}" if left.ready_at else ""
    gone = f"{clock(left.observed_at)}, minute {minute(left.observed_at, record.begun)}"
    gone += f", against the conditions: {left.reason}" if left.against else ""
    return [Field("Ready to leave", ready, row if ready else ""), Field("Left", gone, row)]
