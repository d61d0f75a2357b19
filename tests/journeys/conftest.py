"""Journeys walk through the demo clinic as it is served, in a real Chromium."""

from browser.conftest import browser_type_launch_args, served

__all__ = ["browser_type_launch_args", "served"]
