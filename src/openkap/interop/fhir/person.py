"""Patient as a person to be registered: names, ways to reach them, numbers, language, contacts.

Kept apart from ``patient.py``, which reads what screening asks: facts carry no identity.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any

from openkap.core.errors import InputError
from openkap.interop.fhir.concepts import concept_of
from openkap.interop.fhir.fields import Resource, flag, part, parts, text

# US Core 6.1, extension of a patient's veteran status: the last part of its address.
VETERAN_EXTENSION = "us-military-veteran"
# US Core 8, extension of whether an interpreter is needed, and SNOMED CT's yes and no in it.
INTERPRETER_EXTENSION = "us-core-interpreter-needed"
INTERPRETER_NEEDED = {"373066001": True, "373067005": False}
# The order in which a name is preferred, by its use (FHIR R4 name-use).
NAME_USES = ("official", "usual", "", "nickname", "maiden", "old", "anonymous", "temp")


@dataclass(frozen=True, slots=True)
class Relation:
    """Somebody the record names as a contact of the patient."""

    name: str
    relation: str
    telephones: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Person:
    """Who a record says the patient is; what it does not say is empty or ``None``."""

    family_name: str = ""
    given_name: str = ""
    birth_date: date | None = None
    gender: str = ""
    language: str = ""
    needs_interpreter: bool | None = None
    email: str = ""
    telephone: str = ""
    address: str = ""
    is_veteran: bool | None = None
    identifiers: tuple[tuple[str, str], ...] = ()
    contacts: tuple[Relation, ...] = ()


def read_person(data: Any) -> Person:
    """The one Patient of a bundle as a person; ``InputError`` when there is none or more than one."""
    if not isinstance(data, dict) or data.get("resourceType") != "Bundle":
        raise InputError(
            "not a FHIR bundle", limit="a FHIR R4 Bundle in JSON", remedy="ask for the record as a bundle"
        )
    found = [
        resource
        for entry in parts(data, "entry")
        if text(resource := part(entry, "resource"), "resourceType") == "Patient"
    ]
    if len(found) != 1:
        raise InputError(
            "a referral is about one patient",
            value=f"{len(found)} Patient resources",
            limit="one",
            remedy="ask the sender for the record of one person",
        )
    patient = found[0]
    family, given = _name(patient)
    return Person(
        family_name=family,
        given_name=given,
        birth_date=_day(text(patient, "birthDate")),
        gender=text(patient, "gender").lower(),
        language=_language(patient),
        needs_interpreter=_needs_interpreter(patient),
        email=_reach(patient, {"email"}),
        telephone=_reach(patient, {"phone", "sms"}),
        address=_address(patient),
        is_veteran=_is_veteran(patient),
        identifiers=_identifiers(patient),
        contacts=_contacts(patient),
    )


def _name(holder: Resource) -> tuple[str, str]:
    names = sorted(parts(holder, "name"), key=_rank)
    for name in names:
        family, given = text(name, "family"), _words(name, "given")
        if family or given:
            return family, given
        if whole := text(name, "text"):
            first, _, last = whole.rpartition(" ")
            return last, first
    return "", ""


def _rank(name: Resource) -> int:
    use = text(name, "use")
    return NAME_USES.index(use) if use in NAME_USES else len(NAME_USES)


def _words(holder: Resource, name: str) -> str:
    given = holder.get(name)
    return " ".join(each for each in given if isinstance(each, str)) if isinstance(given, list) else ""


def _day(written: str) -> date | None:
    """A whole date; a month or a year alone is no birth date, it has to be asked."""
    try:
        return date.fromisoformat(written) if len(written) == len("2026-11-23") else None
    except ValueError:
        return None


def _language(patient: Resource) -> str:
    """The language of the person, as the first part of its tag."""
    spoken = list(parts(patient, "communication"))
    spoken.sort(key=lambda each: not flag(each, "preferred"))
    for each in spoken:
        # The codes are BCP-47 tags, such as de-AT; the first part is the language.
        for coding in parts(part(each, "language"), "coding"):
            return text(coding, "code").lower().split("-")[0]
    return ""


def _reach(holder: Resource, systems: set[str]) -> str:
    return next(_reaches(holder, systems), "")


def _reaches(holder: Resource, systems: set[str]) -> Iterator[str]:
    for telecom in parts(holder, "telecom"):
        if text(telecom, "system") in systems and text(telecom, "use") != "old":
            yield text(telecom, "value")


def _address(patient: Resource) -> str:
    for address in parts(patient, "address"):
        if text(address, "use") == "old":
            continue
        if whole := text(address, "text"):
            return whole
        town = " ".join(
            filter(None, (text(address, "city"), text(address, "state"), text(address, "postalCode")))
        )
        lines = [_words(address, "line").strip(), town, text(address, "country")]
        return "\n".join(line for line in lines if line)
    return ""


def _needs_interpreter(patient: Resource) -> bool | None:
    """Whether they need one, where the file says so; a language alone does not."""
    for extension in parts(patient, "extension"):
        if text(extension, "url").rstrip("/").endswith(INTERPRETER_EXTENSION):
            return INTERPRETER_NEEDED.get(text(part(extension, "valueCoding"), "code"))
    return None


def _is_veteran(patient: Resource) -> bool | None:
    for extension in parts(patient, "extension"):
        if text(extension, "url").rstrip("/").endswith(VETERAN_EXTENSION):
            return flag(extension, "valueBoolean")
    return None


def _identifiers(patient: Resource) -> tuple[tuple[str, str], ...]:
    pairs = ((text(each, "system"), text(each, "value")) for each in parts(patient, "identifier"))
    return tuple(sorted({(system, value) for system, value in pairs if value}))


def _contacts(patient: Resource) -> tuple[Relation, ...]:
    found = []
    for contact in parts(patient, "contact"):
        family, given = _contact_name(contact)
        relation = next((concept_of(each).text for each in parts(contact, "relationship")), "")
        telephones = tuple(filter(None, _reaches(contact, {"phone", "sms"})))
        if family or given:
            found.append(Relation(" ".join(filter(None, (given, family))), relation, telephones))
    return tuple(found)


def _contact_name(contact: Resource) -> tuple[str, str]:
    name = part(contact, "name")
    family, given = text(name, "family"), _words(name, "given")
    return (family, given) if family or given else ("", text(name, "text"))
