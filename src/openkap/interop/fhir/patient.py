"""Patient: age and sex as facts; name, birth date and death as identity, kept apart."""

from __future__ import annotations

from datetime import date, datetime

from openkap.core.errors import InputError, quote
from openkap.interop.fhir.fields import Resource, name_of, parts, text
from openkap.interop.fhir.findings import Finding, Identity, Tray
from openkap.interop.fhir.moments import Span, read_span
from openkap.protocol.elements import Dictionary

HAS_DIED = "the record says that this patient has died"
WHAT_THEN = "check that it is the right record, or have the entry corrected"


def read_patient(patient: Resource, dictionary: Dictionary, as_of: datetime, tray: Tray) -> Identity:
    """Fill the tray with age and sex, and tell who the record says this is."""
    name = name_of(patient, "the bundle")
    now = Span(as_of, as_of)
    deceased = _is_deceased(patient)
    if deceased:
        tray.not_understood(name, "deceased", HAS_DIED)
    birth = text(patient, "birthDate")
    try:
        if birth:
            years = whole_years(read_span(birth, as_of), as_of)
            age = dictionary["age"].parse(f"{years} a")
            tray.findings.append(Finding(dictionary["age"], age, now, f"{name}, birth date"))
    except InputError as refused:
        tray.not_understood(name, "birth date", refused)
    gender = text(patient, "gender").lower()
    if gender in dictionary["sex"].choices:
        tray.findings.append(Finding(dictionary["sex"], gender, now, f"{name}, gender"))
    elif gender:
        tray.not_understood(name, f"gender {quote(gender)}", "ask which laboratory reference range applies")
    return Identity(text(patient, "id"), _name(patient), quote(birth), quote(gender), deceased)


def whole_years(birth: Span, as_of: datetime) -> int:
    """Completed years; ``InputError`` when a partial birth date allows two ages."""
    oldest, youngest = _years(birth.start.date(), as_of.date()), _years(birth.end.date(), as_of.date())
    if oldest != youngest:
        raise InputError(
            "the birth date is known to the month or year only",
            value=str(birth),
            limit=f"age {youngest} or {oldest}",
            remedy="ask for the age",
        )
    return oldest


def _years(birth: date, today: date) -> int:
    return max(0, today.year - birth.year - ((today.month, today.day) < (birth.month, birth.day)))


def _is_deceased(patient: Resource) -> bool:
    """Anything but a plain no: a date of death says so whether or not it can be read."""
    return any(
        value is not None and value is not False
        for name, value in patient.items()
        if name.startswith("deceased")
    )


def _name(patient: Resource) -> str:
    for name in parts(patient, "name"):
        given = name.get("given")
        words = [each for each in given if isinstance(each, str)] if isinstance(given, list) else []
        return quote(text(name, "text") or " ".join([*words, text(name, "family")]).strip())
    return ""
