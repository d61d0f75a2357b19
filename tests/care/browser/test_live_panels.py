"""The panels and alerts of the live page in a real browser: every alert is reached, what is armed is what is done."""

from __future__ import annotations

import re

import pytest
from live_clinic import LiveClinic, fresh, ready, saved, tap, until
from playwright.sync_api import expect

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.xdist_group("live-panels")]
# Minutes into the dose of each chair; the last two are released and not started.
DOSING, OTHER, ALARMS, LEAVING, START, NOT_STARTED = range(6)


@pytest.fixture(scope="module")
def clinic(tmp_path_factory):
    made = LiveClinic(tmp_path_factory.mktemp("panels"), [25, 12, 14, 27, None, None])
    yield made
    made.kill()


BAD = {"sbp": "212", "dbp": "122", "heart_rate": "141", "spo2": "86", "respiratory_rate": "7", "moaas": "1"}
WITHIN = """([inner, outer]) => {
  const [a, b] = [inner, outer].map((each) => document.querySelector(each).getBoundingClientRect());
  return a.height > 0 && a.top >= b.top - 1 && a.bottom <= b.bottom + 1 && a.left >= b.left - 1 && a.right <= b.right + 1;
}"""


@pytest.mark.parametrize(("width", "height"), [(820, 1180), (1180, 820), (360, 740)])
def test_of_seven_alerts_the_highest_is_open_with_its_buttons_and_each_other_is_one_tap_away(
    browser, clinic, width, height
):
    page = clinic.open(browser, clinic.paths[ALARMS], viewport={"width": width, "height": height})
    values = {**BAD, "bp_with_red_flag_symptom": "yes"}
    page.evaluate("values => { livePage.send('vitals', { values, confirmed: true }) }", values)
    saved(page)
    count = page.locator(".alert").count()
    assert count >= 7
    front = page.locator(".alert.is-front")
    expect(front).to_have_count(1)
    expect(front).to_have_attribute("data-rule", "VIT-05")
    seen = []
    for number in range(1, count + 1):
        expect(front.locator(".alert-next")).to_contain_text(f"{number} of {count}")
        for button in (".alert-done", ".alert-other", ".alert-next"):
            assert page.evaluate(WITHIN, [f".alert.is-front {button}", "#alerts"]), (number, button)
        seen.append(front.get_attribute("data-rule"))
        front.locator(".alert-next").click()
    assert len(set(seen)) == count
    expect(front).to_have_attribute("data-rule", "VIT-05")
    # By its line, too.
    other = page.locator(f".alert[data-rule={seen[-1]}]")
    other.locator(".alert-open").click()
    expect(other.locator(".alert-done")).to_be_visible()
    page.context.close()


def test_a_new_and_higher_alert_comes_to_the_front(browser, clinic):
    page = clinic.open(browser, clinic.paths[OTHER])
    page.evaluate("livePage.send('vitals', {values: {sbp: '168', dbp: '112'}})")
    saved(page)
    front = page.locator(".alert.is-front")
    expect(front).to_have_count(1)
    while page.locator(".alert.is-folded").count() and front.get_attribute("data-rule") != "VIT-01":
        front.locator(".alert-next").click()
    page.evaluate("livePage.send('vitals', {values: {sbp: '212', dbp: '122'}})")
    saved(page)
    expect(front).to_have_class(re.compile("high"))
    page.context.close()


def kinds(clinic, page) -> list[str]:
    return [each["kind"] for each in clinic.state(page)["events"]]


def test_a_double_tap_starts_no_dose_and_who_is_in_the_chair_is_asked_first(browser, clinic):
    page = clinic.open(browser, clinic.paths[START])
    page.click("[data-tab=drug]")
    start = page.locator("#panel-other button", has_text="Start 35 mg")
    start.dblclick()
    expect(page.locator("#panel-other")).to_contain_text("First ask who is in the chair")
    page.check("[aria-label='The patient is the one named above']")
    start.click(click_count=3)
    sure = page.locator(".confirm button", has_text="Tap again")
    expect(sure).to_contain_text("35 mg at 5.2 mL/h")
    assert kinds(clinic, page) == []
    assert page.evaluate("livePage.outbox.held") == 0
    # Once it is confirmed the panel is that of a running dose, and two taps on the same place are one start.
    sure.dblclick()
    saved(page)
    expect(page.locator("#panel-other button", has_text="Pause")).to_be_visible()
    expect(page.locator("#panel-other button", has_text="Start")).to_have_count(0)
    state = clinic.state(page)
    assert ([each["kind"] for each in state["events"]], state["doubts"]) == (["start"], [])
    assert any("Asked before the start" in each["note"] for each in state["entries"])
    page.context.close()


def test_that_somebody_was_asked_who_they_are_is_ticked_anew_each_time(browser, clinic):
    page = clinic.open(browser, clinic.paths[NOT_STARTED])
    page.click("[data-tab=drug]")
    tick = page.get_by_label("The patient is the one named above")
    tick.check()
    page.click("[data-tab=note]")
    page.click("[data-tab=drug]")
    expect(tick).not_to_be_checked()
    tick.check()
    page.reload()
    page.click("[data-tab=drug]")
    expect(tick).not_to_be_checked()
    page.context.close()


def test_the_panel_follows_the_pump_and_two_quick_taps_are_one_act(browser, clinic):
    page = clinic.open(browser, clinic.paths[DOSING])
    other = clinic.open(browser, clinic.paths[DOSING], key="ada")
    other.click("[data-tab=drug]")
    page.click("[data-tab=drug]")
    page.locator("#panel-other button", has_text="−1 min").click()
    page.locator("#panel-other button", has_text="Pause").dblclick()
    saved(page)
    expect(page.locator("#panel-other button", has_text="Resume")).to_be_visible()
    expect(page.locator("#panel-other .when")).to_contain_text("seen now")
    expect(other.locator("#panel-other button", has_text="Resume")).to_be_visible()
    page.locator("#pump-act", has_text="Resume").dblclick()
    saved(page)
    fresh(page)
    state = clinic.state(page)
    assert [each["kind"] for each in state["events"]] == ["start", "pause", "resume"]
    assert state["doubts"] == []
    page.context.close()
    other.context.close()


def test_what_was_asked_about_is_what_is_set_and_any_change_takes_the_question_away(browser, clinic):
    page = clinic.open(browser, clinic.paths[DOSING])
    page.click("[data-tab=drug]")
    field = page.locator("[aria-label='New rate in mL/h']")
    rate = page.locator("#panel-other button", has_text="Set rate")
    field.fill("4")
    rate.click()
    expect(page.locator(".confirm")).to_contain_text("Tap again: 4 mL/h")
    field.fill("400")
    expect(page.locator(".confirm")).to_have_count(0)
    rate.click()
    expect(page.locator(".confirm")).to_contain_text("FASTER, 76.9 times the checked 5.2 mL/h")
    # Faster than the order is not set without the name of who decided.
    page.locator(".confirm button", has_text="Tap again").click()
    expect(page.locator(".confirm")).to_have_count(1)
    page.locator(".confirm button", has_text="Leave it").click()
    for text, said in (
        ("5.25", "more decimals than the record keeps"),
        ("0.04", "more decimals"),
        ("0", "no rate"),
    ):
        field.fill(text)
        rate.click()
        expect(page.locator("#panel-other")).to_contain_text(said)
        expect(page.locator(".confirm")).to_have_count(0)
    assert "rate" not in kinds(clinic, page)
    field.fill("4,1")
    rate.click()
    page.locator(".confirm button", has_text="Tap again: 4.1 mL/h").click()
    saved(page)
    expect(page.locator("#pump")).to_contain_text("4.1 mL/h")
    page.locator("[aria-label='Given in all, mg']").fill("1.75")
    page.locator("#panel-other button", has_text="Stop").click()
    expect(page.locator(".confirm")).to_contain_text("mg more. Look at the pump again")
    page.locator("[aria-label='Given in all, mg']").fill("35000")
    expect(page.locator(".confirm")).to_have_count(0)
    assert kinds(clinic, page)[-1] == "rate"
    page.context.close()


def test_a_corrected_rate_keeps_the_second_at_which_it_was_set(browser, clinic):
    page = clinic.open(browser, clinic.paths[DOSING])
    if "rate" not in kinds(clinic, page):
        page.evaluate("livePage.send('rate', {rate_ml_h: '4.1'})")
        saved(page)
    old = next(each for each in clinic.state(page)["events"] if each["kind"] == "rate")
    page.locator("#log li", has_text="4.1 mL/h").locator("button").click()
    page.locator("#panel-other label", has_text="Why").locator("input").fill("misread")
    page.click("#panel-other button:has-text('Save correction')")
    expect(page.locator("#panel-other")).to_contain_text("Nothing is changed")
    page.locator("#panel-other label", has_text="Rate mL/h").locator("input").fill("4.2")
    page.click("#panel-other button:has-text('Save correction')")
    saved(page)
    new = next(each for each in clinic.state(page)["events"] if each["kind"] == "rate")
    assert (new["rate_ml_h"], new["at"]) == (4.2, old["at"])
    page.context.close()


def test_an_alert_that_asks_for_a_pause_is_done_by_pausing(browser, clinic):
    page = clinic.open(browser, clinic.paths[DOSING])
    page.evaluate("livePage.send('vitals', {values: {sbp: '186', dbp: '90'}})")
    card = page.locator(".alert[data-rule=VIT-03]")
    expect(card.locator(".alert-done")).to_have_text("‖ Pause the pump")
    card.locator(".alert-done").click()
    expect(card).to_have_count(0)
    saved(page)
    state = clinic.state(page)
    assert state["dose"]["pump"] == "paused"
    assert next(each for each in state["alerts"] if each["rule"] == "VIT-03")["done"].startswith(
        "Done: Pause"
    )
    page.context.close()


def test_the_red_flag_says_recorded_when_the_record_has_it(browser, clinic):
    page = clinic.open(browser, clinic.paths[OTHER])
    page.context.set_offline(True)
    page.click("#red-flag")
    page.click("dialog button:has-text('Record red-flag symptom now')")
    said = page.locator("dialog .flag-said")
    expect(said).to_contain_text("not saved yet")
    page.context.set_offline(False)
    expect(said).to_contain_text("Recorded, seen")
    page.context.close()
    looker = clinic.open(browser, clinic.paths[OTHER], key="tess")
    looker.click("#red-flag")
    expect(looker.locator("dialog")).to_contain_text("call the nurse")
    expect(looker.locator("dialog button", has_text="Record")).to_have_count(0)
    looker.context.close()


def test_without_network_a_tablet_with_a_wrong_clock_shows_the_clinic_s_time(browser, clinic):
    page = clinic.open(browser, clinic.paths[LEAVING], skew_ms=-3 * 3_600_000)
    until(page, "navigator.serviceWorker.controller !== null")
    page.reload()
    ready(page)
    fresh(page)
    page.context.set_offline(True)
    page.reload()
    until(page, "window.livePage?.pad")
    assert page.evaluate("livePage.clock.ahead") is None
    assert abs(page.evaluate("livePage.clock.now() - window.trueNow()")) < 60_000
    expect(page.locator("#wall")).to_have_text(page.evaluate("livePage.time(window.trueNow())"))
    expect(page.locator("#unsaved")).to_contain_text("as this clock was last measured")
    # Where nothing was ever measured it says so, and counts nothing down.
    page.evaluate("() => { livePage.clock.kept = null; livePage.tick(); }")
    expect(page.locator("#due")).to_contain_text("Clock not measured")
    expect(page.locator("#wall")).to_have_text("--:--")
    page.click("#panel-vitals .when button:has-text('−1 min')")
    expect(page.locator("#panel-vitals .when")).to_contain_text("1 min ago")
    before = page.evaluate("window.trueNow()")
    tap(page, 141)
    page.click("#save-vitals")
    page.context.set_offline(False)
    saved(page)
    at = [
        each["at"]
        for each in clinic.state(page)["entries"]
        if each["values"].get("sbp", {}).get("number") == 141
    ]
    assert len(at) == 1
    assert abs(at[0] - (before - 60_000)) < 30_000
    page.context.close()


def test_an_answer_before_leaving_can_be_corrected(browser, clinic):
    page = clinic.open(browser, clinic.paths[LEAVING])
    element = page.evaluate("livePage.data.leaving.find((each) => each.kind === 'yes_no')")
    page.evaluate("id => { livePage.send('leaving', { values: { [id]: 'yes' } }) }", element["id"])
    saved(page)
    page.locator("#log li", has_text=element["id"].replace("_", " ")).locator("button").first.click()
    page.locator("#panel-other select").select_option("no")
    page.locator("#panel-other label", has_text="Why").locator("input").fill("asked again")
    page.click("#panel-other button:has-text('Save correction')")
    saved(page)
    held = [each for each in clinic.state(page)["entries"] if element["id"] in each["values"]]
    assert [(each["values"][element["id"]]["text"], each["counts"]) for each in held] == [
        ("yes", False),
        ("no", True),
    ]
    page.context.close()


def test_who_writes_is_named_and_on_a_phone_weight_allergy_and_consent_are_one_tap_away(browser, clinic):
    page = clinic.open(browser, clinic.paths[LEAVING], viewport={"width": 360, "height": 740})
    expect(page.locator(".live-who")).to_have_text("Writing as Ben Okafor")
    weight = page.locator(".banner-facts dt", has_text="Weight")
    expect(weight).to_be_hidden()
    page.click("#facts")
    for fact in ("Weight", "Ketamine allergy", "Consent"):
        expect(page.locator(".banner-facts dt", has_text=fact)).to_be_visible()
    # Every tab of the pad, whole.
    for tab in page.locator(".pad-tabs button").all():
        expect(tab).to_be_in_viewport(ratio=0.98)
    page.context.close()
    looker = clinic.open(browser, clinic.paths[LEAVING], key="tess")
    expect(looker.locator(".live-who")).to_contain_text("Looking on as")
    looker.context.close()


def test_the_sound_that_was_chosen_is_on_again_after_a_reload(browser, clinic):
    page = clinic.open(browser, clinic.paths[LEAVING], viewport={"width": 360, "height": 740})
    page.click("#sound")
    expect(page.locator("#sound")).to_contain_text("on")
    page.reload()
    ready(page)
    # No browser plays anything before a tap: the button says that it waits for one.
    expect(page.locator("#sound")).to_contain_text("tap")
    page.click("#phase")
    expect(page.locator("#sound")).to_contain_text("on")
    until(page, "livePage.alerts.sound?.state === 'running'")
    page.click("#sound")
    page.reload()
    ready(page)
    expect(page.locator("#sound")).to_contain_text("off")
    page.context.close()


def test_a_pressure_the_wrong_way_round_is_asked_about_before_it_is_sent(browser, clinic):
    page = clinic.open(browser, clinic.paths[LEAVING])
    page.click("[data-tab=vitals]")
    tap(page, 90)
    tap(page, 120)
    page.click("#save-vitals")
    expect(page.locator(".pad-said")).to_contain_text("not below the systolic")
    assert page.evaluate("livePage.outbox.held") == 0
    page.context.close()


def test_the_countdown_counts_after_the_page_said_start_the_dose(browser, clinic):
    page = clinic.open(browser, clinic.paths[NOT_STARTED])
    expect(page.locator("#due")).to_have_text("Start the dose")
    other = clinic.open(browser, clinic.paths[NOT_STARTED], key="ada")
    other.evaluate("livePage.send('start', {})")
    saved(other)
    expect(page.locator("#due")).to_contain_text("Vitals")
    expect(page.locator("#due small")).to_contain_text("schedule")
    page.context.close()
    other.context.close()


TOO_LOW = """() => [...document.querySelectorAll("button, .live-head a, .leaving a")]
  .filter((each) => each.offsetParent && each.getBoundingClientRect().height < 43.5)
  .map((each) => each.textContent.trim())"""


@pytest.mark.parametrize(("width", "height"), [(820, 1180), (1180, 820), (360, 740)])
def test_no_button_is_too_low_for_a_finger_on_any_panel(browser, clinic, width, height):
    page = clinic.open(browser, clinic.paths[LEAVING], viewport={"width": width, "height": height})
    for tab in ("vitals", "drug", "comfort", "leaving", "event", "note"):
        page.click(f"[data-tab={tab}]")
        assert page.evaluate(TOO_LOW) == [], tab
    page.context.close()


def test_a_double_tap_in_comfort_is_written_once(browser, clinic):
    page = clinic.open(browser, clinic.paths[OTHER])
    page.click("[data-tab=comfort]")
    before = len(clinic.state(page)["entries"])
    page.locator(".scores button", has_text="7").first.dblclick()
    saved(page)
    assert len(clinic.state(page)["entries"]) == before + 1
    page.get_by_role("button", name="All of them 0").dblclick()
    saved(page)
    assert len(clinic.state(page)["entries"]) == before + 2
    page.context.close()


def test_a_double_tap_before_leaving_answers_one_question_and_not_the_next(browser, clinic):
    page = clinic.open(browser, clinic.paths[LEAVING])
    page.click("[data-tab=leaving]")
    before = len(clinic.state(page)["entries"])
    answer = page.locator(".leaving-acts button", has_text=re.compile("^yes$")).first
    answer.dblclick()
    saved(page)
    assert len(clinic.state(page)["entries"]) == before + 1
    # The list moves up when the answer is in the record: the finger that follows answers nothing.
    page.evaluate("""() => {
      livePage.panelMark = "";
      livePage.refreshPanel();
      const box = document.querySelector(".leaving-acts button").getBoundingClientRect();
      window.under = document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2)?.closest("button");
    }""")
    assert page.evaluate("window.under") is None
    page.context.close()


TOUCHED = """() => [...document.querySelectorAll("#pad button, #pad a, #pad select, .strip button, .alerts button")]
  .filter((each) => each.offsetParent)
  .map((each) => [each.textContent.trim().slice(0, 20), each.getBoundingClientRect(), Boolean(each.closest("#alerts"))])
  .filter(([, box]) => box.width > 0)
  .map(([words, box, isAlert]) => ({
    words,
    isSmall: box.width < 43.5 || box.height < 43.5,
    isOut: !isAlert && (box.left < 0 || box.right > innerWidth || box.top < 0 || box.bottom > innerHeight),
  }))"""
# These scroll inside themselves on a phone, where no screen holds them.
LONG = ("comfort", "leaving", "event")


@pytest.mark.parametrize(("width", "height"), [(360, 740), (820, 1180), (1180, 820)])
@pytest.mark.parametrize("chair", [OTHER, ALARMS])
def test_every_target_of_the_pad_is_large_enough_for_a_glove_and_in_sight(
    browser, clinic, width, height, chair
):
    page = clinic.open(browser, clinic.paths[chair], viewport={"width": width, "height": height})
    if chair == ALARMS:
        page.evaluate("values => { livePage.send('vitals', { values, confirmed: true }) }", BAD)
        saved(page)
        expect(page.locator(".alert")).not_to_have_count(0)
    ways = {
        name: [f"[data-tab={name}]"] for name in ("vitals", "drug", "comfort", "leaving", "event", "note")
    }
    ways["moaas"] = ["[data-tab=vitals]", "[data-field=moaas]"]
    ways["keys"] = ["[data-tab=vitals]", "[data-field=sbp]", "[data-tool=keys]"]
    for name, taps in ways.items():
        for each in taps:
            page.click(each)
        found = page.evaluate(TOUCHED)
        assert [each["words"] for each in found if each["isSmall"]] == [], name
        if name not in LONG:
            assert [each["words"] for each in found if each["isOut"]] == [], name
    page.context.close()


def test_a_full_set_takes_at_most_eight_taps_on_a_phone(browser, clinic):
    page = clinic.open(browser, clinic.paths[OTHER], viewport={"width": 360, "height": 740})
    last = page.evaluate("['sbp', 'dbp', 'heart_rate'].map((name) => livePage.lastValue(name))")
    taps = sum(tap(page, value) for value in (*(round(each) + 3 for each in last), 97, 16, 5))
    page.click("#save-vitals")
    assert taps + 1 <= 8
    saved(page)
    page.context.close()


def test_a_rate_is_not_corrected_to_nothing(browser, clinic):
    page = clinic.open(browser, clinic.paths[OTHER])
    page.evaluate("""() => {
      const start = livePage.state.events.find((each) => each.rate_ml_h !== null);
      livePage.correct(start, true);
    }""")
    page.get_by_label("Rate mL/h").fill("0")
    page.get_by_label("Why").fill("was paused")
    page.get_by_role("button", name="Save correction").click()
    expect(page.locator("#panel-other")).to_contain_text(
        "0 mL/h is no rate: pause the pump, or stop the dose."
    )
    assert page.evaluate("livePage.outbox.held") == 0
    page.context.close()
