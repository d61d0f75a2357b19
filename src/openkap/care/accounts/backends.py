"""Passwords, and the wait after too many wrong ones, counted in the database: a restart forgets nothing."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth.backends import BaseBackend
from django.contrib.auth.hashers import check_password as check_hash
from django.db import transaction
from django.http import HttpRequest

from openkap.care.accounts.actor import Actor, actor_for, held_roles
from openkap.care.accounts.models import Staff
from openkap.care.audit.actions import record
from openkap.care.moment import now

NOBODY = Actor(uid="", name="not known", staff_id=0)


class LockingBackend(BaseBackend):
    """E-mail and password; an account that met too many wrong ones waits, and says so to nobody."""

    def authenticate(
        self, request: HttpRequest | None, email: str | None = None, password: str | None = None, **_: Any
    ) -> Staff | None:
        if not email or password is None:
            return None
        person = Staff.objects.filter(email__iexact=email).first()
        if person is None:
            # As much work as for a known address, so that time tells nothing.
            Staff().set_password(password)
            _unknown_address()
            return None
        # Who has the password alone has not come in: the count of wrong codes goes on.
        return person if check_password(person, password, clears=False) and person.is_active else None

    def get_user(self, user_id: int) -> Staff | None:
        rows = held_roles(int(user_id), now())
        person = rows[0].staff if rows else Staff.objects.filter(pk=user_id).first()
        if person is None or not person.is_active:
            return None
        # One read for who this is and what they may: ``actor_for`` takes the roles from here, once.
        person.roles_read = rows
        return person


def _unknown_address() -> None:
    """Somebody tried an address that nobody here has; it is not kept, as it may be a password."""
    with transaction.atomic():
        record("login.unknown", by=NOBODY, entity="staff")


def is_locked(person: Staff) -> bool:
    """Whether the account waits after too many wrong passwords."""
    return person.locked_until is not None and person.locked_until > now()


def check_password(person: Staff, password: str, *, clears: bool = True) -> bool:
    """Whether the password is right; a wrong one counts towards the lock, a right one clears the count.

    At the login it does not: that is done once the second factor was right too (``clear_failures``).
    """
    return _check(person, lambda row: row.check_password(password), clears=clears)


def check_pin(person: Staff, pin: str) -> bool:
    """Whether the PIN is right; a wrong one counts as a wrong password does."""
    return bool(person.pin) and _check(person, lambda row: check_hash(pin, row.pin), clears=False)


def _check(person: Staff, is_right: Callable[[Staff], bool], *, clears: bool) -> bool:
    """One try after the other: many at once would all be made before the first is counted."""
    with transaction.atomic():
        row = Staff.objects.select_for_update().get(pk=person.pk)
        if is_locked(row):
            # As much work as for any other, so that time tells nobody that there is an account and it waits.
            is_right(row)
            return False
        if is_right(row):
            if clears:
                clear_failures(row)
            return True
        count_failure(row)
        return False


def clear_failures(row: Staff) -> None:
    """Whoever came in begins to count anew."""
    if row.failed_attempts or row.locked_until:
        Staff.objects.filter(pk=row.pk).update(failed_attempts=0, locked_until=None)


def count_failure(row: Staff) -> None:
    """One more wrong password or PIN; at the limit the account is locked for a while."""
    row.failed_attempts += 1
    if row.failed_attempts >= settings.LOCKOUT_ATTEMPTS:
        row.failed_attempts = 0
        row.locked_until = now() + timedelta(minutes=settings.LOCKOUT_MINUTES)
        record("login.locked", by=actor_for(row), entity="staff", uid=row.uid)
    else:
        record("login.failed", by=actor_for(row), entity="staff", uid=row.uid)
    Staff.objects.filter(pk=row.pk).update(failed_attempts=row.failed_attempts, locked_until=row.locked_until)
