"""Where a person in danger finds somebody at once: the clinic says it, the pages repeat it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from django.conf import settings


@dataclass(frozen=True, slots=True)
class HelpLine:
    """A name and a number to call."""

    name: str
    number: str

    @property
    def href(self) -> str:
        """The number as a telephone dials it."""
        return "tel:" + re.sub(r"[^0-9+*#]", "", self.number)


def help_line() -> HelpLine | None:
    """The line of the settings, ``name: number``; ``None`` when the clinic has not said."""
    name, _, number = settings.HELP_LINE.rpartition(":")
    return HelpLine(name.strip(), number.strip()) if name.strip() and number.strip() else None
