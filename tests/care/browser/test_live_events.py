"""Adverse events and the emergency card on a tablet, also without network; what waits in a prescriber's head."""

from __future__ import annotations

import base64
import json

import pytest
from live_clinic import LiveClinic, fresh, saved, until
from playwright.sync_api import expect

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.xdist_group("live-events")]
SEIZURE = {
    "term": "seizure",
    "grade": "4",
    "relation": "possible",
    "action_taken": "stopped",
    "outcome": "recovering",
    "serious_because": "life-threatening",
}


@pytest.fixture(scope="module")
def clinic(tmp_path_factory):
    """One session under way."""
    made = LiveClinic(tmp_path_factory.mktemp("events"), [27])
    yield made
    made.kill()


def fill(page, **values: str) -> None:
    for name, value in values.items():
        page.select_option(f"#panel-other select[name={name}]", value)


def test_an_event_and_its_update_wait_together_without_network_and_arrive_as_two_lines(browser, clinic):
    page = clinic.open(browser, clinic.paths[0])
    until(page, "navigator.serviceWorker.controller !== null")
    page.reload()
    until(page, "window.livePage && window.livePage.clock.ahead !== null")
    page.context.set_offline(True)
    page.click("button[data-tab=event]")
    fill(page, **SEIZURE)
    page.get_by_label("Treatment given").fill("lorazepam 2 mg")
    page.get_by_role("button", name="Save event").click()
    expect(page.locator("#log")).to_contain_text("treated with lorazepam 2 mg")
    page.click("button[data-tab=event]")
    expect(page.locator(".recorded")).to_contain_text("not saved yet")
    page.locator(".recorded").get_by_role("button", name="Update").click()
    fill(page, outcome="recovered")
    page.get_by_label("Ended, 24 hours").fill(page.evaluate("livePage.time(livePage.clock.now())"))
    page.get_by_role("button", name="Save update").click()
    expect(page.locator("#panel-other")).to_contain_text("Why? The reason stays in the record.")
    page.get_by_label("Why").fill("seen at the chair")
    page.get_by_role("button", name="Save update").click()
    until(page, "livePage.outbox.held === 2")
    page.reload()
    until(page, "window.livePage?.outbox.held === 2")
    page.context.set_offline(False)
    saved(page)
    first, second = clinic.state(page)["adverse"]
    assert (first["counts"], first["outcome"], first["ended"]) == (False, "recovering", None)
    assert (second["counts"], second["outcome"], second["reason"]) == (True, "recovered", "seen at the chair")
    assert second["treatment"] == "lorazepam 2 mg"
    assert second["ended"] >= second["at"] == first["at"]
    fresh(page)
    expect(page.locator("#log")).to_contain_text("REPORT BY")
    page.context.close()


def test_an_event_of_another_patient_is_crossed_out_without_network_and_asks_for_no_report(browser, clinic):
    page = clinic.open(browser, clinic.paths[0])
    page.click("button[data-tab=event]")
    fill(page, **SEIZURE | {"term": "hallucination"})
    page.get_by_role("button", name="Save event").click()
    saved(page)
    page.context.set_offline(True)
    page.click("button[data-tab=event]")
    row = page.locator(".recorded li").filter(has_text="hallucination")
    row.get_by_role("button", name="Cross out").click()
    page.get_by_role("button", name="Entered in error: cross out").click()
    page.get_by_label("Why").fill("of the patient in Chair 2")
    page.get_by_role("button", name="Entered in error: cross out").click()
    until(page, "livePage.outbox.held === 1")
    page.click("button[data-tab=event]")
    expect(row).to_have_count(0)
    page.context.set_offline(False)
    saved(page)
    old, new = (each for each in clinic.state(page)["adverse"] if each["term"] == "hallucination")
    assert (old["counts"], new["counts"], new["in_error"]) == (False, False, True)
    fresh(page)
    expect(
        page.locator("#log .is-gone").filter(has_text="crossed out: of the patient in Chair 2")
    ).to_have_count(1)
    page.context.close()


def test_a_photograph_of_another_patient_is_crossed_out_from_the_list_of_events(browser, clinic):
    page = clinic.open(browser, clinic.paths[0])
    page.evaluate(
        "image => { livePage.send('photo', { image, note: 'the wrong monitor' }) }",
        base64.b64encode(b"\xff\xd8\xff\xda\x00\x02made up\xff\xd9").decode(),
    )
    saved(page)
    fresh(page)
    row = page.locator("#log li").filter(has_text="the wrong monitor")
    row.get_by_role("button", name="Cross out").click()
    page.get_by_label("Why").fill("of the patient in Chair 2")
    page.get_by_role("button", name="Entered in error: cross out").click()
    saved(page)
    fresh(page)
    expect(row).to_contain_text("crossed out: of the patient in Chair 2")
    expect(row.get_by_role("button", name="Cross out")).to_have_count(0)
    page.context.close()


def test_the_replay_shows_photographs_and_marks_what_came_after_the_signature(browser, clinic):
    page = clinic.open(browser, clinic.paths[0])
    image = base64.b64encode(b"\xff\xd8\xff\xda\x00\x02made up\xff\xd9").decode()
    page.evaluate("image => { livePage.send('photo', { image, note: 'at the start' }) }", image)
    saved(page)

    def signed(route) -> None:
        """The same page as it is when a photograph has come late."""
        html = route.fetch().text()
        head, rest = html.split('<script id="live-data" type="application/json">')
        told, tail = rest.split("</script>", 1)
        data = json.loads(told)
        late = {"at": data["now"] + 3_600_000, "entered": data["now"] + 3_700_000, "by": "Ada Lindqvist"}
        late |= {"words": "photograph of the monitor: at the end", "url": "/late/"}
        data["state"]["late"] = [late]
        script = f'<script id="live-data" type="application/json">{json.dumps(data)}</script>'
        route.fulfill(body=head + script + tail, content_type="text/html")

    page.route("**/replay/", signed)
    page.goto(clinic.paths[0].replace("/live/", "/replay/"))
    page.locator("#minute").press("End")
    log = page.locator("#log li")
    expect(log.filter(has_text="photograph at the start").get_by_role("link")).to_have_count(1)
    late = log.filter(has_text="AFTER THE SIGNATURE: photograph of the monitor: at the end")
    expect(late).to_contain_text("not under the signature")
    expect(late.get_by_role("link", name="Look at it")).to_have_attribute("href", "/late/")
    page.context.close()


def test_the_emergency_card_opens_at_the_site_s_own_lines_on_a_telephone(browser, clinic):
    page = clinic.open(browser, clinic.paths[0], viewport={"width": 360, "height": 740})
    page.click("#red-flag")
    expect(page.get_by_text("555 0100 (synthetic, reaches nobody)")).to_be_in_viewport()
    expect(page.get_by_text("hall beside Chair 1 (synthetic)")).to_be_in_viewport()
    page.context.close()


def test_an_alert_that_nobody_answers_appears_in_the_head_of_the_prescriber_s_page(browser, clinic):
    page = clinic.open(browser, clinic.paths[0])
    prescriber = clinic.open(browser, clinic.paths[0], key="ada")
    page.click("#red-flag")
    page.get_by_role("button", name="Record red-flag symptom now").click()
    page.get_by_role("button", name="Close the card").click()
    saved(page)
    clinic.forward(page, 3)
    fresh(page)
    prescriber.goto("/patients/")
    expect(prescriber.locator(".my-alerts a")).to_contain_text("alert")
    prescriber.goto("/board/")
    expect(prescriber.locator("#rows")).to_contain_text("Nobody answered: gone to Ada Lindqvist")
    prescriber.context.close()
    page.context.close()
