"""The clinic's tests again on PostgreSQL, in a process of their own with the server from the wheel."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings

HERE = Path(__file__).parent
RESTORE = "keeping/test_backup.py::test_what_was_lost_comes_back"
# What was seen to pass when this was written; fewer means that tests went missing, not that they passed.
AT_LEAST = 100


@pytest.mark.slow
@pytest.mark.postgres
@pytest.mark.skipif("sqlite" not in settings.DATABASES["default"]["ENGINE"], reason="this is that run")
def test_everything_holds_on_postgresql_too():
    arguments = ["-q", "-x", "-p", "no:cacheprovider", "-m", "not browser and not slow", str(HERE)]
    environment = {**os.environ, "OPENKAP_TEST_POSTGRESQL": "yes"}
    for name in ("DATABASE_URL", "OPENKAP_VAR", "PYTEST_XDIST_WORKER", "PYTEST_ADDOPTS"):
        environment.pop(name, None)
    for given in (arguments, ["-q", "-p", "no:cacheprovider", str(HERE / RESTORE)]):
        answer = subprocess.run(
            [sys.executable, "-m", "pytest", *given],
            env=environment,
            cwd=HERE.parents[1],
            capture_output=True,
            text=True,
            check=False,
        )
        assert answer.returncode == 0, answer.stdout[-6000:] + answer.stderr[-2000:]
        passed = int(re.search(r"(\d+) passed", answer.stdout).group(1))
        assert passed >= (AT_LEAST if given is arguments else 1)
