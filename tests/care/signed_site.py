"""A site's own file: a limit that the protocols leave open, a time to report in, an emergency card."""

from contextlib import contextmanager
from pathlib import Path

from django.test import override_settings

SIGNED = """site: Harbour Clinic
limits:
  - rule: VIT-10
    limit: 92 %
    reason: the figure of our sedation policy
    signed_by: [{name: A. Moreau, role: medical lead, on: 2026-11-20}]
"""

# By when this site reports, and what stands on top of its emergency card.
REPORTING = """site: Harbour Clinic
serious_events:
  within: 24 h
  reason: our safety board's rule
  signed_by: [{name: A. Moreau, role: medical lead, on: 2026-11-20}]
"""
CARD = """site: Harbour Clinic
emergency:
  phone: 555 0100
  crash_cart: hall, left of the door
  signed_by: [{name: A. Moreau, role: medical lead, on: 2026-11-20}]
"""


@contextmanager
def run_by(folder: Path, text: str):
    """The clinic with this file of its site."""
    path = folder / f"site-{len(list(folder.iterdir()))}.yaml"
    path.write_text(text, encoding="utf-8")
    with override_settings(SITE_FILE=path):
        yield
