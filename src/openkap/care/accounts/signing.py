"""Signing with the password: who, when, what it means, and exactly what was signed."""

from __future__ import annotations

import hashlib

from django.db import transaction

from openkap.care.accounts.actor import Actor
from openkap.care.accounts.backends import check_password, is_locked
from openkap.care.accounts.models import Signature, Staff
from openkap.care.audit.actions import record
from openkap.care.moment import now
from openkap.core.errors import InputError


def fingerprint(text: str) -> str:
    """SHA-256 of the content that is signed."""
    return hashlib.sha256(text.encode()).hexdigest()


def prove_identity(by: Actor, password: str) -> Staff:
    """The person behind ``by`` after their password was right; ``InputError`` beside the field otherwise.

    Call it before the transaction of the act: the count of wrong passwords must outlive a refusal.
    """
    person = Staff.objects.get(pk=by.staff_id)
    if not check_password(person, password):
        locked = is_locked(Staff.objects.get(pk=person.pk))
        raise InputError(
            "too many wrong passwords" if locked else "the password is not right",
            remedy="wait, or ask a colleague to sign" if locked else "type it again; nothing else was lost",
            where="password",
        )
    return person


def sign(*, by: Actor, person: Staff, meaning: str, entity: str, uid: str, content: str) -> Signature:
    """Store a signature over ``content``; ``person`` comes from ``prove_identity`` of this request."""
    if person.pk != by.staff_id:
        raise TypeError("the signer is not the person who proved identity")
    with transaction.atomic():
        signature = Signature.objects.create(
            staff=person,
            name=person.name,
            roles=by.role_words,
            clinic_id=by.clinic_id,
            meaning=meaning,
            entity=entity,
            entity_uid=uid,
            fingerprint=fingerprint(content),
            signed_at=now(),
        )
        record(
            "signature.given",
            by=by,
            entity=entity,
            uid=uid,
            detail={"meaning": meaning, "fingerprint": signature.fingerprint},
        )
    return signature
