# ruff: noqa: INP001 - a script beside the pages it illustrates
"""Pictures of the main pages of the demo clinic: ``python docs/take_screenshots.py [--all] [--out FOLDER]``.

Serves a filled demo database on this machine and looks at it with Debian's Chromium. ``--all`` takes every
page at every size and theme, for looking through; without it, the few that the documentation shows.
"""

from __future__ import annotations

import argparse
import os
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

SIZES = {"phone": (360, 740), "tablet": (820, 1180), "desk": (1440, 900)}
# name -> who looks, address (``{...}`` filled from the clinic), sizes shown in the documentation
PAGES: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "home-prescriber": ("ada", "/home/", ("desk",)),
    "home-nurse": ("ben", "/home/", ()),
    "home-therapist": ("tess", "/home/", ("tablet",)),
    "home-coordinator": ("cora", "/home/", ()),
    "home-lead": ("dov", "/home/", ("desk",)),
    "home-admin": ("sia", "/home/", ()),
    "home-auditor": ("ari", "/home/", ()),
    "patients": ("ada", "/patients/", ()),
    "outcomes": ("ada", "/patients/{relapsed}/outcomes/", ("desk", "phone")),
    "timeline": ("ada", "/patients/{relapsed}/timeline/", ("desk",)),
    "chart": ("ada", "/patients/{relapsed}/", ()),
    "signal": ("ada", "/patients/{alarmed}/signal/{signal}/", ("tablet",)),
    "maintenance": ("ada", "/patients/{proposed}/maintenance/{proposal}/", ()),
    "form": ("ada", "/patients/{relapsed}/outcomes/form/{form}/", ()),
    "ask": ("tess", "/patients/{relapsed}/outcomes/ask/", ()),
    "answer": ("", "{link}", ("phone",)),
    "demo-start": ("", "/demo/", ()),
}


def ids() -> dict[str, str]:
    """Public ids of people worth showing, from the filled database."""
    import django

    django.setup()
    from openkap.care.accounts.actor import actor_for
    from openkap.care.accounts.models import Staff
    from openkap.care.outcomes.actions import ask, fresh_link
    from openkap.care.outcomes.models import Form, MaintenanceProposal, SafetySignal, Turn

    turn = Turn.objects.filter(kind="relapse", patient__is_restricted=False).order_by("at")[0]
    signal = SafetySignal.objects.filter(closed_at__isnull=True).order_by("-raised_at")[0]
    proposal = MaintenanceProposal.objects.order_by("-made_at")[0]
    form = Form.objects.filter(patient=turn.patient, instrument="pcl-5", finished_at__isnull=False)[0]
    cora = actor_for(Staff.objects.get(email="cora@example.org"))
    asked = ask(by=cora, uid=turn.patient.uid, instruments=["pcl-5", "phq-9"])
    return {
        "relapsed": turn.patient.uid,
        "alarmed": signal.patient.uid,
        "signal": signal.uid,
        "proposed": proposal.patient.uid,
        "proposal": proposal.uid,
        "form": form.uid,
        "link": fresh_link(asked).split("8000", 1)[1],
    }


def serve() -> tuple[subprocess.Popen[bytes], str]:
    """The clinic's pages on a port that is free."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        place = f"127.0.0.1:{free.getsockname()[1]}"
    command = [sys.executable, "-m", "gunicorn", "openkap.care.wsgi:application", "--bind", place]
    server = subprocess.Popen([*command, "--threads", "4", "--log-level", "error"])  # noqa: S603
    for _ in range(100):
        try:
            urllib.request.urlopen(f"http://{place}/health/")
        except OSError:
            time.sleep(0.2)
        else:
            return server, f"http://{place}"
    server.terminate()
    raise SystemExit("the server did not start")


def look(out: Path, *, everything: bool, only: str) -> None:
    """Take the pictures."""
    from playwright.sync_api import sync_playwright

    found = ids()
    server, base = serve()
    try:
        with sync_playwright() as play:
            browser = play.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
            for name, (who, address, shown) in PAGES.items():
                if only and only not in name:
                    continue
                for size in SIZES if everything else shown:
                    for theme in ("light", "dark") if everything else ("light",):
                        page = _open(browser, base, who, size, theme)
                        page.goto(base + address.format(**found))
                        page.screenshot(path=out / f"{name}-{size}{'-dark' if theme == 'dark' else ''}.png")
                        if everything and size == "desk" and theme == "light":
                            page.pdf(path=out / f"{name}.pdf", format="A4")
                            page.screenshot(path=out / f"{name}-long.png", full_page=True)
                        page.context.close()
            browser.close()
    finally:
        server.terminate()
        server.wait()


def _open(browser, base: str, who: str, size: str, theme: str):  # type: ignore[no-untyped-def]
    width, height = SIZES[size]
    context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=theme)
    page = context.new_page()
    if who:
        page.goto(f"{base}/demo/")
        page.click(f"form[action='/demo/{who}/'] button")
    return page


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "openkap.care.settings")
    os.environ.setdefault("OPENKAP_DEMO", "yes")
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "yes"
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--only", default="")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "screenshots")
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    look(given.out, everything=given.all, only=given.only)
