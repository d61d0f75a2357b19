"""Which protocol a screening follows, and what it asks."""

from __future__ import annotations

from functools import lru_cache

from openkap.protocol.condition import facts_of
from openkap.protocol.model import Protocol
from openkap.protocol.read import load_protocol, published_ids
from openkap.protocol.rules import Stage

DEFAULT = "iv-racemic"


@lru_cache(maxsize=1)
def offered() -> tuple[tuple[str, str], ...]:
    """(id, title) of every published protocol of this installation, the reference course first."""
    listed = sorted(published_ids(), key=lambda name: (name != DEFAULT, name))
    return tuple((name, load_protocol(name).title) for name in listed)


def protocol_of(name: str, version: str) -> Protocol:
    """Exactly that version: what was decided under it stays under it."""
    return load_protocol(f"{name}@{version}")


@lru_cache(maxsize=32)
def asked_elements(name: str, version: str) -> frozenset[str]:
    """Every element an active eligibility rule of the protocol asks about."""
    protocol = protocol_of(name, version)
    return frozenset(
        fact
        for rule in protocol.stage(Stage.ELIGIBILITY)
        if rule.is_active
        for fact in facts_of(rule.condition)
    )
