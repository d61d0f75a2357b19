"""Who is reached and how: texts only where they can be sent, one reminder, nobody called who has left."""

from __future__ import annotations

import pytest

from openkap.care.messaging.models import Message
from openkap.care.outcomes import planning
from openkap.care.outcomes.models import Form
from openkap.care.outcomes.safety import look_at

EMAIL = "openkap.care.messaging.channels.EmailChannel"


@pytest.mark.parametrize(("gateway", "kind"), [("", "email"), ("{number}@sms.example.org", "text")])
def test_a_patient_who_takes_texts_gets_a_mail_where_texts_cannot_be_sent(
    settings, patient, asked, gateway, kind
):
    settings.MESSAGE_CHANNEL, settings.TEXT_GATEWAY = EMAIL, gateway
    type(patient.identity).objects.filter(patient=patient).update(
        email="p@example.org", telephone="+1 555 010 0199", may_text=True
    )
    planning.send_due("w")
    assert Message.objects.get(purpose="measure").kind == kind


@pytest.mark.parametrize(("gateway", "kinds"), [("", {"email"}), ("{number}@sms.example.org", {"email", "text"})])
def test_the_called_person_is_texted_only_where_texts_can_be_sent(
    settings, cast, patient, asked, gateway, kinds
):
    settings.MESSAGE_CHANNEL, settings.TEXT_GATEWAY = EMAIL, gateway
    type(cast.staff("ada")).objects.filter(pk=cast.staff("ada").pk).update(telephone="+1 555 010 0111")
    form = Form.objects.get(invitation=asked, instrument="phq-9")
    look_at(by=cast.actor("ada"), form=form, answers={"9": 3}, given=[("9", 3)])
    assert set(Message.objects.filter(purpose="call").values_list("kind", flat=True)) == kinds


def test_two_workers_send_one_reminder(patient, asked, watch, monkeypatch):
    type(patient.identity).objects.filter(patient=patient).update(email="p@example.org")
    planning.send_due("w")
    watch.forward(days=3, hours=13)
    claim, others = planning.claim, iter(["B"])

    def slow(waiting, *, worker):
        if worker == "A" and (other := next(others, "")):
            planning.remind_due(other)
        return claim(waiting, worker=worker)

    monkeypatch.setattr(planning, "claim", slow)
    planning.remind_due("A")
    assert Message.objects.filter(body__startswith="A reminder").count() == 1


def test_a_worker_whose_claim_ran_out_sends_nothing_twice(patient, asked, monkeypatch):
    type(patient.identity).objects.filter(patient=patient).update(email="p@example.org")
    claim = planning.claim

    def slow(waiting, *, worker):
        rows = claim(waiting, worker=worker)
        type(rows[0]).objects.update(claimed_until=None)
        monkeypatch.setattr(planning, "claim", claim)
        planning.send_due("B")
        return rows

    monkeypatch.setattr(planning, "claim", slow)
    planning.send_due("A")
    assert Message.objects.filter(purpose="measure").count() == 1
