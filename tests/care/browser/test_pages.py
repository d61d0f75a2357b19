"""Every page within reach of a role: accessible, inside its width, nothing inline, nothing from elsewhere."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.urls import Resolver404, resolve

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.xdist_group("clinic-browser")]

RULES = {"runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}}
# The dark theme has the same structure; its colours and targets are what can fail.
CONTRAST = {"runOnly": {"type": "rule", "values": ["color-contrast", "target-size"]}}
PEOPLE = ("cora", "ada", "sia", "ari", "dov")
# A file, not a page.
FILES = {"audit_export", "mfa_download_recovery_codes", "insights_csv", "insights_pdf"} | {
    "session_pdf",
    "consent_copy",
    "monitoring_form",
}
START = ("/home/", "/gallery/", "/me/")


class Watcher:
    """Notes what the browser complains about and where it went."""

    def __init__(self, page, own: str) -> None:
        self.complaints: list[str] = []
        page.on(
            "console", lambda said: said.type in {"error", "warning"} and self.complaints.append(said.text)
        )
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("request", lambda sent: self._note(sent.url, own))

    def _note(self, url: str, own: str) -> None:
        if not url.startswith((own, "data:", "about:", "blob:")):
            self.complaints.append(f"asked for {url}")


def links_of(page, own: str) -> list[str]:
    found = page.eval_on_selector_all(
        "main a[href], header a[href], nav a[href]", "all => all.map(a => a.href)"
    )
    return [urlsplit(each).path for each in found if each.startswith(own)]


def name_of(path: str) -> str:
    try:
        return resolve(path).view_name
    except Resolver404:
        return path


def measure(page) -> int:
    """By how many pixels the page is wider than the window."""
    return page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")


def check(page, path: str, watcher: Watcher) -> list[str]:
    """What is wrong with the page, in several shapes of the window."""
    wrong = []
    for width, height, scheme, rules in ((820, 1180, "light", RULES), (360, 780, "dark", CONTRAST)):
        page.set_viewport_size({"width": width, "height": height})
        page.emulate_media(color_scheme=scheme)
        for violation in Axe().run(page, options=rules).response["violations"]:
            place = violation["nodes"][0]
            wrong.append(f"{path} {width} {scheme}: {violation['id']}: {place['html'][:120]}")
        if (over := measure(page)) > 0:
            wrong.append(f"{path}: {over} px wider than {width}")
    # 410 px is a tablet at 200 % zoom; 1440 a desk.
    for width in (410, 1440):
        page.set_viewport_size({"width": width, "height": 900})
        if (over := measure(page)) > 0:
            wrong.append(f"{path}: {over} px wider than {width}")
    if page.locator("[style], script:not([src]):not([type='application/json']), style").count():
        wrong.append(f"{path}: inline style or script")
    if not page.locator(".synthetic").is_visible():
        wrong.append(f"{path}: does not say that the people are invented")
    if page.locator("h1").count() != 1:
        wrong.append(f"{path}: {page.locator('h1').count()} first headings")
    wrong += [f"{path}: {complaint}" for complaint in watcher.complaints]
    watcher.complaints.clear()
    return wrong


@pytest.fixture(scope="module")
def looked_at() -> set[str]:
    """Pages seen before as another role; one look at each is enough."""
    return set()


@pytest.mark.parametrize("key", PEOPLE)
def test_every_page_within_reach_is_fit_for_everybody(served, browser, looked_at, key):
    page = served.open(browser, key, reduced_motion="reduce")
    watcher = Watcher(page, served.url)
    waiting, wrong, seen = [*START], [], set()
    while waiting:
        path = waiting.pop(0)
        name = name_of(path)
        if name in seen or name in FILES:
            continue
        seen.add(name)
        answer = page.goto(path)
        assert answer is not None
        assert answer.status < 400, f"{key} was led to {path}, which answers {answer.status}"
        waiting += links_of(page, served.url)
        if name not in looked_at or name == "home":
            looked_at.add(name)
            wrong += check(page, path, watcher)
    page.context.close()
    assert not wrong, "\n".join(wrong)
    assert len(seen) > 5


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
        fetch("https://elsewhere.example/").catch(() => {});
    }""")
    found = "\n".join(check(page, "planted", watcher))
    for word in (
        "label",
        "color-contrast",
        "px wider",
        "inline style",
        "2 first headings",
        "elsewhere.example",
    ):
        assert word in found, f"{word} was not noticed in:\n{found}"
    page.context.close()


def test_the_doors_before_the_login_are_fit_too(served, browser):
    page = served.open(browser)
    watcher = Watcher(page, served.url)
    wrong = []
    for path in ("/demo/", "/account/login/", "/account/password/reset/"):
        page.goto(path)
        wrong += check(page, path, watcher)
    page.context.close()
    assert not wrong, "\n".join(wrong)


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
    assert page.locator("main").get_by_text("A walk").is_visible()
    page.fill("#find", "1980-05-23")
    page.get_by_role("button", name="Find").click()
    assert page.get_by_role("link", name="QUIET, Noscript").is_visible()
    page.context.close()


def test_a_printed_chart_keeps_the_patient_and_drops_the_machinery(served, browser):
    page = served.open(browser, "cora")
    page.goto("/patients/")
    page.locator("tbody a").first.click()
    page.emulate_media(media="print")
    assert page.locator(".banner").is_visible()
    assert not page.locator(".frame").is_visible()
    assert not page.locator(".tabs").is_visible()
    assert page.evaluate("getComputedStyle(document.documentElement).backgroundColor") == "rgb(255, 255, 255)"
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
    page.wait_for_url("**/second-factor/**")
    page.goto(f"{named}/home/")
    page.click(".me summary")
    page.click("text=Log out")
    page.goto(f"{named}/account/login/")
    page.click("#passkey_login")
    page.wait_for_url("**/home/")
    assert page.get_by_text("Ben Okafor").first.is_visible()
    page.context.close()
