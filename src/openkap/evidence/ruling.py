"""What a rule gets and gives: a part of a claim, everything held, and the judgement."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from openkap.core.content import Schema
from openkap.evidence.answers import Answer, Answers
from openkap.evidence.base import Base
from openkap.evidence.grade import Limit
from openkap.evidence.study import Group, Study
from openkap.evidence.syntheses import Syntheses
from openkap.evidence.wording import against, held_back, is_awaited, loud, mixed, unstandardised

Verdict = Literal["supported", "mixed", "not supported", "cannot be judged"]


VERDICTS: tuple[Verdict, ...] = ("supported", "mixed", "not supported", "cannot be judged")


class Part(Schema):
    """One assertion inside a claim, the rule that judges it, and the rule's arguments."""

    text: str
    rule: str
    analyses: tuple[str, ...] = ()
    published: str | None = None
    published_adjusted: str | None = None
    split: Literal["treatment_resistant", "repeated_doses", "psychotherapy"] | None = None
    route: str | None = None
    routes: tuple[str, ...] = ()
    domain: str | None = None
    # Spellings of one harm stand together, parted by a bar; a name with a word of ``not_terms`` is another.
    terms: tuple[str, ...] = ()
    not_terms: tuple[str, ...] = ()
    rare_below: Limit | None = None
    because: str | None = None
    strength: str | None = None
    nodes: tuple[str, ...] = ()
    human_support: str | None = None
    human_for: str | None = None
    human_against: str | None = None
    animal: str | None = None


@dataclass(frozen=True)
class Held:
    """Everything a rule may look at."""

    base: Base
    answers: Answers
    syntheses: Syntheses

    @property
    def studies(self) -> list[Study]:
        """Every study that stands: retracted ones and those of another question count for nothing."""
        outside = Group.OTHER_QUESTION
        return [each for each in self.base.studies if not each.retracted and each.group is not outside]

    @property
    def controlled(self) -> list[Study]:
        """The randomised treatment trials among them."""
        return [study for study in self.studies if study.is_controlled]


@dataclass(frozen=True)
class Judged:
    """A part's verdict, why, from what, and the trials it rests on or must name."""

    text: str
    verdict: Verdict
    because: str
    judged_from: str
    trials: tuple[str, ...] = ()
    not_in: str = ""
    numbers: dict[str, Any] = field(default_factory=dict)

    @property
    def sentence(self) -> str:
        """What is asserted, the verdict, why, and what is not in it."""
        told = f"{self.text[:1].upper()}{self.text[1:]}: {self.verdict}. {self.because} {self.not_in}"
        return told.strip()


Rule = Callable[[Part, Held], Judged]


def benefit_of(answer: Answer) -> Verdict:
    """What one answer says of a benefit: a result beside trials that saw none is at most mixed."""
    readings = [each.reading for each in answer.silent]
    found_none = "no_difference" in readings or "harm" in readings or bool(against(answer))
    good = "benefit" in readings
    if not answer.effects:
        if good and found_none:
            return "mixed"
        return "not supported" if found_none else "cannot be judged"
    if answer.in_favour() == "yes":
        firm = answer.certainty.level in ("high", "moderate") and not found_none
        return "supported" if firm else "mixed"
    if answer.in_favour() == "no":
        return "not supported"
    return "mixed" if good else "not supported"


def from_answers(
    part: Part,
    verdict: Verdict,
    because: str,
    answers: list[Answer],
    *,
    told: frozenset[str] = frozenset(),
    head: str | None = None,
) -> Judged:
    """A judgement that rests on answers, with their numbers, their trials and who is not in them.

    ``told`` are the trials whose numbers ``because`` tells though no pool can take them; ``head`` is what
    stands before the silent trials where no number is told.
    """
    if verdict in ("supported", "mixed") and any(map(is_awaited, answers)):
        # Without the trial held back a verdict could only have become kinder.
        verdict = "cannot be judged"
        because += " What is held back may speak against it and must be settled before."
    cautions = dict.fromkeys(
        each for answer in answers for each in (unstandardised(answer), mixed(answer), held_back(answer))
    )
    silence = " ".join(each for each in (loud(answers[0], told, head), *cautions) if each)
    trials = dict.fromkeys(
        [each.study for answer in answers for each in answer.effects]
        + [
            f"{each.study} ({'not pooled' if each.study_id in told else 'no numbers'})"
            for answer in answers
            for each in answer.silent
        ]
    )
    numbers = {
        answer.analysis.id: {
            "estimate": answer.shown(answer.estimate) if answer.estimate is not None else None,
            "interval": [answer.shown(each) for each in answer.interval] if answer.interval else None,
            "studies": len(answer.effects),
            "people": answer.people,
            "people_measured": answer.measured,
            "people_without_numbers": answer.silent_people,
        }
        for answer in answers
    }
    return Judged(
        part.text,
        verdict,
        because,
        "randomised trials; certainty " + ", ".join(dict.fromkeys(a.certainty.level for a in answers)),
        tuple(trials),
        silence,
        numbers,
    )
