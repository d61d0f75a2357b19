"""Entering on the live page in a real browser: once, under the right name, and never lost between two tablets."""

from __future__ import annotations

import re

import pytest
from live_clinic import LiveClinic, ready, saved, tap, until
from playwright.sync_api import expect

from openkap.care.demo.cast import PASSWORD

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.xdist_group("live-entering")]


@pytest.fixture(scope="module")
def clinic(tmp_path_factory):
    """Two sessions under way."""
    made = LiveClinic(tmp_path_factory.mktemp("entering"), [27, 12])
    yield made
    made.kill()


# Here the list stands beside the pad, whatever alerts take of the height.
WIDE = {"width": 1180, "height": 820}


def readings(clinic, page, element: str) -> list[float]:
    """What the record holds of an element, oldest first."""
    rows = clinic.state(page)["entries"]
    return [each["values"][element]["number"] for each in rows if element in each["values"]]


@pytest.mark.parametrize(
    ("field", "value", "rule"), [("respiratory_rate", 4, "breaths 4"), ("sbp", 262, "262/–")]
)
def test_an_unusual_value_is_asked_about_once_and_saved_with_the_second_press(
    browser, clinic, field, value, rule
):
    page = clinic.open(browser, clinic.paths[0])
    page.click(f"[data-field={field}]")
    tap(page, value)
    page.click("#save-vitals")
    expect(page.locator(".pad-said")).to_contain_text("save once more")
    page.click("#save-vitals")
    saved(page)
    expect(page.locator("#log")).to_contain_text(rule)
    assert readings(clinic, page, field)[-1:] == [value]
    expect(page.locator(".alert.high")).not_to_have_count(0)
    page.context.close()


def test_an_unusual_value_that_is_changed_is_asked_about_anew(browser, clinic):
    page = clinic.open(browser, clinic.paths[0])
    page.click("[data-field=sbp]")
    tap(page, 262)
    page.click("#save-vitals")
    expect(page.locator(".pad-said")).to_contain_text("systolic pressure 262")
    page.click("[data-field=sbp]")
    tap(page, 264)
    page.click("#save-vitals")
    expect(page.locator(".pad-said")).to_contain_text("systolic pressure 264")
    assert 264 not in readings(clinic, page, "sbp")
    page.context.close()


def test_a_double_tap_on_save_writes_the_set_once(browser, clinic):
    page = clinic.open(browser, clinic.paths[1])
    for value in (151, 92):
        tap(page, value)
    page.dblclick("#save-vitals")
    until(page, "livePage.pad.values.sbp === undefined")
    saved(page)
    assert readings(clinic, page, "sbp").count(151) == 1
    page.context.close()


def log_in(page, key: str) -> None:
    """Somebody logs in on the same tablet."""
    where = page.url
    page.goto("/demo/")
    page.click(f"form[action='/demo/{key}/'] button")
    page.goto(where)
    ready(page)


ENTRIES = re.compile("/live/entries/")


def test_what_waits_on_a_shared_tablet_is_recorded_under_who_entered_it(browser, clinic):
    page = clinic.open(browser, clinic.paths[0])
    page.route(ENTRIES, lambda route: route.abort())
    page.evaluate("livePage.send('note', {note: 'Ben saw this'})")
    until(page, "livePage.outbox.entries.length === 1")
    log_in(page, "ada")
    page.unroute(ENTRIES)
    expect(page.locator("#unsaved")).to_contain_text("1 entry waits for Ben Okafor to log in here")
    expect(page.locator("#log")).to_contain_text("waits on this tablet until Ben Okafor logs in here")
    page.evaluate("livePage.send('note', {note: 'Ada saw this'})")
    until(page, "livePage.outbox.entries.length === 1")
    log_in(page, "ben")
    saved(page)
    by = {each["note"]: each["by"] for each in clinic.state(page)["entries"] if "saw this" in each["note"]}
    assert by == {"Ben saw this": "Ben Okafor", "Ada saw this": "Ada Lindqvist"}
    page.context.close()


def lock(page) -> None:
    """The tablet is left on the table."""
    page.evaluate("fetch('/me/lock/', {method: 'POST', headers: {'X-CSRFToken': livePage.csrf}})")
    page.evaluate("() => { livePage.poll(); }")
    expect(page.locator("#cover")).to_contain_text("Screen locked")


def test_a_locked_tablet_shows_and_takes_nothing_and_still_says_that_an_alert_waits(browser, clinic):
    locked, other = (clinic.open(browser, clinic.paths[1], key=key) for key in ("ben", "ada"))
    lock(locked)
    for part in (".banner", "#pad", "#chart", "#log", "#pump-act"):
        expect(locked.locator(part)).to_be_hidden()
    locked.evaluate("livePage.alerts.beep = (now, top) => { window.sounds = top?.priority; }")
    other.evaluate("livePage.send('vitals', {values: {sbp: '190', dbp: '115'}})")
    saved(other)
    expect(locked.locator("#cover")).to_contain_text(re.compile(r"‼ \d+ alert"))
    expect(locked).to_have_title(re.compile(r"‼ \d+ alert.* screen locked"))
    expect(locked.locator("main")).not_to_contain_text("190", use_inner_text=True)
    until(locked, "window.sounds === 'high'")
    locked.click("#cover button")
    locked.fill("#id_password", PASSWORD)
    locked.click("button:has-text('Go on')")
    expect(locked.locator(".alert.high")).not_to_have_count(0)
    expect(locked.locator("#cover")).to_be_hidden()
    for page in (locked, other):
        page.context.close()


def test_who_may_only_look_on_is_offered_no_act(browser, clinic):
    page = clinic.open(browser, clinic.paths[1], key="tess")
    for tab in ("drug", "comfort", "note", "event"):
        page.click(f"[data-tab={tab}]")
        expect(page.locator("#panel-other")).to_contain_text("may look on")
        expect(page.locator("#panel-other button, #panel-other input")).to_have_count(0)
    assert page.evaluate("livePage.send('pause', {})") is None
    assert page.evaluate("livePage.outbox.held") == 0
    page.context.close()


def test_a_refusal_of_the_right_is_no_lock_and_the_pad_stays(browser, clinic):
    page = clinic.open(browser, clinic.paths[1])
    page.route(ENTRIES, lambda route: route.fulfill(status=403, body="no"))
    page.evaluate("livePage.send('note', {note: 'not allowed'})")
    expect(page.locator("#unsaved")).to_contain_text("this login may not send it")
    expect(page.locator("#pad")).to_be_visible()
    page.unroute(ENTRIES)
    saved(page)
    expect(page.locator("#unsaved")).to_contain_text("all saved")
    page.context.close()


def test_a_refused_amount_is_corrected_or_kept_whole_in_a_note(browser, clinic):
    page = clinic.open(browser, clinic.paths[0], viewport=WIDE)
    for name in ("first", "second"):
        page.evaluate("name => livePage.send('rate', {rate_ml_h: '99999999', note: name})", name)
    stuck = page.locator("#log .is-stuck")
    expect(stuck).to_have_count(2)
    expect(stuck.first).to_contain_text("99999999 mL/h")
    stuck.filter(has_text="first").locator("button", has_text="Keep as a note").click()
    expect(stuck).to_have_count(1)
    until(page, "livePage.outbox.waiting.length === 0")
    notes = [each["note"] for each in clinic.state(page)["entries"] if "Not taken" in each["note"]]
    assert any("99999999 mL/h" in each and re.search(r"of \d\d:\d\d", each) for each in notes)
    stuck.locator("button", has_text="Correct").click()
    expect(page.locator("#panel-other label", has_text="Rate, mL/h").locator("input")).to_have_value(
        "99999999"
    )
    page.locator("#panel-other label", has_text="note").locator("input").fill("mistyped")
    page.click("#panel-other >> text=Send it again")
    expect(stuck).to_contain_text("mistyped")
    page.context.close()


def test_a_refused_photograph_is_put_among_the_files_before_it_becomes_a_note(browser, clinic):
    page = clinic.open(browser, clinic.paths[0], viewport=WIDE)
    page.evaluate("livePage.send('photo', {image: btoa('no picture'), note: 'the monitor'})")
    with page.expect_download() as got:
        page.locator("#log .is-stuck button", has_text="Keep as a note").click()
    assert got.value.suggested_filename.startswith("monitor-")
    saved(page)
    page.context.close()


def test_half_a_set_and_a_note_survive_another_panel_and_a_reload(browser, clinic):
    page = clinic.open(browser, clinic.paths[1])
    page.click("[data-tab=vitals]")
    tap(page, 144)
    page.click("[data-tab=note]")
    page.fill("[aria-label=Note]", "pale, speaks slowly")
    page.click("[data-tab=drug]")
    page.fill("[aria-label='Given in all, mg']", "12.5")
    page.click("[data-tab=note]")
    expect(page.locator("[aria-label=Note]")).to_have_value("pale, speaks slowly")
    page.reload()
    ready(page)
    expect(page.locator("[data-field=sbp] .pad-value")).to_have_text("144")
    expect(page.locator(".pad-said")).to_contain_text("not saved. Look again")
    page.click("[data-tab=drug]")
    expect(page.locator("[aria-label='Given in all, mg']")).to_have_value("12.5")
    page.click("[data-tab=note]")
    expect(page.locator("[aria-label=Note]")).to_have_value("pale, speaks slowly")
    page.click("#panel-other >> text=Save note")
    saved(page)
    page.click("[data-tab=note]")
    expect(page.locator("[aria-label=Note]")).to_have_value("")
    page.context.close()


KEPT_PAGES = """async () => {
  const kept = await caches.open("openkap-live-shell");
  return (await kept.keys()).filter((each) => each.url.endsWith("/live/")).length;
}"""


def test_after_the_logout_no_page_of_a_patient_is_kept_on_the_tablet(browser, clinic):
    page = clinic.open(browser, clinic.paths[1])
    until(page, "navigator.serviceWorker.controller !== null")
    page.reload()
    ready(page)
    assert page.evaluate(KEPT_PAGES) == 1
    page.goto("/home/")
    page.click(".me summary")
    page.click("text=Log out")
    page.wait_for_url(re.compile(r"/(login|demo)?/?$"))
    for _ in range(100):
        if page.evaluate(KEPT_PAGES) == 0:
            break
        page.wait_for_timeout(50)
    assert page.evaluate(KEPT_PAGES) == 0
    page.context.close()


def test_an_entry_that_names_nobody_is_sent_once_somebody_says_that_it_is_theirs(browser, clinic):
    page = clinic.open(browser, clinic.paths[0], viewport=WIDE)
    page.route(ENTRIES, lambda route: route.abort())
    page.evaluate("livePage.send('note', {note: 'of an older page'})")
    until(page, "livePage.outbox.entries.length === 1")
    page.evaluate("() => livePage.outbox.decide(livePage.outbox.entries[0].id, { by: null })")
    page.unroute(ENTRIES)
    expect(page.locator("#unsaved")).to_contain_text("1 entry waits for whoever entered it to say so")
    page.click("text=I entered this")
    saved(page)
    by = {each["note"]: each["by"] for each in clinic.state(page)["entries"]}
    assert by["of an older page"] == "Ben Okafor"
    page.context.close()


OLD_PAGE = """() => {
  sessionStorage.setItem("openkap-reloaded", Date.now());
  livePage.data.who.uid = "somebody";
}"""


def test_a_login_in_another_window_hands_the_open_page_over(browser, clinic):
    page = clinic.open(browser, clinic.paths[0])
    other = page.context.new_page()
    other.goto("/demo/")
    with page.expect_event("load"):
        other.click("form[action='/demo/ada/'] button")
    ready(page)
    assert page.evaluate("livePage.data.who.name") == "Ada Lindqvist"
    expect(page.locator("#cover")).to_be_hidden()
    # A page that came back old is covered, and enters nothing under the earlier name.
    page.evaluate(OLD_PAGE)
    expect(page.locator("#cover")).to_be_visible()
    page.context.close()
