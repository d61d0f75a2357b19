"""Where a number comes from, and how much of that place was seen.

No number stands alone: it names its sources, and a source says whether the whole file, an abstract, an
excerpt, or only a link was read. The grade of a statement is a second thing: how strong the evidence is.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Seen(StrEnum):
    """How much of a source was read before a number was taken from it."""

    FILE = "file"
    ABSTRACT = "abstract"
    EXCERPT = "excerpt"
    LINK_ONLY = "link_only"

    @property
    def words(self) -> str:
        """For the screen: what a reader must know before trusting the number."""
        return {
            Seen.FILE: "read in full",
            Seen.ABSTRACT: "abstract read, full text not seen",
            Seen.EXCERPT: "excerpt read, full text not seen",
            Seen.LINK_ONLY: "known by its address only, text not seen",
        }[self]


# Read through somebody else's account, not at the place where the number was first stated.
SECOND_HAND_KINDS = frozenset({"secondary", "news", "vendor", "clinic"})


class Grade(StrEnum):
    """How strong the evidence behind a protocol rule is; defined in the protocol content."""

    LABEL = "label"
    MODERATE = "moderate"
    WEAK = "weak"
    EXPERT = "expert"
    PLATFORM = "platform"

    @property
    def words(self) -> str:
        """One line for the screen."""
        return {
            Grade.LABEL: "regulator label or risk programme (nearly all for esketamine)",
            Grade.MODERATE: "more than one consistent human study, or a guideline that was seen",
            Grade.WEAK: "one trial criterion, one cohort, or expert text",
            Grade.EXPERT: "clinic or vendor text only",
            Grade.PLATFORM: "proposed by this project: needs sign-off by the medical lead",
        }[self]


@dataclass(frozen=True, slots=True)
class Source:
    """A place where facts were read."""

    id: str
    title: str
    url: str
    kind: str
    seen: Seen
    note: str | None = None

    @property
    def is_second_hand(self) -> bool:
        """True when the text is an account of somebody else's statement."""
        return self.kind in SECOND_HAND_KINDS

    def as_dict(self) -> dict[str, str | bool]:
        """As data: where it is, how much of it was seen, whether it is second-hand."""
        return {
            "id": self.id,
            "title": self.title,
            "url": self.url,
            "seen": self.seen.value,
            "second_hand": self.is_second_hand,
        }

    def cite(self) -> str:
        """Title with how much was seen; second-hand accounts say so."""
        second = ", second-hand" if self.is_second_hand else ""
        return f"{self.title} ({self.seen.words}{second})"
