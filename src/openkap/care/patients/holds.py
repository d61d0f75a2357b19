"""What keeps a record in use: nobody closes it, or erases whose it is, while something is under way."""

from __future__ import annotations

from openkap.care.contributions import contributions
from openkap.care.patients.models import Patient
from openkap.care.patients.queries import record_ids


def holds_of(patient: Patient) -> list[str]:
    """What is under way or open, in words, the merged records' part included; empty when nothing is."""
    ids = record_ids(patient)
    modules = [*contributions("merge_hold"), *contributions("erasure_hold")]
    return list(dict.fromkeys(said for module in modules for pk in ids if (said := module.hold(pk))))
