"""Logins in the audit: who came in, went out, was refused, and what they changed about how they come in."""

from __future__ import annotations

from typing import Any

from allauth.account import signals as account
from allauth.mfa import signals as factors
from django.contrib.auth import signals as sessions
from django.db import transaction
from django.dispatch import receiver
from django.http import HttpRequest

from openkap.care.accounts.actor import actor_for
from openkap.care.accounts.backends import clear_failures, count_failure, is_locked
from openkap.care.accounts.models import Staff
from openkap.care.audit.actions import record


@receiver(sessions.user_logged_in, dispatch_uid="audit of logins")
def came_in(user: Staff, **sent: Any) -> None:
    """Somebody logged in, with all that was asked of them."""
    clear_failures(Staff.objects.get(pk=user.pk))
    _record("login.succeeded", user)


@receiver(sessions.user_logged_out, dispatch_uid="audit of logouts")
def went_out(user: Staff | None, **sent: Any) -> None:
    """Somebody logged out, or a locked screen ended their session."""
    if user is not None:
        _record("login.ended", user)


@receiver(account.password_changed, dispatch_uid="audit of changed passwords")
def changed_password(user: Staff, **sent: Any) -> None:
    """A person chose another password."""
    _record("staff.password_changed", user)


@receiver(account.password_reset, dispatch_uid="audit of reset passwords")
def reset_password(user: Staff, **sent: Any) -> None:
    """A person chose a password through the link that was mailed to them."""
    _record("staff.password_reset", user)


@receiver(factors.authenticator_added, dispatch_uid="audit of added factors")
def added_factor(user: Staff, authenticator: Any, **sent: Any) -> None:
    """An authenticator, a passkey or recovery codes were set up."""
    _record("staff.factor_added", user, kind=authenticator.type)


@receiver(factors.authenticator_removed, dispatch_uid="audit of removed factors")
def removed_factor(user: Staff, authenticator: Any, **sent: Any) -> None:
    """One of them was taken away."""
    _record("staff.factor_removed", user, kind=authenticator.type)


@receiver(factors.authenticator_reset, dispatch_uid="audit of renewed factors")
def renewed_factor(user: Staff, authenticator: Any, **sent: Any) -> None:
    """Recovery codes were made anew."""
    _record("staff.factor_renewed", user, kind=authenticator.type)


@receiver(factors.authentication_failed, dispatch_uid="wrong second factors")
def wrong_factor(request: HttpRequest, user: Staff, **sent: Any) -> None:
    """A wrong code counts as a wrong password does; at the limit the login begins again, and waits."""
    with transaction.atomic():
        row = Staff.objects.select_for_update().get(pk=user.pk)
        if not is_locked(row):
            count_failure(row)
    if is_locked(row):
        request.session.flush()


def _record(action: str, user: Staff, **detail: str) -> None:
    person = Staff.objects.get(pk=user.pk)
    with transaction.atomic():
        record(action, by=actor_for(person), entity="staff", uid=person.uid, detail=dict(detail))
