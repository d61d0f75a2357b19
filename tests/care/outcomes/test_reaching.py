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


@pytest.mark.parametrize(
    ("gateway", "kinds"), [("", {"email"}), ("{number}@sms.example.org", {"email", "text"})]
)
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


@pytest.fixture
def alarm(cast):
    """Item 9 of the PHQ-9 answered with 3, for one patient."""
    from openkap.care.accounts.actor import patient_actor
    from openkap.care.outcomes.follow_up import follow_up
    from openkap.care.outcomes.models import SafetySignal

    def make(patient):
        from openkap.care.moment import now
        from openkap.care.outcomes.actions import invite

        invitation = invite(patient, follow_up().occasion("on_request"), now(), instruments=["phq-9"])
        form = Form.objects.get(invitation=invitation)
        look_at(by=patient_actor(patient.uid, patient.clinic), form=form, answers={"9": 3}, given=[("9", 3)])
        return SafetySignal.objects.get(form=form)

    return make


def called(signal):
    return {call.staff.name for call in signal.calls.all()}


def left(cast, key, role):
    from openkap.care.accounts.hiring import end_role

    end_role(by=cast.actor("sia"), colleague_uid=cast.staff(key).uid, role=role)


def test_who_has_left_is_not_called_and_somebody_else_is(cast, patient, alarm):
    left(cast, "ada", "prescriber")
    assert called(alarm(patient)) == {"Ben Okafor", "Cora Delgado", "Tess Amari"}


def test_a_role_that_ends_ends_its_part_in_every_care_team_here(cast, patient):
    from openkap.care.audit.models import AuditEvent
    from openkap.care.patients.models import TeamMember

    left(cast, "ada", "prescriber")
    assert not TeamMember.objects.filter(staff=cast.staff("ada"), until__isnull=True).exists()
    assert AuditEvent.objects.filter(action="team.left", patient=patient.uid).count() == 1


def test_a_member_without_a_role_here_is_not_called(cast, patient, alarm, watch):
    from openkap.care.accounts.models import RoleAssignment

    RoleAssignment.objects.filter(staff=cast.staff("ada")).update(until=watch.moment)
    assert "Ada Lindqvist" not in called(alarm(patient))


def test_a_clinic_without_prescriber_and_nurse_calls_whoever_may_answer(cast, patient, alarm):
    from openkap.care.patients.models import TeamMember

    left(cast, "ada", "prescriber")
    left(cast, "ben", "nurse")
    TeamMember.objects.filter(patient=patient).update(until=patient.created_at)
    assert called(alarm(patient)) == {"Cora Delgado", "Tess Amari"}


@pytest.fixture
def guarded(cast, register, alarm, watch):
    """A signal of a restricted record whose team nobody answers for, called as far as the clinic."""
    from openkap.care.outcomes.safety import escalate_due
    from openkap.care.patients.models import Patient, TeamMember

    patient = register("Vip")
    TeamMember.objects.filter(patient=patient).exclude(staff=cast.staff("ada")).update(until=watch.moment)
    Patient.objects.filter(pk=patient.pk).update(is_restricted=True)
    patient.refresh_from_db()
    signal = alarm(patient)
    watch.forward(minutes=25)
    escalate_due("w")
    assert "Ben Okafor" in called(signal)
    return signal


def test_who_was_called_about_a_restricted_record_finds_and_opens_the_alert(cast, guarded):
    from django.urls import reverse

    from openkap.care.audit.models import AuditEvent

    client = cast.client("ben")
    address = reverse("signal", args=[guarded.patient.uid, guarded.uid])
    assert address in client.get(reverse("home")).content.decode()
    assert "I take this on" in client.get(address).content.decode()
    seen = AuditEvent.objects.filter(action="patient.seen", patient=guarded.patient.uid).last()
    assert f'"called_about":"{guarded.uid}"' in seen.body.replace(": ", ":")
    client.post(address, {"act": "close", "what_was_done": "Called, safe."}, follow=True)
    guarded.refresh_from_db()
    assert guarded.closed_by == cast.staff("ben")


def test_who_was_not_called_finds_nothing_of_a_restricted_record_and_the_chart_stays_shut(cast, guarded):
    from django.urls import reverse

    address = reverse("signal", args=[guarded.patient.uid, guarded.uid])
    assert cast.client("cora").get(address).status_code == 403
    assert address not in cast.client("cora").get(reverse("home")).content.decode()
    assert cast.client("ben").get(reverse("patient", args=[guarded.patient.uid])).status_code == 403


def fail(purpose):
    from openkap.care.moment import now

    Message.objects.filter(purpose=purpose).update(failed_at=now())


def test_a_call_that_could_not_be_delivered_stands_at_home_with_whom_and_since_when(cast, patient, alarm):
    from django.urls import reverse

    signal = alarm(patient)
    fail("call")
    for key in ("ada", "cora"):
        home = cast.client(key).get(reverse("home")).content.decode()
        assert "a message could not be delivered: to ada@example.org, since 23 Nov 2026 09:00" in home
    cast.client("ada").post(reverse("signal", args=[patient.uid, signal.uid]), {"act": "acknowledge"})
    assert "could not be delivered" not in cast.client("cora").get(reverse("home")).content.decode()


def test_a_call_that_failed_once_is_told_before_the_last_try(cast, patient, alarm):
    from django.urls import reverse

    from openkap.care.messaging.actions import send_due

    class Down:
        def takes(self, kind):
            return True

        def send(self, **_):
            raise ConnectionError("down")

    alarm(patient)
    send_due("w", through=Down())
    assert "could not be delivered" in cast.client("ada").get(reverse("home")).content.decode()


def test_a_link_that_could_not_be_delivered_stands_at_home_until_it_is_answered(cast, patient, asked, watch):
    from django.urls import reverse

    type(patient.identity).objects.filter(patient=patient).update(email="p@example.org")
    planning.send_due("w")
    fail("measure")
    home = cast.client("cora").get(reverse("home")).content.decode()
    assert reverse("invitation", args=[patient.uid, asked.uid]) in home
    assert "a message could not be delivered: to p@example.org, since 23 Nov 2026 09:00" in home
    assert "could not be delivered" not in cast.client("eve").get(reverse("home")).content.decode()
    watch.forward(days=8)
    planning.close_missed("w")
    assert "could not be delivered" not in cast.client("cora").get(reverse("home")).content.decode()


def test_the_page_a_lost_link_leads_to_says_so_with_the_address_and_where_it_is_mended(
    cast, patient, asked, watch
):
    from django.urls import reverse

    of_patient = type(patient.identity).objects.filter(patient=patient)
    of_patient.update(email="p@example.org", may_text=False)
    planning.send_due("w")
    cora, page = cast.client("cora"), reverse("invitation", args=[patient.uid, asked.uid])
    shown = cora.get(page).content.decode()
    assert "by e-mail to p@example.org" in shown
    assert "did not arrive" not in shown
    fail("measure")
    shown = cora.get(page).content.decode()
    assert "The questions did not arrive" in shown
    assert "to p@example.org, since 23 Nov 2026 09:00" in shown
    assert f'href="{reverse("patient_identity", args=[patient.uid])}">Mend the address' in shown
    # Sent to the mended address, it is not said to be lost any more, until that one is lost too.
    of_patient.update(email="right@example.org")
    watch.forward(minutes=1)
    cora.post(page, {"act": "send_again"})
    assert "did not arrive" not in cora.get(page).content.decode()
    assert "did not arrive" not in cora.get(reverse("home")).content.decode()
    fail("measure")
    assert "to right@example.org" in cora.get(reverse("home")).content.decode()
