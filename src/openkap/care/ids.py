"""Ids that people see: short, random, easy to read out; never a database number."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache
from random import Random

# Crockford's base 32: no I, L, O or U, so that nothing is misread over the telephone.
ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
UID_LENGTH = 12
CODE_LENGTH = 6
# Stands where a row's id goes; no random id is all zeros in any lifetime.
_PLACE = "0" * UID_LENGTH

_source: ContextVar[Random | None] = ContextVar("id_source", default=None)


def new_uid() -> str:
    """Sixty random bits as twelve characters, for addresses and links between systems."""
    return _draw(UID_LENGTH)


def new_code() -> str:
    """A patient's pseudonym for people, such as ``K4T-9PX``."""
    letters = _draw(CODE_LENGTH).upper()
    return f"{letters[:3]}-{letters[3:]}"


@contextmanager
def seeded_ids(source: Random) -> Iterator[None]:
    """Within the block ids come from ``source``: the demo clinic is the same clinic every time."""
    token = _source.set(source)
    try:
        yield
    finally:
        _source.reset(token)


def _draw(length: int) -> str:
    if source := _source.get():
        return "".join(source.choice(ALPHABET) for _ in range(length))
    # 32 letters: five bits of each random byte, none more likely than another.
    return "".join(ALPHABET[byte & 31] for byte in secrets.token_bytes(length))


@lru_cache(maxsize=4096)
def addresses(name: str, *before: str) -> Callable[[str], str]:
    """The address of each row of one kind, for long lists: reversed once, its last id then put in."""
    from django.urls import reverse

    head, _, tail = reverse(name, args=[*before, _PLACE]).rpartition(_PLACE)
    return lambda uid: f"{head}{uid}{tail}"


class UidConverter:
    """``<uid:patient>`` in a URL."""

    regex = f"[{ALPHABET}]{{{UID_LENGTH}}}"

    def to_python(self, value: str) -> str:
        return value

    def to_url(self, value: str) -> str:
        return value
