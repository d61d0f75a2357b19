"""Words that sessions and therapy notes are recorded in: adverse-event terms, checklists."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from openkap.core.content import SHIPPED, Schema, Tally, read_document
from openkap.core.errors import DomainError, InputError
from openkap.core.source import Grade

NEWEST = "1.0.0"


class TermGroup(Schema):
    """Terms of one system of the body; ``expected`` says whether labels know them."""

    id: str
    expected: str
    terms: tuple[str, ...]


class GradeWords(Schema):
    """One grade of severity in words."""

    value: str
    words: str


class AdverseEventWords(Schema):
    """Everything an adverse event is described with."""

    version: str
    grade: Grade
    sources: tuple[str, ...]
    groups: tuple[TermGroup, ...]
    grades: tuple[GradeWords, ...]
    grades_note: str
    serious: tuple[str, ...]
    relations: tuple[str, ...]
    actions: tuple[str, ...]
    outcomes: tuple[str, ...]

    def group_of(self, term: str) -> TermGroup:
        """The group a term stands in; ``InputError`` when it is none of ours."""
        for group in self.groups:
            if term in group.terms:
                return group
        raise InputError("no such term", value=term, remedy="choose a term of the list, or “something else”")


class Checklist(Schema):
    """The working parts of one way of working."""

    id: str
    title: str
    kinds: tuple[str, ...]
    items: tuple[str, ...]


class Fidelity(Schema):
    """All checklists."""

    version: str
    grade: Grade
    sources: tuple[str, ...]
    checklists: tuple[Checklist, ...]

    def for_visit(self, kind: str, modality: str) -> Checklist:
        """The checklist of a kind of visit; a trauma-focused visit has that of its modality."""
        for checklist in self.checklists:
            if kind in checklist.kinds and (kind != "trauma_focused" or checklist.id == modality):
                return checklist
        raise InputError(
            "there is no checklist for this way of working", value=modality, remedy="choose another modality"
        )


@lru_cache(maxsize=4)
def adverse_event_words(root: Path = SHIPPED) -> AdverseEventWords:
    """The words in force."""
    return read_document(root / "adverse-events" / f"terms-{NEWEST}.yaml").parse(AdverseEventWords)


@lru_cache(maxsize=4)
def fidelity(root: Path = SHIPPED) -> Fidelity:
    """The checklists in force."""
    return read_document(root / "therapy" / f"fidelity-{NEWEST}.yaml").parse(Fidelity)


def tally(root: Path = SHIPPED) -> list[Tally]:
    """Both files read and checked, for ``openkap check``."""
    terms, lists = Tally("adverse-event terms"), Tally("fidelity checklists")
    try:
        for group in adverse_event_words(root).groups:
            for _ in group.terms:
                terms.add(adverse_event_words(root).grade.value)
    except DomainError as refused:
        terms.errors.append(refused)
    try:
        for _ in fidelity(root).checklists:
            lists.add(fidelity(root).grade.value)
    except DomainError as refused:
        lists.errors.append(refused)
    return [terms, lists]
