"""A connection that was silent a moment ago is used as it is; one that ended or rested is asked first."""

from __future__ import annotations

import socket
from datetime import UTC, datetime

import pytest
from psycopg import DataError

from openkap.care.postgresql import base


class Line:
    """The part of a driver's connection that is looked at, over a real socket."""

    closed = False

    def __init__(self) -> None:
        self.ours, self.servers = socket.socketpair()

    def fileno(self) -> int:
        return self.ours.fileno()


@pytest.fixture
def wrapper(monkeypatch):
    monkeypatch.setattr(base.base.DatabaseWrapper, "is_usable", lambda self: self.asked.append(1) or False)
    made = base.DatabaseWrapper({"NAME": "clinic", "OPTIONS": {}, "TIME_ZONE": None}, "default")
    made.asked, made.connection = [], Line()
    monkeypatch.setattr(base.time, "monotonic", lambda: made.seconds)
    made.seconds = made._used_at = 1000.0
    yield made
    made.connection.ours.close()
    made.connection.servers.close()
    made.connection = None


def test_silence_on_a_line_used_a_moment_ago_needs_no_question(wrapper):
    assert wrapper.is_usable()
    assert wrapper.asked == []


def test_a_server_that_closed_the_line_is_noticed(wrapper):
    wrapper.connection.servers.close()
    assert not wrapper.is_usable()
    assert wrapper.asked == [1]


def test_a_server_that_says_something_unasked_is_asked(wrapper):
    wrapper.connection.servers.send(b"FATAL: terminating connection")
    assert not wrapper.is_usable()
    assert wrapper.asked == [1]


def test_a_line_that_rested_is_asked(wrapper):
    wrapper.seconds += base.QUIET + 1
    assert not wrapper.is_usable()
    assert wrapper.asked == [1]


@pytest.mark.parametrize(("given", "after"), [({}, base.PREPARE_AFTER), ({"prepare": "no"}, None)])
def test_plans_are_kept_unless_the_address_says_that_connections_are_shared(given, after):
    made = base.DatabaseWrapper({**_SETTINGS, "OPTIONS": given}, "default")
    assert made.get_connection_params()["prepare_threshold"] == after


_SETTINGS = {
    "NAME": "clinic",
    "USER": "",
    "PASSWORD": "",
    "HOST": "",
    "PORT": "",
    "TIME_ZONE": None,
}


@pytest.mark.parametrize(
    ("written", "moment"),
    [
        (b"2026-11-28 03:22:37.5+00", datetime(2026, 11, 28, 3, 22, 37, 500_000, UTC)),
        (b"2026-11-28 03:22:37+00", datetime(2026, 11, 28, 3, 22, 37, tzinfo=UTC)),
    ],
)
def test_a_moment_is_read_as_it_was_written(written, moment):
    read = base.MomentLoader(0, None).load(written)
    assert (read, read.tzinfo) == (moment, UTC)


def test_a_moment_the_language_cannot_hold_is_left_to_the_driver_to_refuse():
    with pytest.raises(DataError):
        base.MomentLoader(0, None).load(b"0044-03-15 12:00:00+00 BC")
