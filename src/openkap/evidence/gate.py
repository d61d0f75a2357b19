"""What contradicts itself enters no answer, whoever wrote it: an import or a person's own hand.

The outcome is marked ``unsettled`` with the reason, gives no effect, and stands in the report as held back.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

from openkap.evidence.integrity import Yardstick, check_study
from openkap.evidence.integrity_between import SAME_TRIAL, check_between
from openkap.evidence.integrity_finding import Finding
from openkap.evidence.scales import Scales
from openkap.evidence.study import AdverseEvent, Outcome, Study

Marked = TypeVar("Marked", Outcome, AdverseEvent)

# No contradiction is judged by how wide scores usually spread: that only makes a value implausible.
_NO_YARDSTICK = Yardstick({}, None, ())


def hold_back(records: Iterable[Study], scales: Scales) -> tuple[Study, ...]:
    """The records, each outcome marked with the contradictions found on it."""
    records = tuple(records)
    between = check_between(records)
    return tuple(_held(study, [*check_study(study, scales, _NO_YARDSTICK), *between]) for study in records)


def _held(study: Study, findings: Iterable[Finding]) -> Study:
    found = [each for each in findings if each.severity == "contradiction"]
    if not found:
        return study
    outcomes = tuple(
        mark_unsettled(outcome, [each for each in found if _concerns(each, study, outcome)])
        for outcome in study.outcomes
    )
    harms = tuple(
        mark_unsettled(event, [each for each in found if _concerns_harm(each, study, event)])
        for event in study.adverse_events
    )
    return study.model_copy(update={"outcomes": outcomes, "adverse_events": harms})


def _concerns_harm(finding: Finding, study: Study, event: AdverseEvent) -> bool:
    if finding.subject == study.id:
        return finding.check == SAME_TRIAL
    return finding.subject.startswith(f"{study.id}, {event.term}, arm ")


def _concerns(finding: Finding, study: Study, outcome: Outcome) -> bool:
    if finding.subject != study.id:
        return is_on(finding, outcome)
    if finding.check == SAME_TRIAL:
        return True
    # A printed contrast brings no sizes: it borrows those of the arms.
    return finding.check == "arm-sum" and outcome.kind == "between_group"


def without_contradictions(outcomes: Iterable[Outcome], findings: Iterable[Finding]) -> tuple[Outcome, ...]:
    """The outcomes, each marked with the contradictions found on it, so that it enters no pool meanwhile."""
    found = [each for each in findings if each.severity == "contradiction"]
    return tuple(
        mark_unsettled(outcome, [each for each in found if is_on(each, outcome)]) for outcome in outcomes
    )


def mark_unsettled(marked: Marked, findings: Iterable[Finding]) -> Marked:
    """The outcome or harm with the findings among what a person must settle, each once."""
    told = dict.fromkeys((*marked.unsettled, *(f"{each.check}: {each.sentence}" for each in findings)))
    return marked.model_copy(update={"unsettled": tuple(told)}) if told else marked


def is_on(finding: Finding, outcome: Outcome) -> bool:
    """A finding names an outcome by id (or id and arm), by its measure's title, or by scale and time."""
    if finding.subject == outcome.id or finding.subject.startswith(f"{outcome.id}, "):
        return True
    rest = finding.subject.partition(", ")[2]
    title = (outcome.where or "").partition(", ")[2].removeprefix("analysis of ")
    return rest in (outcome.id, title or outcome.id) or rest.startswith(
        f"{outcome.instrument} {outcome.time.label}, arm "
    )
