"""Which day it is, the clinic says: in Sydney 09:00 is yesterday in UTC, in Los Angeles 18:00 is tomorrow."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from django.utils import timezone
from django.utils.timezone import localdate
from treated import arrived, first_session, ordered, planned, witness

from openkap.care.treatment.course import due_actions
from openkap.care.treatment.dose import actions as dose_actions
from openkap.care.treatment.drug import actions as drug_actions
from openkap.care.treatment.models import DueItem
from openkap.care.treatment.monitoring import adverse_actions
from openkap.care.treatment.planning.plan import integration_days
from openkap.care.treatment.release import actions as release_actions
from openkap.care.treatment.rows.stamps import Stamp
from openkap.core.errors import InputError
from openkap.protocol.read import load_protocol


@pytest.fixture
def session(cast, patient):
    return first_session(planned(cast, patient))


def drawn(cast, session, lot):
    return dose_actions.check_dose(
        by=cast.actor("ben"),
        patient=session.patient.uid,
        uid=session.uid,
        lot=lot.uid,
        drawn_mg=Decimal("35"),
        witness=witness(cast),
    )


def lot_until(cast, day):
    received = drug_actions.Received("ketamine-10", "LOT9", day, Decimal("1000"))
    return drug_actions.receive(by=cast.actor("ben"), received=received).lot


def test_a_lot_is_over_when_its_last_day_has_ended_at_the_clinic(cast, session, watch):
    arrived(cast, session, watch)
    ordered(cast, session)
    lot = lot_until(cast, date(2026, 11, 30))
    watch.moment = datetime(2026, 11, 30, 22, 0, tzinfo=UTC)
    with timezone.override("Australia/Sydney"), pytest.raises(InputError, match="this lot has expired"):
        drawn(cast, session, lot)


def test_a_lot_is_good_for_all_of_its_last_day_at_the_clinic(cast, session, watch):
    arrived(cast, session, watch)
    ordered(cast, session)
    lot = lot_until(cast, date(2026, 11, 30))
    watch.moment = datetime(2026, 12, 1, 2, 0, tzinfo=UTC)
    with timezone.override("America/Los_Angeles"):
        assert drawn(cast, session, lot).lot == lot


def test_what_was_done_on_a_day_is_of_that_day_at_the_clinic(cast, session):
    course = session.course
    item = DueItem.objects.filter(course=course, kind="test").first()
    with timezone.override("Pacific/Auckland"):
        (done,) = due_actions.tick(
            by=cast.actor("ben"),
            patient=session.patient.uid,
            course=course.uid,
            items=[item.uid],
            done_on=date(2026, 11, 20),
        )
        assert localdate(done.done_at) == date(2026, 11, 20)


def test_a_stopping_rule_says_the_clinics_day_of_what_it_found(cast, session, watch):
    arrived(cast, session, watch)
    watch.moment = datetime(2026, 11, 30, 22, 0, tzinfo=UTC)
    adverse_actions.record_adverse_event(
        by=cast.actor("ben"),
        patient=session.patient.uid,
        uid=session.uid,
        event=adverse_actions.Event("psychosis", watch.moment, 3, "possible", "none", "recovering"),
    )
    with timezone.override("Australia/Sydney"):
        gates = {each.rule.id: each.saw for each in release_actions.gates_now(session)}
    assert gates["STOP-2"] == "psychosis, 01 Dec 2026"


def test_integration_is_looked_for_on_the_clinics_working_days():
    # Thursday 10:00 in Sydney: the first day of the window is Friday there.
    start = datetime(2026, 12, 2, 23, 0, tzinfo=UTC)
    with timezone.override("Australia/Sydney"):
        first = integration_days(load_protocol("iv-racemic"), start, [localdate(start)])[0][0]
        assert localdate(first) == date(2026, 12, 4)
        # After a dose on Friday the next day is a Saturday there, and still Friday in UTC.
        friday = start + timedelta(days=1)
        days = integration_days(load_protocol("iv-racemic"), friday, [localdate(friday)])
        assert localdate(days[-1][-1]) == date(2026, 12, 6)
        assert localdate(days[0][0]) == date(2026, 12, 7)


def test_a_time_in_the_future_is_refused_in_the_clinics_time(cast, watch):
    watch.moment = datetime(2026, 11, 30, 22, 0, tzinfo=UTC)
    ahead = Stamp(observed_at=watch.moment + timedelta(hours=1))
    with timezone.override("Australia/Sydney"), pytest.raises(InputError) as refused:
        ahead.fields(cast.actor("ben"))
    assert refused.value.limit == "01 Dec 09:00"
