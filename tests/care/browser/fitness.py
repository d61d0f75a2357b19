"""What a page must be for everybody, looked at in the shapes of windows, themes, paper, and by keyboard."""

from __future__ import annotations

from axe_playwright_python.base import AXE_SCRIPT

WCAG = {"runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}}
# Theme and width change colours and places; the structure is the same.
AT_A_GLANCE = {"runOnly": {"type": "rule", "values": ["color-contrast", "target-size"]}}
# A telephone, a tablet at 200 % and upright, a desk at 200 % and as it is.
PHONE, TABLET, WIDTHS = (360, 740), (820, 1180), (410, 720, 1440)
# A4 without its margins, in CSS pixels.
PAPER = 718
# What stays at the top of a telephone leaves the rest of its height to the page.
STAYS = 0.25
SCRIPTS = "script:not([src]):not([type='application/json'])"
# More than the frame and the first form of any page.
STEPS = 24

# The page notes where each step came to: to ask after each would cost more than the step.
FROM_THE_TOP = """() => {
    document.activeElement.blur();
    window.getSelection().removeAllRanges();
    let before = null;
    window.cameTo = [];
    document.onkeyup = () => {
        const now = document.activeElement;
        if (!now || now === document.body) return window.cameTo.push(null);
        const box = now.getBoundingClientRect();
        const look = getComputedStyle(now);
        // A day and a time are several steps of one field, which the browser draws.
        const parts = ["date", "datetime-local", "time"].includes(now.type) ? 8 : 1;
        window.cameTo.push({moved: now !== before, parts, says: now.outerHTML.slice(0, 90),
            outline: look.outlineStyle, hidden: box.width < 1 || box.height < 1 || look.visibility === "hidden"});
        before = now;
    };
}"""
# Only what is wrong comes over: all that was looked at is megabytes.
VIOLATIONS = """async (options) => {
    const found = await axe.run(document, { ...options, resultTypes: ["violations"] });
    return found.violations.map(each => `${each.id}: ${each.nodes[0].html.slice(0, 120)}`);
}"""
# Words of tables and statuses that stand on two lines; a hyphen or a stroke is a place to break, a code has none.
BROKEN = """() => {
    const broken = [];
    const shown = each => each.checkVisibility({checkOpacity: true, checkVisibilityCSS: true});
    const lines = range => new Set([...range.getClientRects()].filter(box => box.width > 1).map(box => Math.round(box.top)));
    for (const cell of document.querySelectorAll("main :is(td, th, .status)")) {
        if (!shown(cell)) continue;
        const texts = document.createTreeWalker(cell, NodeFilter.SHOW_TEXT);
        for (let text = texts.nextNode(); text; text = texts.nextNode()) {
            if (text.parentElement.closest("code, .id, .visually-hidden, svg") || !shown(text.parentElement)) continue;
            for (const word of text.data.matchAll(/[^\\s\\-\\u2010\\u2013\\/]+/g)) {
                const range = document.createRange();
                range.setStart(text, word.index);
                range.setEnd(text, word.index + word[0].length);
                if (lines(range).size > 1) broken.push(`the word "${word[0]}"`);
            }
        }
        const whole = document.createRange();
        whole.selectNodeContents(cell);
        if (cell.matches(".status:not(.is-long)") && lines(whole).size > 1) broken.push(`the status "${cell.innerText}"`);
    }
    return [...new Set(broken)];
}"""
STUCK = """() => {
    const stuck = [...document.querySelectorAll("body *")].filter(each => {
        const box = each.getBoundingClientRect(), place = getComputedStyle(each).position;
        return box.width > innerWidth / 2 && box.top <= 0 && box.bottom > 0 && (place === "sticky" || place === "fixed");
    });
    return Math.max(0, ...stuck.map(each => each.getBoundingClientRect().bottom));
}"""
DRAWN = "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"
TOO_WIDE = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


class Watcher:
    """Notes what the browser complains about and where it went."""

    def __init__(self, page, *own: str) -> None:
        self.complaints: list[str] = []
        page.on(
            "console", lambda said: said.type in {"error", "warning"} and self.complaints.append(said.text)
        )
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("request", lambda sent: self._note(sent.url, own))

    def _note(self, url: str, own: tuple[str, ...]) -> None:
        if not url.startswith((*own, "data:", "about:", "blob:")):
            self.complaints.append(f"asked for {url}")

    def heard(self) -> list[str]:
        found, self.complaints = self.complaints, []
        return found


def too_wide(page) -> int:
    """By how many pixels the page is wider than its window, once it is all there: a click ends when it begins."""
    page.wait_for_load_state()
    return page.evaluate(TOO_WIDE)


def axe(page, options) -> list[str]:
    """The violations of one run; the rules are brought into the page once."""
    page.wait_for_load_state()
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE_SCRIPT)
    return page.evaluate(VIOLATIONS, options)


def misfits(page, path: str, watcher: Watcher) -> list[str]:
    """Everything that is wrong with the page that is open."""
    found = [*_structure(page), *watcher.heard()]
    for (width, height), scheme, rules in ((TABLET, "light", WCAG), (PHONE, "dark", AT_A_GLANCE)):
        page.emulate_media(color_scheme=scheme)
        _resize(page, width, height)
        found += [f"{width} {scheme}: {each}" for each in axe(page, rules)]
        found += _overflow(page, width)
    found += _on_a_telephone(page)
    page.emulate_media(color_scheme="light")
    for width in WIDTHS:
        _resize(page, width, 900)
        found += _overflow(page, width)
    found += [*_on_paper(page), *_by_keyboard(page), *watcher.heard()]
    return [f"{path}: {each}" for each in found]


def _resize(page, width: int, height: int) -> None:
    """Another size, and what the page draws anew for it on the frames after."""
    page.set_viewport_size({"width": width, "height": height})
    page.evaluate(DRAWN)


def _structure(page) -> list[str]:
    found = []
    # A script may set a number that the style sheet reads.
    if page.locator(f"[style]:not([style^='--']), {SCRIPTS}, style").count():
        found.append("inline style or script")
    if not page.locator(".synthetic").is_visible():
        found.append("does not say that the people are invented")
    if (headings := page.locator("h1").count()) != 1:
        found.append(f"{headings} first headings")
    return found


def _overflow(page, width: int) -> list[str]:
    over = too_wide(page)
    return [f"{over} px wider than {width}"] if over > 0 else []


def _on_a_telephone(page) -> list[str]:
    """Words stay whole, and what stays at the top when the page is scrolled is small."""
    width, height = PHONE
    found = [f"{width}: {each} is broken" for each in page.evaluate(BROKEN)]
    page.evaluate("window.scrollTo({top: document.body.scrollHeight, behavior: 'instant'})")
    page.evaluate(DRAWN)
    stays = page.evaluate(STUCK)
    page.evaluate("window.scrollTo({top: 0, behavior: 'instant'})")
    return [*found, *([f"{stays:.0f} of {height} px stay at the top"] if stays > STAYS * height else [])]


def _on_paper(page) -> list[str]:
    page.emulate_media(media="print")
    page.set_viewport_size({"width": PAPER, "height": 1000})
    found = [f"on paper: {each}" for each in _overflow(page, PAPER)]
    if page.locator("header.frame").is_visible():
        found.append("on paper: the menu is printed")
    if page.evaluate("getComputedStyle(document.documentElement).backgroundColor") != "rgb(255, 255, 255)":
        found.append("on paper: the ground is not white")
    page.emulate_media(media="screen")
    return found


def _by_keyboard(page) -> list[str]:
    """Each step of the Tab key goes on to something that shows that it has the focus."""
    page.set_viewport_size({"width": 1440, "height": 900})
    page.evaluate(FROM_THE_TOP)
    for _ in range(STEPS):
        page.keyboard.press("Tab")
    found, stays = [], 0
    for now in page.evaluate("cameTo"):
        if now is None:
            return found
        stays = 1 if now["moved"] else stays + 1
        if stays > now["parts"]:
            found.append(f"the keyboard stays at {now['says']}")
            return found
        if now["outline"] == "none" or now["hidden"]:
            found.append(f"nothing shows the focus of {now['says']}")
    return found
