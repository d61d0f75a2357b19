"""Single values on a tablet, also without network: one crossed out of its set, the items of the short scale."""

from __future__ import annotations

import pytest
from live_clinic import LiveClinic, saved
from playwright.sync_api import expect

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.xdist_group("live-values")]


@pytest.fixture(scope="module")
def clinic(tmp_path_factory):
    """One session under way."""
    made = LiveClinic(tmp_path_factory.mktemp("values"), [27])
    yield made
    made.kill()


def test_a_wrong_value_is_crossed_out_without_network_and_the_others_stand(browser, clinic):
    page = clinic.open(browser, clinic.paths[0])
    page.evaluate("livePage.send('vitals', {values: {sbp: '131', dbp: '82', spo2: '71'}})")
    saved(page)
    page.context.set_offline(True)
    row = page.locator("#log li", has_text="SpO₂ 71")
    row.get_by_role("button", name="Correct").click()
    panel = page.locator("#panel-other")
    cross = panel.get_by_role("button", name="Cross out")
    cross.click()
    expect(panel).to_contain_text("What was wrong? Choose one value, or all of it.")
    panel.get_by_label("Entered in error").select_option(label="SpO₂ 71")
    cross.click()
    expect(panel).to_contain_text("Why? The reason stays in the record.")
    panel.get_by_label("Why (stays in the record)").fill("probe off the finger")
    cross.click()
    waiting = page.locator("#log li.is-unsaved")
    expect(waiting).to_contain_text("crossing out: SpO₂ 71: probe off the finger")
    expect(waiting).to_contain_text("NOT SAVED YET")
    page.context.set_offline(False)
    saved(page)
    expect(
        page.locator("#log li:not(.is-gone)", has_text="crossed out SpO₂ 71: probe off the finger")
    ).to_contain_text("131/82")
    (entry,) = [each for each in clinic.state(page)["entries"] if each["reason"] == "probe off the finger"]
    assert entry["values"].keys() == {"sbp", "dbp"}
    page.context.close()


def test_the_short_scale_is_kept_item_by_item_and_corrected_so(browser, clinic):
    page = clinic.open(browser, clinic.paths[0])
    page.context.set_offline(True)
    page.click("[data-tab=comfort]")
    for label, answer in (
        ("slow motion", "3"),
        ("unreal, as in a dream", "0"),
        ("disconnected from the body", "1"),
        ("body feels changed", "0"),
        ("spacing out", "0"),
        ("item 22 of the form", "0"),
    ):
        page.get_by_role("group", name=label).get_by_role("button", name=answer, exact=True).click()
    said = "CADSS-6 4 (slow motion 3; disconnected from the body 1; others 0)"
    expect(page.locator("#log li.is-unsaved")).to_contain_text(said)
    page.context.set_offline(False)
    saved(page)
    row = page.locator("#log li:not(.is-gone)", has_text=said)
    row.get_by_role("button", name="Correct").click()
    panel = page.locator("#panel-other")
    panel.get_by_label("CADSS-6, slow motion").fill("2")
    panel.get_by_label("Why (stays in the record)").fill("misheard")
    panel.get_by_role("button", name="Save correction").click()
    saved(page)
    (entry,) = [each for each in clinic.state(page)["entries"] if each["reason"] == "misheard"]
    assert entry["values"]["cadss_6_total"]["number"] == 3
    assert entry["values"]["cadss_6_item_1"]["number"] == 2
    page.context.close()
