"""The live page in a real browser: entries survive a hostile network, alerts are seen, tablets see each other."""

from __future__ import annotations

import json
import os
import random
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import suppress
from pathlib import Path

import pytest
from playwright.sync_api import Error

pytestmark = [pytest.mark.browser, pytest.mark.slow]
HERE = Path(__file__).resolve().parent
SIMULATION = (HERE / "network_simulation.js").read_text(encoding="utf-8")
SCHEDULES, REAL_SCHEDULES = 1000, 50


class Clinic:
    """A served clinic with sessions under way, whose server can be killed."""

    def __init__(self, folder: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.environment = {
            **os.environ,
            "OPENKAP_VAR": str(folder),
            "OPENKAP_HOSTS": "127.0.0.1,localhost",
            "OPENKAP_DEMO": "yes",
            "DATABASE_URL": "",
            "DJANGO_SETTINGS_MODULE": "openkap.care.settings",
        }
        made = subprocess.run(
            [sys.executable, str(HERE / "staged_clinic.py"), "[27, 12]"],
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert made.returncode == 0, made.stderr[-2000:]
        self.paths = json.loads(made.stdout.strip().splitlines()[-1])
        self.process = None
        self.serve()

    def serve(self) -> None:
        command = [
            sys.executable,
            "-m",
            "openkap",
            "serve",
            "--demo",
            "--port",
            str(self.port),
            "--workers",
            "1",
        ]
        self.process = subprocess.Popen(
            command,
            env=self.environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        for _ in range(150):
            try:
                urllib.request.urlopen(f"{self.url}/health/", timeout=2)
            except OSError:
                time.sleep(0.2)
            else:
                return
        raise RuntimeError("the clinic did not come up")

    def kill(self) -> None:
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def open(self, browser, path: str, key: str = "ben", **context):
        context.setdefault("viewport", {"width": 820, "height": 1180})
        page = browser.new_context(base_url=self.url, **context).new_page()
        page.goto("/demo/")
        page.click(f"form[action='/demo/{key}/'] button")
        page.goto(path)
        until(page, "window.livePage && window.livePage.clock.ahead !== null")
        return page

    def state(self, page) -> dict:
        where = page.url.split("?")[0] + "state/"
        return page.evaluate("url => fetch(url).then((answer) => answer.json())", where)["state"]


@pytest.fixture(scope="module")
def clinic(tmp_path_factory):
    made = Clinic(tmp_path_factory.mktemp("live"))
    yield made
    made.kill()


def until(page, claim: str, seconds: float = 20) -> None:
    """Wait until a claim of the page's scripts holds; the page's own policy forbids waiting inside it."""
    for _ in range(int(seconds * 20)):
        if page.evaluate(f"() => Boolean({claim})"):
            return
        page.wait_for_timeout(50)
    raise AssertionError(f"not within {seconds} s: {claim}")


def tap(page, value: int) -> int:
    """Tap a value of the open field; returns how many taps it took."""
    taps = 0
    while not page.locator(f".pad-cell[data-value='{value}']").count():
        shown = int(page.locator(".pad-cell").first.inner_text())
        page.click("[data-tool=lower]" if value < shown else "[data-tool=higher]")
        taps += 1
    page.click(f".pad-cell[data-value='{value}']")
    return taps + 1


def test_a_thousand_random_schedules_of_the_client_module_keep_every_entry_exactly_once(browser, clinic):
    page = browser.new_context(base_url=clinic.url).new_page()
    page.goto("/gallery/")
    assert page.evaluate(SIMULATION, {"schedules": SCHEDULES, "first": 1}) == []


def test_the_simulation_sees_an_outbox_that_forgets(browser, clinic):
    page = browser.new_context(base_url=clinic.url).new_page()
    page.goto("/gallery/")
    assert page.evaluate(SIMULATION, {"schedules": 20, "first": 1, "forgets": True})


def test_the_tablet_s_own_rules_agree_with_every_example_of_the_protocol(browser, clinic):
    from openkap.care.live.rules import rules_as_data
    from openkap.protocol.read import load_protocol
    from openkap.protocol.rules import Stage

    protocol = load_protocol("iv-racemic")
    when = {each["id"]: each["when"] for each in rules_as_data(protocol)}
    cases = []
    for rule in protocol.stage(Stage.IN_SESSION):
        for example in rule.examples if rule.id in when else ():
            facts = {
                name: {"yes": True, "no": False}.get(str(value))
                if str(value) in {"yes", "no"}
                else float(str(value).split(" ")[0])
                for name, value in example.given.items()
            }
            cases.append(
                [
                    when[rule.id],
                    facts,
                    {"fires": True, "clear": False, "missing": None}[example.then],
                    rule.id,
                ]
            )
    page = browser.new_context(base_url=clinic.url).new_page()
    page.goto("/gallery/")
    wrong = page.evaluate(
        """async (cases) => {
          const { holds } = await import("/static/js/live/rules.js");
          return cases.filter(([when, facts, then]) => holds(when, facts) !== then);
        }""",
        cases,
    )
    assert wrong == []
    assert len(cases) > 40


def test_a_full_set_takes_at_most_eight_taps_and_an_alert_is_there_within_a_second(browser, clinic):
    page = clinic.open(browser, clinic.paths[0])
    taps = sum(tap(page, value) for value in (168, 96, 88, 97, 16, 5))
    page.click("#save-vitals")
    assert taps + 1 <= 8
    page.wait_for_selector(".alert[data-rule=VIT-01]", timeout=1000)
    page.wait_for_selector("#unsaved.is-saved")
    assert "1 alert" in page.title()
    page.click(".alert[data-rule=VIT-01] .alert-acts button")
    page.wait_for_selector(".alert", state="detached")
    page.wait_for_selector("#unsaved.is-saved")
    alert = next(each for each in clinic.state(page)["alerts"] if each["rule"] == "VIT-01")
    assert alert["seen_by"] == "Ben Okafor"
    page.context.close()


def test_two_tablets_and_the_wall_see_each_other_within_three_seconds(browser, clinic):
    one = clinic.open(browser, clinic.paths[0])
    two = clinic.open(browser, clinic.paths[0], key="ada")
    wall = clinic.open(browser, clinic.paths[0], key="tess", viewport={"width": 1920, "height": 1080})
    one.evaluate("livePage.send('note', {note: 'seen by all'})")
    until(one, "livePage.outbox.entries.length === 0")
    for page in (two, wall):
        # The next poll after the entry was saved shows it; polls start two seconds after the last one ended.
        with page.expect_response(re.compile("/live/state/")):
            pass
        with page.expect_response(re.compile("/live/state/")):
            pass
        page.wait_for_selector("#log >> text=seen by all", timeout=1000)
    for page in (one, two, wall):
        page.context.close()


def test_without_network_the_page_reloads_raises_alarms_and_says_what_is_not_saved(browser, clinic):
    page = clinic.open(browser, clinic.paths[1])
    until(page, "navigator.serviceWorker.controller !== null")
    page.reload()
    until(page, "window.livePage && window.livePage.clock.ahead !== null")
    page.context.set_offline(True)
    for value in (186, 96, 88, 97, 16, 5):
        tap(page, value)
    page.click("#save-vitals")
    page.wait_for_selector(".alert[data-rule=VIT-03]", timeout=1000)
    until(page, "document.querySelector('#unsaved').textContent.includes('1 not saved')")
    page.reload()
    page.wait_for_selector(".alert[data-rule=VIT-03]")
    assert "not saved" in page.inner_text("#unsaved")
    page.context.set_offline(False)
    page.wait_for_selector("#unsaved.is-saved", timeout=10_000)
    rows = [
        each for each in clinic.state(page)["entries"] if each["values"].get("sbp", {}).get("number") == 186
    ]
    assert len(rows) == 1
    page.context.close()


def test_fifty_hostile_schedules_and_two_killed_servers_in_a_real_browser(browser, clinic):
    page = clinic.open(browser, clinic.paths[1])
    chance = random.Random(20261123)
    want = []

    def hostile(route):
        fate = chance.choice(["cut", "lost answer", "twice", "fine", "fine"])
        # A page that reloads, or a server that dies, ends the route by itself.
        with suppress(Error):
            if fate == "cut":
                return route.abort()
            try:
                if fate in {"lost answer", "twice"}:
                    route.fetch(timeout=5000)
                if fate == "lost answer":
                    return route.abort()
                answer = route.fetch(timeout=5000)
            except Error:
                return route.abort()
            route.fulfill(response=answer)
        return None

    pattern = re.compile(r"/live/(entries|state)/")
    page.route(pattern, hostile)
    for schedule in range(REAL_SCHEDULES):
        for number in range(chance.randint(1, 3)):
            name = f"schedule {schedule} entry {number}"
            want.append(name)
            page.evaluate("(note) => livePage.send('note', { note })", name)
        if schedule in (17, 34):
            clinic.kill()
            page.evaluate("() => { livePage.outbox.flush(); }")
            clinic.serve()
        if chance.random() < 0.12:
            page.unroute(pattern)
            page.reload()
            until(page, "window.livePage?.pad")
            page.route(pattern, hostile)
        page.evaluate("() => { livePage.outbox.flush(); }")
    page.unroute(pattern)
    page.evaluate("() => { livePage.poll(); }")
    page.wait_for_selector("#unsaved.is-saved", timeout=20_000)
    rows = [each for each in clinic.state(page)["entries"] if each["note"].startswith("schedule ")]
    assert sorted(each["note"] for each in rows) == sorted(want)
    in_order = sorted(rows, key=lambda each: each["at"])
    assert [each["note"] for each in in_order] == want
    page.context.close()


@pytest.mark.parametrize(("width", "height"), [(820, 1180), (1180, 820), (360, 740), (1920, 1080)])
def test_nothing_lies_under_a_fold(browser, clinic, width, height):
    page = clinic.open(browser, clinic.paths[0], viewport={"width": width, "height": height})
    for name in ("#due", "#red-flag", "#chart svg", "#save-vitals", "#unsaved"):
        box = page.locator(name).bounding_box()
        assert box["y"] >= 0
        assert box["y"] + box["height"] <= height + 1, name
        assert box["x"] + box["width"] <= width + 1, name
    page.context.close()
