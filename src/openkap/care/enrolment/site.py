"""What the site's own file says beside limits: by when to report, its emergency card, its opening hours."""

from __future__ import annotations

from datetime import time
from functools import lru_cache
from pathlib import Path

from django.conf import settings

from openkap.protocol.reporting import ReportingTime
from openkap.protocol.site import Emergency, SiteSettings, read_site

# field of the site's file -> its label on the card
LINES = {
    "phone": "Emergency number",
    "crash_cart": "Crash cart",
    "hospital": "Nearest hospital",
    "call": "Call",
}


def reporting_time(drug: str) -> ReportingTime | None:
    """How long this site has to report a serious event under that drug; ``None`` where nothing is set."""
    held = _settings(settings.SITE_FILE)
    return held.serious_events.time_for(drug) if held and held.serious_events else None


def emergency_lines() -> list[tuple[str, str]]:
    """(label, value) of every line; an empty value is not set by this site."""
    held = _settings(settings.SITE_FILE)
    told: Emergency | None = held.emergency if held else None
    return [(label, getattr(told, name).strip() if told else "") for name, label in LINES.items()]


def opening_hours() -> tuple[time, time] | None:
    """From when to when the site is open; ``None`` where nothing is set."""
    held = _settings(settings.SITE_FILE)
    return held.opening_hours.span if held and held.opening_hours else None


@lru_cache(maxsize=8)
def _settings(site_file: Path | None) -> SiteSettings | None:
    return None if site_file is None else read_site(site_file)[0]
