"""Every URL declares who may: ``page(...)`` instead of ``path(...)``. No rule, no access.

The rule is the outer door, checked before the view runs. The inner door is ``access.py`` of each app:
obtaining the row is the permission. A contract test walks all URLs, all roles and both clinics.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from django.urls import URLPattern, path

from openkap.care.permissions import Permission, Role


class Door(StrEnum):
    """How a person comes to a page."""

    ANYONE = "anyone"
    LINK = "link"
    STAFF = "staff"
    RIGHT = "right"


@dataclass(frozen=True, slots=True)
class Rule:
    """Who may open a URL.

    ``writes`` are the rights for POST, where they differ from those for looking. ``before_second_factor``
    and ``while_locked`` let a person through who still has to prove more.
    """

    door: Door
    rights: frozenset[Permission] = frozenset()
    writes: frozenset[Permission] | None = None
    because: str = ""
    before_second_factor: bool = False
    while_locked: bool = False

    def needed(self, method: str) -> frozenset[Permission]:
        """The rights of which one is enough for this method."""
        reading = method in {"GET", "HEAD", "OPTIONS"}
        return self.rights if reading or self.writes is None else self.writes

    def admits(self, permissions: frozenset[Permission], method: str) -> bool:
        """Whether a member of staff with these rights passes this door."""
        return self.door is not Door.RIGHT or bool(self.needed(method) & permissions)


# URL name -> rule; filled by ``page`` below and by the table for URLs of libraries.
RULES: dict[str, Rule] = {}


def anyone(because: str, *, while_locked: bool = True) -> Rule:
    """Open to the world; says why."""
    return Rule(Door.ANYONE, because=because, before_second_factor=True, while_locked=while_locked)


def link_holder(because: str) -> Rule:
    """Open to whoever holds a signed, expiring link; the view checks it with ``links.open_link``."""
    return Rule(Door.LINK, because=because, before_second_factor=True, while_locked=True)


def staff(*, before_second_factor: bool = False, while_locked: bool = False) -> Rule:
    """Open to every member of staff who is logged in: their own account, the home page."""
    return Rule(Door.STAFF, before_second_factor=before_second_factor, while_locked=while_locked)


def needs(*rights: Permission, writes: Permission | None = None, while_locked: bool = False) -> Rule:
    """Open to those who hold one of the rights; ``writes`` is the right for POST where it is another.

    ``while_locked``: the view itself asks whether a locked screen was handed over for it.
    """
    admitted = frozenset({writes}) if writes else None
    return Rule(Door.RIGHT, frozenset(rights), admitted, while_locked=while_locked)


def page(route: str, view: Callable[..., Any], *, name: str, may: Rule) -> URLPattern:
    """A URL together with who may open it."""
    known = RULES.setdefault(name, may)
    if known != may:
        raise TypeError(f"two rules for the URL name {name!r}")
    return path(route, view, name=name)


def roles_admitted(rule: Rule, method: str = "GET") -> frozenset[Role]:
    """The roles that pass a door, for the table in the docs."""
    from openkap.care.permissions import permissions_of

    return frozenset(role for role in Role if rule.admits(permissions_of(frozenset({role})), method))


_OWN_ACCOUNT = staff(before_second_factor=True)
_LOGIN = anyone("logging in")

# URLs of the login library.
RULES.update(
    {
        "account_login": _LOGIN,
        "account_logout": anyone("leaving is always possible"),
        "account_inactive": anyone("says that the account is closed"),
        "account_reauthenticate": _OWN_ACCOUNT,
        "account_change_password": _OWN_ACCOUNT,
        "account_reset_password": anyone("a forgotten password"),
        "account_reset_password_done": anyone("a forgotten password"),
        "account_reset_password_from_key": anyone("a forgotten password; the key is in the address"),
        "account_reset_password_from_key_done": anyone("a forgotten password"),
        "mfa_index": _OWN_ACCOUNT,
        "mfa_authenticate": _LOGIN,
        "mfa_reauthenticate": _OWN_ACCOUNT,
        "mfa_activate_totp": _OWN_ACCOUNT,
        "mfa_deactivate_totp": staff(),
        "mfa_view_recovery_codes": _OWN_ACCOUNT,
        "mfa_generate_recovery_codes": _OWN_ACCOUNT,
        "mfa_download_recovery_codes": _OWN_ACCOUNT,
        "mfa_list_webauthn": _OWN_ACCOUNT,
        "mfa_add_webauthn": _OWN_ACCOUNT,
        "mfa_reauthenticate_webauthn": _OWN_ACCOUNT,
        "mfa_remove_webauthn": staff(),
        "mfa_edit_webauthn": _OWN_ACCOUNT,
        "mfa_login_webauthn": _LOGIN,
    }
)
