"""What has become of the reading behind an alert: the alert stays until somebody answers, and says so."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from openkap.care.treatment.models import Alert, Entry
from openkap.care.treatment.rows import facts as reading
from openkap.protocol.condition import facts_of
from openkap.protocol.elements import dictionary
from openkap.protocol.model import Protocol
from openkap.protocol.rules import Stage


def since_raised(alerts: Iterable[Alert], entries: Iterable[Entry], protocol: Protocol) -> dict[int, str]:
    """By key of the alert: who crossed out or corrected what it rested on, and why; empty while it stands.

    ``entries`` are all of the session, with their values.
    """
    rows = {row.pk: row for row in entries}
    asked = {rule.id: facts_of(rule.condition) for rule in protocol.stage(Stage.IN_SESSION)}
    return {
        alert.pk: _became(rows[alert.entry_id], rows, asked.get(alert.rule, ()))
        for alert in alerts
        if alert.entry_id in rows
    }


def _became(raised: Entry, rows: Mapping[int, Entry], names: Iterable[str]) -> str:
    row, said = raised, ""
    while not said and hasattr(row, "corrected_by") and row.corrected_by.pk in rows:
        before, row = row, rows[row.corrected_by.pk]
        said = _change(before, row, names)
    return said


def _change(before: Entry, row: Entry, names: Iterable[str]) -> str:
    why = f"by {row.entered_by.name}: {row.reason}"
    if row.is_retraction:
        return f"the reading was crossed out {why}"
    was = {each.element: each.value for each in reading.values_of(before)}
    now = {each.element: each.value for each in reading.values_of(row)}
    for name in names:
        if name in was and name not in now:
            return f"{dictionary()[name].label.lower()} {was[name]} was crossed out {why}"
        if name in was and now[name] != was[name]:
            return f"{dictionary()[name].label.lower()} was corrected to {now[name]} {why}"
    return ""
