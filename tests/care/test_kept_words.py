"""Two people do the same thing at once, or one is refused: what the second wrote comes back, and is never dropped."""

from __future__ import annotations

from html import unescape

import pytest
import treated
from addresses import World, asked
from django.urls import reverse

from openkap.care.outcomes.models import Form
from openkap.care.treatment.course import therapy_actions
from openkap.care.treatment.models import Alert, Visit

MINE = "seen together with the nurse, rested & calm"


@pytest.fixture
def running(cast, patient, watch):
    return treated.dosing(cast, treated.first_session(treated.planned(cast, patient)), watch)


def is_kept(answer) -> bool:
    """The page refuses, and shows what was written."""
    return answer.status_code == 422 and MINE in unescape(answer.content.decode())


def test_the_second_answer_to_an_alert_is_not_dropped(cast, running):
    treated.enter(cast, running, "vitals", treated.VITALS | {"sbp": "190"}, confirmed=True)
    alert = Alert.objects.filter(session=running).first()
    address = reverse("session_alert", args=[running.patient.uid, running.uid, alert.uid])
    for _ in range(2):
        assert cast.client("ben").post(address, {"done": "measured again"}).status_code == 302
    second = cast.client("ada").post(address, {"done": MINE})
    assert is_kept(second)
    assert "measured again" in second.content.decode()


def test_words_for_a_visit_that_has_ended_meanwhile_come_back(cast, running):
    where = [running.patient.uid, running.uid]
    answer = cast.client("ben").post(reverse("session_give_up", args=where), {"reason": MINE})
    assert is_kept(answer)
    assert "What you wrote was not saved" in answer.content.decode()
    assert "The dose has begun or the session is over." in answer.content.decode()


def test_a_second_reason_why_a_form_does_not_count_is_not_dropped(cast, patient):
    asked(World(cast, patient, patient), "cora", patient)
    address = reverse("outcome_form", args=[patient.uid, Form.objects.filter(patient=patient).first().uid])
    for _ in range(2):
        assert cast.client("ben").post(address, {"reason": "wrong person"}).status_code == 302
    second = cast.client("ada").post(address, {"reason": MINE})
    assert is_kept(second)
    assert "wrong person" in second.content.decode()


def test_a_note_on_what_a_colleague_has_ticked_is_not_dropped(cast, running):
    item = running.course.due_items.filter(kind="contact").first()
    address = reverse("course_due", args=[running.patient.uid, running.course.uid])
    for _ in range(2):
        assert cast.client("ben").post(address, {"items": item.uid, "note": "by phone"}).status_code == 302
    assert is_kept(cast.client("ada").post(address, {"items": item.uid, "note": MINE}))


def test_a_visit_whose_note_was_just_written_is_not_called_missed(cast, running, monkeypatch):
    visit = Visit.objects.filter(course=running.course, starts_at__lt=running.starts_at).first()
    obtain = therapy_actions.visit_for

    def while_a_colleague_writes(*given):
        row = obtain(*given)
        monkeypatch.setattr(therapy_actions, "visit_for", obtain)
        written = therapy_actions.Written("went well", 60, {})
        therapy_actions.write_note(
            by=cast.actor("tess"), patient=visit.patient.uid, uid=visit.uid, written=written
        )
        return row

    monkeypatch.setattr(therapy_actions, "visit_for", while_a_colleague_writes)
    address = reverse("visit_missed", args=[visit.patient.uid, visit.uid])
    assert is_kept(cast.client("ada").post(address, {"reason": MINE}))
    assert Visit.objects.get(pk=visit.pk).state != "missed"


def test_behind_the_lock_nobody_reads_what_was_written(cast, running, watch, settings):
    client = cast.client("ben")
    client.get("/home/")
    watch.forward(minutes=settings.LOCK_AFTER_MINUTES + 1)
    answer = client.post(
        reverse("session_give_up", args=[running.patient.uid, running.uid]), {"reason": MINE}
    )
    assert answer.status_code == 423
    assert MINE not in unescape(answer.content.decode())


@pytest.mark.parametrize(
    ("kind", "sent"),
    [
        ("application/x-www-form-urlencoded; charset=latin-1", b"a=b"),
        ("multipart/form-data", b"a=b"),
        ("application/x-www-form-urlencoded", b"a=1&" * 3_000),
        ("application/x-www-form-urlencoded", b"a" * 5_000_001),
    ],
)
def test_a_form_that_cannot_be_read_is_refused_in_words(client, db, kind, sent):
    client.raise_request_exception = False
    answer = client.post("/account/login/", sent, content_type=kind)
    assert answer.status_code == 400
    assert "That could not be read" in answer.content.decode()


@pytest.mark.usefixtures("nobody_is_locked_out")
def test_a_pass_phrase_that_was_wrong_is_shown_nowhere(cast):
    wrong = {name: f"correct horse {name}" for name in ("oldpassword", "password1", "password2")}
    page = cast.client("ben").post("/account/password/change/", wrong)
    assert page.status_code == 200
    assert "correct horse" not in page.content.decode()
