"""Adverse events from a tablet: an end, a treatment, an update, also one that arrives before what it updates."""

from __future__ import annotations

from datetime import timedelta

import pytest
import treated
from chairside import act, post, statuses
from signed_site import CARD, REPORTING, run_by

from openkap.care.enrolment.site import emergency_lines
from openkap.care.live.models import Photo
from openkap.care.live.page import protocol_data
from openkap.care.live.paper import form_fields
from openkap.care.moment import now
from openkap.care.treatment.models import AdverseEvent
from openkap.care.treatment.monitoring import adverse_actions
from openkap.care.treatment.session import closing_actions
from openkap.protocol.read import load_protocol

pytestmark = pytest.mark.usefixtures("nobody_is_locked_out")

NAUSEA = {
    "term": "nausea",
    "grade": "1",
    "relation": "probable",
    "action_taken": "none",
    "outcome": "recovering",
    "serious_because": "",
    "is_serious": False,
}
SERIOUS = NAUSEA | {"is_serious": True, "serious_because": "life-threatening", "term": "seizure"}


@pytest.fixture
def session(cast, patient, watch):
    session = treated.dosing(cast, treated.first_session(treated.planned(cast, patient)), watch)
    watch.forward(minutes=10)
    return session


def sent(cast, session, *entries):
    return post(cast.client("ben"), session, *entries)


def adverse(told) -> list[dict]:
    return told["state"]["adverse"]


def test_an_event_carries_its_end_and_the_treatment_given(cast, session):
    ended = (now() - timedelta(minutes=1)).isoformat()
    payload = NAUSEA | {"ended_at": ended, "treatment": "ondansetron 4 mg", "outcome": "recovered"}
    told = sent(cast, session, act("e", "event", now() - timedelta(minutes=5), **payload))
    (row,) = adverse(told)
    assert statuses(told) == ["saved"]
    assert (row["treatment"], row["outcome"]) == ("ondansetron 4 mg", "recovered")
    assert row["ended"] - row["at"] == 4 * 60_000


@pytest.mark.parametrize("grade", ["2.7", "", "two"])
def test_a_grade_that_is_no_whole_number_is_refused_and_nothing_is_cut_off(cast, session, grade):
    told = sent(cast, session, act("e", "event", now(), **(NAUSEA | {"grade": grade})))
    assert statuses(told) == ["refused"]
    assert not AdverseEvent.objects.exists()


def test_an_update_is_a_new_line_and_the_old_one_stays_and_counts_no_more(cast, session):
    at = now() - timedelta(minutes=5)
    sent(cast, session, act("e", "event", at, **NAUSEA))
    changed = NAUSEA | {"corrects": "e", "reason": "gone again", "outcome": "recovered"}
    told = sent(cast, session, act("u", "event", at, **changed))
    assert [(row["outcome"], row["counts"]) for row in adverse(told)] == [
        ("recovering", False),
        ("recovered", True),
    ]
    assert AdverseEvent.objects.get(client_id="u").reason == "gone again"


def test_an_update_that_arrives_first_waits_on_the_tablet(cast, session):
    at = now() - timedelta(minutes=5)
    first = act("e", "event", at, **NAUSEA)
    change = act("u", "event", at, **(NAUSEA | {"corrects": "e", "reason": "gone again"}))
    assert statuses(sent(cast, session, change)) == ["later"]
    assert statuses(sent(cast, session, first, change, change)) == ["saved", "saved", "saved"]
    assert AdverseEvent.objects.count() == 2


def test_an_update_without_its_reason_is_not_taken_and_says_why(cast, session):
    at = now() - timedelta(minutes=5)
    sent(cast, session, act("e", "event", at, **NAUSEA))
    told = sent(cast, session, act("u", "event", at, **(NAUSEA | {"corrects": "e"})))
    assert told["answers"][0]["what"] == "a change needs its reason"


def test_the_live_page_counts_down_to_the_report_and_hears_that_it_was_made(cast, session, watch, tmp_path):
    with run_by(tmp_path, REPORTING):
        (row,) = adverse(sent(cast, session, act("e", "event", now(), **SERIOUS)))
        assert row["report_by"] - row["entered"] == 24 * 3_600_000
        adverse_actions.report_adverse_event(
            by=cast.actor("ada"), patient=session.patient.uid, event=row["uid"], to="Safety board"
        )
        (row,) = adverse(sent(cast, session))
    assert (row["report_by"], row["reported_to"]) == (None, "Safety board")
    assert row["reported_by"] == cast.staff("ada").name


def test_the_live_page_says_that_no_deadline_is_set(cast, session):
    (row,) = adverse(sent(cast, session, act("e", "event", now(), **SERIOUS)))
    assert row["report_by"] is None
    assert row["report_why"] == "reporting deadline not set by this site"


def test_an_event_that_reaches_the_server_after_signing_is_taken_and_marked(cast, patient, watch):
    session = treated.gone(cast, treated.first_session(treated.planned(cast, patient)), watch)
    closing_actions.sign_session(
        by=cast.actor("ben"), patient=patient.uid, uid=session.uid, person=cast.staff("ben")
    )
    watch.forward(minutes=5)
    seen_at = now() - timedelta(minutes=30)
    told = sent(cast, session, act("e", "event", seen_at, **NAUSEA))
    assert statuses(told) == ["saved"]
    assert adverse(told)[0]["after_signing"]
    said = {field.label: field.value for field in form_fields(session)}
    assert "recorded after signing" in said["Effects, with time of onset and end"]


def test_the_database_takes_no_photograph_of_a_session_that_is_locked(cast, session):
    from django.db import DatabaseError, transaction

    session.locked_at = now()
    session.save(update_fields=["locked_at"])
    with pytest.raises(DatabaseError, match="signed and locked"), transaction.atomic():
        Photo.objects.create(
            session=session,
            client_id="p",
            image=b"\x89PNG",
            media_type="image/png",
            observed_at=now(),
            entered_at=now(),
            entered_by=cast.staff("ben"),
        )


def test_the_emergency_card_has_the_site_s_lines_and_says_which_are_not_set(tmp_path):
    with run_by(tmp_path, CARD):
        assert protocol_data(load_protocol("iv-racemic"))["emergency_site"] == [
            ("Emergency number", "555 0100"),
            ("Crash cart", "hall, left of the door"),
            ("Nearest hospital", ""),
            ("Call", ""),
        ]


def test_without_a_site_file_every_line_of_the_emergency_card_is_not_set():
    assert {value for _, value in emergency_lines()} == {""}
