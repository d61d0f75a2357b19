"""The board on the wall in a real browser: eight chairs, most of them late, and who is free, on one screen."""

from __future__ import annotations

import pytest
from live_clinic import LiveClinic
from playwright.sync_api import expect

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.xdist_group("live-board")]


@pytest.fixture(scope="module")
def clinic(tmp_path_factory):
    made = LiveClinic(tmp_path_factory.mktemp("board"), [25, 12, 40, 90, 27, 55, None, None])
    # Forty minutes in which nobody took a reading.
    (made.folder / "ahead_s").write_text("2400")
    yield made
    made.kill()


@pytest.mark.parametrize(("width", "height"), [(1920, 1080), (1180, 820)])
def test_eight_chairs_with_late_readings_and_who_is_free_are_on_one_screen(browser, clinic, width, height):
    window = browser.new_context(base_url=clinic.url, viewport={"width": width, "height": height})
    page = window.new_page()
    page.goto("/demo/")
    page.click("form[action='/demo/ben/'] button")
    page.goto("/board/")
    expect(page.locator("#rows li")).to_have_count(8)
    expect(page.locator("#rows li.is-very-late").nth(2)).to_be_visible()
    expect(page.locator("#free")).to_be_in_viewport(ratio=1)
    for row in page.locator("#rows li").all():
        expect(row).to_be_in_viewport(ratio=0.98)
    overlap = page.evaluate(
        """() => [...document.querySelectorAll("#rows li")].filter((row) => row.scrollHeight > row.clientHeight + 2
          || [...row.children].some((each) => each.getBoundingClientRect().bottom > row.getBoundingClientRect().bottom + 2)
        ).map((row) => row.innerText)"""
    )
    assert overlap == []
    window.close()


def test_a_chair_is_still_pressed_and_held_by_the_keyboard_when_the_board_counts_on(browser, clinic):
    window = browser.new_context(base_url=clinic.url, viewport={"width": 1180, "height": 820})
    page = window.new_page()
    page.goto("/demo/")
    page.click("form[action='/demo/ben/'] button")
    page.goto("/board/")
    chair = page.locator("#rows a").first
    place = chair.get_attribute("href")
    chair.focus()
    _until_it_has_counted(page)
    expect(page.locator(f"#rows a[href='{place}']")).to_be_focused()
    chair.hover()
    page.mouse.down()
    _until_it_has_counted(page)
    page.mouse.up()
    page.wait_for_url(f"**{place}")
    window.close()


def _until_it_has_counted(page) -> None:
    """The board has drawn its minutes anew, twice."""
    page.evaluate(
        """() => new Promise((done) => {
          let drawn = 0;
          new MutationObserver((all, watch) => { drawn += 1; if (drawn > 1) { watch.disconnect(); done(); } })
            .observe(document.getElementById("rows"), { childList: true, subtree: true });
        })"""
    )
