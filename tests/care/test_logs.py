"""What is written to the log names no patient and holds no key."""

from __future__ import annotations

import logging

import pytest

from openkap.care.logs import JsonLines


@pytest.mark.parametrize(
    ("address", "route"),
    [
        ("/a/a-token-of-a-patient/", "/a/<str:token>/"),
        ("/patients/0123456789ab/", "/patients/<uid:patient>/"),
        ("/a/a-token-of-a-patient/and-more/", "an address that is not ours"),
        ("/pati\u00ebnts/0123456789ab/", "an address that is not ours"),
    ],
)
def test_a_refusal_is_logged_with_its_route_and_not_its_address(cast, caplog, address, route):
    with caplog.at_level(logging.WARNING):
        cast.client("ada").get(address)
    (line,) = [JsonLines().format(record) for record in caplog.records]
    assert route in line
    assert "0123456789ab" not in line
    assert "a-token-of-a-patient" not in line
