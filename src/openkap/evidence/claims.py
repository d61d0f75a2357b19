"""The claims ledger: every claim of the founding summary, its verdict, and what the verdict rests on."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import Any, Literal

from openkap.core.content import SHIPPED, Schema, Tally, read_document
from openkap.core.errors import DomainError
from openkap.evidence.answers import Answer, Answers
from openkap.evidence.grade import LEVELS, Domain
from openkap.evidence.ruling import Held, Judged, Part, Verdict
from openkap.evidence.syntheses import Estimate, Synthesis
from openkap.evidence.verdicts import RULES, judge

AREAS = {
    "efficacy": "Efficacy",
    "durability": "Durability and dose",
    "route": "Route",
    "mechanism": "Mechanism",
    "psychotherapy": "Psychotherapy",
    "safety": "Safety",
    "ethics": "Ethics",
    "gap": "Gaps in research",
    "access": "Access",
}


class Context(Schema):
    """A sentence with the places it was read in, and how strong it is."""

    say: str
    grade: str
    sources: tuple[str, ...]


class VerdictOverride(Schema):
    """A reviewer's verdict in place of the rule's."""

    verdict: Verdict
    reviewer: str
    reason: str
    on: date


class Claim(Schema):
    """One assertion of the summary, and the rules that judge it."""

    id: str
    area: str
    kind: Literal["quantitative", "comparative", "descriptive", "normative"]
    claim: str
    answered_by: str
    parts: tuple[Part, ...]
    estimates: tuple[str, ...] = ()
    context: tuple[Context, ...] = ()
    override: VerdictOverride | None = None


class _File(Schema):
    claims: tuple[Claim, ...]


@dataclass(frozen=True)
class Entry:
    """One line of the ledger."""

    claim: Claim
    verdict: Verdict
    proposed: Verdict
    parts: tuple[Judged, ...]
    certainty: str | None
    domains: tuple[tuple[str, Domain], ...]
    published: tuple[tuple[Synthesis, Estimate], ...]

    @property
    def sentence(self) -> str:
        """The verdict with its reasons, as one paragraph."""
        told = " ".join(part.sentence for part in self.parts)
        if self.claim.override:
            given = self.claim.override
            told = (
                f"{given.reviewer} judged this {given.verdict} on {given.on.isoformat()}: {given.reason} "
                f"(the rules propose {self.proposed}). {told}"
            )
        return told

    def as_dict(self) -> dict[str, Any]:
        """For ``--json`` and the report's data."""
        return {
            "id": self.claim.id,
            "area": self.claim.area,
            "kind": self.claim.kind,
            "claim": self.claim.claim,
            "answered_by": self.claim.answered_by,
            "verdict": self.verdict,
            "proposed_by_rule": self.proposed,
            "certainty": self.certainty,
            "domains": [{"analysis": name, **asdict(domain)} for name, domain in self.domains],
            "sentence": self.sentence,
            "parts": [asdict(part) for part in self.parts],
            "published": [
                {"review": review.name, "value": review.sentence(estimate), "id": estimate.id}
                for review, estimate in self.published
            ],
            "context": [each.model_dump() for each in self.claim.context],
            "override": self.claim.override.model_dump(mode="json") if self.claim.override else None,
        }


def read_claims(path: Path | None = None) -> tuple[Claim, ...]:
    """The shipped claims, or those of another file; rules and analyses must exist."""
    document = read_document(path or SHIPPED / "claims.yaml")
    claims = document.parse(_File).claims
    seen: set[str] = set()
    for at, claim in enumerate(claims):
        if claim.id in seen:
            raise document.error("a claim stands twice", ("claims", at), value=claim.id)
        seen.add(claim.id)
        for part in claim.parts:
            if part.rule not in RULES:
                raise document.error(
                    "no such rule", ("claims", at, "parts"), value=part.rule, limit=", ".join(RULES)
                )
    return claims


def judge_claims(claims: tuple[Claim, ...], held: Held) -> tuple[Entry, ...]:
    """Every claim with its verdict."""
    return tuple(_entry(claim, held) for claim in claims)


def _entry(claim: Claim, held: Held) -> Entry:
    parts = tuple(judge(part, held) for part in claim.parts)
    proposed = combine([part.verdict for part in parts])
    return Entry(
        claim=claim,
        verdict=claim.override.verdict if claim.override else proposed,
        proposed=proposed,
        parts=parts,
        certainty=_certainty(claim, held.answers),
        domains=tuple(
            (answer.analysis.id, domain)
            for answer in _answers(claim, held.answers)
            for domain in answer.certainty.domains
        ),
        published=tuple(held.syntheses.estimate(each) for each in claim.estimates),
    )


def combine(verdicts: list[Verdict]) -> Verdict:
    """Parts that agree give their verdict; parts that differ give mixed."""
    return verdicts[0] if len(set(verdicts)) == 1 else "mixed"


def _answers(claim: Claim, answers: Answers) -> list[Answer]:
    return [answers.get(each) for part in claim.parts for each in part.analyses]


def _certainty(claim: Claim, answers: Answers) -> str | None:
    """The lowest certainty of the answers a claim rests on."""
    found = _answers(claim, answers)
    return min((each.certainty.level for each in found), key=LEVELS.index, default=None)


def tally_claims(root: Path) -> Tally:
    """How many claims there are of which kind."""
    tally = Tally("claims")
    path = root / "claims.yaml"
    try:
        for claim in read_claims(path) if path.exists() else ():
            tally.add(claim.kind)
    except DomainError as error:
        tally.errors.append(error)
    return tally
