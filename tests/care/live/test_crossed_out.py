"""A photograph or an adverse event of another patient is crossed out with the reason, and stays."""

from __future__ import annotations

import base64
import json

import pytest
import treated
from chairside import act, post, statuses
from django.db import DatabaseError, transaction
from pdf_text import text_of

from openkap.care.insights import treatment_rows
from openkap.care.insights.source import Source
from openkap.care.live.models import LateEntry, Photo
from openkap.care.live.paper import form_fields
from openkap.care.moment import now
from openkap.care.treatment.course.rules import rules_of
from openkap.care.treatment.models import AdverseEvent
from openkap.care.treatment.monitoring import adverse_actions
from openkap.care.treatment.session import closing_actions
from openkap.care.treatment.session.record import record_of
from openkap.core.errors import InputError

JPEG = b"\xff\xd8\xff\xda\x00\x02made up\xff\xd9"
IMAGE = base64.b64encode(JPEG).decode()
EVENT = {
    "term": "seizure",
    "grade": "4",
    "is_serious": True,
    "serious_because": "life-threatening",
    "relation": "possible",
    "action_taken": "none",
    "outcome": "recovering",
}
WHY = "of the patient in Chair 2"

pytestmark = pytest.mark.usefixtures("nobody_is_locked_out")


@pytest.fixture
def session(cast, patient, watch):
    session = treated.dosing(cast, treated.first_session(treated.planned(cast, patient)), watch)
    watch.forward(minutes=5)
    return session


def sent(cast, session, *entries):
    return post(cast.client("ben"), session, *entries)


@pytest.fixture
def photo(cast, session, watch):
    assert statuses(sent(cast, session, act("p", "photo", watch.moment, image=IMAGE))) == ["saved"]
    return Photo.objects.get(client_id="p")


@pytest.fixture
def event(cast, session, watch):
    assert statuses(sent(cast, session, act("e", "event", watch.moment, **EVENT))) == ["saved"]
    return AdverseEvent.objects.get(client_id="e")


def photo_gone(watch, reason=WHY):
    return act("p-gone", "photo_in_error", watch.moment, corrects="p", reason=reason)


def event_gone(watch, reason=WHY):
    return act("e-gone", "event_in_error", watch.moment, corrects="e", reason=reason)


def page(cast, session, end="", key="ben") -> str:
    return cast.client(key).get(f"/patients/{session.patient.uid}/{end}").content.decode()


def session_page(cast, session) -> str:
    return page(cast, session, f"sessions/{session.uid}/")


def sign(cast, session):
    treated.dose(cast, session, "stop", given_mg=35, confirmed=True)
    where = {"by": cast.actor("ben"), "patient": session.patient.uid, "uid": session.uid}
    session.alerts.update(acknowledged_by=cast.staff("ben"), acknowledged_at=now(), done="seen")
    person = cast.staff("ben")
    closing_actions.let_go(**where, escort="leaves alone", against_because="wanted to go", person=person)
    closing_actions.sign_session(**where, person=person)


def test_a_photograph_is_crossed_out_and_its_bytes_stay(cast, session, watch, photo):
    told = sent(cast, session, photo_gone(watch))
    assert statuses(told) == ["saved"]
    assert [(each["id"], each["gone"]) for each in told["state"]["photos"]] == [("p", WHY)]
    assert bytes(Photo.objects.get(client_id="p").image) == JPEG
    (held,) = record_of(session)["photos"]
    assert held["crossed_out"] == f"Ben Okafor: {WHY}"
    assert f"Ben Okafor: {WHY}" in session_page(cast, session)
    paper = cast.client("ben").get(f"/patients/{session.patient.uid}/sessions/{session.uid}/record.pdf")
    assert f"CROSSED OUT by Ben Okafor: {WHY}" in " ".join(text_of(paper.content).split())
    gone = Photo.objects.get(client_id="p-gone")
    where = f"/patients/{session.patient.uid}/sessions/{session.uid}/"
    assert cast.client("ben").get(f"{where}photos/{gone.uid}/").status_code == 404


@pytest.mark.parametrize("gone", [photo_gone, event_gone])
def test_without_a_reason_nothing_is_crossed_out(cast, session, watch, photo, event, gone):
    assert statuses(sent(cast, session, gone(watch, reason=" "))) == ["refused"]
    assert not Photo.objects.filter(corrects__isnull=False).exists()
    assert not AdverseEvent.objects.filter(corrects__isnull=False).exists()


@pytest.mark.parametrize("gone", [photo_gone, event_gone])
def test_a_crossing_out_that_comes_before_what_it_names_waits_on_the_tablet(cast, session, watch, gone):
    assert statuses(sent(cast, session, gone(watch))) == ["later"]


def test_crossing_out_sent_twice_is_one_row(cast, session, watch, event, photo):
    for _ in range(2):
        assert statuses(sent(cast, session, event_gone(watch), photo_gone(watch))) == ["saved", "saved"]
    assert (AdverseEvent.objects.count(), Photo.objects.count()) == (2, 2)


def test_the_clock_of_reporting_of_a_crossed_out_event_ends_everywhere(cast, session, watch, event):
    assert "Report the serious adverse event" in cast.client("ada").get("/home/").content.decode()
    told = sent(cast, session, event_gone(watch))
    assert [(each["counts"], each["in_error"]) for each in told["state"]["adverse"]] == [
        (False, False),
        (False, True),
    ]
    assert all(each["report_by"] is None and not each["report_why"] for each in told["state"]["adverse"])
    assert "Report the serious adverse event" not in cast.client("ada").get("/home/").content.decode()
    course = page(cast, session, f"courses/{session.course.uid}/", "ada")
    assert "Reported, by me" not in course
    assert WHY in course
    with pytest.raises(InputError, match="no such serious event"):
        adverse_actions.report_adverse_event(
            by=cast.actor("ada"),
            patient=session.patient.uid,
            event=AdverseEvent.objects.get(client_id="e-gone").uid,
            to="the regulator",
        )


def test_the_record_keeps_a_crossed_out_event_and_says_why(cast, session, watch, event):
    sent(cast, session, event_gone(watch))
    old, new = record_of(session)["adverse_events"]
    assert (old["replaced"], new["in_error"], new["reason"]) == (True, True, WHY)
    assert WHY in session_page(cast, session)
    paper = cast.client("ben").get(f"/patients/{session.patient.uid}/sessions/{session.uid}/record.pdf")
    assert f"entered in error: {WHY}" in " ".join(text_of(paper.content).split())


def test_no_form_rule_or_export_counts_a_crossed_out_event(cast, session, watch, event):
    def met():
        return [each.rule.id for each in rules_of(session.course) if each.state == "met"]

    def fields():
        said = {each.label: each.value for each in form_fields(session)}
        return said["Effects, with time of onset and end"], said["Serious adverse events"]

    assert met()
    assert "seizure" in fields()[0] + fields()[1]
    sent(cast, session, event_gone(watch))
    assert not met()
    assert fields() == ("none recorded", "none recorded")
    watch.forward(minutes=1)
    source = Source(session.patient.clinic, now())
    rows = list(treatment_rows.adverse_events(source))
    gone = AdverseEvent.objects.get(client_id="e-gone")
    assert [(row["event_id"], row["replaces"], row["status"]) for row in rows] == [
        (event.uid, None, "final"),
        (gone.uid, event.uid, "entered-in-error"),
    ]


def test_the_session_s_page_crosses_out_an_event_too(cast, session, event):
    where = f"/patients/{session.patient.uid}/sessions/{session.uid}/adverse-event/"
    cast.client("ben").post(where, {"in_error": event.uid, "reason": WHY, "client_id": "page"})
    assert AdverseEvent.objects.get(client_id="page").is_retraction


def test_what_is_crossed_out_is_not_updated_but_recorded_anew(cast, session, watch, event):
    sent(cast, session, event_gone(watch))
    late = act("late", "event", watch.moment, **EVENT, corrects="e-gone", reason="it did happen")
    told = sent(cast, session, late)
    assert statuses(told) == ["refused"]
    assert "record it anew" in json.dumps(told["answers"])


def test_after_the_signature_an_event_is_still_crossed_out_and_says_that_it_came_after(
    cast, session, watch, event
):
    sign(cast, session)
    assert statuses(sent(cast, session, event_gone(watch))) == ["saved"]
    row = AdverseEvent.objects.get(client_id="e-gone")
    assert (row.is_retraction, row.after_signing) == (True, True)
    assert not LateEntry.objects.exists()


def test_the_database_takes_no_crossing_out_of_nothing_and_no_photograph_without_a_picture(
    cast, session, watch, event, photo
):
    same = {name: getattr(event, name) for name in adverse_actions.AS_IT_STOOD}
    fields = {"entered_by_id": event.entered_by_id, "entered_at": now(), "client_id": "x"}
    with pytest.raises(DatabaseError), transaction.atomic():
        AdverseEvent.objects.create(**same, **fields, is_retraction=True)
    with pytest.raises(DatabaseError), transaction.atomic():
        Photo.objects.create(session=session, image=b"", observed_at=now(), **fields)
