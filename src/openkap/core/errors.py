"""The one family of errors that a person may see.

A person is told what happened, which value met which limit, where it stands, and what to do next;
never a traceback. A mistake of the programmer stays an ``AssertionError`` or ``TypeError``.
"""

from __future__ import annotations

from typing import Any

# A refusal quotes the value, but never a whole file of it.
LONGEST_QUOTED_VALUE = 120


class DomainError(Exception):
    """Something a person can understand and mend.

    Parameters
    ----------
    what : what happened, as a sentence without its full stop.
    value : the offending value, as it was given.
    limit : what would have been accepted.
    remedy : the next step.
    where : file and line, row, or field.
    """

    def __init__(
        self,
        what: str,
        *,
        value: object = None,
        limit: str | None = None,
        remedy: str | None = None,
        where: str | None = None,
    ) -> None:
        self.what = what
        self.value = None if value is None else quote(value)
        self.limit = limit
        self.remedy = remedy
        self.where = where
        super().__init__(str(self))

    def at(self, where: str) -> DomainError:
        """The same refusal, placed: the caller knows the file or field, the callee the reason."""
        placed = f"{where}: {self.where}" if self.where else where
        error = type(self)(self.what, value=None, limit=self.limit, remedy=self.remedy, where=placed)
        error.value = self.value
        return error

    def __str__(self) -> str:
        text = self.what
        if self.value is not None:
            text += f" (given: {self.value})"
        if self.limit:
            text += f"; limit: {self.limit}"
        if self.remedy:
            text += f"; {self.remedy}"
        return f"{self.where}: {text}" if self.where else text

    def as_dict(self) -> dict[str, Any]:
        """The error as data, for ``--json`` and the API."""
        fields = {
            "what": self.what,
            "value": self.value,
            "limit": self.limit,
            "remedy": self.remedy,
            "where": self.where,
        }
        return {name: value for name, value in fields.items() if value is not None}


class ContentError(DomainError):
    """A content file breaks a rule; ``where`` is ``file:line``."""


class InputError(DomainError):
    """What a person or another system handed in cannot be read as it stands."""


def quote(value: object) -> str:
    """The value as text on one line, shortened in the middle when long; control characters are marked."""
    text = str(value)
    if len(text) <= LONGEST_QUOTED_VALUE and text.isascii() and text.isprintable() and "  " not in text:
        return text.strip()
    text = " ".join(text.split())
    if not text.isprintable():
        text = "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in text)
    if len(text) <= LONGEST_QUOTED_VALUE:
        return text
    half = LONGEST_QUOTED_VALUE // 2 - 1
    return f"{text[:half]}…{text[-half:]}"
