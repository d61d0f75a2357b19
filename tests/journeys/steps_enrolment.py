"""From the referral to a consent in force, tapped as people tap it."""

from __future__ import annotations

import json
import re
from datetime import datetime
from typing import Any

from playwright.sync_api import expect

from openkap.care.demo.cast import PASSWORD
from openkap.interop.synthetic import referrals

# The record has a raised ALT, which the protocol waits for; what the coordinator will be asked was left out by the referrer.
CASE = "delay-liver.json"
LEFT_OUT = "support_person_named"
BECAUSE = "The ALT has been stable for years; hepatology agrees in writing."


def bundle(at: datetime) -> bytes:
    """An invented record as a referrer would send it, one answer short."""
    case = next(case for case in referrals(at) if case.name == CASE)
    record = json.loads(case.content)
    for entry in record["entry"]:
        resource = entry["resource"]
        if resource["resourceType"] == "QuestionnaireResponse":
            resource["item"] = [item for item in resource["item"] if item["linkId"] != LEFT_OUT]
    return json.dumps(record).encode()


def refer(page: Any, record: bytes) -> str:
    """Cora uploads the record, looks at what was understood, and opens the chart; returns its path."""
    page.get_by_role("link", name="Patients").click()
    page.get_by_role("link", name="Refer").first.click()
    page.get_by_role("link", name="Upload a bundle").click()
    page.set_input_files(
        "input[type=file]", {"name": "referral.json", "mimeType": "application/json", "buffer": record}
    )
    page.get_by_role("button", name="Read it").click()
    page.get_by_text("What the file says").wait_for()
    page.select_option("#id_needs_interpreter", "no")
    page.fill("#id_telephone", "+1 555 0199")
    page.fill("#id_email", "alex@example.org")
    page.get_by_role("button", name="Open the record").click()
    page.wait_for_url("**/patients/*/")
    return page.url


def screen(page: Any, chart: str) -> None:
    """Cora opens the screening, finds what the record did not know, and answers it."""
    page.goto(f"{chart}screening/")
    page.get_by_role("button", name="Open the screening").click()
    verdict = page.locator("#verdict")
    expect(verdict).to_contain_text("180")
    # The missing fact stands on the page before it is asked, and is gone after.
    label = page.locator(".missing li", has_text="upport person")
    expect(label).to_have_count(1)
    page.get_by_role("link", name=re.compile("^Go on")).click()
    page.wait_for_load_state()
    while page.locator(f"#q-{LEFT_OUT}").count() == 0:
        here = page.url
        page.locator("a.button", has_text="Next").click()
        page.wait_for_url(lambda url, here=here: url != here)
    page.check(f"#a-{LEFT_OUT}-yes")
    page.locator(f"#q-{LEFT_OUT}.is-done").wait_for()
    expect(page.locator("#verdict .missing li", has_text="upport person")).to_have_count(0)


def share_decision(page: Any, chart: str) -> None:
    """The guideline that speaks against it is shown; what the patient wishes is recorded."""
    page.goto(f"{chart}screening/")
    expect(page.locator(".notices")).to_contain_text("speaks against")
    page.fill("#id_patient_said", "I have tried two therapies. I want to try this.")
    page.check("input[name=wish][value=go_on]")
    page.locator("form[action$='shared-decision/']").get_by_role("button", name="Record").click()
    page.get_by_text("Decided together").wait_for()


def go_through_consent(page: Any, chart: str) -> None:
    """Every part in the patient's words, capacity, then the drawn signature."""
    page.goto(f"{chart}consent/")
    page.get_by_role("button", name="Open the text").click()
    page.locator("section.part").first.wait_for()
    for part in [each.get_attribute("id") for each in page.query_selector_all("section.part")]:
        _go_through(page, part)
    for ability in ("understands", "retains", "weighs", "communicates"):
        page.check(f"input[name={ability}]")
    page.locator("form[action$='capacity/'] button").click()
    page.get_by_text("all four abilities found").wait_for()
    family, given = page.locator(".banner-name").first.inner_text().split(", ")
    page.get_by_role("link", name="Hand the tablet to the patient").first.click()
    page.fill("#id_name", f"{given} {family}")
    _draw(page)
    page.get_by_role("button", name="I agree and sign").click()
    page.get_by_role("heading", name="Thank you. You have signed.").wait_for()
    page.get_by_role("link", name="Go on as").click()
    page.fill("#id_password", PASSWORD)
    page.get_by_role("button", name="Go on").click()
    page.get_by_text("the prescriber countersigns").wait_for()


def _go_through(page: Any, part: str) -> None:
    section = page.locator(f"section.part[id='{part}']")
    if section.locator("input[type=radio]").count():
        section.locator("input[type=radio]").first.check()
    elif section.locator("textarea").count():
        section.locator("textarea").fill("I said it back in my own words.")
    section.locator("button[type=submit]").first.click()
    page.locator(f"section.part.is-done[id='{part}']").wait_for()


def _draw(page: Any) -> None:
    """A signature of two strokes, with the pointer."""
    box = page.locator("canvas").bounding_box()
    for dx in (0.1, 0.5):
        page.mouse.move(box["x"] + box["width"] * dx, box["y"] + box["height"] * 0.7)
        page.mouse.down()
        page.mouse.move(box["x"] + box["width"] * (dx + 0.2), box["y"] + box["height"] * 0.3, steps=6)
        page.mouse.up()
    expect(page.locator("input[name=strokes]")).to_have_value(re.compile("^M"))


def countersign(page: Any, chart: str) -> None:
    """Ada reads the patient's words and countersigns with her password."""
    page.goto(f"{chart}consent/")
    page.locator("table a").first.click()
    page.get_by_role("link", name="Countersign").click()
    expect(page.locator("main")).to_contain_text("in my own words")
    page.get_by_label("Why it was signed all the same").fill(
        "The patient read it with us twice and asks to go on."
    )
    page.fill("#id_password", PASSWORD)
    page.get_by_role("button", name="Countersign").click()
    page.wait_for_url(lambda url: "countersign" not in url)
    page.goto(f"{chart}consent/")
    page.get_by_role("heading", name="Consent is in force").wait_for()


def override(page: Any, chart: str) -> None:
    """Ada decides against the verdict: refused without a reason, stored with it."""
    page.goto(f"{chart}screening/decide/")
    page.check("input[name=outcome][value=eligible]")
    page.fill("#id_password", PASSWORD)
    with page.expect_navigation():
        page.get_by_role("button", name="Decide and sign").click()
    page.locator("[role=alert]").wait_for()
    page.fill("#id_reason", BECAUSE)
    for box in page.locator("input[name=without]").all():
        box.check()
    page.check("input[name=outcome][value=eligible]")
    page.fill("#id_password", PASSWORD)
    page.get_by_role("button", name="Decide and sign").click()
    page.get_by_text("against the verdict").first.wait_for()
    expect(page.locator("main")).to_contain_text(BECAUSE)


def withdraw(page: Any, chart: str) -> None:
    """The patient takes the consent back; what was planned is gone from that moment."""
    page.goto(f"{chart}consent/")
    page.locator("table a").first.click()
    page.get_by_role("link", name="The patient withdraws").click()
    page.fill("#id_said", "I do not want any more of it.")
    page.fill("#id_password", PASSWORD)
    with page.expect_navigation():
        page.get_by_role("button", name="Record the withdrawal").click()
    page.goto(f"{chart}consent/")
    page.get_by_role("heading", name="No consent is in force").wait_for()
