"""Whether the jobs run: they leave a mark, and the health page says how old it is."""

from __future__ import annotations

from datetime import timedelta

import pytest

from openkap.care.jobs import Schedule
from openkap.care.messaging import heartbeat


@pytest.fixture
def expected(settings, monkeypatch):
    """Jobs belong to this installation, and its pages are up for longer than they may take to begin."""
    settings.JOBS_EXPECTED = True
    monkeypatch.setattr(heartbeat, "up_for", lambda: heartbeat.TOO_OLD)


@pytest.mark.django_db
def test_the_health_page_says_how_long_ago_the_jobs_ran(client, expected, watch):
    Schedule("w", {}).run_due()
    watch.forward(seconds=40)
    answer = client.get("/health/")
    assert answer.status_code == 200
    assert answer.json() == {"ok": True, "jobs": {"expected": True, "heartbeat_age_s": 40}}


@pytest.mark.django_db
def test_jobs_that_stopped_make_the_installation_unhealthy(client, expected, watch):
    Schedule("w", {}).run_due()
    watch.forward(seconds=heartbeat.TOO_OLD.total_seconds() + 1)
    answer = client.get("/health/")
    assert answer.status_code == 503
    assert answer.json()["ok"] is False


@pytest.mark.django_db
def test_jobs_that_never_ran_are_unhealthy_once_they_had_time_to_begin(client, expected, monkeypatch):
    assert client.get("/health/").status_code == 503
    monkeypatch.setattr(heartbeat, "up_for", lambda: heartbeat.TOO_OLD / 2)
    assert client.get("/health/").json() == {"ok": True, "jobs": {"expected": True, "heartbeat_age_s": None}}


@pytest.mark.django_db
def test_pages_alone_are_healthy_without_jobs(client, settings, watch):
    settings.JOBS_EXPECTED = False
    assert client.get("/health/").status_code == 200
    Schedule("w", {}).run_due()
    watch.forward(days=2)
    assert client.get("/health/").json()["jobs"]["expected"] is False
    assert client.get("/health/").status_code == 200


@pytest.mark.django_db
def test_the_jobs_give_a_sign_before_each_piece_of_work(monkeypatch):
    from openkap.care import jobs

    told = []
    work = [
        jobs.Job(name, lambda worker, name=name: told.append(name) or 1, timedelta(0), "") for name in "ab"
    ]
    monkeypatch.setattr(jobs, "all_jobs", lambda: iter(work))
    Schedule("w", {}, sign=lambda: told.append("sign")).run_due()
    assert told == ["sign", "a", "sign", "b"]


@pytest.mark.django_db
def test_each_round_of_the_jobs_renews_the_mark(client, expected, watch):
    schedule = Schedule("w", {})
    schedule.run_due()
    watch.forward(seconds=30)
    schedule.run_due()
    assert client.get("/health/").json()["jobs"]["heartbeat_age_s"] == 0


@pytest.mark.django_db
def test_a_database_that_does_not_answer_is_said_to_who_watches_and_to_who_works(client, monkeypatch):
    from django.db import OperationalError

    from openkap.care import views

    def away(*given, **named):
        raise OperationalError("connection refused")

    monkeypatch.setattr(views, "jobs_health", away)
    answer = client.get("/health/")
    assert (answer.status_code, answer.json()) == (503, {"ok": False, "database": "does not answer"})
    monkeypatch.setattr(views, "JsonResponse", away)
    client.raise_request_exception = False
    answer = client.get("/health/")
    assert answer.status_code == 503
    assert "The records cannot be reached just now" in answer.content.decode()


@pytest.mark.django_db(transaction=True)
def test_a_database_that_is_away_is_said_once_and_the_work_comes_again_when_it_is_back(monkeypatch, caplog):
    from django.db import OperationalError, connection

    from openkap.care import jobs

    done, is_there = [], [False]

    def work(worker):
        if not is_there[0]:
            raise OperationalError("server closed the connection unexpectedly")
        done.append(worker)
        return 1

    def ensure():
        if not is_there[0]:
            raise OperationalError("connection refused")

    monkeypatch.setattr(jobs, "all_jobs", lambda: iter([jobs.Job("night", work, timedelta(days=1), "")] * 2))
    monkeypatch.setattr(connection, "ensure_connection", ensure)
    schedule = Schedule("w", {})
    for _ in range(3):
        schedule.run_due()
    assert [record.message for record in caplog.records] == [
        "the database cannot be reached, no job runs until it can: OperationalError"
    ]
    is_there[0] = True
    schedule.run_due()
    assert done == ["w"]
