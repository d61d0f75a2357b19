"""Rows of treatment: the plan, the session's record, and the drug."""

from openkap.care.treatment.models.drug import LedgerEntry, Lot
from openkap.care.treatment.models.handover import Handover
from openkap.care.treatment.models.planning import (
    Chair,
    Course,
    DueItem,
    MaintenancePlan,
    Note,
    Replanning,
    Session,
    Visit,
)
from openkap.care.treatment.models.record import (
    Addendum,
    AdverseEvent,
    Alert,
    Clearance,
    Discharge,
    DoseCheck,
    DoseDoubt,
    DoseEvent,
    Entry,
    GateDecision,
    Prescription,
    SessionSigned,
    Value,
)

__all__ = [
    "Addendum",
    "AdverseEvent",
    "Alert",
    "Chair",
    "Clearance",
    "Course",
    "Discharge",
    "DoseCheck",
    "DoseDoubt",
    "DoseEvent",
    "DueItem",
    "Entry",
    "GateDecision",
    "Handover",
    "LedgerEntry",
    "Lot",
    "MaintenancePlan",
    "Note",
    "Prescription",
    "Replanning",
    "Session",
    "SessionSigned",
    "Value",
    "Visit",
]
