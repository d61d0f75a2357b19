"""Browsers open connections that they may never use: those hold nobody up."""

from __future__ import annotations

import socket
from contextlib import ExitStack
from urllib.parse import urlsplit
from urllib.request import urlopen

import pytest

pytestmark = [
    pytest.mark.slow,
    pytest.mark.xdist_group("clinic-pages"),
    pytest.mark.skipif(
        not hasattr(socket, "TCP_DEFER_ACCEPT"), reason="this system takes silent connections"
    ),
]
# More than the server has threads; each would hold one for five seconds.
SPARE = 8


def test_a_page_is_answered_beside_connections_on_which_nothing_is_said(served):
    host, port = urlsplit(served.url).hostname, urlsplit(served.url).port
    with ExitStack() as open_ones:
        spare = [open_ones.enter_context(socket.create_connection((host, port))) for _ in range(SPARE)]
        with urlopen(f"{served.url}/health/", timeout=4) as answer:
            assert answer.status == 200
        spare[0].sendall(b"GET /health/ HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
        assert spare[0].recv(12) == b"HTTP/1.1 200"
