"""In which phase somebody is: their status, and for who has left treatment whether there ever was a dose."""

from __future__ import annotations

from django.db.models import Case, Exists, F, OuterRef, Q, Value, When

from openkap.care.contributions import contributions
from openkap.care.patients.models import Patient

FOLLOW_UP = Patient.Status.FOLLOW_UP
# No status of its own: it follows from what was given, and ends with the first dose.
UNDOSED = "undosed"
WORDS = {**dict(Patient.Status.choices), UNDOSED: "ended without a dose"}


def phase() -> Case:
    """The phase of each patient of a read, as a key of ``WORDS``."""
    dosed = Q()
    for module in contributions("phase"):
        dosed |= Q(Exists(module.doses(OuterRef("pk"))))
    return Case(When(Q(status=FOLLOW_UP) & ~dosed, then=Value(UNDOSED)), default=F("status"))


def phase_words(patient: Patient) -> str:
    """The phase in words; asked only where it does not follow from the status, or came with the row."""
    told = getattr(patient, "phase", "")
    if not told and patient.status == FOLLOW_UP:
        told = Patient.objects.filter(pk=patient.pk).values_list(phase(), flat=True).get()
    return WORDS[told or patient.status]
