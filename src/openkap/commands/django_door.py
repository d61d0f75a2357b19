"""Opens Django for the verbs that need the clinic's rows; nothing else imports it."""

from __future__ import annotations

import os


def open_django() -> None:
    """Load the clinic's settings and apps."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "openkap.care.settings")
    import django

    django.setup()
