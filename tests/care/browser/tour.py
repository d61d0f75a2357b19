"""The ways through the clinic: every page of the table of addresses is opened by somebody and looked at.

Each role follows the links from its home page; what no link leads to is opened by a way of its own. A page
that is met again is looked at again where it shows something that was not there before.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from addresses import BUNDLE
from browser.fitness import Watcher, misfits
from django.urls import Resolver404, resolve

from openkap.care.demo.cast import PASSWORD

START = ("/home/", "/gallery/", "/me/", "/account/second-factor/", "/account/password/change/")
ROLES = ("cora", "ada", "ben", "tess", "sia", "ari", "dov")
# What looks different from patient to patient is opened more than once by each role.
AGAIN = dict.fromkeys(("course", "consent", "invitation", "visit", "live"), 3)
AGAIN |= dict.fromkeys(("patient", "courses", "consents", "screening", "session", "outcomes"), 6)
# Opened by an act on the page, never for itself; what answers stands on a page of the tour.
ACTS = {
    *("screening_answer", "screening_shared_decision", "consent_part", "consent_capacity", "visit_missed"),
    "consent_words_part",
    *(f"session_{act}" for act in ("addendum", "adverse_event", "alert", "arrive", "check", "clear", "dose")),
    *(f"session_{act}" for act in ("entry", "gate", "give_up", "leave", "order", "sign", "waste", "amount")),
    *("practice_begin", "practice_end", "practice_sync", "live_sync", "course_report_event", "course_due"),
    *(
        "insights_extract",
        "registry_access",
        "demo_be",
        "contact_point",
        "look_at_warning",
        "lock",
        "switch_clinic",
        "start",
        "held_form",
    ),
}
# Files, data for scripts, and fragments of a page of the tour.
NOT_PAGES = {
    *("audit_export", "insights_csv", "insights_pdf", "session_pdf", "consent_copy", "monitoring_form"),
    *(
        "session_photo",
        "live_worker",
        "answer_worker",
        "live_state",
        "board_state",
        "practice_state",
        "health",
        "session_now",
    ),
    *("mfa_download_recovery_codes", "mfa_login_webauthn", "my_alerts"),
}
# Looked at elsewhere in this folder and in tests/journeys, with the same rules.
ELSEWHERE = {"answer", "answered"}


def is_page(name: str) -> bool:
    return not name.startswith("api:") and name not in ACTS | NOT_PAGES | ELSEWHERE


def name_of(path: str) -> str:
    try:
        return resolve(path).view_name
    except Resolver404:
        return path


@dataclass
class Tour:
    """What was opened and what was found, by whichever way came first."""

    served: object
    browser: object
    opened: set[str] = field(default_factory=set)
    shown: dict[str, set[str]] = field(default_factory=dict)
    walked: dict[str, list[str]] = field(default_factory=dict)

    def walk(self, way: str) -> list[str]:
        """Go one way, once; what was wrong on it."""
        if way not in self.walked:
            self.walked[way] = WAYS[way](self) if way in WAYS else self.follow_links(way)
        return self.walked[way]

    def window(self, key: str = "", **context):
        page = self.served.open(self.browser, key, reduced_motion="reduce", **context)
        return page, Watcher(page, self.served.url)

    def look(self, page, watcher: Watcher) -> list[str]:
        """Look at the page that is open, unless it shows only what was seen on one of its kind."""
        page.wait_for_load_state()
        path = urlsplit(page.url).path
        name = name_of(path)
        self.opened.add(name)
        shows = set(page.evaluate(PARTS))
        new = shows - self.shown.setdefault(name, set())
        if not new:
            return [f"{path}: {each}" for each in watcher.heard()]
        self.shown[name] |= shows
        return misfits(page, path, watcher)

    def open(self, page, watcher: Watcher, path: str) -> list[str]:
        answer = page.goto(path)
        if answer.status == 423:
            # The page before was the patient's: it locked the screen.
            page.fill("#id_password", PASSWORD)
            page.get_by_role("button", name="Go on").click()
            page.wait_for_url(f"**{path}")
            watcher.heard()
        elif answer.status >= 400:
            return [f"{path} answers {answer.status}"]
        return self.look(page, watcher)

    def follow_links(self, key: str) -> list[str]:
        page, watcher = self.window(key)
        waiting, wrong, met = [*START], [], Counter()
        while waiting:
            path = waiting.pop(0)
            name = name_of(path)
            if not is_page(name) or met[name] >= AGAIN.get(name, 1) or met[path]:
                continue
            met[name] += 1
            met[path] += 1
            wrong += self.open(page, watcher, path)
            waiting += links_of(page, self.served.url)
        page.context.close()
        assert sum(met.values()) > 10, f"{key} came to hardly any page"
        return wrong


# Which forms, parts and notes a page has: a page in another state has others.
PARTS = """() => ["page", ...[...document.querySelectorAll("main section, main form, main details, main table, main .note")]
    .map(each => [each.tagName, each.className, each.closest("section")?.getAttribute("aria-labelledby") || "",
        (each.getAttribute("action") || "").split("/").at(-2) || ""].join(" ").replace(/\\b[0-9a-z]{12}\\b|[0-9]+/g, ""))]"""


def links_of(page, own: str) -> list[str]:
    found = page.eval_on_selector_all(
        "main a[href]:not([hidden]), header a[href], nav a[href]", "all => all.map(a => a.href)"
    )
    return [urlsplit(each).path for each in found if each.startswith(own)]


def before_login(tour: Tour) -> list[str]:
    page, watcher = tour.window()
    wrong = []
    for path in (
        *("/demo/", "/account/login/", "/account/password/reset/", "/account/password/reset/done/"),
        *(
            "/account/password/reset/key/1-expired/",
            "/account/password/reset/key/done/",
            "/account/closed/",
        ),
    ):
        wrong += tour.open(page, watcher, path)
    page.context.close()
    return wrong


def refused_and_locked(tour: Tour) -> list[str]:
    """A page that is not there, one that is shut, a locked screen, and the way out."""
    page, watcher = tour.window("dov")
    wrong = []
    for path in ("/nowhere/", "/patients/"):
        page.goto(path)
        wrong += [each for each in tour.look(page, watcher) if "Failed to load resource" not in each]
    page.goto("/account/logout/")
    wrong += tour.look(page, watcher)
    page.goto("/home/")
    page.click(".me summary")
    page.click("text=Lock this screen")
    page.get_by_role("heading", name="Is this still").wait_for()
    # It stands where the page stood; its own address takes what is typed.
    tour.opened.add("unlock")
    wrong += [each for each in misfits(page, "locked", watcher) if "Failed to load resource" not in each]
    page.context.close()
    return wrong


def referral(tour: Tour) -> list[str]:
    """What an uploaded record says."""
    page, watcher = tour.window("cora")
    page.goto("/referrals/upload/")
    record = {"name": "r.json", "mimeType": "application/json", "buffer": json.dumps(BUNDLE).encode()}
    page.set_input_files("input[type=file]", record)
    page.get_by_role("button", name="Read it").click()
    page.get_by_text("What the file says").wait_for()
    wrong = tour.look(page, watcher)
    page.context.close()
    return wrong


def restricted(tour: Tour) -> list[str]:
    """What waits for a patient on a page of its own; a record shut to all but its team, and the emergency door."""
    page, watcher = tour.window("ada")
    page.goto("/patients/")
    page.locator("tbody a").first.click()
    chart = urlsplit(page.url).path
    wrong = tour.open(page, watcher, f"{chart}to-do/")
    wrong += tour.open(page, watcher, f"{chart}restrict/")
    wrong += tour.open(page, watcher, f"{chart}break-glass/")
    page.context.close()
    return wrong


def sessions_under_way(page):
    """The lines of the sessions of a course that runs."""
    under_way = page.locator("tbody tr", has_text="in a course")
    for number in (1, 2, 3):
        page.goto(f"/patients/?page={number}")
        if under_way.count():
            break
    under_way.first.get_by_role("link").click()
    page.wait_for_url("**/patients/*/")
    page.goto(f"{page.url}courses/")
    page.locator("main a[href*='/courses/']:not([href$='/courses/']):not([href*='plan'])").first.click()
    return page.locator("tr.line-session")


def without_a_dose(tour: Tour) -> list[str]:
    """A visit that ends without a dose, and the session planned in its place."""
    page, watcher = tour.window("ada")
    last = sessions_under_way(page).filter(has_text="planned").last
    page.goto(last.locator("a").first.get_attribute("href"))
    page.locator("#give-up summary").click()
    page.fill("#id_give_up", "pressure 165")
    page.get_by_role("button", name="End the visit without a dose").click()
    page.get_by_role("link", name="Add a session in its place").wait_for()
    wrong = tour.look(page, watcher)
    page.get_by_role("link", name="Add a session in its place").click()
    page.wait_for_url("**/replan/")
    wrong += tour.look(page, watcher)
    # The first day that keeps the spacing of the course and finds everybody free.
    add = page.get_by_role("button", name="Add this session")
    for days in range(1, 40):
        page.fill("#id_starts_at", f"{datetime.now() + timedelta(days=days):%Y-%m-%d}T16:00")  # noqa: DTZ005
        with page.expect_navigation():
            page.get_by_role("button", name="Look what belongs to it").click()
        if add.count():
            break
    add.wait_for()
    wrong += tour.look(page, watcher)
    page.context.close()
    return wrong


def course_under_way(tour: Tour) -> list[str]:
    """A session to come and one that was held, whatever hour it is, and who else could do it, and its end."""
    page, watcher = tour.window("ada")
    sessions = sessions_under_way(page)
    course = urlsplit(page.url).path
    held = sessions.first.locator("a").first.get_attribute("href")
    planned = sessions.filter(has_text="planned").first.locator("a").first.get_attribute("href")
    wrong = []
    visit = page.locator("main a[href*='/visits/'][href$='/move/']").first.get_attribute("href")
    pages = (held, f"{held}replay/", planned, f"{planned}move/", f"{planned}live/", visit)
    for path in (*pages, f"{course}people/", f"{course}end/"):
        wrong += tour.open(page, watcher, path)
    page.context.close()
    return wrong


def signatures(tour: Tour) -> list[str]:
    """The patient's own page, and the prescriber's beside it."""
    page, watcher = tour.window("cora")
    page.goto("/home/")
    page.locator(".task", has_text="Go through the consent").first.click()
    page.locator("main table a").first.click()
    consent = urlsplit(page.url).path
    family, given = page.locator(".banner-name").first.inner_text().split(", ")
    wrong = tour.open(page, watcher, f"{consent}sign/")
    page.fill("#id_name", f"{given.split(' “')[0]} {family}")
    page.get_by_role("button", name="I agree and sign").click()
    page.get_by_role("heading", name="Thank you. You have signed.").wait_for()
    wrong += tour.look(page, watcher)
    page.get_by_role("link", name="Go on as").click()
    page.fill("#id_password", PASSWORD)
    page.get_by_role("button", name="Go on").click()
    page.get_by_text("Now the prescriber countersigns").wait_for()
    page.context.close()
    page, watcher = tour.window("ada")
    wrong += tour.open(page, watcher, f"{consent}countersign/")
    page.context.close()
    return wrong


def erasure(tour: Tour) -> list[str]:
    """An identity to be erased: proposed on the chart, and looked at by who confirms; it stays."""
    page, watcher = tour.window("ada")
    page.goto("/patients/")
    page.locator("tbody tr", has_text="referred").first.get_by_role("link").click()
    page.wait_for_url("**/patients/*/")
    wrong = tour.open(page, watcher, f"{urlsplit(page.url).path}erase/")
    page.fill("#id_reason", "the patient asked by letter")
    page.get_by_role("button", name="Propose to erase").click()
    page.get_by_text("It waits for the lead").wait_for()
    page.context.close()
    page, watcher = tour.window("sia")
    page.goto("/home/")
    page.get_by_role("link", name="erase an identity").click()
    page.get_by_role("button", name="Erase the identity").wait_for()
    wrong += tour.look(page, watcher)
    page.locator("summary", has_text="Call it off").click()
    page.get_by_label("Why the identity stays").fill("they came back")
    page.locator("details").get_by_role("button", name="Call it off").click()
    page.get_by_text("Called off").wait_for()
    page.context.close()
    return wrong


def closing(tour: Tour) -> list[str]:
    """A record that is closed, looked at closed, and opened again."""
    page, watcher = tour.window("cora")
    page.goto("/patients/")
    page.locator("tbody tr", has_text="referred").first.get_by_role("link").click()
    page.wait_for_url("**/patients/*/")
    chart = urlsplit(page.url).path
    wrong = tour.open(page, watcher, f"{chart}close/")
    page.select_option("#id_reason", "moved")
    page.get_by_role("button", name="Close the record").click()
    page.get_by_text("This record is closed since").wait_for()
    wrong += tour.look(page, watcher)
    wrong += tour.open(page, watcher, f"{chart}close/")
    page.locator("section", has_text="Open it again").get_by_label("Reason").fill("they came back")
    page.get_by_role("button", name="Reopen the record").click()
    page.get_by_text("The record is in use again").wait_for()
    wrong += tour.look(page, watcher)
    page.context.close()
    return wrong


def practice(tour: Tour) -> list[str]:
    """A practice run and the talk after it."""
    page, watcher = tour.window("ben")
    page.goto("/practice/")
    page.locator("form[action$='/begin/'] button").first.click()
    page.wait_for_url("**/practice/runs/**")
    run = urlsplit(page.url).path
    wrong = tour.look(page, watcher)
    page.evaluate(
        "path => fetch(path, {method: 'POST', headers: JSON.parse(document.body.getAttribute('hx-headers'))})",
        f"{run}end/",
    )
    wrong += tour.open(page, watcher, f"{run}debrief/")
    page.context.close()
    return wrong


def second_factor(tour: Tour) -> list[str]:
    """Setting up an authenticator and a passkey, the recovery codes, and the login that asks for them."""
    page, watcher = tour.window("eve")
    client = page.context.new_cdp_session(page)
    client.send("WebAuthn.enable")
    client.send("WebAuthn.addVirtualAuthenticator", {"options": AUTHENTICATOR})
    # Passkeys belong to a name, not to a number.
    named = tour.served.url.replace("127.0.0.1", "localhost")
    # What the first page still asks for may come late: both names are the clinic's own.
    watcher = Watcher(page, named, tour.served.url)
    page.goto(f"{named}/demo/")
    page.click("form[action='/demo/eve/'] button")
    page.goto(f"{named}/account/second-factor/totp/activate/")
    wrong = tour.look(page, watcher)  # the password first
    page.fill("input[name=password]", PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url("**/totp/activate/**")
    wrong += tour.look(page, watcher)
    secret = page.locator("code.secret").inner_text()
    page.fill("input[name=code]", code_of(secret))
    page.keyboard.press("Enter")
    page.wait_for_url(lambda url: "activate" not in url)
    page.goto(f"{named}/account/second-factor/webauthn/add/")
    wrong += tour.look(page, watcher)
    page.fill("input[name=name]", "tablet")
    page.check("input[name=passwordless]")
    page.click("#mfa_webauthn_add")
    page.wait_for_url(lambda url: "/webauthn/add/" not in url)
    for path in (
        *("", "webauthn/", "webauthn/reauthenticate/", "recovery-codes/", "recovery-codes/generate/"),
        *("totp/deactivate/", "reauthenticate/"),
    ):
        wrong += tour.open(page, watcher, f"{named}/account/second-factor/{path}")
    page.goto(f"{named}/account/second-factor/webauthn/")
    for path in [each for each in links_of(page, named) if "/keys/" in each]:
        wrong += tour.open(page, watcher, f"{named}{path}")
    page.goto(f"{named}/home/")
    page.click(".me summary")
    page.click("text=Log out")
    page.goto(f"{named}/account/login/")
    page.fill("input[name=login]", "eve@example.org")
    page.fill("input[name=password]", PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url("**/authenticate/**")
    wrong += tour.look(page, watcher)
    page.context.close()
    return wrong


AUTHENTICATOR = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}


def code_of(secret: str) -> str:
    """What an authenticator app shows now for a secret."""
    from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value

    return format_hotp_value(hotp_value(secret, int(time.time()) // 30))


WAYS: dict[str, Callable[[Tour], list[str]]] = {
    "before the login": before_login,
    "refused and locked": refused_and_locked,
    "an uploaded referral": referral,
    "a restricted record": restricted,
    "a course under way": course_under_way,
    "a visit without a dose": without_a_dose,
    "two signatures": signatures,
    "an identity to be erased": erasure,
    "a record closed": closing,
    "a practice run": practice,
    "the second factor": second_factor,
}
