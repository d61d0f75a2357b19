"""Whoever sees that questions are about to close reminds from the page they are led to: the link, or a call."""

from __future__ import annotations

import pytest
from django.urls import reverse

from openkap.care.audit.models import AuditEvent
from openkap.care.messaging.actions import send_due as deliver
from openkap.care.messaging.models import Message
from openkap.care.outcomes import planning
from openkap.care.outcomes.actions import close, finish
from openkap.care.outcomes.models import Invitation
from openkap.care.patients.models import Patient
from openkap.core.errors import InputError

pytestmark = pytest.mark.usefixtures("nobody_is_locked_out")


@pytest.fixture
def sent(patient, asked, watch):
    """Asked five and a half days ago, the link sent, reminded half-way; the questions close soon."""
    address(patient, email="p@example.org", telephone="+1 555 010 0199")
    planning.send_due("w")
    watch.forward(days=4)
    planning.remind_due("w")
    deliver("w")
    watch.forward(days=2, hours=12)
    asked.refresh_from_db()
    return asked


def address(patient, **fields):
    type(patient.identity).objects.filter(patient=patient).update(**fields)


def page_of(cast, invitation, key="cora"):
    return (
        cast.client(key)
        .get(reverse("invitation", args=[invitation.patient.uid, invitation.uid]))
        .content.decode()
    )


def again(cast, invitation, key="cora"):
    planning.send_again(by=cast.actor(key), uid=invitation.patient.uid, invitation=invitation.uid)


def links():
    return Message.objects.filter(purpose="measure")


def test_the_line_that_says_remind_leads_to_a_page_that_reminds(cast, sent):
    where = reverse("invitation", args=[sent.patient.uid, sent.uid])
    home = cast.client("cora").get(reverse("home")).content.decode()
    assert "Remind: the questions close soon" in home
    assert where in home
    page = page_of(cast, sent)
    assert "Send the link again" in page
    assert 'href="tel:+15550100199"' in page
    answer = cast.client("cora").post(where, {"act": "send_again"}, follow=True).content.decode()
    assert "The link goes out within a minute" in answer
    assert "reminded 29 Nov" in answer
    newest = links().latest("pk")
    assert (newest.address, newest.kind) == ("p@example.org", "email")
    assert newest.body.startswith("A reminder")
    told = AuditEvent.objects.get(action="measure.sent_again")
    assert cast.staff("cora").uid in told.actor
    assert told.patient == sent.patient.uid


def test_the_link_that_was_sent_again_opens_the_questions_and_so_does_the_first(cast, client, sent):
    again(cast, sent)
    found = links().latest("pk").body.split()[-1].removeprefix("http://127.0.0.1:8000")
    assert client.get(found).status_code == 200


def test_once_reminded_the_line_asks_for_a_call(cast, sent):
    again(cast, sent)
    home = cast.client("cora").get(reverse("home")).content.decode()
    assert "Call: reminded, and the questions close soon" in home
    assert "Remind: the questions close soon" not in home


def test_a_link_that_still_waits_to_go_out_is_not_sent_a_second_time(cast, sent):
    again(cast, sent)
    with pytest.raises(InputError, match="on its way"):
        again(cast, sent)
    assert links().count() == 3
    deliver("w")
    again(cast, sent)
    assert links().count() == 4


def test_a_link_that_could_not_be_delivered_is_sent_anew_to_the_mended_address(cast, sent):
    again(cast, sent)
    links().filter(sent_at=None).update(last_error="ConnectionError")
    address(sent.patient, email="right@example.org")
    again(cast, sent)
    assert links().latest("pk").address == "right@example.org"


def test_sent_by_hand_before_the_reminder_was_due_it_is_the_one_reminder(cast, patient, asked, watch):
    address(patient, email="p@example.org")
    planning.send_due("w")
    deliver("w")
    again(cast, asked)
    watch.forward(days=4)
    assert planning.remind_due("w") == 0


def test_without_an_address_the_page_says_so_and_nothing_is_sent(cast, sent):
    address(sent.patient, email="", telephone="")
    page = page_of(cast, sent)
    assert "Send the link again" not in page
    assert "no e-mail address" in page
    with pytest.raises(InputError, match="no e-mail address"):
        again(cast, sent)


@pytest.mark.parametrize("why", ["finished", "closed", "over", "planned", "out of care", "withdrawn"])
def test_nothing_is_sent_again_where_nothing_is_asked(cast, sent, watch, monkeypatch, why):
    before = links().count()
    if why == "finished":
        finish(by=cast.actor("cora"), invitation=sent)
    elif why == "closed":
        close(by=cast.actor("cora"), uid=sent.patient.uid, invitation=sent.uid, gap="declined")
    elif why == "over":
        watch.forward(days=2)
    elif why == "planned":
        Invitation.objects.filter(pk=sent.pk).update(sent_at=None)
    elif why == "out of care":
        Patient.objects.filter(pk=sent.patient_id).update(status=Patient.Status.CLOSED)
    else:
        monkeypatch.setattr(planning, "called_off", lambda rows: {rows[0].pk: Invitation.Gap.ENDED})
    with pytest.raises(InputError):
        again(cast, sent)
    assert links().count() == before


def test_a_refusal_leads_back_to_the_page_with_its_words(cast, sent):
    where = reverse("invitation", args=[sent.patient.uid, sent.uid])
    again(cast, sent)
    page = cast.client("cora").post(where, {"act": "send_again"}, follow=True).content.decode()
    assert "A link is on its way already" in page


def test_nobody_without_the_right_sends_it(cast, sent):
    where = reverse("invitation", args=[sent.patient.uid, sent.uid])
    assert cast.client("dov").post(where, {"act": "send_again"}).status_code == 403
    assert cast.client("eve").post(where, {"act": "send_again"}).status_code == 404
    assert not AuditEvent.objects.filter(action="measure.sent_again").exists()
