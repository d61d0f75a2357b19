"""The live page in a real browser: entries survive a hostile network, alerts are seen, tablets see each other."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from live_clinic import LiveClinic, tap, until

pytestmark = [pytest.mark.browser, pytest.mark.slow]
HERE = Path(__file__).resolve().parent
SIMULATION = (HERE / "network_simulation.js").read_text(encoding="utf-8")
SCHEDULES = 1000


@pytest.fixture(scope="module")
def clinic(tmp_path_factory):
    """Two sessions for schedules, one for alarms, one released and not started."""
    made = LiveClinic(tmp_path_factory.mktemp("live"), [27, 12, None])
    yield made
    made.kill()


def test_a_thousand_random_schedules_of_the_client_module_keep_every_entry_exactly_once(browser, clinic):
    page = browser.new_context(base_url=clinic.url).new_page()
    page.goto("/gallery/")
    told = page.evaluate(SIMULATION, {"schedules": SCHEDULES, "first": 1})
    assert told["failures"] == []
    # The network was as hostile as it claims to be.
    assert min(told["done"].values()) > 150, told["done"]
    assert told["done"]["entries"] > 5000


def test_the_simulation_sees_an_outbox_that_forgets(browser, clinic):
    page = browser.new_context(base_url=clinic.url).new_page()
    page.goto("/gallery/")
    assert page.evaluate(SIMULATION, {"schedules": 20, "first": 1, "forgets": True})["failures"]


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


@pytest.mark.parametrize(("width", "height"), [(820, 1180), (1180, 820), (360, 740), (1920, 1080)])
def test_nothing_lies_under_a_fold(browser, clinic, width, height):
    page = clinic.open(browser, clinic.paths[0], viewport={"width": width, "height": height})
    for name in ("#due", "#red-flag", "#chart svg", "#save-vitals", "#unsaved"):
        box = page.locator(name).bounding_box()
        assert box["y"] >= 0
        assert box["y"] + box["height"] <= height + 1, name
        assert box["x"] + box["width"] <= width + 1, name
    page.context.close()
