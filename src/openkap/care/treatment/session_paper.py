"""The record of a session as PDF, made from the same data as the page; a signed one from what was signed."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from django.utils import timezone

from openkap.care.paper import DOCUMENT, compiled, literal
from openkap.care.treatment.models import Session
from openkap.care.treatment.record import record_of


def session_pdf(session: Session) -> bytes:
    """The record on paper; one that is not signed says so on its first line."""
    signed = getattr(session, "signed", None)
    told = json.loads(signed.record) if signed else record_of(session)
    title = f"Session {session.number}, {told['patient']['name']}"
    lines = [DOCUMENT, f"= #{literal(title)}"]
    lines.append(_line("Patient", f"{told['patient']['name']}, code {told['patient']['code']}"))
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
    lines += _sections(told)
    for row in session.addenda.select_related("signature").order_by("id"):
        lines.append(_line(f"Addendum, {row.signature.name}, {_when(row.written_at.isoformat())}", row.text))
    return compiled("\n".join(lines))


def _sections(told: dict[str, Any]) -> list[str]:
    lines = ["== Before the dose"]
    lines += [
        _line(f"{each['rule']} {each['title']}", f"{each['words']}; {each['saw']}") for each in told["gates"]
    ]
    lines.append("== Dose")
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
    for each in told["dose"]:
        said = f"{_when(each['at'])} {each['rate_ml_h'] and each['rate_ml_h'] + ' mL/h'}"
        given = f" given {each['given_mg']} mg" if each["given_mg"] else ""
        crossed = f" (replaced) {each['reason']}" if each["replaced"] else ""
        lines.append(_line(f"{each['what']} by {each['by']}", said + given + crossed))
    for each in told.get("dose_doubts", []):
        decided = (
            f"{each['decision']} by {each['decided_by']}: {each['because']}" if each["decision"] else "open"
        )
        label = f"In doubt: {each['what']} by {each['by']}"
        lines.append(_line(label, f"{_when(each['at'])}, {each['why']}; {decided}"))
    lines.append("== Readings and notes")
    for each in told["entries"]:
        values = "; ".join(f"{value['label']} {value['value']}" for value in each["values"].values())
        minute = "" if each["minute"] is None else f"minute {each['minute']}, "
        crossed = " (replaced)" if each["replaced"] else (" (entered in error)" if each["in_error"] else "")
        lines.append(
            _line(f"{minute}{_when(each['at'])}, {each['by']}{crossed}", f"{values} {each['note']}".strip())
        )
    lines.append("== Alerts")
    for each in told["alerts"]:
        done = f"{each['acknowledged_by']}: {each['done']}"
        lines.append(_line(f"{each['title']}, {_when(each['at'])}", f"{each['value']}; {done}"))
    lines.append("== Adverse events")
    for each in told["adverse_events"]:
        serious = f", serious: {each['serious']}" if each["serious"] else ""
        lines.append(
            _line(f"{each['term']}, grade {each['grade']}{serious}", f"{each['relation']}; {each['outcome']}")
        )
    lines += _end(told)
    return lines


def _end(told: dict[str, Any]) -> list[str]:
    lines, left = ["== Leaving"], told["discharge"]
    if left:
        lines.append(_line("Left", f"{_when(left['at'])}, let go by {left['by']}, with {left['escort']}"))
        if left["against"]:
            lines.append(_line("Against the conditions", left["reason"]))
    lines.append("== Controlled drug")
    for each in told["ledger"]:
        who = each["by"] + (f", witness {each['witness']}" if each["witness"] else "")
        lines.append(
            _line(
                f"{each['what']} {each['mg']} mg, lot {each['lot']}", f"{who}; stock {each['balance_mg']} mg"
            )
        )
    return lines


def _line(label: str, value: str) -> str:
    return f"#mark({literal(label)}, {literal(value)})"


def _when(text: str) -> str:
    return timezone.localtime(datetime.fromisoformat(text)).strftime("%-d %b %Y %H:%M") if text else ""
