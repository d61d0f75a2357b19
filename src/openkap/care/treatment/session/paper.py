"""The record of a session as PDF, made from the same data as the page; a signed one from what was signed."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from django.utils import timezone

from openkap.care.paper import compiled, document, literal
from openkap.care.patients.queries import display_name
from openkap.care.templatetags.clinic import spoken
from openkap.care.treatment.models import Session
from openkap.care.treatment.rows.acts import arrived_late
from openkap.care.treatment.session.record import adverse_events_of, record_of

# A vital sign a column; what else was entered stands in the last one.
COLUMNS = {
    "heart_rate": "Pulse",
    "spo2": "SpO2",
    "respiratory_rate": "Breaths",
    "moaas": "MOAA/S",
}
TABLE = """#set table(stroke: (x, y) => (bottom: 0.5pt + luma(200)), inset: (x: 3pt, y: 2.5pt), align: left)
#show table.cell.where(y: 0): set text(weight: "bold")
#show table: set text(size: 8.5pt)"""


def session_pdf(session: Session) -> bytes:
    """The record on paper; one that is not signed says so on its first line, each page whose it is."""
    signed = getattr(session, "signed", None)
    told = json.loads(signed.record) if signed else record_of(session)
    # As the person is called now: an identity that was erased is not printed again.
    name = display_name(session.patient.identity)
    whose = f"{name}, code {told['patient']['code']}"
    mark = f"signed, fingerprint {signed.fingerprint[:16]}" if signed else "NOT SIGNED"
    header = f"{whose}, session {session.number}, {mark}"
    lines = [
        document(is_synthetic=session.patient.clinic.is_synthetic),
        f"#set page(header: text(size: 8pt, fill: luma(80), {literal(header)}))",
        TABLE,
        f"= #{literal(f'Session {session.number}, {name}')}",
        _line("Patient", whose),
    ]
    if signed:
        by = signed.signature
        lines.append(_line(by.meaning, f"{by.name}, {by.roles}, {_when(by.signed_at.isoformat())}"))
        lines.append(_line("Fingerprint", signed.fingerprint))
    else:
        lines.append(_line("Not signed", "this record is still open"))
    about = told["session"]
    lines.append(_line("Protocol", f"{about['protocol']}, {about['protocol_fingerprint'][:16]}"))
    lines.append(
        _line("Prescriber, nurse, chair", f"{about['prescriber']}, {about['nurse']}, {about['chair']}")
    )
    lines.append(_line("State", f"{about['state']} {about['because']}".strip()))
    lines += [*_before(told), *_dose(told), *_readings(told), *_troubles(told), *_end(told)]
    if signed:
        lines += [*_after_signing(session, told), *_late(session)]
    for row in session.addenda.select_related("signature").order_by("id"):
        lines.append(_line(f"Addendum, {row.signature.name}, {_when(row.written_at.isoformat())}", row.text))
    return compiled("\n".join(lines))


def _before(told: dict[str, Any]) -> list[str]:
    rows = [[f"{each['rule']} {each['title']}", each["words"], each["saw"]] for each in told["gates"]]
    entered = [each for each in told["entries"] if each["kind"] == "gate"]
    return ["== Before the dose", *_table(["Gate", "State", "Saw"], rows), *map(_entry, entered)]


def _dose(told: dict[str, Any]) -> list[str]:
    lines = ["== Dose"]
    for each in told["prescriptions"]:
        state = " (replaced)" if each["replaced"] else ""
        over = f" over {each['over_min']} min" if each["over_min"] else ""
        lines.append(
            _line(f"Ordered by {each['by']}{state}", f"{each['dose_mg']} mg{over}. {each['reason']}")
        )
    for each in told["checks"]:
        people = f"Drawn by {each['drawn_by']}, checked by {each['checked_by']}"
        lines.append(
            _line(people, f"{each['drawn_mg']} mg from {each['product']}, lot {each['lot']}. {each['draw']}")
        )
    rows = []
    for each in told["dose"]:
        rate = f"{each['rate_ml_h']} mL/h" if each["rate_ml_h"] else ""
        given = f"{each['given_mg']} mg in all" if each["given_mg"] else ""
        crossed = f"replaced {each['reason']}" if each["replaced"] else each["reason"]
        rows.append([_when(each["at"]), each["what"], " ".join([rate, given]).strip(), each["by"], crossed])
    lines += _table(["When", "What", "How much", "Who", "Corrected"], rows)
    for each in told.get("dose_doubts", []):
        decided = (
            f"{each['decision']} by {each['decided_by']}: {each['because']}" if each["decision"] else "open"
        )
        label = f"In doubt: {each['what']} by {each['by']}"
        lines.append(_line(label, f"{_when(each['at'])}, {each['why']}; {decided}"))
    return lines


def _readings(told: dict[str, Any]) -> list[str]:
    vitals = [each for each in told["entries"] if each["kind"] == "vitals"]
    head = ["Min", "When", "Pressure mmHg", *COLUMNS.values(), "Also", "Who"]
    lines = ["== Readings", *_table(head, [_reading(each) for each in vitals])]
    rest = [each for each in told["entries"] if each["kind"] not in {"vitals", "gate"}]
    return [*lines, "== Notes and conditions for leaving", *map(_entry, rest), *_photos(told)]


def _photos(told: dict[str, Any]) -> list[str]:
    """Photographs by their hash: the picture itself stays in the record."""
    rows = told.get("photos", [])
    lines = [_line(f"{_when(each['at'])}, {each['by']}", photo_words(each)) for each in rows]
    return ["== Photographs of the monitor", *lines] if rows else []


def photo_words(each: dict[str, Any]) -> str:
    """One photograph in words; one whose bytes have changed says so."""
    known = f"SHA-256 {each['sha256']}" if each["sha256"] else "no hash was kept"
    changed = "CHANGED SINCE: its bytes no longer match this hash" if each["is_whole"] is False else ""
    # Absent from records that were signed before a photograph could be crossed out.
    gone = f"CROSSED OUT by {each['crossed_out']}" if each.get("crossed_out") else ""
    return "; ".join(filter(None, [each["about"], known, changed, gone]))


def _reading(each: dict[str, Any]) -> list[str]:
    values = {name: value["value"] for name, value in each["values"].items()}
    bare = {name: text.split(" ")[0] for name, text in values.items()}
    pressure = f"{bare.get('sbp', '–')}/{bare.get('dbp', '–')}" if {"sbp", "dbp"} & set(bare) else ""
    also = [
        f"{value['label']} {spoken(value['value'])}"
        for name, value in each["values"].items()
        if name not in {"sbp", "dbp", *COLUMNS}
    ]
    also += [each["note"], _crossed(each)]
    minute = "" if each["minute"] is None else str(each["minute"])
    signs = [bare.get(name, "") for name in COLUMNS]
    return [minute, _when(each["at"]), pressure, *signs, "; ".join(filter(None, also)), each["by"]]


def _crossed(each: dict[str, Any]) -> str:
    """What was corrected stays readable and says so."""
    if each["replaced"]:
        return "(replaced)"
    # Absent from records that were signed before one value could be crossed out.
    if gone := each.get("crossed_out"):
        said = "; ".join(f"{value['label']} {spoken(value['value'])}" for value in gone.values())
        return f"(crossed out: {said}: {each['reason']})"
    return (
        f"({'entered in error' if each['in_error'] else 'corrects'}: {each['reason']})"
        if each["reason"]
        else ""
    )


def _entry(each: dict[str, Any]) -> str:
    values = "; ".join(f"{value['label']} {spoken(value['value'])}" for value in each["values"].values())
    minute = "" if each["minute"] is None else f"minute {each['minute']}, "
    said = " ".join(filter(None, [values, each["note"], _crossed(each)]))
    return _line(f"{minute}{_when(each['at'])}, {each['by']}", said)


def _troubles(told: dict[str, Any]) -> list[str]:
    lines = ["== Alerts"]
    rows = [
        [
            _when(each["at"]),
            f"{each['rule']} {each['title']}",
            each["value"],
            f"{each['acknowledged_by']} {_when(each['acknowledged_at'])}: {each['done']}{_arrived(each)}"
            if each["acknowledged_by"]
            else "not acknowledged",
        ]
        for each in told["alerts"]
    ]
    lines += _table(["When", "Rule", "Saw", "Acknowledged, done"], rows)
    return [*lines, "== Adverse events", *map(_event, told["adverse_events"])]


def _arrived(each: dict[str, Any]) -> str:
    """Where the answer waited on a tablet; records signed before that was kept lack it."""
    arrived = each.get("answer_arrived")
    return f" (reached the server {_when(arrived)})" if arrived else ""


def _late(session: Session) -> list[str]:
    """What tablets sent after the signature; nothing at all where there is none."""
    rows = [
        _line(
            f"{_when(each['at'].isoformat())}, {each['by']}",
            f"{each['words']} (reached the server {_when(each['entered'].isoformat())})",
        )
        for each in arrived_late(session)
    ]
    return ["== Arrived after signing, not under the signature", *rows] if rows else []


def _after_signing(session: Session, told: dict[str, Any]) -> list[str]:
    """Adverse events that the signature does not cover; nothing at all where there are none."""
    signed = {each["uid"] for each in told["adverse_events"]}
    rows = [each for each in adverse_events_of(session) if each["uid"] not in signed]
    return (
        ["== Adverse events recorded after signing, not under the signature", *map(_event, rows)]
        if rows
        else []
    )


def _event(each: dict[str, Any]) -> str:
    """One row of an event; records signed before a word was kept lack it."""
    if each.get("in_error"):
        return _line(
            f"Crossed out: {each['term']}, {_when(each['onset'])}",
            f"entered in error: {each['reason']}; {_when(each['entered'])}, {each['by']}",
        )
    serious = f", serious: {each['serious']}" if each["serious"] else ""
    crossed = " (replaced)" if each["replaced"] else ""
    times = f"from {_when(each['onset'])}" + (f" to {_when(each['ended'])}" if each["ended"] else "")
    said = [times, each["relation"], each["action"], each["outcome"]]
    if each["treatment"]:
        said.append(f"treated with {each['treatment']}")
    if each["words"]:
        said.append(each["words"])
    if each.get("reported_at"):
        said.append(f"reported to {each['reported_to']} {_when(each['reported_at'])}, {each['reported_by']}")
    if each.get("reason"):
        said.append(f"update: {each['reason']}")
    if each.get("after_signing"):
        said.append(f"RECORDED AFTER SIGNING, {_when(each['entered'])}, {each['by']}")
    return _line(f"{each['term']}, grade {each['grade']}{serious}{crossed}", "; ".join(said))


def _end(told: dict[str, Any]) -> list[str]:
    lines, left = ["== Leaving"], told["discharge"]
    if left:
        lines.append(_line("Left", f"{_when(left['at'])}, let go by {left['by']}, with {left['escort']}"))
        if left.get("ready"):
            lines.append(_line("Every condition for leaving first met", _when(left["ready"])))
        if left["against"]:
            lines.append(_line("Against the conditions", left["reason"]))
    rows = [
        [
            _when(each["at"]),
            " ".join(filter(None, [each["what"], _corrected(each)])),
            f"{each['mg']} mg",
            each["lot"],
            each["by"],
            each["witness"],
            f"{each['balance_mg']} mg",
        ]
        for each in told["ledger"]
    ]
    return [
        *lines,
        "== Controlled drug",
        *_table(["When", "What", "Amount", "Lot", "Who", "Witness", "Stock"], rows),
    ]


def _corrected(movement: dict[str, Any]) -> str:
    # A record signed before amounts could be corrected has neither.
    said = [movement.get("note", ""), "replaced" if movement.get("replaced") else ""]
    told = ", ".join(filter(None, said))
    return f"({told})" if told else ""


def _table(head: list[str], rows: list[list[str]]) -> list[str]:
    """A typst table; nothing at all is said as such."""
    if not rows:
        return [f"#para({literal('None.')})"]
    body = ", ".join(_cells(row) for row in rows)
    return [f"#table(columns: {len(head)}, table.header({_cells(head)}), {body})"]


def _cells(row: list[str]) -> str:
    return ", ".join(f"[#{literal(spoken(cell))}]" for cell in row)


def _line(label: str, value: str) -> str:
    return f"#mark({literal(label)}, {literal(value)})"


def _when(text: str) -> str:
    return timezone.localtime(datetime.fromisoformat(text)).strftime("%-d %b %Y %H:%M") if text else ""
