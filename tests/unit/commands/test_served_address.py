"""What ``openkap serve`` prints is an address at which every page works."""

from __future__ import annotations

import pytest

from openkap.commands.serve import address


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1"])
def test_this_machine_is_named_because_no_browser_makes_a_passkey_for_a_number(host):
    assert address(host, 8000) == "http://localhost:8000"


def test_another_host_stays_as_it_was_asked_for():
    assert address("clinic.example.org", 8000) == "http://clinic.example.org:8000"
