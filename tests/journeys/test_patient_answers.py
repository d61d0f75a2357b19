"""A patient answers on a phone, the network goes half-way, an answer alarms; the clinic is called and answers."""

from __future__ import annotations

import re

import pytest
from browser.fitness import WCAG, axe, too_wide
from playwright.sync_api import expect

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.xdist_group("clinic-pages")]

PHONE = {"viewport": {"width": 360, "height": 740}, "has_touch": True, "is_mobile": True}


def ask(served, browser, which: int) -> tuple[str, str]:
    """Tess asks for PCL-5 and PHQ-9 and hands over; the address of the questions and of the chart."""
    page = served.open(browser, "tess")
    page.goto("/patients/")
    page.locator("tbody a").nth(which).click()
    chart = page.url
    page.goto(chart + "outcomes/ask/")
    page.get_by_label("Hand over this tablet now").check()
    page.get_by_role("button", name="Ask now").click()
    page.wait_for_url("**/a/**")
    address = page.url
    page.context.close()
    return address, chart


@pytest.fixture
def asked(served, browser):
    """Questions for the last patient of the list."""
    return ask(served, browser, -1)


@pytest.fixture
def asked_of_another(served, browser):
    """Questions for somebody whose alert may stay open."""
    return ask(served, browser, -2)


def accessible(page) -> list[str]:
    over = too_wide(page)
    assert over <= 0, f"{over} px too wide"
    return axe(page, WCAG)


def tap(page, number: int) -> None:
    """Choose the answer at that place of the question on the screen."""
    shown = page.locator(".question[data-now]")
    item = shown.get_attribute("data-item")
    shown.locator(".choice").nth(number).tap()
    # The page moves on by itself, but for an answer that opens help.
    page.wait_for_function(
        "item => !document.getElementById('help-now').hidden"
        " || document.querySelector('[data-now]').dataset.item !== item",
        arg=item,
    )


def test_a_phone_without_network_half_way_loses_nothing_and_scores_at_once(served, browser, asked):
    address, chart = asked
    page = browser.new_context(**PHONE).new_page()
    page.goto(address)
    assert accessible(page) == []
    for _ in range(10):
        tap(page, 2)
    expect(page.locator("#saved")).to_contain_text("Saved")
    page.context.set_offline(True)
    for _ in range(10):
        tap(page, 3)
    expect(page.locator("#saved")).to_contain_text("kept on this device")
    expect(page.locator("#done")).to_have_text("20")
    # The phone is put away and the browser forgets the page: what waited is still there.
    page.context.set_offline(False)
    page.goto("about:blank")
    page.goto(address)
    expect(page.locator("#done")).to_have_text("20")
    expect(page.locator("#saved")).to_contain_text("Saved")
    for _ in range(10):
        tap(page, 0)
    page.context.set_offline(True)
    page.get_by_role("button", name="Finish").tap()
    expect(page.locator("#saved")).to_contain_text("finishes by itself")
    page.context.set_offline(False)
    page.wait_for_url("**/thanks/")
    expect(page.get_by_role("heading", level=1)).to_contain_text("Thank you")
    assert accessible(page) == []
    page.context.close()
    # 10 answers of 2 and 10 of 3: nothing lost, nothing twice.
    staff = served.open(browser, "tess")
    staff.goto(chart + "outcomes/")
    expect(staff.locator("table").first).to_contain_text("50")
    staff.context.close()


def test_an_alarming_answer_opens_help_at_once_even_offline_and_calls_a_person(served, browser, asked):
    address, chart = asked
    page = browser.new_context(**PHONE).new_page()
    page.goto(address)
    page.get_by_role("button", name="All on one page").tap()
    page.context.set_offline(True)
    page.locator(".question[data-help-from] .choice").nth(1).tap()
    helped = page.locator("#help-now")
    expect(helped).to_be_visible()
    expect(helped.get_by_role("link")).to_have_attribute("href", re.compile(r"tel:\+1555"))
    page.context.set_offline(False)
    expect(page.locator("#saved")).to_contain_text("Saved", timeout=40_000)
    # What is half under the help that stays in sight has a small target only where the page stopped scrolling.
    page.evaluate("scrollTo(0, 0)")
    assert accessible(page) == []
    page.context.close()

    ada = served.open(browser, "ada")
    ada.goto(chart)
    ada.locator(".banner a", has_text="safety answer").click()
    assert accessible(ada) == []
    ada.get_by_role("button", name="I take this on").click()
    expect(ada.locator("main")).to_contain_text("Ada Lindqvist took it on")
    # Whoever stands last in the list today may have an answer of another day that waits too.
    for earlier in ada.get_by_role("group", name="Looked at").get_by_role("checkbox").all():
        earlier.check()
    ada.get_by_label("What was done").fill("Reached by telephone, safe, seen tomorrow.")
    ada.get_by_role("button", name="Write down and close").click()
    expect(ada.locator("main")).to_contain_text("The alert is closed")
    ada.goto(chart)
    expect(ada.locator(".banner")).not_to_contain_text("safety answer")
    ada.context.close()


def waiting(page) -> int:
    return page.evaluate("Object.keys(localStorage).filter(key => key.includes(':tap:')).length")


@pytest.mark.parametrize(
    "answer",
    [
        {"status": 400, "json": {"what": "this link has ended", "remedy": "ask the clinic for a new one"}},
        {"status": 200, "content_type": "text/html", "body": "<p>Welcome to the hotel's network</p>"},
        {"status": 503, "body": ""},
    ],
    ids=["refused", "another network's page", "server down"],
)
def test_an_alarming_answer_that_was_not_stored_is_kept_and_the_page_says_so(
    browser, asked_of_another, answer
):
    address, _ = asked_of_another
    page = browser.new_context(**PHONE).new_page()
    page.goto(address)
    page.get_by_role("button", name="All on one page").tap()
    page.route("**/link/*/answers", lambda route: route.fulfill(**answer))
    page.locator(".question[data-help-from] .choice").nth(3).tap()
    expect(page.locator("[data-unsent]")).to_be_visible()
    expect(page.locator("#help-now")).not_to_contain_text("somebody will call you", use_inner_text=True)
    expect(page.locator("#saved")).to_contain_text(re.compile("not sent", re.IGNORECASE))
    assert waiting(page) == 1
    page.evaluate("scrollTo(0, 0)")
    assert accessible(page) == []
    page.unroute("**/link/*/answers")
    page.reload()
    expect(page.locator("#saved")).to_contain_text("Saved")
    expect(page.locator("#help-now")).to_contain_text("somebody will call you", use_inner_text=True)
    assert waiting(page) == 0
    page.context.close()


def test_what_waits_on_a_phone_reaches_the_clinic_after_the_questions_were_closed(
    served, browser, asked_of_another
):
    address, chart = asked_of_another
    page = browser.new_context(**PHONE).new_page()
    page.goto(address)
    page.get_by_role("button", name="All on one page").tap()
    page.context.set_offline(True)
    page.locator(".question[data-help-from] .choice").nth(3).tap()
    expect(page.locator("[data-unsent]")).to_be_visible()
    invitation = page.locator("#answer").get_attribute("data-key")
    page.goto("about:blank")

    staff = served.open(browser, "tess")
    staff.goto(f"{chart}outcomes/asked/{invitation}/")
    staff.get_by_label("declined to answer").check()
    staff.get_by_role("button", name="Close with this reason").click()
    expect(staff.get_by_role("button", name="Close with this reason")).to_have_count(0)

    page.context.set_offline(False)
    page.goto(address)
    expect(page.locator("#waiting")).to_contain_text("with your clinic now")
    expect(page.locator("#help-now")).to_be_visible()
    assert waiting(page) == 0
    assert accessible(page) == []
    page.context.close()
    staff.goto(chart)
    expect(staff.locator(".banner")).to_contain_text("safety answer")
    staff.context.close()


def test_the_keyboard_alone_answers_and_arrow_keys_do_not_turn_the_page(browser, asked):
    address, _ = asked
    page = browser.new_context(viewport={"width": 820, "height": 1180}).new_page()
    page.goto(address)
    first = page.locator(".question[data-now]").get_attribute("data-item")
    page.keyboard.press("Space")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    expect(page.locator(".question[data-now] input:checked")).to_have_value("2")
    assert page.locator(".question[data-now]").get_attribute("data-item") == first
    page.get_by_role("button", name="Next").press("Enter")
    expect(page.locator(".question[data-now]")).not_to_have_attribute("data-item", first)
    page.context.close()


def shown(page, number: int):
    """Waits until the question of that place is on the screen."""
    question = page.locator(".question").nth(number)
    expect(question).to_have_attribute("data-now", "")
    return question


def test_next_right_after_an_answer_skips_no_question(browser, asked):
    address, _ = asked
    page = browser.new_context(**PHONE).new_page()
    page.set_default_timeout(10_000)
    page.goto(address)
    following = page.get_by_role("button", name="Next")
    # The page turns by itself after an answer: the same hand goes on to "Next", before the turn or after it.
    for number in range(3):
        shown(page, number).locator(".choice").first.tap()
        following.tap()
    shown(page, 3).locator(".choice").first.tap()
    shown(page, 4)
    following.tap()
    expect(page.locator("#saved")).to_contain_text("This is the next question already")
    shown(page, 4)
    expect(page.locator("#done")).to_have_text("4")
    # Who means to leave it open says so once more.
    following.tap()
    shown(page, 5)
    following.tap()
    shown(page, 6)
    page.get_by_role("button", name="Back").tap()
    shown(page, 5).locator(".choice").first.tap()
    shown(page, 6)
    page.context.close()


def test_the_last_page_leads_to_each_question_that_was_left_open(browser, asked):
    address, _ = asked
    page = browser.new_context(viewport={"width": 820, "height": 1180}, reduced_motion="reduce").new_page()
    page.set_default_timeout(10_000)
    page.goto(address)
    questions = page.locator(".question")
    last = questions.count() - 1
    for number in range(last + 1):
        shown(page, number)
        if number not in (3, 7):
            page.keyboard.press("Space")
        page.get_by_role("button", name="Next").press("Enter")
    expect(page.locator("#open-questions")).to_contain_text("2 questions.")
    page.get_by_role("button", name="Show the first open one").press("Enter")
    expect(shown(page, 3).locator("input").first).to_be_focused()
    page.keyboard.press("Space")
    page.get_by_role("button", name="Next").press("Enter")
    shown(page, 7).locator(".choice").first.click()
    expect(page.locator("[data-last]")).to_have_attribute("data-now", "")
    expect(page.locator("#open-questions")).to_be_hidden()
    expect(page.locator("#done")).to_have_text(str(last + 1))
    assert accessible(page) == []
    page.context.close()
