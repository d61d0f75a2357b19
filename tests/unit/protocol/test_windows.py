"""The times of the watch are content: read, typed, complete or refused."""

from __future__ import annotations

import pytest

from openkap.core.content import SHIPPED
from openkap.core.errors import DomainError
from openkap.protocol.windows import NEEDED, windows

TEXT = (SHIPPED / "monitoring" / "windows-1.0.0.yaml").read_text(encoding="utf-8")


def written(root, text):
    (root / "monitoring").mkdir()
    (root / "monitoring" / "windows-1.0.0.yaml").write_text(text, encoding="utf-8")
    return root


def test_the_shipped_times_are_complete_and_each_says_where_it_comes_from():
    held = windows()
    assert [each.id for each in held.windows] == list(NEEDED)
    assert all(each.sources and each.basis for each in held.windows)


@pytest.mark.parametrize(
    ("old", "new"),
    [("id: sustained", "id: lasting"), ("value: 5 min", "value: 5 mg"), ("basis: rule", "note: rule")],
)
def test_a_time_that_is_missing_or_no_time_is_refused(tmp_path, old, new):
    with pytest.raises(DomainError):
        windows(written(tmp_path, TEXT.replace(old, new)))
