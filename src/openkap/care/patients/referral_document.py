"""What an uploaded bundle says, read anew from its text each time."""

from __future__ import annotations

import re
from dataclasses import dataclass

from openkap.care.moment import now
from openkap.interop.fhir.bundle import read_bundle
from openkap.interop.fhir.concepts import shipped_index
from openkap.interop.fhir.findings import Intake
from openkap.interop.fhir.patient import HAS_DIED, WHAT_THEN
from openkap.interop.fhir.person import Person, read_person
from openkap.interop.fhir.person_left_out import left_out_of
from openkap.interop.json_text import read_json
from openkap.protocol.elements import dictionary


@dataclass(frozen=True)
class ReadReferral:
    """What an uploaded bundle says: the person, and the facts for screening."""

    person: Person
    intake: Intake
    # What it says of the person and no field takes.
    left_out: tuple[str, ...] = ()

    @property
    def has_died(self) -> str:
        """That the record says so, in the words of the command line, which refuses such a file."""
        return f"{HAS_DIED}; {WHAT_THEN}" if self.intake.identity.deceased else ""

    @property
    def understood(self) -> list[tuple[str, str, str]]:
        """Each fact as people read it: label, value, and where it stands without machine ids."""
        elements = dictionary()
        return [
            (elements[each.element].label, each.value, re.sub(r"/[\w.-]+", "", each.origin, count=1))
            for each in self.intake.understood
        ]


def read_document(text: str) -> ReadReferral:
    """A bundle's text as person and facts; ``InputError`` says what cannot be read and where."""
    data = read_json(text, "the file")
    person = read_person(data)
    return ReadReferral(person, read_bundle(data, dictionary(), shipped_index(), now()), left_out_of(data))
