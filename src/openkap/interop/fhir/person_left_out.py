"""What a record says of the person and no field here takes: told to whoever registers them, never dropped."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from openkap.core.errors import InputError, quote
from openkap.interop.fhir.fields import Resource, part, parts, text

WHOLE_DAY = len("2026-11-23")


def left_out_of(data: Any) -> tuple[str, ...]:
    """Of the one Patient of a bundle: further names, numbers and addresses, contacts without a name."""
    patient = next(
        (
            resource
            for entry in parts(data, "entry")
            if text(resource := part(entry, "resource"), "resourceType") == "Patient"
        ),
        {},
    )
    try:
        return tuple(dict.fromkeys(quote(each) for each in _left_out(patient)))
    except InputError as refused:
        return (f"what else it says of the person: {refused}",)


def _left_out(patient: Resource) -> Iterator[str]:
    born = text(patient, "birthDate")
    if born and len(born) != WHOLE_DAY:
        yield f"birth date {born}: not a whole day, ask for it"
    names = [_name(each) for each in parts(patient, "name")]
    for name in names[1:]:
        if name:
            yield f"a further name: {name}"
    yield from _further_numbers("", patient)
    for address in list(parts(patient, "address"))[1:]:
        yield f"a further address: {_address(address)}"
    for contact in parts(patient, "contact"):
        name = _name(part(contact, "name"))
        if not name:
            reach = ", ".join(text(each, "value") for each in parts(contact, "telecom"))
            yield f"a contact without a name: {reach or 'nothing to reach them by'}"
            continue
        yield from _further_numbers(f" of {name}", contact)


def _further_numbers(whose: str, holder: Resource) -> Iterator[str]:
    """What was in use before, and every number or address of one kind after the first."""
    kinds: set[str] = set()
    for each in parts(holder, "telecom"):
        value, system = text(each, "value"), text(each, "system") or "unknown"
        kind = "phone" if system == "sms" else system
        if not value:
            continue
        if text(each, "use") == "old" or kind in kinds or kind not in {"phone", "email"}:
            yield f"{kind}{whose}{' in former use' if text(each, 'use') == 'old' else ''}: {value}"
        else:
            kinds.add(kind)


def _name(name: Resource) -> str:
    given = name.get("given")
    words = [each for each in given if isinstance(each, str)] if isinstance(given, list) else []
    use = text(name, "use")
    said = " ".join(filter(None, (*words, text(name, "family")))) or text(name, "text")
    return f"{said} ({use})" if said and use not in {"", "official", "usual"} else said


def _address(address: Resource) -> str:
    lines = address.get("line")
    words = [each for each in lines if isinstance(each, str)] if isinstance(lines, list) else []
    town = (text(address, name) for name in ("postalCode", "city", "state", "country"))
    return text(address, "text") or ", ".join(filter(None, (*words, *town)))
