"""What every template gets: the frame of the page."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest

from openkap.care.accounts.actor import NOBODY


def frame(request: HttpRequest) -> dict[str, Any]:
    """Who is asking, and whether these are synthetic people."""
    actor = getattr(request, "actor", NOBODY)
    return {
        "actor": actor,
        "may": {permission.value: True for permission in actor.permissions},
        "is_synthetic": settings.DEMO or actor.is_synthetic,
        "is_demo": settings.DEMO,
    }
