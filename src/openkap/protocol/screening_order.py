"""In which order screening asks: sections of element groups, from content."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from openkap.core.content import SHIPPED, Schema, Tally, read_document
from openkap.core.errors import DomainError
from openkap.core.source import Grade
from openkap.protocol.elements import Dictionary, Element, dictionary

NEWEST = "1.0.0"


class ScreeningSection(Schema):
    """A few groups of questions that belong together, and the sentence said before them."""

    id: str
    title: str
    lead: str
    groups: tuple[str, ...]


class ScreeningOrder(Schema):
    """All sections in the order they are asked."""

    version: str
    grade: Grade
    sources: tuple[str, ...]
    sections: tuple[ScreeningSection, ...]

    def section_of(self, element: Element) -> ScreeningSection | None:
        """The section that asks for this element, if screening does."""
        return next((each for each in self.sections if element.group in each.groups), None)


@lru_cache(maxsize=4)
def screening_order(root: Path = SHIPPED) -> ScreeningOrder:
    """The order in force."""
    return read_document(root / "screening" / f"order-{NEWEST}.yaml").parse(ScreeningOrder)


def groups_left_out(order: ScreeningOrder, elements: Dictionary, asked: frozenset[str]) -> set[str]:
    """Groups of the asked elements that no section names: their questions would never be shown."""
    named = {group for section in order.sections for group in section.groups}
    return {elements[name].group for name in asked} - named


def tally(root: Path = SHIPPED) -> list[Tally]:
    """The order read and checked, for ``openkap check``."""
    found = Tally("screening sections")
    try:
        order = screening_order(root)
        dictionary(root)
        for _ in order.sections:
            found.add(order.grade.value)
    except DomainError as refused:
        found.errors.append(refused)
    return [found]
