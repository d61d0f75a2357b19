"""Which protocol a screening follows, and what it asks."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from django.conf import settings

from openkap.care.accounts.requirements import practice_requirements
from openkap.core.errors import DomainError
from openkap.protocol.condition import facts_of
from openkap.protocol.model import Protocol
from openkap.protocol.read import load_protocol, published_ids
from openkap.protocol.rules import Stage
from openkap.protocol.site import apply_site

DEFAULT = "iv-racemic"


@lru_cache(maxsize=1)
def offered() -> tuple[tuple[str, str], ...]:
    """(id, title) of every published protocol of this installation, the reference course first."""
    listed = sorted(published_ids(), key=lambda name: (name != DEFAULT, name))
    return tuple((name, load_protocol(name).title) for name in listed)


def protocol_of(name: str, version: str) -> Protocol:
    """Exactly that version, as this site runs it: what was decided under it stays under it."""
    return _as_run(name, version, settings.SITE_FILE)


def protocol_in_force(name: str) -> Protocol:
    """The version a new course or screening follows, as this site runs it."""
    found = load_protocol(name)
    return protocol_of(found.id, found.version)


@lru_cache(maxsize=32)
def _as_run(name: str, version: str, site_file: Path | None) -> Protocol:
    protocol = load_protocol(f"{name}@{version}")
    return protocol if site_file is None else apply_site(protocol, site_file)


def is_retired(name: str, version: str) -> bool:
    """Whether nobody may be assessed under that version any more: a new screening takes its place."""
    return bool(protocol_of(name, version).retired)


def site_problem() -> str:
    """Why the site's file cannot be used with a protocol that is offered here; empty when it can."""
    try:
        practice_requirements(settings.SITE_FILE)
    except DomainError as refused:
        return str(refused)
    for name, _ in offered():
        try:
            protocol_in_force(name)
        except DomainError as refused:
            return f"{name}: {refused}"
    return ""


def asked_elements(name: str, version: str) -> frozenset[str]:
    """Every element an active eligibility rule of the protocol asks about."""
    return _asked(name, version, settings.SITE_FILE)


@lru_cache(maxsize=32)
def _asked(name: str, version: str, site_file: Path | None) -> frozenset[str]:
    protocol = _as_run(name, version, site_file)
    return frozenset(
        fact
        for rule in protocol.stage(Stage.ELIGIBILITY)
        if rule.is_active
        for fact in facts_of(rule.condition)
    )
