"""People come, change their part, and leave: acts of the site administrator."""

from __future__ import annotations

import zoneinfo

from allauth.account.forms import default_token_generator
from allauth.account.utils import user_pk_to_url_str
from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import IntegrityError, transaction
from django.db.models import F
from django.urls import reverse

from openkap.care.accounts.access import colleague, require
from openkap.care.accounts.actor import Actor, job_actor
from openkap.care.accounts.models import Clinic, RoleAssignment, Staff
from openkap.care.accounts.several_clinics import record_at_all, require_keeper
from openkap.care.audit.actions import record
from openkap.care.contributions import contributions
from openkap.care.messaging.actions import enqueue
from openkap.care.messaging.undelivered import ACCOUNT
from openkap.care.moment import now
from openkap.care.permissions import Permission, Role
from openkap.core.errors import InputError


@transaction.atomic
def hire(
    *, by: Actor, email: str, name: str, role: Role, register_number: str = "", telephone: str = ""
) -> Staff:
    """Give somebody an account and a role here; they choose their password by the link they are sent.

    Who is known already keeps their own name, number and telephone.
    """
    require(by, Permission.MANAGE_STAFF)
    person = Staff.objects.filter(email__iexact=email).first()
    if person is None:
        person = Staff.objects.create_user(
            email,
            None,
            name=name,
            register_number=register_number,
            telephone=telephone,
            created_at=now(),
        )
        _invite(by, person)
        record("staff.hired", by=by, entity="staff", uid=person.uid)
    give_role(by=by, person=person, role=role)
    return person


def _invite(by: Actor, person: Staff) -> None:
    enqueue(
        kind="email",
        address=person.email,
        subject="Your account",
        body=f"Choose your password: {password_link(person)}",
        purpose=ACCOUNT,
        clinic_uid=by.clinic_uid,
        about_uid=person.uid,
    )


@transaction.atomic
def invite_again(*, by: Actor, colleague_uid: str, email: str) -> None:
    """Send the link to choose a password anew, to a mended address; only until it was used."""
    person = colleague(by, colleague_uid, Permission.MANAGE_STAFF)
    require_keeper(by, person, where="email")
    if person.has_usable_password():
        raise InputError(
            "they have chosen a password already",
            remedy="they change their address and a forgotten password themselves",
            where="email",
        )
    if Staff.objects.filter(email__iexact=email).exclude(pk=person.pk).exists():
        raise InputError(
            "somebody else has this address", remedy="look again, or use another one", where="email"
        )
    # The link carries the address: the one sent to the old address ends with it.
    changed = person.email != email.lower()
    person.email = email.lower()
    person.save(update_fields=["email"])
    _invite(by, person)
    record("staff.invited_again", by=by, entity="staff", uid=person.uid, detail={"address_changed": changed})


def password_link(person: Staff) -> str:
    """Where somebody chooses their password; works once and ends after some days."""
    parts = [user_pk_to_url_str(person), default_token_generator.make_token(person)]
    return str(settings.BASE_URL) + reverse("account_reset_password_from_key", args=parts)


@transaction.atomic
def found(*, clinic_name: str, email: str, name: str, time_zone: str = "UTC") -> Staff:
    """Open a clinic with its first administrator; from the server's console, before anybody can log in."""
    if not clinic_name.strip():
        raise InputError("the clinic has no name", remedy="say one")
    if not name.strip():
        raise InputError("the administrator has no name", remedy="say it with --name")
    try:
        validate_email(email)
    except ValidationError:
        raise InputError(
            "this is no e-mail address", value=email, limit="one such as sia@example.org"
        ) from None
    if time_zone not in zoneinfo.available_timezones():
        raise InputError("no such time zone", value=time_zone, limit="a name such as America/Chicago")
    if Staff.objects.filter(email__iexact=email).exists():
        raise InputError(
            "somebody has this address already", value=email, remedy="an administrator can give them a role"
        )
    clinic = Clinic.objects.create(name=clinic_name, time_zone=time_zone)
    person = Staff.objects.create_user(email, None, name=name, created_at=now())
    row = RoleAssignment.objects.create(staff=person, clinic=clinic, role=Role.SITE_ADMIN, since=now())
    record("clinic.founded", by=job_actor("found-clinic", clinic), entity="clinic", uid=clinic.uid)
    record(
        "role.given",
        by=job_actor("found-clinic", clinic),
        entity="role",
        uid=row.uid,
        detail={"staff": person.uid, "role": Role.SITE_ADMIN.value},
    )
    return person


@transaction.atomic
def give_role(*, by: Actor, person: Staff, role: Role) -> None:
    """Somebody takes on a role at this clinic from now on."""
    require(by, Permission.MANAGE_STAFF)
    if person.pk == by.staff_id:
        raise InputError("nobody changes their own roles", remedy="ask another administrator", where="role")
    try:
        with transaction.atomic():
            row = RoleAssignment.objects.create(staff=person, clinic_id=by.clinic_id, role=role, since=now())
    except IntegrityError:
        raise InputError(f"{person.name} is {role.words} here already", where="role") from None
    record("role.given", by=by, entity="role", uid=row.uid, detail={"staff": person.uid, "role": role.value})


@transaction.atomic
def end_role(*, by: Actor, colleague_uid: str, role: str) -> None:
    """Somebody does not play that role any more, from this moment on."""
    person = colleague(by, colleague_uid, Permission.MANAGE_STAFF)
    if person.pk == by.staff_id:
        raise InputError("nobody changes their own roles", remedy="ask another administrator", where="role")
    rows = RoleAssignment.objects.filter(staff=person, clinic_id=by.clinic_id, role=role, until__isnull=True)
    for row in rows.select_for_update():
        row.until = now()
        row.save(update_fields=["until"])
        # Their parts first: these rows too are held before the audit.
        for module in contributions("leaving"):
            module.role_ended(by, person, role)
        record("role.ended", by=by, entity="role", uid=row.uid, detail={"staff": person.uid, "role": role})


@transaction.atomic
def reset_second_factor(*, by: Actor, colleague_uid: str, reason: str) -> None:
    """Somebody lost telephone and recovery codes: they set up a new second factor at the next login.

    Who holds the lost telephone may still be logged in with it: every open session ends.
    """
    from allauth.mfa.models import Authenticator

    person = colleague(by, colleague_uid, Permission.MANAGE_STAFF)
    if person.pk == by.staff_id or not reason.strip():
        raise InputError(
            "this needs another administrator and a reason",
            remedy="say how you know who is asking",
            where="reason",
        )
    require_keeper(by, person, where="reason")
    Authenticator.objects.filter(user=person).delete()
    Staff.objects.filter(pk=person.pk).update(
        pin="", failed_attempts=0, locked_until=None, sessions_ended=F("sessions_ended") + 1
    )
    record_at_all(
        "staff.second_factor_reset",
        by=by,
        person=person,
        entity="staff",
        uid=person.uid,
        reason=reason,
        detail={},
    )


@transaction.atomic
def unlock_account(*, by: Actor, colleague_uid: str, reason: str) -> None:
    """Wrong passwords locked somebody out who is needed now: they may try again at once."""
    person = colleague(by, colleague_uid, Permission.MANAGE_STAFF)
    if person.pk == by.staff_id or not reason.strip():
        raise InputError(
            "this needs another administrator and a reason",
            remedy="say how you know who is asking",
            where="reason",
        )
    require_keeper(by, person, where="reason")
    Staff.objects.filter(pk=person.pk).update(failed_attempts=0, locked_until=None)
    record_at_all(
        "staff.unlocked", by=by, person=person, entity="staff", uid=person.uid, reason=reason, detail={}
    )
