"""The clinic's tests again on PostgreSQL: in shares that run side by side, each with a server from the wheel."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings

HERE = Path(__file__).parent
QUICK = ("-m", "not browser and not slow")
# Rooms that take about as long as each other; what is not named here is the last share.
SHARES = {
    "who may what": ("test_authorisation_table.py",),
    "treatment": ("treatment",),
    "enrolment and live": ("enrolment", "live"),
    "insights and outcomes": ("insights", "outcomes"),
}
# Real processes on their own databases; here the slow tests are what matters.
KEEPING = (
    "keeping/test_backup.py",
    "keeping/test_crash.py",
    "keeping/test_filled_migration.py",
    "keeping/test_two_machines.py",
)
# What was seen to pass when this was written; fewer means that tests went missing, not that they passed.
AT_LEAST = {
    "who may what": 19,
    "treatment": 170,
    "enrolment and live": 205,
    "insights and outcomes": 180,
    "the rest": 290,
    "keeping": 12,
}

pytestmark = [
    pytest.mark.slow,
    pytest.mark.postgres,
    pytest.mark.skipif("sqlite" not in settings.DATABASES["default"]["ENGINE"], reason="this is that run"),
]


def arguments(share: str) -> list[str]:
    """What pytest is told for one share."""
    if share == "keeping":
        return [str(HERE / name) for name in KEEPING]
    if share in SHARES:
        return [*QUICK, *(str(HERE / room) for room in SHARES[share])]
    named = {room for rooms in SHARES.values() for room in rooms} | {"browser"}
    rest = [each for each in sorted(HERE.iterdir()) if each.is_dir() or each.name.startswith("test_")]
    return [*QUICK, *(str(each) for each in rest if each.name not in named and each.name != "__pycache__")]


@pytest.mark.parametrize(
    "share",
    [pytest.param(share, marks=pytest.mark.xdist_group(f"postgresql-{share}")) for share in AT_LEAST],
)
def test_everything_holds_on_postgresql_too(share):
    environment = {**os.environ, "OPENKAP_TEST_POSTGRESQL": "yes"}
    for name in ("DATABASE_URL", "OPENKAP_VAR", "PYTEST_XDIST_WORKER", "PYTEST_ADDOPTS", "XDG_RUNTIME_DIR"):
        environment.pop(name, None)
    answer = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments(share)],
        env=environment,
        cwd=HERE.parents[1],
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 0, answer.stdout[-6000:] + answer.stderr[-2000:]
    passed = int(re.search(r"(\d+) passed", answer.stdout).group(1))
    assert passed >= AT_LEAST[share]
