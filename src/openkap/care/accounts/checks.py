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
    """Demo off, second factor on, HTTPS, many writers, messages that leave the house, the proxy."""
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
    return found + _proxies()


def _proxies() -> list[CheckMessage]:
    """Wrong logins are counted by the client's address: only a proxy of ours may say which that is."""
    if settings.BEHIND_PROXY and not settings.ALLAUTH_TRUSTED_PROXY_COUNT:
        return [
            Error(
                "Behind the proxy every client has the proxy's address: one stranger's wrong logins keep "
                "everybody out.",
                hint="OPENKAP_TRUSTED_PROXIES=1, and let the proxy set X-Forwarded-For (docs/deploy.md).",
                id="openkap.E007",
            )
        ]
    if settings.ALLAUTH_TRUSTED_PROXY_COUNT and not settings.BEHIND_PROXY:
        return [
            Error(
                "A client's own word for its address is believed: no proxy is named that sets it.",
                hint="Unset OPENKAP_TRUSTED_PROXIES, or set OPENKAP_BEHIND_PROXY=yes (docs/deploy.md).",
                id="openkap.E008",
            )
        ]
    return []
