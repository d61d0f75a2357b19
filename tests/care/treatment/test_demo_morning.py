"""The demo's chairs are taken whenever somebody looks, and an earlier morning does not stay in them."""

from __future__ import annotations

from datetime import timedelta

import pytest
import treated

from openkap.care.demo.morning import renew_morning
from openkap.care.treatment.models import Discharge, DoseEvent, Session

pytestmark = pytest.mark.django_db


def test_the_demo_seats_a_morning_once_and_sends_the_last_one_home(cast, patient, watch):
    treated.stocked(cast)
    course = treated.planned(cast, patient)
    watch.forward(days=1)
    assert renew_morning() == 1
    session = course.sessions.get(state="recovery")
    begun = DoseEvent.objects.get(session=session, kind="start").observed_at
    assert watch.moment - begun == timedelta(minutes=96)
    assert renew_morning() == 0

    watch.forward(days=2)
    assert renew_morning() == 1
    session.refresh_from_db()
    assert session.state == "left"
    assert Discharge.objects.get(session=session).may_leave
    assert Session.objects.get(state="recovery").number == 2
