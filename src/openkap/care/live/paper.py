"""The monitoring form: the fields that regulators ask of a session, filled from its record alone.

The fields follow what was seen of the esketamine risk programme's form; the printed form itself is the
programme's, and this page says so. What the record does not hold is printed as "not recorded".
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.utils import timezone

from openkap.care.paper import compiled, document, literal
from openkap.care.patients.queries import display_name
from openkap.care.treatment import facts as reading
from openkap.care.treatment.models import AdverseEvent, Clearance, Discharge, DoseCheck, DoseEvent, Session
from openkap.care.treatment.record import mg
from openkap.protocol.elements import Value
from openkap.protocol.monitoring import Reading
from openkap.protocol.windows import windows

NOT_RECORDED = "not recorded"
MEDICINES = "new_symptoms_or_medicines_since_last_visit"


def monitoring_form(session: Session) -> bytes:
    """The form as PDF."""
    lines = [
        document(is_synthetic=session.patient.clinic.is_synthetic),
        f"= #{literal('Patient monitoring form')}",
    ]
    lines += [
        f"#mark({literal(label)}, {literal(value or NOT_RECORDED)})" for label, value in form_fields(session)
    ]
    note = (
        "Fields as seen of the risk programme's form for esketamine; send the programme's own printed form. "
        "Every value is the record's."
    )
    lines.append(f"#para({literal(note)})")
    return compiled("\n".join(lines))


def form_fields(session: Session) -> list[tuple[str, str]]:
    """(label, value) in the order of the form; an empty value is not in the record."""
    rows = reading.rows_of(session)
    events = reading.dose_events(session)
    begun = reading.started_at(events)
    check = DoseCheck.objects.filter(session=session).select_related("lot").order_by("-id").first()
    discharge = Discharge.objects.filter(session=session).order_by("-id").first()
    left = discharge.observed_at if discharge else None
    readings = reading.readings_of(rows)
    about = session.course
    return [
        ("Site", session.patient.clinic.name),
        ("Patient", f"{display_name(session.patient.identity)}, code {session.patient.code}"),
        ("Date of treatment", f"{timezone.localtime(begun):%d %b %Y}" if begun else ""),
        ("Protocol", f"{about.protocol} {about.protocol_version}"),
        ("Dose given", _dose(events, check)),
        ("Product, lot, expiry", _lot(check)),
        ("Minutes monitored", str(round((left - begun).total_seconds() / 60)) if left and begun else ""),
        ("Blood pressure before", _pressure(reading.baseline_of(rows))),
        (f"Blood pressure at {windows().minutes('form_middle'):g} min", _pressure(_near(readings, begun))),
        ("Blood pressure before leaving", _pressure(_last(readings, left))),
        ("Vital signs acceptable before dosing", _acceptable_before(session)),
        ("Vital signs acceptable before leaving", "" if discharge is None else _yes(discharge.may_leave)),
        ("Pulse oximetry done", _yes(any("spo2" in each.values for each in readings))),
        (
            "New medicines or symptoms (benzodiazepines, hypnotics, stimulants, MAOI, opioids)",
            _medicines(rows),
        ),
        ("Sedation, lowest MOAA/S", _sedation(readings, begun)),
        ("Effects, with time of onset and end", _effects(session, begun)),
        ("Serious adverse events", _serious(session)),
        ("Monitored by", session.nurse.name),
        ("Prescriber on site", session.prescriber.name),
    ]


def _yes(answer: bool) -> str:
    return "yes" if answer else "no"


def _dose(events: list[DoseEvent], check: DoseCheck | None) -> str:
    stopped = next((event for event in events if event.kind == "stop"), None)
    if stopped is not None and stopped.given_ug is not None:
        return f"{mg(stopped.given_ug)} mg"
    return f"ordered {check.prescription.dose_mg} mg, end not recorded" if check and events else ""


def _lot(check: DoseCheck | None) -> str:
    return f"{check.lot.name}, lot {check.lot.lot_number}, expires {check.lot.expires_on}" if check else ""


def _pressure(each: Reading | None) -> str:
    if each is None or not {"sbp", "dbp"} <= set(each.values):
        return ""
    return f"{_plain(each.values['sbp'])}/{_plain(each.values['dbp'])} mmHg at {_time(each.at)}"


def _plain(value: Value) -> str:
    return str(value).split(" ")[0]


def _time(moment: datetime) -> str:
    return f"{timezone.localtime(moment):%H:%M}"


def _near(readings: list[Reading], begun: datetime | None) -> Reading | None:
    if begun is None:
        return None
    aim = begun + windows().span("form_middle")
    with_pressure = [each for each in readings if "sbp" in each.values]
    near = [each for each in with_pressure if abs(each.at - aim) <= windows().span("form_near")]
    return min(near, key=lambda each: abs(each.at - aim), default=None)


def _last(readings: list[Reading], left: datetime | None) -> Reading | None:
    before = [each for each in readings if "sbp" in each.values and (left is None or each.at <= left)]
    return before[-1] if left is not None and before else None


def _acceptable_before(session: Session) -> str:
    return _yes(Clearance.objects.filter(session=session).exists())


def _medicines(rows: reading.Rows) -> str:
    found = [
        value.value
        for entry in rows.of("gate")
        for value in reading.values_of(entry)
        if value.element == MEDICINES
    ]
    return found[-1] if found else ""


def _sedation(readings: list[Reading], begun: datetime | None) -> str:
    scores: list[tuple[Any, datetime]] = [
        (each.values["moaas"], each.at) for each in readings if "moaas" in each.values
    ]
    if not scores:
        return ""
    lowest, at = min(scores, key=lambda pair: pair[0].value)
    return f"{_plain(lowest)} at {_time(at)}"


def _effects(session: Session, begun: datetime | None) -> str:
    rows = AdverseEvent.objects.filter(session=session, corrected_by__isnull=True).order_by("onset_at")
    said = [
        f"{row.term}, grade {row.grade}, from {_time(row.onset_at)}"
        + (f" to {_time(row.ended_at)}" if row.ended_at else f", {row.outcome}")
        for row in rows
    ]
    return "; ".join(said) if said else "none recorded"


def _serious(session: Session) -> str:
    rows = AdverseEvent.objects.filter(session=session, is_serious=True, corrected_by__isnull=True)
    said = [
        f"{row.term}: {row.serious_because}; {row.words}; reported "
        + (f"to {row.reported_to} {_time(row.reported_at)}" if row.reported_at else "not yet")
        for row in rows
    ]
    return "; ".join(said) if said else "none"
