"""A Bundle of R4 resources about one patient, as facts.

Collections, transactions, batches, searchsets and documents are read alike: entries hold resources, and
references point from one to another by full URL, by type and id, or by urn:uuid. The order of entries means
nothing. A record about more than one patient is refused.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from openkap.core.clock import aware
from openkap.core.errors import InputError, quote
from openkap.interop.fhir.allergy import read_allergy
from openkap.interop.fhir.choose import choose_facts
from openkap.interop.fhir.concepts import CodeIndex
from openkap.interop.fhir.condition import read_condition
from openkap.interop.fhir.fields import Resource, name_of, part, parts, text
from openkap.interop.fhir.findings import Identity, Intake, Tray, Understood, Warned
from openkap.interop.fhir.glimpse import MEDICINES, concerned, glimpse
from openkap.interop.fhir.medication import read_medication
from openkap.interop.fhir.observation import read_observation
from openkap.interop.fhir.patient import read_patient
from openkap.interop.fhir.questionnaire_response import read_response
from openkap.interop.fhir.warnings import WARNS, warned_of
from openkap.protocol.elements import Dictionary
from openkap.protocol.facts import Facts

TYPES = frozenset({"collection", "transaction", "batch", "searchset", "document", "message", "history"})
Reader = Callable[[Resource, str, CodeIndex, datetime, Tray], None]
READERS: dict[str, Reader] = {
    "Condition": read_condition,
    "Observation": read_observation,
    "AllergyIntolerance": read_allergy,
    "QuestionnaireResponse": read_response,
}
ANOTHER, NOBODY = "about another person", "about something that is not a patient"
# An entry that is surely about somebody else casts no doubt on what is known of the patient.
ELSEWHERE = frozenset({ANOTHER, NOBODY})
# The field that says whose a resource is.
SUBJECT = {"AllergyIntolerance": "patient"}


@dataclass(frozen=True, slots=True)
class Entry:
    """A resource and its type, where it stands in the bundle, and the URL it is known by."""

    kind: str
    resource: Resource
    place: str
    url: str


@dataclass
class Contents:
    """The entries of a bundle by what other entries call them."""

    entries: list[Entry] = field(default_factory=list)
    by_name: dict[str, Entry] = field(default_factory=dict)

    def find(self, holder: Resource, reference: str) -> Resource | None:
        """The resource that a reference names: contained, by URL, or by type and id."""
        if reference.startswith("#"):
            return next((r for r in parts(holder, "contained") if text(r, "id") == reference[1:]), None)
        entry = self.by_name.get(_plain(reference))
        return entry.resource if entry else None


def read_bundle(data: Any, dictionary: Dictionary, index: CodeIndex, as_of: datetime) -> Intake:
    """A FHIR R4 Bundle as facts about its one patient.

    Parameters
    ----------
    data : the parsed JSON, numbers as ``Decimal`` or as Python reads them.
    dictionary, index : what screening asks, and which codes answer it.
    as_of : the moment of assessment; what lies after it is not used.

    Raises
    ------
    InputError
        When ``data`` is not a Bundle, or holds more than one patient.
    """
    aware(as_of)
    tray = Tray()
    contents = _unpack(data, tray)
    patient = _the_patient(contents)
    identity = Identity()
    ignored: Counter[str] = Counter()
    if patient:
        try:
            identity = read_patient(patient.resource, dictionary, as_of, tray)
        except InputError as refused:
            tray.not_understood(name_of(patient.resource, patient.place), "patient", refused)
    else:
        tray.not_understood("Bundle", "patient", "no Patient resource: age and sex must be asked")
    for entry in contents.entries:
        if entry.kind in READERS or entry.kind in MEDICINES:
            _read(entry, patient, contents, index, as_of, tray)
        elif entry.kind not in ("Patient", "Medication"):
            ignored[quote(entry.kind)] += 1
    known = choose_facts(tray, as_of)
    aside, unclear, unlisted = tray.notes()
    told = tuple(Understood(name, fact.shown(), fact.origin) for name, fact in sorted(known.items()))
    facts = Facts(as_of, known, quote(identity.id))
    warned = tuple(_warnings(contents, patient, index))
    return Intake(facts, identity, told, aside, unclear, unlisted, dict(sorted(ignored.items())), warned)


def _warnings(contents: Contents, patient: Entry | None, index: CodeIndex) -> Iterator[Warned]:
    """Allergies and flags, but for those that are surely somebody else's."""
    for entry in contents.entries:
        if entry.kind not in WARNS:
            continue
        try:
            whose = _whose(entry, patient, contents)
        except InputError:
            whose = ""
        warned = None if whose in ELSEWHERE else warned_of(entry.kind, entry.resource, index)
        if warned is not None:
            yield warned


def _read(
    entry: Entry, patient: Entry | None, contents: Contents, index: CodeIndex, as_of: datetime, tray: Tray
) -> None:
    name = name_of(entry.resource, entry.place)
    try:
        whose = _whose(entry, patient, contents)
        if whose:
            glimpsed = glimpse(entry.resource)
            others = whose in ELSEWHERE
            tray.doubt(
                () if others else concerned(entry.kind, glimpsed, index), name, glimpsed.shown(), whose
            )
        elif entry.kind in MEDICINES:
            read_medication(entry.resource, entry.place, index, as_of, tray, contents.find)
        else:
            READERS[entry.kind](entry.resource, entry.place, index, as_of, tray)
    except InputError as refused:
        glimpsed = glimpse(entry.resource)
        tray.doubt(concerned(entry.kind, glimpsed, index), name, glimpsed.shown(), refused)


def _unpack(data: Any, tray: Tray) -> Contents:
    if not isinstance(data, dict) or data.get("resourceType") != "Bundle":
        kind = data.get("resourceType") if isinstance(data, dict) else type(data).__name__
        raise _not_a_bundle(kind or "no resourceType")
    if text(data, "type") not in TYPES:
        raise _not_a_bundle(f"a bundle of type {text(data, 'type') or 'none'}")
    contents = Contents()
    seen: dict[str, list[Resource]] = {}
    for number, entry in enumerate(_entries(data)):
        place = f"entry {number + 1}"
        resource = entry.get("resource") if isinstance(entry, dict) else None
        if not isinstance(entry, dict) or not isinstance(resource, dict):
            tray.not_understood(place, "", "an entry without a resource")
            continue
        kind = resource.get("resourceType")
        if not isinstance(kind, str):
            tray.not_understood(place, "", "a resource without its type")
            continue
        try:
            _file(contents, seen, Entry(kind, resource, place, text(entry, "fullUrl")), entry, tray)
        except InputError as refused:
            tray.not_understood(name_of(resource, place), glimpse(resource).shown(), refused)
            if kind != "Patient":
                # Its name is of no use; what it says about the patient still is.
                contents.entries.append(Entry(kind, resource, place, ""))
    return contents


def _entries(data: Resource) -> Iterator[Any]:
    listed = data.get("entry")
    if listed is not None and not isinstance(listed, list):
        raise _not_a_bundle("a bundle whose entry is not a list")
    yield from listed or ()


def _file(
    contents: Contents, seen: dict[str, list[Resource]], entry: Entry, holder: Resource, tray: Tray
) -> None:
    """Add an entry under its names; the same resource twice counts once."""
    if text(part(holder, "request"), "method").upper() == "DELETE":
        tray.set_aside(name_of(entry.resource, entry.place), "", "the bundle asks to delete it")
        return
    given = text(entry.resource, "id")
    key = f"{entry.kind}/{given}" if given else entry.url
    versions = seen.setdefault(key, []) if key else []
    if versions:
        if any(_is_same(each, entry.resource) for each in versions):
            return
        name = name_of(entry.resource, entry.place)
        tray.not_understood(name, "", "stands more than once, with different content: all were read")
    versions.append(entry.resource)
    contents.entries.append(entry)
    for called in _names(entry, given):
        contents.by_name.setdefault(called, entry)


def _is_same(one: Resource, other: Resource) -> bool:
    """Equal as written: to Python 1 is True, to a record it is not."""
    return one == other and json.dumps(one, sort_keys=True, default=str) == json.dumps(
        other, sort_keys=True, default=str
    )


def _names(entry: Entry, given: str) -> Iterator[str]:
    """What other entries may call this one."""
    if given:
        yield f"{entry.kind}/{given}"
        yield f"urn:uuid:{given}"
    if entry.url:
        url = _plain(entry.url)
        yield url
        if "/" in url:
            # A server's full URL ends in type and id; entries may be referred to by that end alone.
            yield "/".join(url.split("/")[-2:])


def _the_patient(contents: Contents) -> Entry | None:
    patients = [entry for entry in contents.entries if entry.kind == "Patient"]
    names = {text(each.resource, "id") or each.url or each.place for each in patients}
    if len(names) > 1:
        raise InputError(
            "a record about more than one patient",
            value=f"{len(names)} Patient resources",
            limit="one patient for each file",
            remedy="ask the sender for one bundle for each patient",
        )
    if not patients:
        subjects = {
            _subject(entry) for entry in contents.entries if entry.kind in READERS or entry.kind in MEDICINES
        }
        if len(subjects - {""}) > 1:
            raise InputError(
                "a record about more than one patient",
                value=f"{len(subjects - {''})} subjects",
                limit="one patient for each file",
                remedy="ask the sender for one bundle for each patient",
            )
    return patients[0] if patients else None


def _subject(entry: Entry) -> str:
    holder = entry.resource.get(SUBJECT.get(entry.kind, "subject"))
    reference = holder.get("reference") if isinstance(holder, dict) else None
    return _plain(reference) if isinstance(reference, str) else ""


def _whose(entry: Entry, patient: Entry | None, contents: Contents) -> str:
    """``""`` when the resource is about the patient, else why it is not used."""
    subject = _subject(entry)
    if not subject:
        return "no patient named: cannot tell whose it is"
    if patient is None:
        return ""
    if subject.startswith("#"):
        contained = contents.find(entry.resource, subject)
        same = contained is not None and text(contained, "id") == text(patient.resource, "id")
        return "" if same else ANOTHER
    named = contents.by_name.get(subject)
    if named is not None:
        return "" if named.kind == "Patient" else NOBODY
    return "about a patient who is not in this bundle"


def _plain(reference: str) -> str:
    """A reference without its version."""
    return reference.strip().split("/_history/")[0]


def _not_a_bundle(given: str) -> InputError:
    return InputError(
        "not a FHIR bundle that can be read",
        value=given,
        limit=f"a Bundle of R4 resources about one patient ({', '.join(sorted(TYPES))})",
        remedy="export the record as a FHIR R4 bundle",
    )
