"""Telephone numbers: what one looks like, and the one at which a person of the clinic is called."""

from __future__ import annotations

import re

from django import forms
from django.db import transaction

from openkap.care.accounts.actor import Actor
from openkap.care.accounts.locking import check_own_password
from openkap.care.accounts.models import Staff
from openkap.care.audit.actions import record
from openkap.core.errors import InputError

TELEPHONE = re.compile(r"\+?[0-9 ()/.-]{5,40}")
EXAMPLE = "+1 555 010 0199"


def check_telephone(text: str) -> str:
    """A telephone number, or a refusal that says what one looks like."""
    if text and not TELEPHONE.fullmatch(text.strip()):
        raise forms.ValidationError(f"“{text}” is not a telephone number: write digits, such as {EXAMPLE}.")
    return text.strip()


def set_own_telephone(*, by: Actor, telephone: str, password: str) -> None:
    """Where the person gets text messages when somebody must be called; empty: by mail only.

    Asks for the password, because it decides who is reached about an alarming answer.
    """
    given = telephone.strip()
    if given and not TELEPHONE.fullmatch(given):
        raise InputError(
            f"“{given}” is not a telephone number",
            remedy=f"write digits, such as {EXAMPLE}",
            where="telephone",
        )
    check_own_password(by, password)
    with transaction.atomic():
        Staff.objects.filter(pk=by.staff_id).update(telephone=given)
        record("staff.telephone_set", by=by, entity="staff", uid=by.uid, detail={"is_set": bool(given)})
