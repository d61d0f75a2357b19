"""Deployment checks of our own, beside Django's: what must hold before real people are served."""

from __future__ import annotations

import re
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, register
from django.core.checks import Warning as Caution

# Django's ways to send mail that reach nobody.
NOWHERE = ("console", "dummy", "locmem", "filebased")
ADDRESS = re.compile(r"[^@{}\s]*\{number\}[^@{}\s]*@[^@{}\s]+")


@register("openkap", deploy=True)
def check_clinic(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Demo off, second factor on, HTTPS, a database for many writers, messages that leave the house."""
    found: list[CheckMessage] = []
    if settings.DEMO:
        found.append(
            Error("The demo is on: anybody can log in.", hint="Unset OPENKAP_DEMO.", id="openkap.E001")
        )
    if not settings.REQUIRE_SECOND_FACTOR:
        found.append(
            Error(
                "Staff can work without a second factor.",
                hint="Unset OPENKAP_REQUIRE_SECOND_FACTOR.",
                id="openkap.E002",
            )
        )
    if not settings.IS_HTTPS:
        found.append(
            Error(
                "Pages are served without TLS.", hint="Set OPENKAP_BASE_URL to https://...", id="openkap.E003"
            )
        )
    if settings.DATABASES["default"]["ENGINE"].endswith("sqlite3"):
        found.append(
            Caution(
                "SQLite takes one writer at a time.",
                hint="Fine for one small site; for more set DATABASE_URL to PostgreSQL.",
                id="openkap.W001",
            )
        )
    if settings.MESSAGE_CHANNEL.endswith("ConsoleChannel"):
        found.append(
            Error(
                "Messages are printed, not sent: patients and staff get none.",
                hint="OPENKAP_CHANNEL=openkap.care.messaging.channels.EmailChannel and OPENKAP_SMTP_HOST.",
                id="openkap.E004",
            )
        )
    if settings.EMAIL_BACKEND.split(".")[-2] in NOWHERE:
        found.append(
            Error(
                "Mail is printed or kept, not sent: nobody is called about an alarming answer.",
                hint="Unset OPENKAP_EMAIL_BACKEND and set OPENKAP_CHANNEL to the EmailChannel.",
                id="openkap.E005",
            )
        )
    if settings.TEXT_GATEWAY and not ADDRESS.fullmatch(settings.TEXT_GATEWAY):
        found.append(
            Error(
                "The gateway for text messages is not an address with a place for the number.",
                hint="OPENKAP_TEXT_GATEWAY={number}@sms.example.org, or unset it.",
                id="openkap.E006",
            )
        )
    return found
