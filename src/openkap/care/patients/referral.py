"""An uploaded bundle on its way to a record: read by interop, shown to a person, registered by an action."""

from __future__ import annotations

import hashlib
from typing import Any

from django.db import transaction
from django.http import Http404

from openkap.care.accounts.access import require
from openkap.care.accounts.actor import Actor
from openkap.care.audit.actions import record
from openkap.care.moment import now
from openkap.care.patients.access import patient_for
from openkap.care.patients.actions import about_the_person, refuse_registered
from openkap.care.patients.models import IncomingReferral, Referral
from openkap.care.patients.referral_document import read_document
from openkap.care.permissions import Permission
from openkap.core.errors import InputError
from openkap.interop.fhir.person import Person
from openkap.interop.referral import refuse_foreign

LARGEST_UPLOAD_BYTES = 5_000_000


def receive(*, by: Actor, raw: bytes, file_name: str = "") -> IncomingReferral:
    """Keep an uploaded bundle until somebody makes a record of it; the same file is kept once."""
    require(by, Permission.REGISTER_PATIENT)
    if len(raw) > LARGEST_UPLOAD_BYTES:
        raise InputError(
            "the file is larger than a referral can be",
            value=f"{len(raw)} bytes",
            limit=f"{LARGEST_UPLOAD_BYTES} bytes",
            remedy="ask the sender for the record of one patient, without attachments",
        )
    refuse_foreign(raw)
    try:
        text = raw.removeprefix(b"\xef\xbb\xbf").decode("utf-8")
    except UnicodeDecodeError:
        raise InputError("the file is not UTF-8 text", remedy="choose the bundle as JSON") from None
    if "\x00" in text:
        raise InputError("the file holds a character that no text has (NUL)", remedy="export it again")
    read_document(text)
    fingerprint = hashlib.sha256(raw).hexdigest()
    with transaction.atomic():
        incoming, is_new = IncomingReferral.objects.get_or_create(
            clinic_id=by.clinic_id,
            fingerprint=fingerprint,
            defaults={
                "document": text,
                "file_name": file_name[:200],
                "uploaded_by_id": by.staff_id,
                "uploaded_at": now(),
            },
        )
        if is_new:
            record(
                "referral.uploaded",
                by=by,
                entity="incoming",
                uid=incoming.uid,
                detail={"fingerprint": fingerprint},
            )
    return incoming


def incoming_for(by: Actor, uid: str) -> IncomingReferral:
    """A waiting bundle of the person's clinic, for those who register patients.

    Raises ``AlreadyRegistered`` once somebody made a record of it.
    """
    require(by, Permission.REGISTER_PATIENT)
    found = IncomingReferral.objects.filter(clinic_id=by.clinic_id, uid=uid).first()
    if found is None:
        refuse_registered(by, uid)
        raise Http404("no such referral waits at this clinic")
    record("referral.seen", by=by, entity="incoming", uid=uid)
    return found


def registered_values(by: Actor, patient_uid: str, incoming_uid: str) -> dict[str, str]:
    """What stands in the record that somebody made of an upload, as the fields of the form show it."""
    from openkap.care.patients.forms import chosen

    row = patient_for(by, patient_uid, Permission.REGISTER_PATIENT, seen="identity")
    referral = Referral.objects.get(uid=incoming_uid, patient=row)
    held = about_the_person(row) | {"referrer": referral.referrer, "reason": referral.reason}
    return {
        name: chosen(value) if value is None or isinstance(value, bool) else str(value)
        for name, value in held.items()
    }


def suggested(person: Person) -> dict[str, Any]:
    """The person as first values of the referral form."""
    from openkap.care.patients.forms import LANGUAGES, chosen

    known = {code for code, _ in LANGUAGES}
    return {
        "family_name": person.family_name,
        "given_name": person.given_name,
        "birth_date": person.birth_date,
        "sex": person.gender if person.gender in {"female", "male", "other"} else "unknown",
        "gender": "",
        "language": person.language if person.language in known else ("other" if person.language else ""),
        "needs_interpreter": chosen(person.needs_interpreter),
        "email": person.email,
        "telephone": person.telephone,
        "address": person.address,
        "is_veteran": chosen(person.is_veteran),
    }
