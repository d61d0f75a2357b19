"""One telephone number, however it is written: compared by the digits that every way of writing shares."""

from __future__ import annotations

import re
from typing import Any

from django.db.models import Exists, F, OuterRef, Q, TextField, Value
from django.db.models.functions import Replace

from openkap.care.patients.models import ContactPoint, Identity

# As many last digits as two ways of writing one number share: no country code, no leading zero.
SHARED_DIGITS = 7
# Between two numbers of one contact.
EITHER = " or "


def shared_digits(telephone: str) -> str:
    """What is compared of a number; empty where there are too few digits to tell people apart."""
    digits = re.sub(r"\D", "", telephone, flags=re.ASCII)
    return digits[-SHARED_DIGITS:] if len(digits) >= SHARED_DIGITS else ""


def is_same_telephone(one: str, other: str) -> bool:
    """Whether both are one number; a short one only as it is written."""
    shared = shared_digits(one)
    return shared == shared_digits(other) if shared else one.strip() == other.strip()


def is_among(held: str, telephone: str) -> bool:
    """Whether a contact's number, or one of its numbers, is this one."""
    return any(is_same_telephone(each, telephone) for each in held.split(EITHER))


def telephoned(shared: str) -> Q:
    """Patients in whose own number, in use or not, these digits stand."""
    in_use = Identity.objects.filter(patient=OuterRef("pk")).alias(digits=_digits("telephone"))
    others = ContactPoint.objects.filter(
        patient=OuterRef("pk"), kind=ContactPoint.Kind.TELEPHONE, ended_at__isnull=True
    ).alias(digits=_digits("value"))
    return Q(Exists(in_use.filter(digits__contains=shared))) | Q(
        Exists(others.filter(digits__contains=shared))
    )


def _digits(column: str) -> Any:
    plain: Any = F(column)
    for sign in "+ ()-./":
        plain = Replace(plain, Value(sign), output_field=TextField())
    return plain
