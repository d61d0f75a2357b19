"""On a shared tablet an entry is filed under the person who made it, or not at all."""

from __future__ import annotations

import pytest
import treated
from chairside import act, post, statuses, vitals
from django.db import OperationalError

from openkap.care.live import acts
from openkap.care.treatment.models import DoseEvent, Entry


@pytest.fixture
def session(cast, patient, watch):
    """Alex's first session; the dose has just been started."""
    return treated.dosing(cast, treated.first_session(treated.planned(cast, patient)), watch)


def test_what_one_person_entered_is_never_filed_under_another_and_waits_for_its_author(cast, session, watch):
    watch.forward(minutes=10)
    ben = {"by": cast.actor("ben").uid}
    held = [vitals("seen", watch.moment) | ben, act("still", "pause", watch.moment) | ben]
    own = act("own", "note", watch.moment, note="mine") | {"by": cast.actor("ada").uid}
    told = post(cast.client("ada"), session, *held, own)
    assert statuses(told) == ["later", "later", "saved"]
    assert "somebody else" in told["answers"][0]["what"]
    assert not Entry.objects.filter(client_id="seen").exists()
    assert statuses(post(cast.client("ben"), session, *held)) == ["saved", "saved"]
    assert Entry.objects.get(client_id="seen").entered_by == cast.staff("ben")
    assert DoseEvent.objects.get(client_id="still").entered_by == cast.staff("ben")


def test_an_entry_that_nobody_foresaw_is_refused_and_the_rest_goes_on(cast, session, watch):
    watch.forward(minutes=10)
    bad = act("bad", "rate", watch.moment, rate_ml_h="99999999")
    told = post(cast.client("ben"), session, bad, vitals("behind", watch.moment))
    assert statuses(told) == ["refused", "saved"]
    assert told["answers"][0]["what"]
    assert Entry.objects.filter(client_id="behind").exists()


def test_an_entry_that_fails_inside_is_refused_by_itself(cast, session, watch, monkeypatch):
    def fails(sent, session):
        raise ValueError("not foreseen")

    monkeypatch.setitem(acts.ACTS, "take_back", fails)
    watch.forward(minutes=10)
    told = post(
        cast.client("ben"), session, act("bad", "take_back", watch.moment), vitals("behind", watch.moment)
    )
    assert statuses(told) == ["refused", "saved"]
    assert "could not take" in told["answers"][0]["what"]


def test_a_database_that_is_away_refuses_nothing(cast, session, watch, monkeypatch):
    def fails(sent, session):
        raise OperationalError("database is locked")

    monkeypatch.setitem(acts.ACTS, "note", fails)
    with pytest.raises(OperationalError):
        post(cast.client("ben"), session, act("held", "note", watch.moment, note="kept on the tablet"))
