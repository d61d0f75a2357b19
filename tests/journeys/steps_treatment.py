"""From the plan to a signed session, a therapist's note and the lead's view."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any

from playwright.sync_api import expect
from treated import GATES, LEAVING, VITALS

from openkap.care.demo.cast import PASSWORD

DURING = (0, 10, 20, 30, 40)
AFTER = (55, 70, 85, 100, 120)


def furnish(coordinator: Any, nurse: Any) -> None:
    """A chair, and vials in the cupboard."""
    coordinator.goto("/chairs/")
    coordinator.fill("#id_name", "Chair 1")
    coordinator.get_by_role("button", name="Add").click()
    coordinator.get_by_text("Chair 1").wait_for()
    nurse.goto("/drug/")
    nurse.fill("#id_lot_number", "LOT7")
    nurse.fill("#id_expires_on", "2031-01-31")
    nurse.fill("#id_amount_mg", "1000")
    nurse.get_by_role("button", name="Receive").click()
    nurse.get_by_text("LOT7").first.wait_for()


def plan(page: Any, chart: str, now: datetime) -> tuple[str, datetime]:
    """Cora looks at the dates, then makes the plan; the first session's address and start."""
    first = (now + timedelta(days=(7 - now.weekday()) + 7)).replace(
        hour=10, minute=0, second=0, microsecond=0
    )
    page.goto(f"{chart}courses/plan/")
    expect(page.locator("#id_nurse option:checked")).to_have_text("Ben Okafor")
    expect(page.locator("#id_therapist option:checked")).to_have_text("Tess Amari")
    page.fill("#id_first", f"{first:%Y-%m-%dT%H:%M}")
    page.get_by_role("button", name="Look at the dates").click()
    page.get_by_text("nothing stands in the way").wait_for()
    page.get_by_role("button", name="Make this plan").click()
    page.wait_for_url("**/courses/*/")
    expect(page.locator("table.plan tr.line-session").first).to_be_visible()
    return page.locator("tr.line-session a").first.get_attribute("href"), first


def prepare(nurse: Any, prescriber: Any, session: str) -> None:
    """The gates, the order, the check by two, the release."""
    nurse.goto(session)
    with nurse.expect_navigation():
        nurse.get_by_role("button", name="is here").click()
    _enter(nurse, "#gates", GATES)
    nurse.locator("#gates").get_by_role("button", name="Save what is known").click()
    nurse.get_by_role("heading", name="1 gate holds the dose").wait_for()
    prescriber.goto(session)
    prescriber.fill("#order input[name=password]", PASSWORD)
    prescriber.get_by_role("button", name="Order and sign").click()
    prescriber.get_by_role("heading", name="Ordered:").wait_for()
    nurse.reload()
    nurse.locator("#draw select[name=second]").select_option(label="Ada Lindqvist")
    nurse.fill("#draw input[name=password]", "not her password")
    with nurse.expect_navigation():
        nurse.get_by_role("button", name="Checked by two").click()
    nurse.locator("#draw [role=alert]").wait_for()
    nurse.locator("#draw select[name=second]").select_option(label="Ada Lindqvist")
    nurse.fill("#draw input[name=password]", PASSWORD)
    nurse.get_by_role("button", name="Checked by two").click()
    nurse.get_by_role("heading", name="Drawn and checked").wait_for()
    expect(nurse.get_by_role("heading", name="No gate holds the dose")).to_be_visible()
    nurse.get_by_role("button", name="Release the dose").click()
    nurse.get_by_role("button", name="Start the dose now").wait_for()


def give(clinic: Any, nurse: Any, session: str) -> None:
    """The dose over forty minutes with readings, then two hours until the patient leaves."""
    with nurse.expect_navigation():
        nurse.get_by_role("button", name="Start the dose now").click()
    nurse.locator("#vitals").wait_for()
    passed = 0
    for minute in DURING + AFTER:
        if minute == AFTER[0]:
            _stop(nurse, session)
        clinic.forward(minutes=minute - passed)
        passed = minute
        nurse.goto(session)
        for name, value in VITALS.items():
            nurse.fill(f"#v-{name}", value)
        with nurse.expect_navigation():
            nurse.get_by_role("button", name="Save the reading").click()
        nurse.locator("#vitals").wait_for()
        expect(nurse.locator("#vitals [role=alert]")).to_have_count(0)
    expect(nurse.locator("table.flow tbody tr").nth(len(DURING + AFTER) - 1)).to_be_visible()


def _stop(nurse: Any, session: str) -> None:
    nurse.goto(session)
    said = nurse.get_by_text("Start, pauses and rates say").inner_text()
    nurse.fill("#id_given", re.search(r"say ([\d.]+) mg", said)[1])
    with nurse.expect_navigation():
        nurse.get_by_role("button", name="The dose is over").click()
    nurse.locator("#leave").wait_for()


def discharge(nurse: Any, session: str) -> None:
    """Not ready until every condition is known; then home with the escort, and the record is locked."""
    nurse.goto(session)
    expect(nurse.get_by_role("heading", name="Not ready to leave yet")).to_be_visible()
    _enter(nurse, "#leave", LEAVING)
    nurse.get_by_role("button", name="Save what is known").click()
    nurse.get_by_role("heading", name="Ready to leave", exact=True).wait_for()
    nurse.fill("#id_escort", "Robin Example")
    nurse.get_by_role("button", name="The patient leaves").click()
    nurse.locator("#sign").wait_for()
    nurse.fill("#sign input[name=password]", PASSWORD)
    nurse.get_by_role("button", name="Sign and lock").click()
    nurse.get_by_text("Signed and locked.").wait_for()


def _enter(page: Any, form: str, values: dict[str, str]) -> None:
    for name, value in values.items():
        if page.locator(f"{form} input[type=radio][name='{name}']").count():
            page.check(f"{form} input[name='{name}'][value='{value}']")
        elif page.locator(f"{form} input[name='{name}']").count():
            page.fill(f"{form} input[name='{name}']", value)


def write_note(therapist: Any) -> None:
    """Tess finds her visit with its window and writes what was done."""
    therapist.goto("/therapy/")
    therapist.locator("tr", has_text="Integration").first.locator("a").click()
    expect(therapist.locator("main")).to_contain_text("Window after session 1")
    therapist.wait_for_load_state()
    therapist.fill("#id_text", "Spoke of the lake; linked it to the memory of the convoy. Calm at the end.")
    for row in therapist.query_selector_all(".tick-row"):
        row.query_selector("input[value=yes]").check()
    therapist.get_by_role("button", name="Save the note").click()
    therapist.get_by_text("Spoke of the lake").first.wait_for()
