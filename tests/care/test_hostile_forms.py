"""Every form of the clinic meets what nobody should type: it refuses or takes it, and never breaks."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import pytest
import treated
from addresses import SAMPLES, World, asked, every_address
from django.db import models, transaction
from django.db.backends.base.operations import BaseDatabaseOperations
from django.urls import Resolver404, resolve, reverse
from form_reader import Form, forms_of

from openkap.care.access_rules import RULES, Door
from openkap.care.demo.cast import PASSWORD

TEXTS = ("x" * 20_000, "\U0001f9d1\u200d\u2695\ufe0f" * 40, "\ud800", "\u202ekcab\u200f", "٣²", "\x00")
DAYS = ("9999-12-31", "9999-12-28", "0001-01-01", "0001-01-04", "2026-02-30", "99999-01-01")
NUMBERS = ("99999999999999999999", "1e400", "1e-400", "-1", "NaN", "9" * 5000, "999999", "0.0000001", "²")
HOSTILE = {
    "date": DAYS,
    "datetime-local": (*(f"{day}T23:59" for day in DAYS), "0001-01-01T00:00", "2026-11-23T10:00+99:00"),
    "number": NUMBERS,
}
FORM = "application/x-www-form-urlencoded"
# How many fields of one kind are tried by themselves; a long form reads the rest in the same way.
TRIED = 2
# Leaving would end the visit that the test walks with.
LEAVES = {"account_logout", "lock", "unlock"}
# Who walks: between them they may do everything that has a form.
WALKERS = ("ada", "ben", "cora", "tess", "sia", "dov")


@dataclass(frozen=True)
class Post:
    """One form of one page as one person sees it, sent with one of its buttons."""

    who: str
    name: str
    form: Form
    button: tuple[tuple[str, str], ...]

    def fields(self) -> dict[str, str]:
        passwords = {name: PASSWORD for name in self.form.values if name == "password"}
        ends = {name: "2027-12-31" for name in self.form.values if name in {"expires_on", "ends_on"}}
        return self.form.values | dict(self.button) | passwords | ends

    def attacks(self) -> Iterator[dict[str, str]]:
        """Typed fields by themselves with what breaks their kind; all the words of a form at once."""
        usual, kinds = self.fields(), self.form.kinds
        for kind, values in HOSTILE.items():
            for name in [name for name in self.form.typed() if kinds[name] == kind][:TRIED]:
                yield from (usual | {name: value} for value in values)
        words = [name for name in self.form.typed() if kinds[name] not in {*HOSTILE, "password"}]
        if words:
            yield from (usual | dict.fromkeys(words, value) for value in TEXTS)
        for name in [name for name in self.form.chosen() if "csrf" not in name][:TRIED]:
            yield from (usual | {name: value} for value in ("x" * 20_000, "\ud800", "²"))


def encoded(fields: dict[str, str]) -> str:
    """As a hostile client would: a lone surrogate as the bytes that stand for it."""
    told = ((name, value.encode("utf-8", "surrogatepass")) for name, value in fields.items())
    return "&".join(f"{quote(name)}={quote(value)}" for name, value in told)


@pytest.fixture
def columns_of_postgresql(monkeypatch):
    """SQLite keeps what does not fit a column; here it breaks as on PostgreSQL."""
    stored = models.Field.get_db_prep_save
    ranges = BaseDatabaseOperations.integer_field_ranges

    def narrow(column, value, connection):
        if isinstance(value, str):
            longest = column.max_length if isinstance(column, models.CharField) else None
            assert longest is None or len(value) <= longest, f"{column}: longer than {longest}"
            assert "\x00" not in value, f"{column}: NUL"
        if isinstance(value, int) and column.get_internal_type() in ranges:
            low, high = ranges[column.get_internal_type()]
            assert low <= value <= high, f"{column}: {value} is not in {low} to {high}"
        return stored(column, value, connection)

    monkeypatch.setattr(models.Field, "get_db_prep_save", narrow)


def pages(world: World, staged: list[Any]) -> Iterator[tuple[str, str]]:
    """Every page without a link of its own, and those of the staged courses once more."""
    for address in every_address():
        rule = RULES[address.name]
        if rule.door in {Door.ANYONE, Door.LINK} or "pk" in address.parameters or address.name in LEAVES:
            continue
        if address.name.startswith("api") or ".pdf" in address.path(world):
            continue  # the API speaks JSON: tests/care/api
        yield address.name, address.path(world)
        if {"course", "visit", "session"} & set(address.parameters):
            for session in staged:
                visit = session.course.visits.first()
                own = {"patient": session.patient, "course": session.course, "session": session}
                own |= {"visit": visit} if visit else {}
                if set(address.parameters) <= set(own):
                    yield (
                        address.name,
                        reverse(address.name, kwargs={each: own[each].uid for each in address.parameters}),
                    )


def posts(cast, world: World, staged: list[Any]) -> list[Post]:
    """Each form once, however many pages and people show it."""
    found: dict[Any, Post] = {}
    for name, path in pages(world, staged):
        for who in WALKERS:
            if not RULES[name].admits(cast.actor(who).permissions, "GET"):
                continue
            answer = cast.client(who).get(path)
            if answer.status_code != 200 or "html" not in answer.headers.get("Content-Type", ""):
                continue
            for form in forms_of(path, answer.content.decode()):
                for button in [(each,) for each in form.buttons] or [()]:
                    post = Post(who, _goes_to(form.action), form, button)
                    if post.name not in LEAVES:
                        found.setdefault((post.name, *sorted(form.kinds), button), post)
    return list(found.values())


def _goes_to(path: str) -> str:
    try:
        return resolve(path.split("?")[0]).view_name
    except Resolver404:
        return path


@pytest.fixture
def world(cast, register, watch):
    return World(cast, register(), register("Elsewhere", by="eve"))


@pytest.fixture
def staged(cast, register, watch):
    """A session weeks ahead, one that runs, and one whose patient waits for the dose."""
    far = treated.first_session(
        treated.planned(cast, register("Planned"), first=treated.FIRST + timedelta(days=42, hours=6))
    )
    alone = {"therapist": "", "therapy": None, "no_therapy_because": "with their own"}
    later = treated.FIRST + timedelta(hours=4)
    waiting = treated.planned(cast, register("Waiting"), first=later, seat="Chair 2", **alone)
    running = treated.first_session(treated.planned(cast, register("Running"), seat="Chair 3"))
    treated.recovering(cast, running, watch)
    waiting = treated.arrived(cast, treated.first_session(waiting), watch)
    treated.ordered(cast, waiting)
    return [far, running, waiting]


def broken(answer, *what: Any) -> list[Any]:
    error = getattr(answer, "exc_info", None)
    return (
        [(*what, repr(error[1])[:200] if error else answer.status_code)] if answer.status_code >= 500 else []
    )


@pytest.mark.slow
def test_no_form_breaks_on_what_nobody_should_type(
    cast, world, staged, columns_of_postgresql, nobody_is_locked_out
):
    found, tried = [], set()
    for each in posts(cast, world, staged):
        client, usual = cast.client(each.who), each.fields()
        client.raise_request_exception = False
        for fields in each.attacks():
            with transaction.atomic():
                answer = client.post(each.form.action, encoded(fields), content_type=FORM)
                transaction.set_rollback(True)
            changed = {name: value[:40] for name, value in fields.items() if usual[name] != value}
            found += broken(answer, each.name, changed)
            tried.add(each.name)
    assert not found
    # What a change of the pages must not quietly leave out.
    assert {"course_plan", "drug", "session_move", "session_check", "visit", "new_referral"} <= tried


@pytest.mark.parametrize(
    "text", ["\ud800", "\x00", "²", "9" * 5000, "-1", "\u202e", "9999-12-31", "31/12/9999"]
)
def test_no_list_breaks_on_what_nobody_should_ask(cast, patient, text):
    for who, path, names in (
        ("cora", "/patients/", ("q", "page")),
        ("ari", "/audit/", ("actor", "patient", "action", "page")),
    ):
        client = cast.client(who)
        client.raise_request_exception = False
        for name in names:
            assert not broken(client.get(f"{path}?{encoded({name: text})}"), path, name)


VALUES: list[Any] = [
    "\ud800",
    "\x00",
    "x" * 20_000,
    "²",
    10**30,
    float("inf"),
    -1,
    "1e400",
    None,
    [],
    {},
    [[]],
]
MOMENTS = ("9999-12-31T23:59:59Z", "0001-01-01T00:00:00Z", "1900-01-01T00:00:00Z", "\ud800", "", 5, None)


def entries() -> Iterator[Any]:
    """What a tablet would never send: a whole body, or one entry of it."""
    usual = {
        "id": "hostile",
        "act": "vitals",
        "observed_at": "2026-11-23T09:00:00Z",
        "payload": {"values": {}},
    }
    yield from ([], "", None, 5, {"entries": 5}, {"entries": [5]}, {"entries": [None]}, {"entries": {}})
    for value in VALUES:
        yield {"device": value, "name": value, "ahead_ms": value, "waiting": value, "device_now": value}
        yield from ({"entries": [usual | {name: value}]} for name in usual)
        yield {"entries": [usual | {"payload": {"values": {"sbp": value}}}]}
        yield {"entries": [usual | {"payload": {"values": {"no-such": value}}}]}
        for act, name in (("rate", "rate_ml_h"), ("stop", "given_mg"), ("note", "note"), ("event", "grade")):
            yield {"entries": [usual | {"act": act, "payload": {name: value}}]}
    for moment in MOMENTS:
        yield {"entries": [usual | {"observed_at": moment}]}
        yield {"entries": [usual | {"act": "event", "payload": {"ended_at": moment}}]}


def test_no_tablet_breaks_the_server(
    cast, world, staged, columns_of_postgresql, nobody_is_locked_out, caplog
):
    _, running, _ = staged
    client, found = cast.client("ben"), []
    client.raise_request_exception = False
    world.made["run"] = SAMPLES["run"](world)
    for path in (
        reverse("live_sync", args=[running.patient.uid, running.uid]),
        reverse("practice_sync", args=[world.made["run"][0]]),
    ):
        for body in entries():
            with transaction.atomic():
                answer = client.post(path, json.dumps(body), content_type="application/json")
                transaction.set_rollback(True)
            found += broken(answer, path, body)
    assert not found
    assert "an entry of a tablet could not be taken" not in caplog.text


def test_no_link_of_a_patient_breaks_on_what_nobody_should_answer(cast, register, client):
    from openkap.care.outcomes.actions import fresh_link
    from openkap.care.outcomes.models import Invitation

    patient = register("Linked")
    invitation = Invitation.objects.get(uid=asked(World(cast, patient, patient), "cora", patient))
    client.raise_request_exception = False
    path = "/a/" + fresh_link(invitation).partition("/a/")[2]
    page = client.get(path).content.decode()
    names = sorted(set(re.findall(r'name="(\w+:\w+)"', page)))
    assert names
    for value in ("\ud800", "\x00", "²", "9" * 5000, "-1", "-", "99"):
        fields = dict.fromkeys([*names[:2], "act", "x" * 500 + ":1", "²:²"], value)
        assert not broken(client.post(path, encoded(fields), content_type=FORM), value)
