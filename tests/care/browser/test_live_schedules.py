"""Fifty random schedules of two real tablets: cuts, reloads, duplicates, late requests, wrong clocks, killed servers.

Each schedule is a story of its own with two writers; afterwards the record must hold every entry exactly once,
at its time, in its order, and the dose must be a story one pump can have gone through.
"""

from __future__ import annotations

import random
import re
from contextlib import suppress
from itertools import pairwise

import pytest
from live_clinic import LiveClinic, ready, saved, until
from playwright.sync_api import Error

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.xdist_group("live-schedules")]
SCHEDULES, KILLED = 50, (5, 17, 29, 41)
TRAFFIC = re.compile(r"/live/(entries|state)/")


@pytest.fixture(scope="module")
def clinic(tmp_path_factory):
    made = LiveClinic(tmp_path_factory.mktemp("schedules"), [27, 31, 36])
    yield made
    made.kill()


class Network:
    """What becomes of a request: nothing, an answer that is lost, two arrivals, one much later, or all is well."""

    def __init__(self, chance: random.Random) -> None:
        self.chance, self.late, self.done = chance, [], dict.fromkeys(("cut", "lost", "twice", "late"), 0)

    def __call__(self, route) -> None:
        # A page that reloads, or a server that dies, ends the route by itself.
        with suppress(Error):
            fate = self.chance.choice(["cut", "lost", "twice", "late", "fine", "fine"])
            if fate in self.done:
                self.done[fate] += 1
            if fate == "late":
                self.late.append(route.request)
            if fate in {"lost", "twice"}:
                with suppress(Error):
                    route.fetch(timeout=5000)
            if fate in {"cut", "lost", "late"}:
                return route.abort()
            return route.fulfill(response=route.fetch(timeout=5000))
        with suppress(Error):
            route.abort()
        return None

    def deliver(self, page) -> None:
        """An old request arrives after newer ones."""
        request = self.late.pop(0)
        if request.method == "POST":
            headers = {name: request.headers[name] for name in ("content-type", "x-csrftoken")}
            with suppress(Error):
                page.context.request.post(
                    request.url, data=request.post_data, headers=headers | {"referer": page.url}, timeout=5000
                )


class Story:
    """One schedule: what two nurses enter, when it was true, and what it must become."""

    def __init__(self, number: int, chance: random.Random, begun: int) -> None:
        self.number, self.chance, self.begun = number, chance, begun
        self.entries: dict[str, tuple[float, int]] = {}
        self.acts: list[tuple[str, str]] = []

    def enter(self, page, tablet: int) -> None:
        what = self.chance.random()
        if what < 0.35:
            self.pump(page)
            return
        name = f"schedule {self.number} entry {len(self.entries)}"
        values = {"sbp": "131", "dbp": "82", "heart_rate": "78"}
        act, payload = ("note", {"note": name}) if what < 0.7 else ("vitals", {"values": values})
        told = page.evaluate(
            """async ([act, payload]) => {
              const at = trueNow();
              return { at, id: (await livePage.send(act, payload)).id };
            }""",
            [act, payload],
        )
        self.entries[told["id"]] = (told["at"], tablet)

    def pump(self, page) -> None:
        """The next act of the pump's true story, at the moment somebody says it was."""
        kind = "resume" if len(self.acts) % 2 else "pause"
        at = self.begun + 1000 * (10 + self.number * 60 + 5 * len(self.acts))
        told = page.evaluate("async ([act, at]) => (await livePage.send(act, {}, at)).id", [kind, at])
        self.acts.append((told, kind))


def heal(clinic, pages, network) -> float:
    """The network is back: late requests arrive, everything is sent. Returns what no clock can know, in ms."""
    for page in pages:
        page.unroute(TRAFFIC)
    while network.late:
        network.deliver(pages[0])
    longest = 0.0
    for page in pages:
        page.evaluate("() => { livePage.poll(); }")
        saved(page)
        longest = max(longest, page.evaluate("Number(sessionStorage.getItem('longest'))"))
    return longest / 2


def check(story: Story, state: dict, unknown_ms: float) -> None:
    rows = {each["id"]: each["at"] for each in [*state["entries"], *state["events"]]}
    ids = [each["id"] for each in [*state["entries"], *state["events"]]]
    assert len(ids) == len(set(ids))
    for name, (at, _) in story.entries.items():
        # A thousandth of a second is lost to rounding at each end.
        assert abs(rows[name] - at) <= unknown_ms + 2, name
    for tablet in (0, 1):
        mine = [name for name, (_, by) in story.entries.items() if by == tablet]
        for before, later in pairwise(mine):
            assert rows[later] >= rows[before] - unknown_ms - 2
    done = [each["id"] for each in state["events"]]
    names = [name for name, _ in story.acts]
    assert [name for name in done if name in names] == names
    assert [each for each in state["doubts"] if each["is_open"]] == []


def test_fifty_random_schedules_of_two_tablets_keep_every_entry_exactly_once(browser, clinic):
    tally = dict.fromkeys(("cut", "lost", "twice", "late", "reloads", "kills", "entries"), 0)
    pages: list = []
    for number in range(SCHEDULES):
        chance = random.Random(20261127 + number)
        if number % 17 == 0:
            for page in pages:
                page.context.close()
            path = clinic.paths[number // 17]
            people = (("ben", 137_000), ("ada", -95_000))
            pages = [clinic.open(browser, path, key=key, skew_ms=skew) for key, skew in people]
        network = Network(chance)
        story = Story(number % 17, chance, pages[0].evaluate("livePage.state.begun"))
        for page in pages:
            page.route(TRAFFIC, network)
        for step in range(7):
            tablet = chance.randrange(2)
            page, what = pages[tablet], chance.random()
            if what < 0.62:
                story.enter(page, tablet)
            elif what < 0.76:
                tally["reloads"] += 1
                page.unroute(TRAFFIC)
                page.reload(wait_until="domcontentloaded")
                until(page, "window.livePage?.pad")
                page.route(TRAFFIC, network)
            elif what < 0.9 and network.late:
                network.deliver(page)
            else:
                page.evaluate("() => { livePage.poll(); }")
            if number in KILLED and step == 3:
                tally["kills"] += 1
                clinic.kill()
                for each in pages:
                    each.evaluate("() => { livePage.outbox.flush(); }")
                    story.enter(each, pages.index(each))
                clinic.serve()
        # A story ends with the pump running, so that the next one can begin.
        if len(story.acts) % 2:
            story.pump(pages[0])
        unknown_ms = heal(clinic, pages, network)
        ready(pages[0])
        check(story, clinic.state(pages[0]), unknown_ms)
        tally["entries"] += len(story.entries) + len(story.acts)
        for name, count in network.done.items():
            tally[name] += count
    for page in pages:
        page.context.close()
    assert min(tally[name] for name in ("cut", "lost", "twice", "late", "reloads")) >= 20, tally
    assert tally["kills"] == len(KILLED)
    assert tally["entries"] >= 150, tally
