"""Adverse events: the clock of a report, updates with their reason, and what comes after the signature."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from django.db import DatabaseError, transaction
from pdf_text import text_of
from signed_site import REPORTING, run_by
from treated import dosing, first_session, gone, planned

from openkap.care.audit.models import AuditEvent
from openkap.care.moment import now
from openkap.care.treatment.models import AdverseEvent, LedgerEntry
from openkap.care.treatment.monitoring import adverse_actions
from openkap.care.treatment.monitoring.adverse_actions import Event
from openkap.care.treatment.monitoring.reporting import NOT_SET
from openkap.care.treatment.session import closing_actions
from openkap.core.errors import InputError

pytestmark = pytest.mark.usefixtures("nobody_is_locked_out")

NAUSEA = {
    "term": "nausea",
    "grade": "1",
    "relation": "probable",
    "action_taken": "none",
    "outcome": "recovering",
    "serious_because": "",
}
SERIOUS = NAUSEA | {"term": "seizure", "grade": "4", "serious_because": "life-threatening"}


@pytest.fixture
def session(cast, patient, watch):
    return dosing(cast, first_session(planned(cast, patient)), watch)


@pytest.fixture
def signed(cast, patient, watch):
    """A session whose record is signed and locked."""
    session = gone(cast, first_session(planned(cast, patient)), watch)
    closing_actions.sign_session(
        by=cast.actor("ben"), patient=patient.uid, uid=session.uid, person=cast.staff("ben")
    )
    session.refresh_from_db()
    return session


def url_of(session, end="") -> str:
    return f"/patients/{session.patient.uid}/sessions/{session.uid}/{end}"


def course_of(session) -> str:
    return f"/patients/{session.patient.uid}/courses/{session.course.uid}/"


def send(cast, session, **data):
    answer = cast.client("ben").post(url_of(session, "adverse-event/"), data)
    assert answer.status_code == 302, answer.content.decode()
    return AdverseEvent.objects.order_by("-id").first()


def update(cast, session, old, reason="follow-up", **changes):
    return send(cast, session, **(changes | {"corrects": old.uid, "reason": reason}))


def report(cast, session, row, **data):
    return cast.client("ada").post(course_of(session) + "reports/", {"event": row.uid} | data, follow=True)


def home(cast) -> str:
    return cast.client("ada").get("/home/").content.decode()


def page(cast, address, key="ada") -> str:
    return cast.client(key).get(address).content.decode()


# --- the clock of a report -----------------------------------------------------------------------------


def test_a_serious_event_stands_on_the_prescriber_s_page_with_the_hours_that_are_left(
    cast, session, watch, tmp_path
):
    with run_by(tmp_path, REPORTING):
        send(cast, session, **SERIOUS)
        watch.forward(hours=3)
        due = now() + timedelta(hours=21)
        assert "Report the serious adverse event" in home(cast)
        assert f"report by {due:%d %b %H:%M}" in home(cast)
        assert "in 21\u202fh" in home(cast)
        shown = page(cast, course_of(session))
        assert "in 21\u202fh" in shown
        assert "safety board" in shown
        assert "A. Moreau" in shown


def test_a_report_that_is_late_says_by_how_much(cast, session, watch, tmp_path):
    with run_by(tmp_path, REPORTING):
        send(cast, session, **SERIOUS)
        watch.forward(hours=27)
        assert "3\u202fh late" in home(cast)
        assert "3\u202fh late" in page(cast, course_of(session))


def test_without_a_time_of_the_site_the_deadline_is_said_to_be_missing(cast, session):
    send(cast, session, **SERIOUS)
    assert NOT_SET == "reporting deadline not set by this site"
    assert NOT_SET in home(cast)
    assert NOT_SET in page(cast, course_of(session))


def test_the_clock_runs_from_when_the_clinic_knew_not_from_an_update(cast, session, watch, tmp_path):
    with run_by(tmp_path, REPORTING):
        first = send(cast, session, **SERIOUS)
        watch.forward(hours=5)
        row = update(cast, session, first, **(SERIOUS | {"outcome": "recovered"}))
        assert row.serious_since == first.entered_at
        assert "in 19\u202fh" in home(cast)


def test_an_event_that_turns_serious_starts_its_clock_then(cast, session, watch):
    first = send(cast, session, **NAUSEA)
    assert first.serious_since is None
    watch.forward(hours=5)
    row = update(cast, session, first, **(NAUSEA | {"serious_because": "life-threatening"}))
    assert row.serious_since == row.entered_at == now()


def test_a_report_names_who_when_and_to_whom(cast, session, watch):
    row = send(cast, session, **SERIOUS)
    watch.forward(hours=2)
    assert "to whom it was reported is missing" in report(cast, session, row, to=" ").content.decode()
    report(cast, session, row, to="Safety board")
    row.refresh_from_db()
    assert (row.reported_to, row.reported_at, row.reported_by) == (
        "Safety board",
        now(),
        cast.staff("ada"),
    )
    shown = page(cast, course_of(session))
    assert f"Reported to Safety board, {now():%-d %b %Y %H:%M}, by {cast.staff('ada').name}" in shown
    assert "Report the serious adverse event" not in home(cast)
    assert AuditEvent.objects.filter(action="adverse_event.reported").count() == 1


def test_a_report_is_not_written_over_and_not_from_the_future(cast, session, watch):
    row = send(cast, session, **SERIOUS)
    watch.forward(hours=2)
    ahead = f"{now() + timedelta(hours=1):%Y-%m-%dT%H:%M}"
    assert "does not fit" in report(cast, session, row, to="Board", at=ahead).content.decode()
    earlier = now() - timedelta(hours=1)
    report(cast, session, row, to="Board", at=earlier.isoformat())
    assert "reported already" in report(cast, session, row, to="Somebody else").content.decode()
    row.refresh_from_db()
    assert (row.reported_to, row.reported_at) == ("Board", earlier)


def test_an_update_keeps_that_the_event_was_reported(cast, session, watch):
    first = send(cast, session, **SERIOUS)
    report(cast, session, first, to="Safety board")
    watch.forward(hours=2)
    row = update(cast, session, first, **(SERIOUS | {"outcome": "recovered"}))
    first.refresh_from_db()
    assert (row.reported_at, row.reported_to, row.reported_by) == (
        first.reported_at,
        "Safety board",
        cast.staff("ada"),
    )
    assert "Report the serious adverse event" not in home(cast)
    assert "Updated since" in page(cast, course_of(session))


def test_what_was_replaced_or_is_not_serious_cannot_be_reported(cast, session):
    first = send(cast, session, **SERIOUS)
    update(cast, session, first, **SERIOUS)
    mild = send(cast, session, **NAUSEA)
    for row in (first, mild):
        assert "no such serious event" in report(cast, session, row, to="Board").content.decode()


# --- updates -------------------------------------------------------------------------------------------


def test_the_session_page_offers_an_update_filled_with_the_event_as_it_stands(cast, session):
    row = send(cast, session, **(NAUSEA | {"treatment": "ondansetron 4 mg"}))
    shown = page(cast, url_of(session), "ben")
    assert f'name="corrects" value="{row.uid}"' in shown
    assert 'value="ondansetron 4 mg"' in shown
    assert "Save the update" not in page(cast, url_of(session), "tess")


def test_the_chain_of_an_event_stays_in_sight_with_its_reasons(cast, session, watch):
    first = send(cast, session, **NAUSEA)
    watch.forward(hours=1)
    ended = f"{now():%Y-%m-%dT%H:%M}"
    changed = NAUSEA | {"outcome": "recovered", "ended_at": ended, "grade": "2"}
    update(cast, session, first, reason="told us on the telephone", **changed)
    shown = page(cast, url_of(session), "ben")
    assert "told us on the telephone" in shown
    assert "grade 1" in shown
    assert "grade 2" in shown
    assert shown.count("Save the update") == 1


def test_an_update_without_its_reason_keeps_what_was_typed(cast, session):
    row = send(cast, session, **NAUSEA)
    typed = NAUSEA | {"corrects": row.uid, "reason": " ", "words": "since the second glass"}
    answer = cast.client("ben").post(url_of(session, "adverse-event/"), typed)
    assert answer.status_code == 422
    assert "since the second glass" in answer.content.decode()
    assert AdverseEvent.objects.count() == 1


def test_a_second_update_of_the_same_line_says_who_was_first(cast, session):
    first = send(cast, session, **NAUSEA)
    update(cast, session, first, reason="recovered at noon", **NAUSEA)
    event = Event(
        "nausea", first.onset_at, 1, "probable", "none", "recovered", corrects=first.uid, reason="x"
    )
    with pytest.raises(InputError, match="changed this adverse event already") as refused:
        adverse_actions.record_adverse_event(
            by=cast.actor("ada"), patient=session.patient.uid, uid=session.uid, event=event
        )
    assert "recovered at noon" in str(refused.value.value)


def test_an_end_that_is_still_to_come_is_refused(cast, session):
    ended = f"{now() + timedelta(hours=2):%Y-%m-%dT%H:%M}"
    answer = cast.client("ben").post(url_of(session, "adverse-event/"), NAUSEA | {"ended_at": ended})
    assert answer.status_code == 422
    assert "still to come" in answer.content.decode()


def test_an_event_of_this_moment_is_taken_from_a_tablet_whose_clock_is_a_little_ahead(cast, session):
    event = Event("nausea", now() + timedelta(seconds=2), 1, "probable", "none", "recovering")
    row = adverse_actions.record_adverse_event(
        by=cast.actor("ben"), patient=session.patient.uid, uid=session.uid, event=event
    )
    assert row.pk


# --- after the signature -------------------------------------------------------------------------------


def test_an_event_after_signing_is_taken_and_says_so_everywhere(cast, signed, watch):
    watch.forward(hours=20)
    row = send(cast, signed, **NAUSEA)
    assert row.after_signing
    shown = page(cast, url_of(signed), "ben")
    assert "recorded after signing" in shown[shown.index(f"event-{row.uid}") :]
    assert "recorded after signing" in page(cast, course_of(signed))
    paper = text_of(cast.client("ben").get(url_of(signed, "record.pdf")).content)
    assert "not under the signature" in paper
    assert "RECORDED AFTER SIGNING" in paper
    assert json.loads(signed.signed.record)["adverse_events"] == []


def test_an_event_of_the_session_is_updated_days_after_its_record_was_signed(cast, session, watch):
    first = send(cast, session, **NAUSEA)
    assert not first.after_signing
    watch.forward(minutes=1)
    session.locked_at = now()
    session.save(update_fields=["locked_at"])
    watch.forward(days=3)
    row = update(cast, session, first, **(NAUSEA | {"outcome": "recovered"}))
    assert row.after_signing
    assert row.corrects == first


def test_nothing_is_said_of_after_signing_where_nothing_came_after_it(cast, signed):
    paper = text_of(cast.client("ben").get(url_of(signed, "record.pdf")).content)
    assert "after signing" not in paper.lower()
    assert "recorded after signing" not in page(cast, course_of(signed))


def test_the_database_takes_no_event_after_the_lock_that_does_not_say_so(cast, signed, watch):
    watch.forward(hours=1)
    row = send(cast, signed, **NAUSEA)
    row.pk, row.uid, row.client_id, row.after_signing = None, "another", "another", False
    with pytest.raises(DatabaseError, match="recorded after signing"), transaction.atomic():
        row.save(force_insert=True)


def test_the_database_takes_no_ledger_line_of_a_session_that_is_locked(cast, signed):
    row = LedgerEntry.objects.filter(session=signed).order_by("-id").first()
    row.pk, row.uid, row.client_id, row.sequence = None, "another", "another", row.sequence + 1
    row.kind, row.change_ug = "drawn", 0
    with pytest.raises(DatabaseError, match="signed and locked"), transaction.atomic():
        row.save(force_insert=True)


def test_what_is_known_of_a_report_is_never_changed_on_the_database(cast, session):
    row = send(cast, session, **SERIOUS)
    for change in ({"serious_since": None}, {"after_signing": True}):
        with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
            AdverseEvent.objects.filter(pk=row.pk).update(**change)
