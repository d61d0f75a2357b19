"""What comes late says when it was true, and what comes after the signature is kept and marked."""

from __future__ import annotations

import base64
import json
from datetime import timedelta

import pytest
import treated
from chairside import act, address, post, statuses, vitals
from django.utils.timezone import localtime
from enrolled import proof
from pdf_text import text_of

from openkap.care.audit.models import AuditEvent
from openkap.care.live.models import LateEntry
from openkap.care.treatment.models import Alert, Entry, Session
from openkap.care.treatment.session import closing_actions
from openkap.core.errors import InputError

PICTURE = b"\xff\xd8\xff\xda\x00\x02" + bytes(200) + b"\xff\xd9"
HIGH = {"sbp": "185", "dbp": "90", "heart_rate": "80"}


@pytest.fixture
def session(cast, patient, watch, settings):
    """Alex's first session; the dose has just been started."""
    settings.LOCK_AFTER_MINUTES = 600
    return treated.dosing(cast, treated.first_session(treated.planned(cast, patient)), watch)


def page(cast, session, name: str = "") -> str:
    where = f"/patients/{session.patient.uid}/sessions/{session.uid}/{name}"
    return cast.client("ben").get(where).content.decode()


def test_an_answer_from_a_cut_carries_the_time_of_the_tablet_and_when_it_arrived(cast, session, watch):
    watch.forward(minutes=10)
    read_at, answered = watch.moment, watch.moment + timedelta(seconds=20)
    watch.forward(minutes=30)
    seen = act("k", "acknowledge", answered, rule="VIT-03", entry="a", done="paused")
    told = post(cast.client("ben"), session, vitals("a", read_at, **HIGH), seen)
    assert statuses(told) == ["saved", "saved"]
    row = Alert.objects.get(session=session, rule="VIT-03")
    assert (row.at, row.acknowledged_at) == (read_at, answered)
    assert (row.answer.observed_at, row.answer.entered_at) == (answered, watch.moment)
    shown = next(each for each in told["state"]["alerts"] if each["rule"] == "VIT-03")
    assert shown["seen_entered"] - shown["seen_at"] == (watch.moment - answered) // timedelta(milliseconds=1)
    event = AuditEvent.objects.filter(action="alert.acknowledged").latest("id")
    assert json.loads(event.body)["detail"]["answered_at"] == answered.isoformat()
    assert "reached the server" in page(cast, session)
    where = f"/patients/{session.patient.uid}/sessions/{session.uid}/record.pdf"
    assert "reached the server" in text_of(cast.client("ben").get(where).content).replace("\n", " ")


def test_the_second_answer_to_one_alert_is_kept_as_a_note(cast, session, watch):
    watch.forward(minutes=10)
    told = post(cast.client("ben"), session, vitals("a", watch.moment, **HIGH))
    uid = next(each["uid"] for each in told["state"]["alerts"] if each["rule"] == "VIT-03")
    first = act("k1", "acknowledge", watch.moment, alert=uid, done="paused")
    other = act("k2", "acknowledge", watch.moment, alert=uid, done="prescriber called")
    assert statuses(post(cast.client("ben"), session, first, first)) == ["saved", "saved"]
    assert statuses(post(cast.client("ada"), session, other, other)) == ["saved", "saved"]
    assert Alert.objects.get(uid=uid).done == "paused"
    (note,) = Entry.objects.filter(session=session, kind="note")
    assert (note.client_id, "prescriber called" in note.note) == ("k2", True)


def over(cast, session, watch) -> dict:
    """The dose stopped, the patient gone, every alert answered."""
    treated.dose(cast, session, "stop", given_mg=35, confirmed=True)
    where = {"by": cast.actor("ben"), "patient": session.patient.uid, "uid": session.uid}
    session.alerts.update(acknowledged_by=cast.staff("ben"), acknowledged_at=watch.moment, done="seen")
    closing_actions.let_go(
        **where, escort="leaves alone", against_because="wanted to go", person=cast.staff("ben")
    )
    session.alerts.filter(acknowledged_at__isnull=True).update(
        acknowledged_by=cast.staff("ben"), acknowledged_at=watch.moment, done="seen"
    )
    return where


def signed(cast, session, watch) -> None:
    closing_actions.sign_session(**over(cast, session, watch), person=proof(cast, "ben"))


def heard(cast, session, waiting: int) -> None:
    cast.client("ada").get(address(session, "state") + f"?device=tablet-2&name=tablet&waiting={waiting}")


def test_signing_says_that_another_tablet_still_holds_entries_and_asks(cast, session, watch):
    where = over(cast, session, watch)
    heard(cast, session, 2)
    with pytest.raises(InputError, match="2 entries"):
        closing_actions.sign_session(**where, person=proof(cast, "ben"))
    said = page(cast, session)
    assert "2 entries on the tablet of Ada Lindqvist" in said
    assert 'name="despite_unsent"' in said
    closing_actions.sign_session(**where, person=proof(cast, "ben"), despite_unsent=True)
    event = AuditEvent.objects.filter(action="session.signed").latest("id")
    assert "2 entries" in json.loads(event.body)["detail"]["unsent"][0]


def test_a_tablet_that_has_sent_everything_does_not_hold_up_the_signature(cast, session, watch):
    where = over(cast, session, watch)
    heard(cast, session, 2)
    heard(cast, session, 0)
    closing_actions.sign_session(**where, person=proof(cast, "ben"))
    assert Session.objects.get(pk=session.pk).locked_at


def test_a_tablet_that_fell_silent_may_hold_entries_and_one_that_said_goodbye_does_not(cast, session, watch):
    where = over(cast, session, watch)
    heard(cast, session, 0)
    watch.forward(minutes=5)
    with pytest.raises(InputError, match="perhaps entries on the tablet of Ada Lindqvist"):
        closing_actions.sign_session(**where, person=proof(cast, "ben"))
    cast.client("ada").get(address(session, "state") + "?device=tablet-2&left=1")
    closing_actions.sign_session(**where, person=proof(cast, "ben"))
    assert Session.objects.get(pk=session.pk).locked_at


def test_a_tablet_that_holds_entries_does_not_leave_unheard(cast, session, watch):
    where = over(cast, session, watch)
    heard(cast, session, 1)
    cast.client("ada").get(address(session, "state") + "?device=tablet-2&left=1")
    with pytest.raises(InputError, match="1 entry on the tablet"):
        closing_actions.sign_session(**where, person=proof(cast, "ben"))


def test_what_arrives_after_the_signature_is_kept_whole_marked_and_shown(cast, session, watch):
    seen_at = watch.moment + timedelta(minutes=5)
    watch.forward(minutes=10)
    before = vitals("before", watch.moment)
    post(cast.client("ada"), session, before)
    signed(cast, session, watch)
    watch.forward(minutes=20)
    image = base64.b64encode(b"\xff\xd8\xff\xda\x00\x02" + bytes(200) + b"\xff\xd9").decode()
    sent = [
        vitals("late", seen_at, sbp="171", dbp="99"),
        act("pic", "photo", seen_at, image=image, note="the monitor"),
        act("still", "pause", seen_at),
    ]
    told = post(cast.client("ada"), session, *sent, *sent, before)
    assert set(statuses(told)) == {"saved"}
    rows = {row.client_id: row for row in LateEntry.objects.filter(session=session)}
    assert set(rows) == {"late", "pic", "still"}
    late = rows["late"]
    assert (late.observed_at, late.entered_at, late.entered_by) == (seen_at, watch.moment, cast.staff("ada"))
    assert image in rows["pic"].payload
    assert not Entry.objects.filter(client_id="late").exists()
    (shown,) = [each for each in told["state"]["late"] if "171" in each["words"]]
    assert shown["by"] == "Ada Lindqvist"
    for said in (
        page(cast, session),
        text_of(
            cast.client("ben")
            .get(f"/patients/{session.patient.uid}/sessions/{session.uid}/record.pdf")
            .content
        ).replace("\n", " "),
    ):
        assert "not under the signature" in said
        assert "systolic pressure 171" in said


def photographed_late(cast, session, watch) -> tuple[LateEntry, dict]:
    """Taken while the session ran, kept on a tablet, sent after the lock."""
    seen_at = watch.moment + timedelta(minutes=5)
    watch.forward(minutes=10)
    signed(cast, session, watch)
    image = base64.b64encode(PICTURE).decode()
    told = post(cast.client("ada"), session, act("pic", "photo", seen_at, image=image, note="the monitor"))
    return LateEntry.objects.get(client_id="pic"), told["state"]


def test_a_photograph_that_arrives_after_the_signature_can_be_looked_at(cast, session, watch):
    row, state = photographed_late(cast, session, watch)
    where = f"/patients/{session.patient.uid}/sessions/{session.uid}/photos/{row.uid}/"
    answer = cast.client("ben").get(where)
    assert (answer.content, answer["Content-Type"]) == (PICTURE, "image/jpeg")
    assert [(each["url"], each["is_photo"]) for each in state["late"]] == [(where, True)]
    assert cast.client("eve").get(where).status_code == 404


def test_the_session_s_record_shows_a_late_photograph_as_after_the_signature(cast, session, watch):
    row, _ = photographed_late(cast, session, watch)
    record = page(cast, session).split('id="record"')[1].split("</section>")[0]
    assert f"photos/{row.uid}/" in record
    assert "after the signature" in record
    assert "not under the signature" in record


def test_a_late_photograph_that_is_none_is_kept_and_not_shown_as_a_picture(cast, session, watch):
    watch.forward(minutes=10)
    signed(cast, session, watch)
    post(cast.client("ada"), session, act("pic", "photo", watch.moment, image="bm9uZQ=="))
    row = LateEntry.objects.get(client_id="pic")
    where = f"/patients/{session.patient.uid}/sessions/{session.uid}/photos/{row.uid}/"
    assert cast.client("ben").get(where).status_code == 404


def crossed_out(cast, session, watch, photo: str) -> str:
    """A tablet sends after the lock that a photograph was of somebody else; what the record says of it."""
    gone = act("gone", "photo_in_error", watch.moment, corrects=photo, reason="of the next chair")
    post(cast.client("ada"), session, gone)
    return LateEntry.objects.get(client_id="gone").words


def test_a_photograph_crossed_out_after_the_signature_is_named_by_its_time_and_words(cast, session, watch):
    row, _ = photographed_late(cast, session, watch)
    said = crossed_out(cast, session, watch, "pic")
    when = f"{localtime(row.observed_at):%a %-d %b %Y %H:%M}"
    assert said == f"crossing out of the photograph of {when}, “the monitor”: reason of the next chair"
    record = page(cast, session).split('id="record"')[1].split("</section>")[0]
    assert "Crossed out" in record
    assert "Ada Lindqvist: of the next chair" in record


def test_a_signed_photograph_that_is_crossed_out_late_says_so_where_it_stands(cast, session, watch):
    image = base64.b64encode(PICTURE).decode()
    taken = watch.moment
    watch.forward(minutes=10)
    post(cast.client("ada"), session, act("ph", "photo", taken, image=image))
    signed(cast, session, watch)
    said = crossed_out(cast, session, watch, "ph")
    assert said.startswith(f"crossing out of the photograph of {localtime(taken):%a %-d %b %Y %H:%M}: ")
    record = page(cast, session).split('id="record"')[1].split("</section>")[0]
    assert "Crossed out after the signature" in record
    assert "Ada Lindqvist: of the next chair" in record


def test_a_crossing_out_of_a_photograph_nobody_has_says_that_it_is_not_here(cast, session, watch):
    watch.forward(minutes=10)
    signed(cast, session, watch)
    said = crossed_out(cast, session, watch, "never-sent")
    assert said.startswith("crossing out of a photograph that has not reached the server: ")
