"""Waiting for a clinic that a test serves in a process of its own."""

from __future__ import annotations

import subprocess
import time
import urllib.request

import pytest


def wait_for(url: str, process: subprocess.Popen[bytes]) -> None:
    """Until its health page answers; a server that ends by itself fails at once."""
    until = time.monotonic() + 1800
    while time.monotonic() < until:
        assert process.poll() is None, "the server ended by itself"
        try:
            with urllib.request.urlopen(f"{url}/health/", timeout=5):
                return
        except OSError:
            time.sleep(0.2)
    pytest.fail("the server did not answer within half an hour")
