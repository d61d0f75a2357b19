"""A process that is killed at any moment loses nothing that it acknowledged."""

import json
from pathlib import Path

import pytest


@pytest.mark.slow
@pytest.mark.xdist_group("clinic-keeping")
def test_two_hundred_deaths_lose_nothing_and_leave_nothing_half_done(filled):
    answer = filled.run(str(Path(__file__).with_name("crash.py")), "200", "7", check=None)
    assert answer.returncode == 0, answer.stdout + answer.stderr
    found = json.loads(answer.stdout.splitlines()[-1])
    assert found["acknowledged"] > 200
    assert found["lost"] == []
