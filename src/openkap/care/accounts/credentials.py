"""Credentials: recorded by the site administrator, revoked with a reason, asked for before an assignment."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from django.db import transaction
from django.db.models import QuerySet
from django.utils.timezone import localdate, localtime

from openkap.care.accounts.access import colleague
from openkap.care.accounts.actor import Actor
from openkap.care.accounts.models import Credential
from openkap.care.accounts.requirements import Requirement, kinds, requirements_of
from openkap.care.accounts.several_clinics import record_at_all, require_keeper
from openkap.care.columns import refuse_long
from openkap.care.moment import now, today
from openkap.care.permissions import Permission, Role
from openkap.care.prepared import prepared
from openkap.core.errors import DomainError, InputError

# The home page and the staff page speak up this long before a credential ends.
WARN = timedelta(days=60)


class NotQualified(DomainError):
    """Somebody lacks what their role needs; they cannot be assigned."""


@dataclass(frozen=True, slots=True)
class Standing:
    """One requirement and how somebody stands towards it."""

    requirement: Requirement
    tone: str
    words: str
    ends: date | None = None

    @property
    def is_met(self) -> bool:
        return self.tone in {"good", "watch"}


def standing_of(staff_id: int, role: Role, *, on: date | None = None) -> list[Standing]:
    """How somebody stands towards each requirement of a role on a day (today by default)."""
    return standings([staff_id], role, on=on)[staff_id]


def standings(staff_ids: Iterable[int], role: Role, *, on: date | None = None) -> dict[int, list[Standing]]:
    """As ``standing_of`` for several people, with one query."""
    return standings_in({role: list(staff_ids)}, on=on)[role]


def standings_in(
    holders: dict[Role, list[int]], *, on: date | None = None
) -> dict[Role, dict[int, list[Standing]]]:
    """As ``standing_of`` for the people in each of several roles, with one query."""
    day = on or today()
    held: dict[int, list[Credential]] = {each: [] for ids in holders.values() for each in ids}
    for row in _issued(list(held), day):
        held[row.staff_id].append(row)
    return {
        role: {
            staff_id: [
                _standing(each, [row for row in held[staff_id] if row.kind == each.kind], day)
                for each in requirements_of(role)
            ]
            for staff_id in ids
        }
        for role, ids in holders.items()
    }


@prepared
def _issued(staff_ids: list[int], day: date) -> QuerySet[Credential]:
    """What was revoked too: it does not count, and is not the same as what nobody recorded."""
    return Credential.objects.filter(staff_id__in=staff_ids, issued_on__lte=day)


def lacking(needed: Iterable[tuple[int, Role, date]]) -> dict[tuple[int, Role, date], str]:
    """Who does not meet their role on which day, and what is missing; one query for all of them."""
    wanted = sorted(set(needed))
    if not wanted:
        return {}
    held = _issued(sorted({each for each, _, _ in wanted}), max(day for _, _, day in wanted))
    missing: dict[tuple[int, Role, date], str] = {}
    for staff_id, role, day in wanted:
        known = [row for row in held if row.staff_id == staff_id and row.issued_on <= day]
        standing = [
            _standing(each, [row for row in known if row.kind == each.kind], day)
            for each in requirements_of(role)
        ]
        if said := [f"{each.requirement.words}: {each.words}" for each in standing if not each.is_met]:
            missing[staff_id, role, day] = "; ".join(said)
    return missing


def require_qualified(staff_id: int, role: Role, *, on: date | None = None) -> None:
    """Raise ``NotQualified`` unless somebody meets every requirement of the role on that day."""
    missing = [each for each in standing_of(staff_id, role, on=on) if not each.is_met]
    if missing:
        raise NotQualified(
            f"this person cannot be assigned as {role.words}: "
            + "; ".join(f"{each.requirement.asks}: {each.words}" for each in missing),
            remedy="choose somebody else, or have the site administrator record the credential",
            where="staff",
        )


def _standing(requirement: Requirement, rows: list[Credential], day: date) -> Standing:
    standing, revoked = [row for row in rows if row.revoked_at is None], _last_revoked(rows)
    valid = [row for row in standing if row.expires_on is None or row.expires_on >= day]
    if requirement.amount is not None:
        total = sum((row.amount or Decimal(0) for row in valid), Decimal(0))
        words = f"{total.normalize():f} of {requirement.amount} {requirement.unit}"
        if total >= requirement.amount:
            return Standing(requirement, "good", words)
        return Standing(requirement, "alarm", "; ".join(filter(None, (words, revoked_words(revoked)))))
    if not valid:
        ended = max((row.expires_on for row in standing if row.expires_on), default=None)
        if revoked and revoked.revoked_at and (ended is None or ended < localdate(revoked.revoked_at)):
            return Standing(requirement, "alarm", revoked_words(revoked))
        words = f"ended on {ended:%-d %b %Y}" if ended else "not recorded"
        return Standing(requirement, "alarm" if ended else "unknown", words, ended)
    ends = max((row.expires_on for row in valid if row.expires_on), default=None)
    if ends is None or any(row.expires_on is None for row in valid):
        return Standing(requirement, "good", "valid")
    tone = "watch" if ends - day <= WARN else "good"
    return Standing(requirement, tone, f"valid until {ends:%-d %b %Y}", ends)


def _last_revoked(rows: Iterable[Credential]) -> Credential | None:
    told = [(row.revoked_at, row.pk, row) for row in rows if row.revoked_at is not None]
    return max(told)[-1] if told else None


def revoked_words(row: Credential | None) -> str:
    """That a credential was revoked, when and why; empty while it stands."""
    if row is None or row.revoked_at is None:
        return ""
    return f"revoked on {localtime(row.revoked_at):%-d %b %Y}, because {row.revoked_because}"


@transaction.atomic
def record_credential(
    *,
    by: Actor,
    colleague_uid: str,
    kind: str,
    issued_on: date,
    expires_on: date | None,
    evidence: str,
    amount: Decimal | None = None,
) -> Credential:
    """Record a licence, certificate, hours or cases after having seen the evidence."""
    person = colleague(by, colleague_uid, Permission.MANAGE_CREDENTIALS)
    if person.pk == by.staff_id:
        raise InputError("nobody records their own credentials", remedy="ask another administrator")
    requirement = kinds().get(kind)
    if requirement is None:
        raise InputError(
            "no such kind of credential",
            value=kind,
            limit=", ".join(kinds()),
            remedy="choose one",
            where="kind",
        )
    if issued_on > today():
        raise InputError(
            "issued in the future",
            value=issued_on,
            remedy="write the date on the document",
            where="issued_on",
        )
    if requirement.expires and expires_on is None:
        raise InputError("this one ends some day", remedy="write its end date", where="expires_on")
    if expires_on is not None and expires_on < issued_on:
        raise InputError(
            "it ends before it begins", value=expires_on, remedy="look again", where="expires_on"
        )
    if (requirement.amount is None) != (amount is None):
        raise InputError(
            "an amount is missing" if amount is None else "this kind has no amount",
            limit=requirement.asks,
            remedy="write the number" if amount is None else "leave the amount empty",
            where="amount",
        )
    row = Credential.objects.create(
        staff=person,
        kind=kind,
        amount=amount,
        issued_on=issued_on,
        expires_on=expires_on,
        evidence=evidence,
        checked_by_id=by.staff_id,
        checked_at=now(),
    )
    record_at_all(
        "credential.recorded",
        by=by,
        person=person,
        entity="credential",
        uid=row.uid,
        detail={"staff": person.uid, "kind": kind, "until": str(expires_on or "")},
    )
    return row


@transaction.atomic
def revoke_credential(*, by: Actor, colleague_uid: str, uid: str, because: str) -> None:
    """The credential does not count any more; it stays readable with the reason."""
    person = colleague(by, colleague_uid, Permission.MANAGE_CREDENTIALS)
    if not because.strip():
        raise InputError("a reason is needed", remedy="say why in a few words", where="because")
    refuse_long(Credential, revoked_because=because)
    require_keeper(by, person, where="because")
    rows = Credential.objects.filter(staff=person, uid=uid)
    if not rows.filter(revoked_at__isnull=True).update(revoked_at=now(), revoked_because=because.strip()):
        if rows.filter(revoked_because=because.strip()).exists():
            return
        raise InputError("this credential does not count any more", remedy="look at the list again")
    record_at_all(
        "credential.revoked",
        by=by,
        person=person,
        entity="credential",
        uid=uid,
        reason=because,
        detail={"staff": person.uid},
    )
