"""A clinic writes its own words into the consent text: saved as one goes, and nothing typed is lost on the way."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.xdist_group("clinic-pages")]

DRAFT = "/consent-texts/en/words/"


@pytest.fixture
def page(served, browser):
    """Ada on the page where the words are written."""
    page = served.open(browser, "ada")
    page.goto(DRAFT)
    yield page
    page.context.close()


def test_a_part_is_saved_when_its_field_is_left_and_what_is_typed_meanwhile_stays(page):
    page.locator("#CON-24 summary").click()
    field, foot = page.locator("#w-CON-24"), page.locator("#foot-CON-24")
    field.fill("A nurse is with you.")
    expect(foot.get_by_text("not saved yet")).to_be_visible()
    held = []
    # The answer to the first words is on its way while more is typed.
    page.route("**/words/CON-24/", lambda route: held.append(route), times=1)
    with page.expect_request("**/words/CON-24/"):
        field.blur()
    field.fill("A nurse is with you all the time.")
    held[0].continue_()
    expect(foot.get_by_text("✓ Saved")).to_have_count(1)
    expect(foot.get_by_text("not saved yet")).to_be_visible()
    expect(field).to_have_value("A nurse is with you all the time.")
    field.blur()
    expect(foot.get_by_text("not saved yet")).to_be_hidden()
    expect(foot.get_by_text("✓ Saved")).to_be_visible()
    page.reload()
    expect(page.locator("#w-CON-24")).to_have_value("A nurse is with you all the time.")


def test_words_that_did_not_arrive_are_said_not_to_be_saved_and_asked_about_before_they_are_left(page):
    page.locator("#CON-25 summary").click()
    asked = []
    page.on("dialog", lambda dialog: (asked.append(dialog.type), dialog.accept()))
    page.route("**/words/CON-25/", lambda route: route.abort(), times=1)
    field = page.locator("#w-CON-25")
    field.fill("Two nurses are with you.")
    with page.expect_event("requestfailed"):
        field.blur()
    foot = page.locator("#foot-CON-25")
    expect(foot.get_by_text("not saved yet")).to_be_visible()
    page.goto(DRAFT)
    assert asked == ["beforeunload"]


def test_what_did_not_arrive_is_sent_again_with_save_and_what_is_undone_is_not_unsaved(page):
    page.locator("#CON-26 summary").click()
    field, foot = page.locator("#w-CON-26"), page.locator("#foot-CON-26")
    page.route("**/words/CON-26/", lambda route: route.abort(), times=1)
    field.fill("We do no studies.")
    with page.expect_event("requestfailed"):
        field.blur()
    foot.get_by_role("button", name="Save").click()
    expect(foot.get_by_text("✓ Saved")).to_be_visible()
    field.fill("We do one study.")
    expect(foot.get_by_text("not saved yet")).to_be_visible()
    field.fill("We do no studies.")
    expect(foot.get_by_text("not saved yet")).to_be_hidden()
