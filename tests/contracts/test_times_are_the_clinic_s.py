"""Times that people read are the clinic's: no moment is put into words in another zone."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

CARE = Path(__file__).parents[2] / "src" / "openkap" / "care"
# What the names of moments end in, and the spans of a window.
MOMENT = re.compile(r"(_at|\.at|^at|^low|^high|^moment)$")
# Dates, or words for nobody: the last day of a credential, the mark of a state.
NO_MOMENT = {("credentials.py", "ends"), ("change_mark.py", "moment")}


def spoken_elsewhere(text: str, name: str = "") -> list[str]:
    """Moments that a format speaks as they are stored."""
    found = []
    for each in ast.walk(ast.parse(text)):
        if not isinstance(each, ast.FormattedValue) or each.format_spec is None:
            continue
        spec, said = ast.unparse(each.format_spec), ast.unparse(each.value)
        if "%" in spec and MOMENT.search(said) and (name, said) not in NO_MOMENT:
            found.append(f"{name}:{each.lineno} {said}")
    return found


@pytest.mark.parametrize("file", sorted(CARE.rglob("*.py")), ids=lambda file: str(file.relative_to(CARE)))
def test_a_moment_is_spoken_in_the_clinic_s_time(file):
    assert spoken_elsewhere(file.read_text(), file.name) == []


def test_the_guard_sees_a_moment_that_is_spoken_as_it_is_stored():
    assert spoken_elsewhere('f"from {row.starts_at:%H:%M}"') == [":1 row.starts_at"]
    assert spoken_elsewhere('f"from {localtime(row.starts_at):%H:%M}"') == []
