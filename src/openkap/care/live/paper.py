"""The monitoring form on paper: its fields, each with the row of the record that it came from."""

from __future__ import annotations

from openkap.care.live.form import form_fields
from openkap.care.paper import compiled, document, literal
from openkap.care.treatment.models import Session

NOT_RECORDED = "not recorded"
NOTE = (
    "Fields as seen of the risk programme's form for esketamine; send the programme's own printed form. "
    "Every value is the record's; below it stands the row it came from."
)


def monitoring_form(session: Session) -> bytes:
    """The form as PDF."""
    lines = [
        document(is_synthetic=session.patient.clinic.is_synthetic),
        f"= #{literal('Patient monitoring form')}",
    ]
    for field in form_fields(session):
        lines.append(f"#mark({literal(field.label)}, {literal(field.value or NOT_RECORDED)})")
        if field.row:
            lines.append(f"#text(size: 7.5pt, fill: luma(90), {literal('from ' + field.row)})")
    lines.append(f"#para({literal(NOTE)})")
    return compiled("\n".join(lines))
