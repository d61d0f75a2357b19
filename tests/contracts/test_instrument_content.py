"""Every number of an instrument has a source and a grade, and no official wording is shipped."""

from __future__ import annotations

import re
import typing
from collections.abc import Iterator

import pytest
from pydantic import BaseModel

from openkap.core.source import Grade
from openkap.instruments import model
from openkap.instruments.load import instruments, sources

SHIPPED = {each.id: each for each in instruments()}
# Their numbers are part of a sourced parent, or carry sources of their own.
INSIDE = {model.Item, model.Requirement, model.Rescale, model.Code}


def holds_numbers(schema: type[BaseModel]) -> bool:
    kinds = " ".join(str(field.annotation) for field in schema.model_fields.values())
    return re.search(r"\b(int|Decimal)\b", kinds) is not None


def schemas() -> Iterator[type[BaseModel]]:
    for value in vars(model).values():
        if isinstance(value, type) and issubclass(value, model.Schema) and value is not model.Schema:
            yield value


def test_every_part_with_numbers_must_name_sources_and_a_grade() -> None:
    numeric = {schema for schema in schemas() if holds_numbers(schema)}
    assert numeric - INSIDE == {schema for schema in numeric if issubclass(schema, model.Sourced)}
    assert typing.get_type_hints(model.Sourced)["grade"] is Grade


@pytest.mark.parametrize("name", SHIPPED)
def test_every_part_is_sourced_and_graded(name: str) -> None:
    known = sources()
    for part in SHIPPED[name].sourced():
        assert part.sources
        assert all(source in known for source in part.sources)
        assert isinstance(part.grade, Grade)


@pytest.mark.parametrize("name", SHIPPED)
def test_labels_are_short_and_ours(name: str) -> None:
    """Official items are sentences; a label of ours is a few words without a full stop or a question."""
    for item in SHIPPED[name].items_by_id.values():
        assert len(item.label.split()) <= 8, item.label
        assert item.label[-1] not in ".?", item.label


@pytest.mark.parametrize("name", SHIPPED)
def test_a_safety_question_has_something_to_say(name: str) -> None:
    for alarm in SHIPPED[name].safety:
        assert len(alarm.say.split()) > 5


def test_every_loinc_code_says_where_it_was_seen() -> None:
    for instrument in SHIPPED.values():
        coded_items = [item for item in instrument.items_by_id.values() if item.loinc]
        assert all(code.sources for code in instrument.codes)
        assert not coded_items or instrument.items.sources
