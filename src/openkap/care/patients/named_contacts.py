"""The people a record names around the patient: each once, with every number it gives for them."""

from __future__ import annotations

from dataclasses import dataclass

from openkap.care.patients.models import Contact
from openkap.care.patients.names import search_form
from openkap.care.patients.telephones import EITHER, is_same_telephone
from openkap.interop.fhir.person import Person, Relation


@dataclass
class _Named:
    name: str
    relations: list[str]
    telephones: list[str]

    def is_of(self, other: Relation) -> bool:
        """The same name; and the same part, or none said, or a number in common."""
        if search_form(self.name) != search_form(other.name):
            return False
        parts = {each.casefold() for each in self.relations}
        return (
            not (parts and other.relation)
            or other.relation.casefold() in parts
            or any(self._has(each) for each in other.telephones)
        )

    def take(self, other: Relation) -> None:
        if other.relation and other.relation.casefold() not in map(str.casefold, self.relations):
            self.relations.append(other.relation)
        for each in other.telephones:
            if not self._has(each):
                self.telephones.append(each)

    def _has(self, telephone: str) -> bool:
        return any(is_same_telephone(held, telephone) for held in self.telephones)


def contacts_named(person: Person | None) -> tuple[tuple[str, str, str, str], ...]:
    """Kind, name, relation and telephone; which is the emergency contact, a person decides later."""
    found: list[_Named] = []
    for each in person.contacts if person else ():
        held = next((one for one in found if one.is_of(each)), None)
        if held is None:
            held = _Named(each.name, [], [])
            found.append(held)
        held.take(each)
    return tuple(
        (Contact.Kind.CARER.value, each.name, ", ".join(each.relations), EITHER.join(each.telephones))
        for each in found
    )
