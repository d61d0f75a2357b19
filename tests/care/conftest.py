"""The cast and their clinics for every test of the clinic."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.hashers import make_password
from django.test import Client
from hypothesis import settings as hypothesis_settings
from kept_cast import KeptCast
from rehearsed import Stage, rehearsed

# The machine may be busy; how long one example takes says nothing here.
hypothesis_settings.register_profile("clinic", deadline=None, derandomize=True, max_examples=60)
hypothesis_settings.load_profile("clinic")

# Monday morning; a session's first dose is easy to count from here.
MONDAY = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


@pytest.fixture(scope="session", autouse=True)
def flushing():
    """Tests with real transactions empty all tables at their end; append-only ones would refuse."""
    from django.db import connection
    from django.db.backends.base.operations import BaseDatabaseOperations

    flush = BaseDatabaseOperations.execute_sql_flush

    def without_triggers(operations, statements):
        with operations.connection.cursor() as cursor:
            if operations.connection.vendor == "postgresql":
                cursor.execute("SET session_replication_role = replica")
                flush(operations, statements)
                cursor.execute("SET session_replication_role = DEFAULT")
                return
            cursor.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")
            triggers = cursor.fetchall()
            for name, _ in triggers:
                cursor.execute(f'DROP TRIGGER "{name}"')
            flush(operations, statements)
            for _, sql in triggers:
                cursor.execute(sql)

    operations = type(connection.ops)
    operations.execute_sql_flush = without_triggers
    yield
    del operations.execute_sql_flush


class Watch:
    """A clock that tests turn by hand."""

    def __init__(self, moment: datetime) -> None:
        self.moment = moment

    def __call__(self) -> datetime:
        return self.moment

    def forward(self, **step: float) -> None:
        self.moment += timedelta(**step)


@pytest.fixture(autouse=True)
def watch():
    """It is Monday 09:00 UTC until the test turns the watch."""
    from openkap.care.moment import clock_at

    clock = Watch(MONDAY)
    with clock_at(clock):
        yield clock


@pytest.fixture
def nobody_is_locked_out(settings):
    """For tests in which hours or days pass at once: a screen stays open for a month."""
    settings.LOCK_AFTER_MINUTES = 60 * 24 * 30


@pytest.fixture(autouse=True)
def outbox():
    """What left the house."""
    from openkap.care.messaging.channels import MemoryChannel

    MemoryChannel.sent.clear()
    return MemoryChannel.sent


@dataclass
class Cast:
    """Everybody, as rows, as actors and as browsers."""

    troupe: Any
    stage: Stage = field(default_factory=Stage)
    clients: dict[str, Client] = field(default_factory=dict)

    def actor(self, key: str):
        from openkap.care.accounts.actor import actor_for

        return actor_for(self.troupe.people[key])

    def client(self, key: str) -> Client:
        if key not in self.clients:
            self.clients[key] = Client()
            self.clients[key].force_login(self.troupe.people[key])
        return self.clients[key]

    def staff(self, key: str):
        return self.troupe.people[key]


@pytest.fixture(scope="session")
def password_hash() -> str:
    from openkap.care.demo.cast import PASSWORD

    return make_password(PASSWORD, hasher="md5")


@pytest.fixture(scope="session")
def kept_cast(flushing, password_hash, django_db_setup, django_db_blocker) -> KeptCast:
    """Hired on Monday morning, in the first test that asks."""
    from openkap.care.demo.cast import hire
    from openkap.care.moment import clock_at

    with django_db_blocker.unblock(), clock_at(Watch(MONDAY)):
        return KeptCast(lambda: hire(MONDAY - timedelta(days=365), password_hash=password_hash))


@pytest.fixture
def cast(kept_cast, db, request) -> Iterator[Cast]:
    """Ada prescribes, Ben nurses, Cora coordinates, Tess is the therapist, Dov leads, Sia administers,
    Ari audits; Eve prescribes at another clinic."""
    from openkap.care.live import queries, state

    # Of other tests' sessions, which may have had the same public ids.
    queries._kept.clear()
    state._earlier_kept.clear()
    everybody = Cast(kept_cast.put_back())
    if "monkeypatch" in request.fixturenames:
        # What a changed program writes is for nobody else, and what another wrote is not for it.
        everybody.stage.leave()
    yield everybody
    everybody.stage.leave()


@pytest.fixture
def register(cast):
    """Registers a patient at Cora's clinic, with everybody clinical on the care team."""
    from openkap.care.patients.actions import NewPatient, join_team, register_referral

    @rehearsed
    def registered(cast, family_name: str, given_name: str, by: str, **fields: Any):
        actor = cast.actor(by)
        asked = {"birth_date": date(1984, 5, 2), "language": "en", "needs_interpreter": False}
        fields = asked | fields
        person = NewPatient(family_name=family_name, given_name=given_name, **fields)
        patient = register_referral(by=actor, person=person)
        if by != "eve":
            parts = [("ada", "prescriber"), ("ben", "nurse"), ("cora", "coordinator"), ("tess", "therapist")]
            join_team(by=actor, uid=patient.uid, members=[(cast.staff(key).pk, part) for key, part in parts])
        return patient

    def make(family_name: str = "Example", given_name: str = "Alex", by: str = "cora", **fields: Any):
        return registered(cast, family_name, given_name, by, **fields)

    return make


@pytest.fixture
def patient(register):
    """Alex Example, born 2 May 1984, referred today."""
    return register()
