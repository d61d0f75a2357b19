"""Published pooled estimates, as printed, to stand beside ours."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from openkap.core.content import SHIPPED, Schema, Tally, read_document
from openkap.core.errors import DomainError, InputError
from openkap.evidence.study import Citation, Place, Sourced, Tier

RATIO_MEASURES = frozenset({"OR", "RR", "HR", "adjusted OR"})

_USUAL = "ketamine v control"


class Estimate(Sourced):
    """One printed pooled value; ``null`` where the text read does not print it."""

    id: str
    outcome: str
    comparison: str
    timepoint: str
    measure: str | None = None
    estimate: Decimal | None = None
    ci_low: Decimal | None = None
    ci_high: Decimal | None = None
    ci_level: Decimal | None = None
    studies: int | None = None
    participants: int | None = None
    p: str | None = None
    side: str | None = None
    computed: tuple[dict[str, Any], ...] = ()
    note: str | None = None
    caveats: tuple[str, ...] = ()
    where: str | None = None

    @property
    def is_ratio(self) -> bool:
        """Its interval is symmetric on the log scale."""
        return self.measure in RATIO_MEASURES

    def sentence(self) -> str:
        """Estimate with interval, as printed, or that it was not read."""
        what = self.outcome if self.timepoint == "-" else f"{self.outcome}, {self.timepoint}"
        if self.comparison != _USUAL:
            # Two values of one time that differ in the control would read as a contradiction.
            what += f", {self.comparison}"
        if self.estimate is None:
            return f"{what}: value not in the text that was read"
        text = f"{self.measure or 'estimate'} {self.estimate}"
        if self.ci_low is not None and self.ci_high is not None:
            text += f" ({self.ci_low} to {self.ci_high})"
        return f"{what}: {text}".replace(" -", " \N{MINUS SIGN}").replace("(-", "(\N{MINUS SIGN}")


class Scope(Schema):
    """What a review took in."""

    designs: str | None = None
    studies: int | None = None
    participants: int | None = None
    search_to: str | None = None
    details: dict[str, Any] = Field(default_factory=dict)


class Synthesis(Schema):
    """A published review."""

    id: str
    usable_pool: bool
    citation: Citation
    scope: Scope = Scope()
    favours_ketamine: Literal["positive", "negative"] | None = None
    direction: str | None = None
    estimates: tuple[Estimate, ...] = ()
    heterogeneity: str | None = None
    caveats: tuple[str, ...] = ()
    comparability: str | None = None
    missing: tuple[str, ...] = ()
    places: dict[str, Place] = Field(default_factory=dict)

    @property
    def name(self) -> str:
        """First author and year; the journal and year where no author was printed."""
        authors = self.citation.authors or self.id
        if authors.startswith("("):
            authors = self.citation.journal or self.id
        first = authors.split(",")[0].split(" et al")[0].strip()
        words = first.split(" ")
        surname = words[0] if len(words) == 2 and words[1].isupper() else first
        return f"{surname} {self.citation.year}" if self.citation.year else surname

    def side(self, estimate: Estimate) -> str:
        """Which way a printed value points; a value may differ from the rest of its review."""
        if estimate.side or estimate.estimate is None:
            return estimate.side or ""
        if estimate.is_ratio:
            return "above 1 is more on ketamine"
        if self.favours_ketamine is None:
            return "which side it favours is not printed"
        return f"{'above' if self.favours_ketamine == 'positive' else 'below'} 0 favours ketamine"

    def sentence(self, estimate: Estimate) -> str:
        """A value as printed, with the side it favours."""
        side = self.side(estimate)
        return f"{estimate.sentence()}, {side}" if side else estimate.sentence()


class _File(Schema):
    syntheses: tuple[Synthesis, ...]


@dataclass(frozen=True)
class Syntheses:
    """All reviews, and their estimates by id."""

    reviews: tuple[Synthesis, ...]
    fingerprint: str

    def estimate(self, estimate_id: str) -> tuple[Synthesis, Estimate]:
        """The estimate with this id and the review it stands in."""
        for review in self.reviews:
            for estimate in review.estimates:
                if estimate.id == estimate_id:
                    return review, estimate
        raise InputError("no such published estimate", value=estimate_id, remedy="see content/syntheses.yaml")


def read_syntheses(path: Path | None = None) -> Syntheses:
    """The shipped reviews, or those of another file; places are checked."""
    document = read_document(path or SHIPPED / "syntheses.yaml")
    reviews = document.parse(_File).syntheses
    for at, review in enumerate(reviews):
        for estimate in review.estimates:
            unknown = set(estimate.sources) - set(review.places)
            if unknown or not estimate.sources:
                raise document.error(
                    "a pooled value without a listed source", ("syntheses", at), value=estimate.id
                )
    return Syntheses(reviews, document.fingerprint)


def tally_syntheses(root: Path) -> Tally:
    """How many published pooled values there are of which tier."""
    tally = Tally("published pooled values")
    path = root / "syntheses.yaml"
    try:
        for review in read_syntheses(path).reviews if path.exists() else ():
            for estimate in review.estimates:
                tiers = [review.places[key].tier for key in estimate.sources]
                tally.add(min(tiers, key=lambda tier: tier.value if tier is not Tier.NONE else "Z").value)
    except DomainError as error:
        tally.errors.append(error)
    return tally
