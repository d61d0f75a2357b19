"""Going back to a page that answered what was sent: no cache keeps it, and yet a page of ours is there."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from browser.tour import sessions_under_way
from playwright.sync_api import expect

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.xdist_group("clinic-pages")]


@pytest.fixture
def page(served, browser):
    page = served.open(browser, "ada")
    yield page
    page.context.close()


def in_days(days):
    return f"{datetime.now() + timedelta(days=days):%Y-%m-%d}T16:00"  # noqa: DTZ005


def leave_and_go_back(page):
    page.goto("/patients/")
    page.go_back()


def test_back_to_the_preview_of_a_move_shows_the_preview_again_without_what_was_written(page):
    link = sessions_under_way(page).filter(has_text="planned").first.locator("a").first
    page.goto(f"{link.get_attribute('href')}move/")
    page.fill("#id_starts_at", in_days(9))
    page.fill("#id_reason", "the patient is away")
    page.get_by_role("button", name="Look what moves with it").click()
    expect(page.get_by_role("heading", name="What moves with it")).to_be_visible()
    leave_and_go_back(page)
    expect(page.get_by_role("heading", name="What moves with it")).to_be_visible()
    expect(page.locator("#id_starts_at")).to_have_value(in_days(9))
    assert "away" not in page.url
    # And what is sent from there goes where it went before.
    page.get_by_role("button", name="Look").first.click()
    expect(page.get_by_role("heading", name="What moves with it")).to_be_visible()


def test_back_to_the_preview_of_a_session_planned_anew_shows_it_again(page):
    last = sessions_under_way(page).filter(has_text="planned").last
    page.goto(last.locator("a").first.get_attribute("href"))
    page.locator("#give-up summary").click()
    page.fill("#id_give_up", "pressure 165")
    page.get_by_role("button", name="End the visit without a dose").click()
    page.get_by_role("link", name="Add a session in its place").click()
    page.fill("#id_starts_at", in_days(30))
    page.get_by_role("button", name="Look what belongs to it").click()
    expect(page.locator("#shown")).to_be_visible()
    leave_and_go_back(page)
    expect(page.locator("#shown")).to_be_visible()


def test_back_to_the_dates_of_a_plan_shows_them_again(page):
    sessions_under_way(page)
    page.goto(f"{page.url.split('/courses/')[0]}/courses/plan/")
    page.fill("#id_first", in_days(60))
    page.get_by_role("button", name="Look at the dates").click()
    expect(page.get_by_role("heading", name="These dates")).to_be_visible()
    leave_and_go_back(page)
    expect(page.get_by_role("heading", name="These dates")).to_be_visible()


def test_back_to_a_form_that_was_refused_shows_the_page_it_was_sent_from(page):
    link = sessions_under_way(page).filter(has_text="planned").last.locator("a").first
    where = link.get_attribute("href")
    page.goto(where)
    page.evaluate(
        "document.querySelectorAll('[required]').forEach((each) => each.removeAttribute('required'))"
    )
    page.locator("#give-up summary").click()
    page.get_by_role("button", name="End the visit without a dose").click()
    expect(page.locator("body[data-again]")).to_be_attached()
    leave_and_go_back(page)
    expect(page.locator("#give-up")).to_be_attached()
    assert page.url.endswith(where)


def test_what_was_refused_is_not_left_without_being_asked(page):
    page.goto("/referrals/new/")
    asked = []
    page.on("dialog", lambda each: (asked.append(each.type), each.accept()))
    page.fill("#id_reason", "the sister called too")
    page.get_by_role("button", name="Open the record").click()
    expect(page.locator("[data-focus]")).to_be_visible()
    expect(page.locator("#id_reason")).to_have_value("the sister called too")
    assert asked == []
    page.get_by_role("link", name="To do").click()
    expect(page.get_by_role("heading", name="to do")).to_be_visible()
    assert asked == ["beforeunload"]
