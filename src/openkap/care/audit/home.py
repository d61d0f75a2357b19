"""The auditor's part of the home page: when the end of the chain was last noted outside the database."""

from __future__ import annotations

import json
import os
from datetime import datetime
from typing import Any

from django.conf import settings
from django.urls import reverse
from django.utils.timezone import localtime

from openkap.care.audit.jobs import ANCHORS_FILE
from openkap.care.contributions import BannerItem, Section, Task
from openkap.care.permissions import Permission

# Lines of some hundred clinics; the file grows by the hour and only its end is of interest.
TAIL = 65_536


def tasks(by: Any) -> list[Task]:
    return []


def facts(by: Any) -> list[Section]:
    if not by.may(Permission.READ_AUDIT):
        return []
    noted = last_noted(by.clinic_uid)
    words = "not yet"
    if noted:
        at, sequence = noted
        words = f"{localtime(at):%-d %b %Y %H:%M}, at event {sequence}"
    lines = (
        BannerItem("Last noted outside the database", words, "plain" if noted else "unknown"),
        BannerItem("To check it", "export the chain, then openkap audit verify", url=reverse("audit")),
    )
    return [Section("The chain of the audit", lines)]


def last_noted(chain: str) -> tuple[datetime, str] | None:
    """When the head of a chain was last noted, and the number of its event."""
    try:
        with open(settings.VAR / ANCHORS_FILE, "rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - TAIL))
            lines = file.read().decode(errors="replace").splitlines()
    except FileNotFoundError:
        return None
    for line in reversed(lines):
        try:
            noted = json.loads(line)
        except ValueError:
            continue
        if noted["chain"] == chain:
            return datetime.fromisoformat(noted["at"]), noted["anchor"].partition(":")[0]
    return None
