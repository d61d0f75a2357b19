"""The patient's telephone, the page that calls a person, and the curve."""

from __future__ import annotations

import re
from typing import Any

from playwright.sync_api import expect


def links_in(messages: str, url: str) -> list[str]:
    """The patient's links in what left the house."""
    return re.findall(rf"{re.escape(url)}/a/\S+", messages)


def ask(page: Any, chart: str) -> None:
    """Cora asks for forms now, by link."""
    page.goto(f"{chart}outcomes/ask/")
    for name in ("pcl-5", "phq-9"):
        page.check(f"input[name=instruments][value={name}]")
    page.get_by_role("button", name="Ask now").click()
    page.wait_for_url("**/outcomes/**")


def answer_on_a_bad_network(phone: Any, link: str) -> None:
    """One question at a time; half-way the network goes; nothing tapped is lost; the last item calls help."""
    phone.goto(link)
    assert phone.evaluate("document.documentElement.scrollWidth") <= 390
    whole = phone.locator("fieldset.question").count()
    help_page = phone.locator("#help-now")
    for number in range(whole):
        if number == whole // 2:
            phone.context.set_offline(True)
        if number == whole - 2:
            expect(phone.locator("#saved")).to_contain_text("kept on this device")
            phone.context.set_offline(False)
            phone.evaluate("window.dispatchEvent(new Event('online'))")
            phone.get_by_text("on the clinic's server").wait_for()
        question = phone.locator("fieldset.question[data-now]")
        alarming = question.get_attribute("data-help-from") is not None
        # Worse than half of the time, and yes to the question about dying.
        question.locator("label.choice").nth(3 if not alarming else 1).tap()
        if alarming:
            help_page.wait_for(state="visible")
            expect(help_page).to_contain_text("Call")
            help_page.get_by_role("button", name="Go on").tap()
        else:
            phone.wait_for_function(
                "n => [...document.querySelectorAll('.question')].findIndex(q => q.hasAttribute('data-now')) !== n",
                arg=number,
            )
    phone.get_by_role("button", name="Finish").tap()
    phone.get_by_role("heading", name="Thank you").wait_for()
    expect(phone.locator("main")).to_contain_text("You do not have to be alone")


def take_on(page: Any) -> None:
    """The person who was called finds it first on the list, takes it on, and writes what was done."""
    page.goto("/home/")
    task = page.locator(".tasks li", has_text="an answer needs a person")
    task.get_by_role("link").first.click()
    page.get_by_role("button", name="I take this on").click()
    page.get_by_text("took it on").wait_for()
    page.fill("#id_what_was_done", "Called at once. No plan, no intent; the sister stays tonight.")
    page.get_by_role("button", name="Write down and close").click()
    page.get_by_text("The alert is closed.").wait_for()


def see_the_curve(page: Any, chart: str) -> None:
    """The score stands in the chart at once."""
    page.goto(f"{chart}outcomes/")
    page.locator("svg").first.wait_for()
    expect(page.locator("main")).to_contain_text("PCL-5")
