"""How a message leaves the house: one interface; the console by default, so nothing is sent by accident."""

from __future__ import annotations

import re
import sys
from typing import Protocol

from django.conf import settings
from django.core.mail import send_mail
from django.utils.module_loading import import_string


class Channel(Protocol):
    """Takes one message to one address, or raises; the outbox tries again."""

    def takes(self, kind: str) -> bool:
        """Whether messages of this kind ("email", "text") can be sent at all."""
        ...

    def send(self, *, kind: str, address: str, subject: str, body: str) -> None: ...


class ConsoleChannel:
    """Prints that a message would go out: for the demo and for a first look."""

    def takes(self, kind: str) -> bool:
        return True

    def send(self, *, kind: str, address: str, subject: str, body: str) -> None:
        sys.stdout.write(f"[{kind} to {address}] {subject}\n{body}\n")
        sys.stdout.flush()


class EmailChannel:
    """Sends by the mail server of the settings; texts by a gateway that takes mail, if there is one."""

    def takes(self, kind: str) -> bool:
        return kind == "email" or bool(settings.TEXT_GATEWAY)

    def send(self, *, kind: str, address: str, subject: str, body: str) -> None:
        if not self.takes(kind):
            raise OSError("no way to send text messages: OPENKAP_TEXT_GATEWAY is not set")
        if kind == "text":
            address = settings.TEXT_GATEWAY.format(number=digits(address))
        send_mail(subject, body, settings.DEFAULT_FROM_EMAIL, [address])


def digits(number: str) -> str:
    """A telephone number as gateways take it: digits alone, without the zero people write as (0)."""
    return re.sub(r"[^0-9]", "", number.replace("(0)", ""))


class MemoryChannel:
    """Keeps what would have been sent; for tests."""

    sent: list[tuple[str, str, str, str]] = []  # noqa: RUF012 - shared on purpose, cleared by the fixture

    def takes(self, kind: str) -> bool:
        return True

    def send(self, *, kind: str, address: str, subject: str, body: str) -> None:
        self.sent.append((kind, address, subject, body))


def channel() -> Channel:
    """The channel of the settings."""
    made: Channel = import_string(settings.MESSAGE_CHANNEL)()
    return made
