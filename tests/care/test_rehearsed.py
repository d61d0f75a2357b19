"""Steps that are written down again leave what they leave when they are played."""

from __future__ import annotations

from datetime import timedelta

import pytest
import rehearsed
import treated
from django.apps import apps
from django.db import transaction

from openkap.care.audit.models import AuditEvent
from openkap.care.treatment.models import Entry

pytestmark = pytest.mark.django_db


@pytest.fixture
def kept(monkeypatch):
    """Nothing has been played yet."""
    monkeypatch.setattr(rehearsed, "KEPT", found := {})
    return found


@pytest.fixture
def afresh(kept_cast, cast, watch):
    """Does something on Monday morning with the cast alone, says what it left, and takes it back."""
    begun = watch.moment

    def done(what):
        cast.stage.leave()
        before = transaction.savepoint()
        kept_cast.count_on()
        cast.stage, watch.moment = rehearsed.Stage(), begun
        gave = what()
        found = (_said(gave), watch.moment, cast.stage.steps, _left_behind())
        cast.stage.leave()
        transaction.savepoint_rollback(before)
        return found

    return done


def _said(session):
    return session.uid, session.state, session.version, session.patient.status


def _left_behind():
    counts = {each._meta.db_table: each._base_manager.count() for each in apps.get_models()}
    acts = AuditEvent.objects.order_by("pk").values_list("sequence", "digest", "action", "at")
    read = Entry.objects.order_by("pk", "values").values_list("pk", "uid", "observed_at", "values__value")
    return counts, list(acts), list(read)


def test_a_step_written_again_leaves_what_it_left_when_it_was_played(
    afresh, kept, cast, register, watch, monkeypatch
):
    def went_home():
        return treated.gone(cast, treated.first_session(treated.planned(cast, register())), watch)

    played = afresh(went_home)
    assert kept
    for act in ("plan_course", "add_chair"):
        monkeypatch.delattr(treated.planning_actions, act)
    assert afresh(went_home) == played


def test_after_anything_else_a_step_is_played(afresh, kept, cast, register, watch):
    def moved():
        session = treated.first_session(treated.planned(cast, register()))
        type(session).objects.filter(pk=session.pk).update(starts_at=session.starts_at + timedelta(hours=1))
        session.refresh_from_db()
        return treated.arrived(cast, session, watch)

    first = afresh(moved)
    number = len(kept)
    second = afresh(moved)
    assert first[2] is None
    assert second[1] == first[1]
    assert len(kept) == number
    assert not any("arrived" in str(each) for each in kept)


def test_a_step_under_other_settings_or_at_another_time_is_another_step(
    afresh, kept, cast, register, settings, watch
):
    afresh(lambda: treated.first_session(treated.planned(cast, register())))
    number = len(kept)
    settings.LOCK_AFTER_MINUTES = 7
    afresh(lambda: treated.first_session(treated.planned(cast, register())))
    assert len(kept) > number
    number = len(kept)

    def later():
        watch.forward(hours=1)
        return treated.first_session(treated.planned(cast, register()))

    afresh(later)
    assert len(kept) > number
