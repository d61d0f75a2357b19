"""Three-valued truth: YES, NO and UNKNOWN with Kleene's strong connectives.

What was not asked is not false. Every rule in the house is evaluated in these three values, so that
missing data delays and never passes.

Source: S. C. Kleene, Introduction to Metamathematics (1952), section 64, strong tables.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum


class Truth(Enum):
    """YES, NO, or UNKNOWN. It has no ``bool``: asking ``if truth`` would hide the third value."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"

    @classmethod
    def of(cls, claim: bool | None) -> Truth:
        """``True``, ``False`` or ``None`` (not known) as a truth value."""
        if claim is None:
            return cls.UNKNOWN
        return cls.YES if claim else cls.NO

    def __invert__(self) -> Truth:
        return {Truth.YES: Truth.NO, Truth.NO: Truth.YES, Truth.UNKNOWN: Truth.UNKNOWN}[self]

    def __and__(self, other: Truth) -> Truth:
        return every((self, other))

    def __or__(self, other: Truth) -> Truth:
        return some((self, other))

    def __bool__(self) -> bool:
        raise TypeError("a Truth has three values: compare it with Truth.YES, NO or UNKNOWN")


def every(truths: Iterable[Truth]) -> Truth:
    """Conjunction: one NO decides, else one UNKNOWN leaves it open; YES for none at all."""
    seen = set(truths)
    if Truth.NO in seen:
        return Truth.NO
    return Truth.UNKNOWN if Truth.UNKNOWN in seen else Truth.YES


def some(truths: Iterable[Truth]) -> Truth:
    """Disjunction: one YES decides, else one UNKNOWN leaves it open; NO for none at all."""
    seen = set(truths)
    if Truth.YES in seen:
        return Truth.YES
    return Truth.UNKNOWN if Truth.UNKNOWN in seen else Truth.NO
