"""On a shared tablet an entry is filed under the person who made it, or not at all."""

from __future__ import annotations

import pytest
import treated
from chairside import act, post, statuses, vitals

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
