"""Makes the pictures of the main pages: ``python docs/screenshots/take.py [--all] [--only NAME] [URL]``.

Without an address it serves the demo clinic itself (some minutes: it is filled first). Tablets in both
directions and a phone, light and a few dark; small PNGs of 64 colours. ``--all`` takes every page in every
shape, for looking at; without it, the dozen that stands in the docs.
"""

from __future__ import annotations

import argparse
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

HERE = Path(__file__).parent
CHROMIUM = "/usr/bin/chromium"
SHAPES = {"landscape": (1180, 820), "portrait": (820, 1180), "phone": (390, 844), "wall": (1920, 1080)}


@dataclass(frozen=True)
class Picture:
    """One page: whose, how to come there, and in which shapes it stands in the docs."""

    name: str
    who: str
    find: Callable[[Page], None]
    shapes: tuple[str, ...]


def start(page: Page) -> None:
    page.goto("/demo/")


def home(page: Page) -> None:
    page.goto("/home/")


def _first(page: Page, words: str) -> None:
    """Open the first thing on the list that says so."""
    page.goto("/home/")
    page.locator(".tasks li", has_text=words).first.get_by_role("link").first.click()


@cache
def somebody(browser: Browser, url: str) -> str:
    """The chart of somebody in a course who has answered forms."""
    page = browser.new_context(base_url=url).new_page()
    page.set_default_timeout(60_000)
    page.goto("/demo/")
    page.click("form[action='/demo/ada/'] button")
    page.goto("/patients/")
    rows = page.locator("tbody tr", has_text="in a course").get_by_role("link").all()
    charts = [url + str(row.get_attribute("href")) for row in rows]
    for chart in charts:
        page.goto(f"{chart}outcomes/")
        if page.locator("svg .point").count() > 3:
            break
    page.context.close()
    return chart


def _chart(page: Page) -> str:
    return somebody(page.context.browser, re.match(r"\w+://[^/]+", page.url)[0])


def chart(page: Page) -> None:
    page.goto(_chart(page))


def timeline(page: Page) -> None:
    page.goto(_chart(page) + "timeline/")


def outcomes(page: Page) -> None:
    page.goto(_chart(page) + "outcomes/")


def course(page: Page) -> None:
    page.goto(_chart(page) + "courses/")
    page.locator("table a").first.click()


def session(page: Page) -> None:
    """The first session to come of somebody who has one."""
    page.goto("/patients/")
    rows = page.locator("tbody tr", has_text="in a course").get_by_role("link").all()
    to_come = page.locator("tr.line-session", has_text=re.compile("planned|arrived"))
    for chart in [row.get_attribute("href") for row in rows]:
        page.goto(f"{chart}courses/")
        page.locator("table a").first.click()
        page.locator("tr.line-session").first.wait_for()
        if to_come.count():
            break
    to_come.first.locator("a").first.click()
    here = page.get_by_role("button", name="is here")
    if here.count():
        here.click()


def screening(page: Page) -> None:
    _first(page, "Still being asked")
    page.goto(re.match(r".*/patients/\w+/", page.url)[0] + "screening/")


def consent(page: Page) -> None:
    page.goto(_chart(page) + "consent/")
    page.locator("table a").first.click()


def answer(page: Page) -> None:
    page.goto(_chart(page) + "outcomes/ask/")
    page.get_by_label("Hand over this tablet").check()
    page.get_by_role("button", name="Ask now").click()
    page.locator("fieldset.question").first.wait_for()


def board(page: Page) -> None:
    page.goto("/board/")
    page.locator("a[href*='/live/']").first.wait_for()


def live(page: Page) -> None:
    """The chair that is under the drug."""
    board(page)
    page.locator("a[href*='/live/']", has_text="Chair").first.click()
    page.locator("#chart svg .c-sign").first.wait_for()


PICTURES = (
    Picture("live", "ben", live, ("portrait", "landscape-dark", "phone")),
    Picture("board", "ben", board, ("wall",)),
    Picture("start", "", start, ("landscape",)),
    Picture("home-nurse", "ben", home, ("portrait",)),
    Picture("home-prescriber", "ada", home, ("landscape-dark",)),
    Picture("chart", "ada", chart, ("landscape",)),
    Picture("screening", "ada", screening, ("landscape", "portrait-dark")),
    Picture("consent", "cora", consent, ("portrait",)),
    Picture("course", "ada", course, ("landscape",)),
    Picture("session", "ben", session, ("portrait",)),
    Picture("outcomes", "ada", outcomes, ("landscape",)),
    Picture("timeline", "ada", timeline, ("portrait",)),
    Picture("answer", "cora", answer, ("phone", "phone-dark")),
    Picture("home-lead", "dov", home, ("landscape",)),
)


def take(browser: Browser, url: str, picture: Picture, shape: str) -> Path:
    """One picture of one page in one shape."""
    window, _, scheme = shape.partition("-")
    width, height = SHAPES[window]
    context = browser.new_context(
        base_url=url,
        viewport={"width": width, "height": height},
        color_scheme=scheme or "light",
        reduced_motion="reduce",
    )
    page = context.new_page()
    page.set_default_timeout(60_000)
    if picture.who:
        page.goto("/demo/")
        page.click(f"form[action='/demo/{picture.who}/'] button")
    picture.find(page)
    page.evaluate("document.activeElement?.blur(); window.scrollTo(0, 0)")
    path = HERE / f"{picture.name}-{shape}.png"
    page.screenshot(path=path)
    context.close()
    _shrink(path)
    return path


def _shrink(path: Path) -> None:
    """Fewer colours: a page has a dozen, and repositories keep pictures for ever."""
    try:
        from PIL import Image
    except ImportError:
        return
    with Image.open(path) as picture:
        picture.convert("RGB").quantize(64, dither=Image.Dither.NONE).save(path, optimize=True)


@contextmanager
def served(url: str) -> Iterator[str]:
    """The address given, or a demo clinic of our own for as long as it takes."""
    if url:
        yield url.rstrip("/")
        return
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "OPENKAP_VAR": folder}
        command = [sys.executable, "-m", "openkap", "serve", "--demo", "--no-jobs", "--port", str(port)]
        process = subprocess.Popen(command, env=environment)
        try:
            _wait(f"http://127.0.0.1:{port}", process)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(20)


def _wait(url: str, process: subprocess.Popen[bytes]) -> None:
    while process.poll() is None:
        try:
            urllib.request.urlopen(f"{url}/health/", timeout=10).close()
        except OSError:
            time.sleep(1)
        else:
            return
    raise SystemExit("the demo clinic did not start")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url", nargs="?", default="", help="a demo clinic that is served already")
    parser.add_argument("--all", action="store_true", help="every page in every shape, light and dark")
    parser.add_argument("--only", default="", help="pages whose name contains this")
    given = parser.parse_args()
    every = tuple(f"{window}{scheme}" for scheme in ("", "-dark") for window in SHAPES)
    with served(given.url) as url, sync_playwright() as playwright:
        browser: Any = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        for picture in PICTURES:
            for shape in every if given.all else picture.shapes:
                if given.only in picture.name:
                    path = take(browser, url, picture, shape)
                    print(f"{path.name}  {path.stat().st_size // 1024} kB")


if __name__ == "__main__":
    main()
