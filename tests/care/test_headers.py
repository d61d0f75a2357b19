"""Whatever is answered says what a page of ours may load: nothing from elsewhere, nothing inline."""

from __future__ import annotations

import pytest


@pytest.mark.parametrize("address", ["/", "/home/", "/api/signals", "/nowhere/"])
def test_every_answer_carries_the_policy(cast, address):
    policy = cast.client("ada").get(address).headers["Content-Security-Policy"]
    told = dict(part.strip().split(" ", 1) for part in policy.split(";") if part.strip())
    assert (told["default-src"], told["script-src"], told["frame-ancestors"]) == (
        "'none'",
        "'self'",
        "'none'",
    )
    assert "unsafe" not in policy
