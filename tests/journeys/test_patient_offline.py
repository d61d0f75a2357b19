"""A patient's link is opened again without network: the questions come back on their own phone, and only there."""

from __future__ import annotations

import pytest
from playwright.sync_api import Error, expect

from journeys.test_patient_answers import PHONE, ask, tap

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.xdist_group("clinic-pages")]

HELD = "name => name.startsWith('openkap-answer:')"
# The page, its styles and its scripts: answer.js, own-copy.js and waiting.js among them.
IS_HELD = f"""async () => {{
  const name = (await caches.keys()).find({HELD});
  const held = name ? (await (await caches.open(name)).keys()).map((each) => each.url) : [];
  return held.includes(location.href) && ["answer", "own-copy", "waiting"].every(
    (script) => held.some((url) => url.includes(`/js/${{script}}`)));
}}"""
IS_FORGOTTEN = f"""async () => !(await caches.keys()).some({HELD})
  && !(await navigator.serviceWorker.getRegistrations()).some((each) => each.scope.includes("/a/"))
  && !Object.keys(localStorage).some((key) => key.endsWith(":given"))"""
ENDS = f"""async () => {{
  const held = await caches.open((await caches.keys()).find({HELD}));
  const page = await held.match(location.href);
  const text = (await page.text()).replace(/data-ends="[0-9]+"/, 'data-ends="1"');
  await held.put(location.href, new Response(text, {{ headers: page.headers }}));
}}"""


def wait_until(page, claim: str) -> None:
    """``wait_for_function`` takes the promise of an answer for a yes."""
    page.evaluate(
        f"""async () => {{
  for (let tries = 0; !(await ({claim})()); tries += 1) {{
    if (tries > 600) throw new Error("this did not come true");
    await new Promise((done) => setTimeout(done, 100));
  }}
}}"""
    )


@pytest.fixture
def address(served, browser):
    return ask(served, browser, -3)[0]


@pytest.fixture
def phone(browser, address):
    """The questions on a phone of its own, three of them answered and the page held."""
    page = browser.new_context(**PHONE).new_page()
    page.set_default_timeout(60_000)
    page.goto(address)
    for _ in range(3):
        tap(page, 1)
    expect(page.locator("#saved")).to_contain_text("Saved")
    wait_until(page, IS_HELD)
    yield page
    page.context.close()


def test_the_questions_open_again_without_network_with_every_answer_given(phone, address):
    phone.context.set_offline(True)
    for _ in range(2):
        tap(phone, 1)
    expect(phone.locator("#saved")).to_contain_text("kept on this device")
    phone.reload()
    expect(phone.locator("#done")).to_have_text("5")
    expect(phone.locator("#saved")).to_contain_text("2 answers kept on this device")
    tap(phone, 1)
    expect(phone.locator("#done")).to_have_text("6")
    phone.context.set_offline(False)
    expect(phone.locator("#saved")).to_contain_text("Saved")
    # The server has them all.
    phone.reload()
    expect(phone.locator("#done")).to_have_text("6")

    phone.get_by_role("button", name="All on one page").tap()
    phone.get_by_role("button", name="Finish").tap()
    phone.wait_for_url("**/thanks/")
    wait_until(phone, IS_FORGOTTEN)
    phone.context.set_offline(True)
    with pytest.raises(Error, match="ERR_INTERNET_DISCONNECTED"):
        phone.goto(address)


def test_after_the_end_of_the_link_nothing_opens_without_network(phone):
    phone.evaluate(ENDS)
    phone.context.set_offline(True)
    with pytest.raises(Error):
        phone.reload()
    assert phone.locator("#answer").count() == 0
