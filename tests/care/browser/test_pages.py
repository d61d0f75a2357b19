"""Every page of the table of addresses: accessible, inside its width, on paper, by keyboard, nothing from elsewhere."""

from __future__ import annotations

import re

import pytest
from addresses import every_address
from browser.fitness import Watcher, misfits
from browser.tour import ACTS, ELSEWHERE, NOT_PAGES, ROLES, WAYS, Tour, is_page
from playwright.sync_api import expect

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.xdist_group("clinic-pages")]


@pytest.fixture(scope="module")
def tour(served, browser):
    """Each way is gone once, whichever test asks first."""
    return Tour(served, browser)


@pytest.mark.parametrize("way", [*ROLES, *WAYS])
def test_every_page_on_the_way_is_fit_for_everybody(tour, way):
    wrong = tour.walk(way)
    assert not wrong, "\n".join(wrong)


def test_the_tour_leaves_no_page_out(tour):
    for way in (*ROLES, *WAYS):
        tour.walk(way)
    names = {address.name for address in every_address()}
    assert names >= ACTS | NOT_PAGES | ELSEWHERE, "names of the tour that are no addresses"
    left_out = {name for name in names if is_page(name)} - tour.opened
    assert not left_out, f"nobody opened {sorted(left_out)}: give the tour a way there (browser/tour.py)"


def test_the_check_itself_sees_what_is_planted(served, browser):
    page = served.open(browser, "cora")
    watcher = Watcher(page, served.url)
    page.goto("/referrals/new/")
    page.evaluate("""() => {
        document.querySelector("label[for=id_family_name]").remove();
        document.querySelector("h1").insertAdjacentHTML("afterend", "<h1>two</h1>");
        const wide = document.createElement("p");
        wide.className = "planted";
        wide.textContent = "x".repeat(4000);
        wide.style.whiteSpace = "nowrap";
        wide.style.color = "#ccc";
        document.querySelector("main").append(wide);
        const table = document.createElement("table");
        table.innerHTML = '<tr><td>acute <span class="status">in force</span></td></tr>';
        Object.assign(table.style, {tableLayout: "fixed", width: "2rem", overflowWrap: "anywhere"});
        table.querySelector(".status").style.whiteSpace = "normal";
        const high = document.createElement("div");
        Object.assign(high.style, {position: "sticky", top: 0, height: "200px"});
        document.querySelector("main").prepend(high, table);
        fetch("https://elsewhere.example/").catch(() => {});
    }""")
    found = "\n".join(misfits(page, "planted", watcher))
    for word in (
        "label",
        "color-contrast",
        "px wider",
        "inline style",
        "2 first headings",
        "elsewhere.example",
        'the word "acute" is broken',
        'the status "in force" is broken',
        "px stay at the top",
    ):
        assert word in found, f"{word} was not noticed in:\n{found}"
    page.context.close()


def test_the_keyboard_alone_reaches_the_content_and_the_menu(served, browser):
    page = served.open(browser, "cora")
    page.goto("/patients/")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    page.goto("/patients/")
    reached = set()
    for _ in range(14):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("document.activeElement.textContent.trim().slice(0, 20)"))
        outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert outline != "none", "what has the focus shows it"
    assert {"To do", "Patients", "Find", "New referral"} <= reached
    page.context.close()


def test_the_questions_of_screening_are_answered_without_leaving_the_keyboard(served, browser):
    page = served.open(browser, "cora")
    page.goto("/referrals/new/")
    for name, said in (("family_name", "Keys"), ("given_name", "Only"), ("birth_date", "1980-05-23")):
        page.fill(f"#id_{name}", said)
    page.click("text=Open the record")
    page.wait_for_url("**/patients/*/")
    page.goto(f"{page.url}screening/")
    screening = page.url
    page.get_by_role("button", name="Open the screening").click()
    page.locator("#verdict").wait_for()
    page.goto(f"{screening}section/health/")
    page.get_by_role("button", name="Answer with the keyboard").press("Enter")
    asked = [each.get_attribute("id") for each in page.query_selector_all("form.question")]
    yes_no = "q => document.activeElement.closest('form').id === q"
    keys = ("n", "y", "n")
    for question, key in zip(asked, keys, strict=False):
        page.wait_for_function(yes_no, arg=question)
        page.keyboard.press(key)
    for question, key in zip(asked, keys, strict=False):
        page.locator(f"#{question}.is-done").wait_for()
        word = page.locator(f"#{question} input:checked").get_attribute("value")
        assert word in {"n": ("no", "never"), "y": ("yes",)}[key]
    # Up and down move, and choose nothing.
    page.wait_for_function(yes_no, arg=asked[3])
    page.keyboard.press("ArrowUp")
    page.wait_for_function(yes_no, arg=asked[2])
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    page.wait_for_function(yes_no, arg=asked[4])
    assert page.locator(f"#{asked[3]} input:checked").count() == 0
    page.context.close()


def test_everything_works_before_scripts_arrive(served, browser):
    page = served.open(browser, "cora", java_script_enabled=False)
    page.goto("/referrals/new/")
    page.fill("#id_family_name", "Quiet")
    page.fill("#id_given_name", "Noscript")
    page.fill("#id_birth_date", "1980-05-23")
    page.click("text=Open the record")
    page.click("text=Write the plan")
    page.fill("#id_what_helps", "A walk")
    page.click("text=Save the plan")
    expect(page.locator("main").get_by_text("A walk")).to_be_visible()
    page.fill("#find", "1980-05-23")
    page.get_by_role("button", name="Find").click()
    expect(page.get_by_role("link", name="QUIET, Noscript")).to_be_visible()
    page.context.close()


def test_a_printed_chart_keeps_the_patient_and_drops_the_machinery(served, browser):
    page = served.open(browser, "cora")
    page.goto("/patients/")
    page.locator("tbody a").first.click()
    page.emulate_media(media="print")
    expect(page.locator(".banner")).to_be_visible()
    expect(page.locator(".frame")).to_be_hidden()
    expect(page.locator(".tabs")).to_be_hidden()
    assert page.evaluate("getComputedStyle(document.documentElement).backgroundColor") == "rgb(255, 255, 255)"
    page.context.close()


def test_where_no_passkey_can_be_made_the_page_says_why_and_leads_to_where_it_can(served, browser):
    page = served.open(browser, "ben")
    page.goto("/account/second-factor/webauthn/add/")
    page.fill("input[name=password]", "demo demo demo")
    page.keyboard.press("Enter")
    page.wait_for_url("**/webauthn/add/**")
    said = page.get_by_role("alert")
    expect(said).to_contain_text("A passkey cannot be used at this address")
    named = f"{served.url.replace('127.0.0.1', 'localhost')}/account/second-factor/webauthn/add/"
    expect(said.get_by_role("link")).to_have_attribute("href", re.compile(re.escape(named)))
    page.context.close()


def test_a_passkey_that_the_browser_refuses_says_so_beside_the_button(served, browser):
    page = served.open(browser, "ben")
    page.goto("/account/second-factor/webauthn/add/")
    page.fill("input[name=password]", "demo demo demo")
    page.keyboard.press("Enter")
    page.wait_for_url("**/webauthn/add/**")
    page.locator("#passkey-refused").evaluate("note => note.remove()")
    page.click("#mfa_webauthn_add")
    expect(page.get_by_role("alert")).to_contain_text("Nothing was changed")
    named = served.url.replace("127.0.0.1", "localhost")
    page.goto(f"{named}/account/login/")
    expect(page.locator("#passkey_login")).to_be_visible()
    expect(page.get_by_role("alert")).to_have_count(0)
    page.evaluate("""document.dispatchEvent(new CustomEvent("allauth.error", {
        cancelable: true, detail: { exception: new DOMException("no", "NotAllowedError") },
    }))""")
    expect(page.get_by_role("alert")).to_contain_text("nobody answered in time")
    page.context.close()


def test_a_passkey_is_registered_and_opens_the_next_login(served, browser):
    page = served.open(browser, "ben")
    client = page.context.new_cdp_session(page)
    client.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
        "automaticPresenceSimulation": True,
    }
    client.send("WebAuthn.addVirtualAuthenticator", {"options": options})
    # Passkeys belong to a name, not to a number.
    named = served.url.replace("127.0.0.1", "localhost")
    page.goto(f"{named}/demo/")
    page.click("form[action='/demo/ben/'] button")
    page.goto(f"{named}/account/second-factor/webauthn/add/")
    page.fill("input[name=password]", "demo demo demo")
    page.keyboard.press("Enter")
    page.wait_for_url("**/webauthn/add/**")
    page.fill("input[name=name]", "tablet")
    page.check("input[name=passwordless]")
    page.click("#mfa_webauthn_add")
    page.wait_for_url(lambda url: "/webauthn/add/" not in url)
    page.goto(f"{named}/home/")
    page.click(".me summary")
    page.click("text=Log out")
    page.goto(f"{named}/account/login/")
    page.click("#passkey_login")
    page.wait_for_url("**/home/")
    expect(page.get_by_text("Ben Okafor").first).to_be_visible()
    page.context.close()
