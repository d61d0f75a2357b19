"""Beside a date field stands the day as every page writes it: browsers show 11/12 in an order of their own."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.xdist_group("clinic-pages")]


@pytest.fixture
def page(served, browser):
    page = served.open(browser, "cora")
    page.goto("/referrals/new/")
    return page


def test_a_chosen_day_stands_in_words_beside_its_field(page):
    born = page.locator("input[type=date]").first
    told = page.locator("output.day").first
    expect(told).to_be_hidden()
    born.fill("1984-05-03")
    expect(told).to_have_text("Thu 3 May 1984")
    expect(told).to_have_attribute("for", born.get_attribute("id"))
    born.fill("1984-03-05")
    expect(told).to_have_text("Mon 5 Mar 1984")


def test_an_emptied_field_has_no_day_left_beside_it(page):
    born = page.locator("input[type=date]").first
    born.fill("1984-05-03")
    born.fill("")
    expect(page.locator("output.day").first).to_be_hidden()


def test_a_field_that_opens_with_a_day_and_time_says_both(page):
    page.evaluate("""() => {
        document.querySelector("form").insertAdjacentHTML(
            "beforeend", "<label>When <input type=datetime-local value=2026-11-30T10:00></label>");
        document.dispatchEvent(new CustomEvent("htmx:afterSwap", { detail: { elt: document.body } }));
    }""")
    expect(page.locator("label:has(input[type=datetime-local]) + output.day")).to_have_text(
        "Mon 30 Nov 2026 10:00"
    )
