"""From the start page to somebody eligible and consented, led by nothing but what the pages show.

No address and no id is used: a word that changes or a button that leads nowhere stops the walk.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Locator, Page, expect

from openkap.care.demo.cast import PASSWORD

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.xdist_group("clinic-pages")]

FAMILY, BORN = "WALKER", "1988-04-12"
TABLET = {"width": 820, "height": 1180}
# Question -> answer, where it is not "No" or "Never". An ordinary adult with confirmed PTSD.
ANSWERS = {
    "support person whom the team may call": "Yes",
    "medical professional named": "Yes",
    "does the patient weigh": "68",
    "How tall": "167",
    "or become pregnant": "Yes",
    "result of the pregnancy test": "negative",
    "systolic pressure": "118",
    "diastolic pressure": "76",
    "QTcF interval": "412",
    "ECG show any": "none of these",
    "psychotropic medicines been unchanged": "90",
    "used recreationally": "0",
    "lorazepam": "0",
    "trauma-focused psychotherapy": "Yes",
    "medicines were tried": "2",
    "PCL-5 total": "48",
    "Criterion A": "Yes",
    "confirmed with CAPS-5": "Yes",
    "CAPS-5 total severity": "38",
    "school grade": "10",
    "What is the ALT": "24",
    "What is the AST": "22",
    "What is the GGT": "30",
    "total bilirubin": "10",
    "the albumin": "42",
    "alkaline phosphatase": "70",
}
ON_PAPER = "Does the patient have capacity, and have they signed consent?"


@pytest.fixture
def page(served, browser) -> Page:
    """A tablet on the demo's start page."""
    page = browser.new_context(base_url=served.url, viewport=TABLET).new_page()
    page.set_default_timeout(30_000)
    page.goto("/")
    yield page
    page.context.close()


def test_a_stranger_screens_and_consents_somebody_by_what_the_pages_say(page):
    become(page, "Cora Delgado")
    refer(page)
    screen(page)
    decide_together(page)
    take_consent(page)
    page.get_by_text("Cora Delgado").first.click()
    tap(page, "Log out")
    become(page, "Ada Lindqvist")
    countersign_and_decide(page)
    expect(page.get_by_text("Decided and signed. Next: plan the course")).to_be_visible()
    banner = page.get_by_role("region", name=re.compile("atient")).or_(page.locator(".banner")).first
    expect(banner).to_contain_text("eligible")
    expect(banner).to_contain_text("in force until")


def tap(place: Page | Locator, name: str) -> None:
    """A button or link by its words, and what it leads to, to its end."""
    place.get_by_role("link", name=name).or_(place.get_by_role("button", name=name)).first.click()
    (place if isinstance(place, Page) else place.page).wait_for_load_state()


def become(page: Page, name: str) -> None:
    page.get_by_role("button", name=name).click()
    expect(page.get_by_role("heading", name=re.compile("to do|Nothing waits"))).to_be_visible()


def refer(page: Page) -> None:
    tap(page, "New referral")
    page.get_by_label("Family name").fill(FAMILY)
    page.get_by_label("Given name").fill("Nina")
    page.get_by_label("Birth date").fill(BORN)
    page.get_by_label("Sex at birth").select_option(label="female")
    page.get_by_label("Language").select_option(label="English")
    page.get_by_label("Needs an interpreter").select_option(label="no")
    tap(page, "Open the record")


def screen(page: Page) -> None:
    """The overview names the next step; each section leads on to the next that has something to ask."""
    page.get_by_role("region", name="What to do now").get_by_role("link", name="Open the screening").click()
    tap(page, "Open the screening")
    tap(page, "Go on: The person")
    for _ in range(12):
        answer_all(page)
        if page.get_by_role("link", name="All asked: to the shared decision").count():
            break
        tap(page, "Next:")
    tap(page, "All asked: to the shared decision")


def answer_all(page: Page) -> None:
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    while (
        question := page.get_by_role("group").filter(has_text="not known yet").filter(has_not_text=ON_PAPER)
    ).count():
        asked = question.first.locator("legend").inner_text()
        answer(page.get_by_role("group", name=asked), asked)
    open_here = page.get_by_text("Still open here")
    if open_here.count():
        open_here.get_by_role("link").click()
        page.wait_for_load_state()
        answer_all(page)


def answer(question: Locator, asked: str) -> None:
    given = next((word for part, word in ANSWERS.items() if part in asked), "")
    if given and given[0].isdigit():
        field = question.get_by_role("textbox").first
        field.fill(given)
        field.press("Enter")
    else:
        choice = re.compile(f"^{given}$" if given else "^(No|Never)$")
        question.get_by_role("radio", name=choice).or_(question.get_by_role("checkbox", name=choice)).check()
    expect(question).to_contain_text("saved")


def decide_together(page: Page) -> None:
    tap(page, "Go on: the shared decision")
    page.get_by_label("Prolonged Exposure").check()
    page.get_by_label("What the patient said").fill("I have tried two therapies.")
    page.get_by_label("Go on with ketamine treatment").check()
    tap(page, "Record")
    expect(page.get_by_text("Decided together: go on")).to_be_visible()


def take_consent(page: Page) -> None:
    tap(page, "Go on: the consent")
    last_week = datetime.now(UTC).date() - timedelta(days=7)
    page.get_by_label("The text was handed over on").fill(last_week.isoformat())
    tap(page, "Open the text")
    for words in ("I have read this", "This is my choice", "Understood"):
        left = page.get_by_role("button", name=words, exact=True)
        expect(left.first).to_be_visible()
        while more := left.count():
            part = page.locator("section").filter(has=left).first
            if words == "This is my choice":
                part.get_by_role("radio").first.check()
            if words == "Understood":
                part.get_by_role("textbox").fill("In my own words.")
            left.first.click()
            expect(left).to_have_count(more - 1)
    page.get_by_label("When was the text handed over").fill("A week ago; we talked about the costs.")
    page.locator("section").filter(has_text="When was the text handed over").get_by_role("button").click()
    expect(page.get_by_role("progressbar", name="27 of 27")).to_be_visible()
    for ability in ("Understands what", "Keeps it in mind", "Weighs it", "Says what they decide"):
        page.get_by_label(ability).check()
    page.get_by_role("button", name="Record", exact=True).click()
    tap(page, "Hand the tablet to the patient to sign")
    page.get_by_label("Your full name").fill(f"Nina {FAMILY.title()}")
    tap(page, "I agree and sign")
    expect(page.get_by_text("Please give the tablet back")).to_be_visible()
    page.get_by_role("link", name="Go on as").click()
    page.get_by_label("Password").fill(PASSWORD)
    tap(page, "Go on")
    expect(page.get_by_text("the prescriber countersigns")).to_be_visible()


def countersign_and_decide(page: Page) -> None:
    page.get_by_role("link", name="Countersign the consent").filter(has_text=f"{FAMILY}, Nina").click()
    page.get_by_label("Your password").fill(PASSWORD)
    page.get_by_role("button", name="Countersign").click()
    expect(page.get_by_text("Next: decide on eligibility, under Screening")).to_be_visible()
    page.get_by_role("navigation", name="Chart").get_by_role("link", name="Screening").click()
    page.get_by_role("link", name="Decide", exact=True).click()
    page.get_by_label("Eligible follows the verdict").check()
    page.get_by_label("Your password").fill(PASSWORD)
    tap(page, "Decide and sign")
