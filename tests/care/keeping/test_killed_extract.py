"""A real process, killed in the middle of a real extract: the last good release stays, the next one is taken."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings

KILLED = Path(__file__).with_name("killed_extract.py")
AGREE = """
from openkap.care.accounts.actor import actor_for
from openkap.care.accounts.models import Staff
from openkap.care.insights.actions import decide_registry_use
from openkap.care.patients.models import Patient
by = actor_for(Staff.objects.get(email="cora@example.org"))
for patient in Patient.objects.all():
    decide_registry_use(by=by, uid=patient.uid, choice="given")
"""


@pytest.mark.skipif("sqlite" not in settings.DATABASES["default"]["ENGINE"], reason="files, not the database")
def test_a_killed_extract_leaves_the_last_good_one(filled):
    filled.shell(AGREE)
    (first,) = json.loads(filled.openkap("registry", "extract", "--json").stdout)
    root = filled.folder / "var" / "registry" / first["clinic"]

    process = subprocess.Popen(
        [sys.executable, str(KILLED)], env=filled.environment, cwd=filled.folder, stdin=subprocess.PIPE,
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout
    assert process.stdin
    assert process.stdout.readline() == "half-way\n"
    assert list(root.glob(".writing-*")), "it was in the middle of writing"
    process.kill()
    process.wait()
    process.stdin.close()
    process.stdout.close()

    assert (root / "current").read_text().strip() == first["release"]
    assert "0 errors" in filled.openkap("registry", "check", str(root)).stdout
    (after,) = json.loads(filled.openkap("registry", "extract", "--json").stdout)
    assert (root / "current").read_text().strip() == after["release"] != first["release"]
    assert not list(root.glob(".writing-*"))
    assert (after["people"], after["without_consent"]) == (5, 0)
