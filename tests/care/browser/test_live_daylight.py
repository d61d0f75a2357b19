"""Times that are typed on the live page of a clinic in New York, on the nights its clocks are changed."""

from __future__ import annotations

from datetime import datetime

import pytest
from live_clinic import LiveClinic
from playwright.sync_api import expect

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.xdist_group("live-daylight")]
NEW_YORK = "America/New_York"
# Forward on 8 March 2026 at 02:00 -05:00, back on 1 November 2026 at 02:00 -04:00.
CASES = [
    ("2026-03-08T03:10:20-04:00", "01:50", "2026-03-08T01:50-05:00"),
    ("2026-03-08T01:50:20-05:00", "03:10", "2026-03-08T03:10-04:00"),
    ("2026-03-08T08:00:00-04:00", "00:30", "2026-03-08T00:30-05:00"),
    ("2026-11-01T01:40:20-04:00", "01:50", "2026-11-01T01:50-04:00"),
    ("2026-11-01T01:40:20-05:00", "01:50", "2026-11-01T01:50-05:00"),
    ("2026-11-01T02:10:00-05:00", "00:50", "2026-11-01T00:50-04:00"),
    ("2026-11-01T00:50:00-04:00", "02:10", "2026-11-01T02:10-05:00"),
    # A day without a change, and over midnight.
    ("2026-06-10T10:52:40-04:00", "10:47", "2026-06-10T10:47-04:00"),
    ("2026-06-10T00:05:00-04:00", "23:58", "2026-06-09T23:58-04:00"),
]
AS_MODULE = """async ([text, near, latest]) => {
  const { clockAt } = await import("/static/js/live/clock.js");
  return clockAt(text, near, "America/New_York", latest ?? undefined);
}"""


def ms(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp() * 1000)


@pytest.fixture(scope="module")
def clinic(tmp_path_factory):
    made = LiveClinic(tmp_path_factory.mktemp("daylight"), [27])
    yield made
    made.kill()


@pytest.fixture(scope="module")
def module(browser, clinic):
    page = browser.new_context(base_url=clinic.url).new_page()
    page.goto("/gallery/")
    yield lambda text, near, latest=None: page.evaluate(AS_MODULE, [text, near, latest])
    page.context.close()


@pytest.mark.parametrize(("near", "typed", "meant"), CASES)
def test_a_typed_time_is_what_the_clinic_s_clock_showed_also_across_a_change(module, near, typed, meant):
    assert module(typed, ms(near)) == ms(meant)


def test_a_time_that_the_clock_left_out_is_no_time(module):
    assert module("02:30", ms("2026-03-08T03:10-04:00")) is None


def test_what_has_ended_ended_in_the_past_also_in_the_hour_that_came_twice(module):
    now = ms("2026-11-01T01:20-05:00")
    assert module("01:45", now, now) == ms("2026-11-01T01:45-04:00")
    assert module("01:15", now, now) == ms("2026-11-01T01:15-05:00")
    noon = ms("2026-03-08T12:00-04:00")
    assert module("13:00", noon, noon) == ms("2026-03-07T13:00-05:00")


def opened(page, at: str):
    """The page of a clinic in New York, with the correction of a reading of that time open."""
    page.evaluate(
        """([zone, at]) => {
          livePage.data.zone = zone;
          livePage.sent = [];
          livePage.send = async (act, payload, moment) => { livePage.sent.push(moment); };
          const row = livePage.state.entries.find((each) => each.kind === "vitals" && each.counts);
          livePage.correct({ ...row, at }, false);
        }""",
        [NEW_YORK, ms(at)],
    )


def test_a_correction_across_the_change_is_not_an_hour_off(browser, clinic):
    page = clinic.open(browser, clinic.paths[0])
    opened(page, "2026-03-08T03:10:20-04:00")
    field = page.get_by_label("Time, 24 hours")
    expect(field).to_have_value("03:10")
    field.fill("01:50")
    page.get_by_label("Why").fill("late by the wall")
    page.get_by_role("button", name="Save correction").click()
    assert page.evaluate("livePage.sent") == [ms("2026-03-08T01:50-05:00")]
    page.context.close()


def test_a_correction_to_a_time_that_was_left_out_is_asked_for_again(browser, clinic):
    page = clinic.open(browser, clinic.paths[0])
    opened(page, "2026-03-08T03:10:20-04:00")
    page.get_by_label("Time, 24 hours").fill("02:30")
    page.get_by_label("Why").fill("late by the wall")
    page.get_by_role("button", name="Save correction").click()
    expect(page.locator("#panel-other")).to_contain_text("02:30 did not exist: the clocks went forward")
    assert page.evaluate("livePage.sent") == []
    page.context.close()
