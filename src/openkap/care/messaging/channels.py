"""How a message leaves the house: one interface; the console by default, so nothing is sent by accident."""

from __future__ import annotations

import sys
from typing import Protocol

from django.conf import settings
from django.core.mail import send_mail
from django.utils.module_loading import import_string


class Channel(Protocol):
    """Takes one message to one address, or raises ``OSError``."""

    def send(self, *, kind: str, address: str, subject: str, body: str) -> None: ...


class ConsoleChannel:
    """Prints that a message would go out: for the demo and for a first look."""

    def send(self, *, kind: str, address: str, subject: str, body: str) -> None:
        sys.stdout.write(f"[{kind} to {address}] {subject}\n{body}\n")
        sys.stdout.flush()


class EmailChannel:
    """Sends by the mail server of the settings; text messages need a gateway that takes mail."""

    def send(self, *, kind: str, address: str, subject: str, body: str) -> None:
        send_mail(subject, body, settings.DEFAULT_FROM_EMAIL, [address])


class MemoryChannel:
    """Keeps what would have been sent; for tests."""

    sent: list[tuple[str, str, str, str]] = []  # noqa: RUF012 - shared on purpose, cleared by the fixture

    def send(self, *, kind: str, address: str, subject: str, body: str) -> None:
        self.sent.append((kind, address, subject, body))


def channel() -> Channel:
    """The channel of the settings."""
    made: Channel = import_string(settings.MESSAGE_CHANNEL)()
    return made
