"""Tests that drive a browser through the whole clinic, or repeat its tests on PostgreSQL, run by ``make test-all``.

They are written and were seen to pass one by one, but not yet as one quiet run: the clinic's pages still
change under them. ``make test`` leaves them out by name, here and nowhere else, until that run is seen.
"""

from pathlib import Path

import pytest

ROOT = Path(__file__).parent
UNSETTLED = ("care/browser", "journeys", "care/test_postgresql.py")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        place = item.path.relative_to(ROOT).as_posix()
        if place.startswith(UNSETTLED):
            item.add_marker(pytest.mark.unsettled)
