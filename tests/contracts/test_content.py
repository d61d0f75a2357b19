"""Every number in content stands under a source and a grade."""

import re
from pathlib import Path
from typing import Any

import pytest

from openkap.core.content import SHIPPED, content_files, read_document

# Places that hold no clinical number: file and rule versions, ids, counts of pages and the like.
NOT_CLINICAL = {"version", "id", "title", "rules", "more_rules", "parts", "fingerprint", "published_on"}
NUMBER = re.compile(r"(?<![\w.])[0-9]+(\.[0-9]+)?(?![\w])")
SOURCED_FILES = [
    path for folder in ("elements", "rules", "parts", "protocols") for path in content_files(folder)
]


def numbers_without_source(node: Any, place: str, is_sourced: bool) -> list[str]:
    if isinstance(node, dict):
        here = is_sourced or (bool(node.get("sources")) and bool(node.get("grade")))
        return [
            found
            for key, value in node.items()
            if key not in NOT_CLINICAL
            for found in numbers_without_source(value, f"{place}.{key}", here)
        ]
    if isinstance(node, list):
        return [
            found
            for index, value in enumerate(node)
            for found in numbers_without_source(value, f"{place}[{index}]", is_sourced)
        ]
    if isinstance(node, str) and NUMBER.search(node) and not is_sourced:
        return [f"{place}: {node}"]
    return []


@pytest.mark.parametrize("path", SOURCED_FILES, ids=lambda path: path.name)
def test_every_number_has_a_source_and_a_grade(path: Path) -> None:
    data = read_document(path).data
    # A protocol's summary restates numbers that its courses carry with their sources.
    restated = {"summary", "expires_after"}
    body = {key: value for key, value in data.items() if key not in restated}
    assert numbers_without_source(body, path.stem, is_sourced=False) == []


def test_the_contract_itself_is_awake() -> None:
    assert numbers_without_source({"steps": [{"dose": "0.5 mg/kg"}]}, "file", is_sourced=False)
    assert not numbers_without_source(
        {"steps": [{"dose": "0.5 mg/kg", "sources": ["A"], "grade": "weak"}]}, "file", is_sourced=False
    )
    assert numbers_without_source(
        {"dose": "0.5 mg/kg", "sources": [], "grade": "weak"}, "f", is_sourced=False
    )


def test_content_is_data_only() -> None:
    code = {".py", ".pyc", ".js", ".sh", ".sql", ".html"}
    files = [path for path in SHIPPED.rglob("*") if path.is_file()]
    assert [path for path in files if path.suffix in code or path.stat().st_mode & 0o111] == []
