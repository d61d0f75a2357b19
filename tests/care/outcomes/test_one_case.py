"""One open case a person: further alarming answers are added to it, and none of them is swallowed."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.urls import reverse

from openkap.care.audit.models import AuditEvent
from openkap.care.messaging.models import Message
from openkap.care.outcomes import safety
from openkap.care.outcomes.models import Call, Form, SafetySignal
from openkap.care.outcomes.safety import acknowledge, close_signal, escalate_due, look_at
from openkap.core.errors import InputError

pytestmark = pytest.mark.usefixtures("nobody_is_locked_out")


@pytest.fixture
def answers(cast, patient):
    """Somebody answers items of a form, one after the other; the forms of one patient stand side by side."""
    from openkap.care.accounts.actor import patient_actor
    from openkap.care.moment import now
    from openkap.care.outcomes.actions import invite
    from openkap.care.outcomes.follow_up import follow_up

    forms = {}

    def give(instrument, who=None, form="", **given):
        person = who or patient
        key = (person.pk, instrument, form)
        if key not in forms:
            plan = follow_up().occasion("on_request")
            invitation = invite(person, plan, now(), instruments=[instrument])
            forms[key] = (Form.objects.get(invitation=invitation), {})
        row, held = forms[key]
        by = patient_actor(person.uid, person.clinic)
        for name, value in given.items():
            held[name.removeprefix("i")] = value
            look_at(by=by, form=row, answers=dict(held), given=[(name.removeprefix("i"), value)])

    return give


def calls():
    return Message.objects.filter(purpose="call").count()


def page_of(cast, patient, key="ada"):
    signal = SafetySignal.objects.order_by("pk").first()
    return cast.client(key).get(reverse("signal", args=[patient.uid, signal.uid])).content.decode()


def home_lines(cast, key="ada"):
    return cast.client(key).get(reverse("home")).content.decode().count("Call the patient")


def test_a_questionnaire_that_meets_several_rules_is_one_line_and_one_call(cast, patient, answers):
    answers("phq-9", i9=1)
    answers("c-ssrs-screener", i1=1, i2=1)
    assert SafetySignal.objects.count() == 3
    assert calls() == 1
    assert home_lines(cast) == 1
    assert len(cast.client("ada").get(reverse("api:signals")).json()) == 1
    assert "2 alarming answers" in cast.client("ada").get(reverse("home")).content.decode()


def test_every_alarming_answer_stands_on_the_one_page(cast, patient, answers):
    answers("phq-9", i9=1)
    answers("phq-9", form="again", i9=1)
    answers("c-ssrs-screener", i1=1, i4=1)
    page = page_of(cast, patient)
    assert "4 answers need a person" in page
    for said in ("open the C-SSRS now", "clinician review the same day", "thoughts are present"):
        assert said.lower() in page.lower()


@pytest.mark.parametrize(
    ("first", "then", "is_called"),
    [
        (("phq-9", {"i9": 1}), ("c-ssrs-screener", {"i4": 1}), True),
        (("phq-9", {"i9": 1}), ("phq-9", {"i9": 3}), True),
        (("phq-9", {"i9": 1}), ("check-in", {"iself-harm": 3}), True),
        (("phq-9", {"i9": 2}), ("phq-9", {"form": "again", "i9": 2}), False),
        (("phq-9", {"i9": 3}), ("c-ssrs-screener", {"i1": 1}), False),
        (("c-ssrs-screener", {"i4": 1}), ("phq-9", {"i9": 3}), False),
        (("c-ssrs-screener", {"i4": 1}), ("c-ssrs-screener", {"i6b": 1}), False),
    ],
)
def test_only_a_graver_answer_calls_anew_while_the_case_waits(cast, answers, first, then, is_called):
    answers(first[0], **first[1])
    before = calls()
    answers(then[0], **then[1])
    assert SafetySignal.objects.count() == 2
    assert calls() == before + is_called


def test_a_graver_answer_calls_again_whoever_was_called_and_puts_no_call_off(cast, answers, watch):
    answers("phq-9", i9=1)
    watch.forward(minutes=11)
    escalate_due("w")
    due = SafetySignal.objects.get().escalate_at
    watch.forward(minutes=5)
    answers("c-ssrs-screener", i4=1)
    newest = SafetySignal.objects.latest("pk")
    assert {call.staff.name for call in newest.calls.all()} == {
        "Ada Lindqvist",
        "Ben Okafor",
        "Cora Delgado",
        "Tess Amari",
    }
    assert (newest.level, newest.escalate_at) == (1, due)


def test_taking_one_on_takes_all_of_them_and_nobody_else_is_called(cast, patient, answers, watch):
    answers("phq-9", i9=1)
    answers("c-ssrs-screener", i1=1, i4=1)
    acknowledge(by=cast.actor("ben"), uid=patient.uid, signal=SafetySignal.objects.first().uid)
    assert not SafetySignal.objects.filter(acknowledged_at=None).exists()
    assert AuditEvent.objects.filter(action="safety.acknowledged").count() == 1
    watch.forward(hours=2)
    assert escalate_due("w") == 0


def test_a_case_is_escalated_once_however_many_answers_are_in_it(cast, answers, watch):
    answers("phq-9", i9=1)
    answers("c-ssrs-screener", i1=1, i6b=1)
    before = calls()
    watch.forward(minutes=11)
    assert escalate_due("w") == 1
    assert calls() == before + 4
    assert set(SafetySignal.objects.values_list("level", flat=True)) == {1}


def test_what_comes_after_somebody_took_the_case_on_calls_them_and_waits_for_somebody(
    cast, patient, answers, watch
):
    answers("phq-9", i9=2)
    acknowledge(by=cast.actor("tess"), uid=patient.uid, signal=SafetySignal.objects.get().uid)
    assert home_lines(cast) == 0
    watch.forward(minutes=20)
    answers("phq-9", form="again", i9=1)
    newest = SafetySignal.objects.latest("pk")
    assert [call.staff.name for call in newest.calls.all()] == ["Ada Lindqvist", "Tess Amari"]
    assert home_lines(cast) == 1
    assert (
        "another came after somebody took it on" in cast.client("ada").get(reverse("home")).content.decode()
    )
    page = re.sub(r"<[^>]+>", "", page_of(cast, patient))
    assert (
        "It came after Tess Amari had taken the case on: Ada Lindqvist, Tess Amari were called again" in page
    )
    assert "I take this on" in page
    assert "✓ Tess Amari took it on" in page
    assert "is needed" not in page
    banner = cast.client("ada").get(reverse("patient", args=[patient.uid])).content.decode()
    assert "Tess Amari has it" not in banner
    watch.forward(minutes=11)
    assert escalate_due("w") == 1


def test_closing_needs_every_part_looked_at(cast, patient, answers):
    answers("phq-9", i9=1)
    answers("c-ssrs-screener", i1=1)
    first, second = SafetySignal.objects.order_by("pk")
    done = {"by": cast.actor("ada"), "uid": patient.uid, "signal": first.uid, "what_was_done": "Called."}
    with pytest.raises(InputError, match="not looked at yet"):
        close_signal(**done)
    with pytest.raises(InputError, match="not looked at yet"):
        close_signal(**done, looked_at=[second.uid])
    close_signal(**done, looked_at=[first.uid, second.uid])
    assert set(SafetySignal.objects.values_list("what_was_done", flat=True)) == {"Called."}


def test_an_answer_that_comes_while_somebody_writes_is_not_closed_unseen(cast, patient, answers):
    answers("phq-9", i9=1)
    only = SafetySignal.objects.get()
    address = reverse("signal", args=[patient.uid, only.uid])
    answers("c-ssrs-screener", i4=1)
    sent = {"act": "close", "what_was_done": "Reached her.", "looked_at": [only.uid]}
    page = cast.client("ada").post(address, sent).content.decode()
    assert "Not looked at yet: 1" in page
    assert "Reached her." in page
    assert SafetySignal.objects.filter(closed_at=None).count() == 2
    offered = re.findall(r'name="looked_at" value="(\w+)"', page)
    assert len(offered) == 2
    cast.client("ada").post(address, sent | {"looked_at": offered})
    assert not SafetySignal.objects.filter(closed_at=None).exists()


def test_a_closed_case_shows_what_was_closed_together_and_nothing_else(cast, patient, answers, watch):
    answers("phq-9", i9=1)
    close_signal(
        by=cast.actor("ada"), uid=patient.uid, signal=SafetySignal.objects.get().uid, what_was_done="First."
    )
    watch.forward(days=1)
    answers("c-ssrs-screener", i4=1)
    page = page_of(cast, patient)
    assert "PHQ-9" in page
    assert "clinician review the same day" not in page.lower()
    assert calls() == 2


def test_the_first_and_the_later_answer_of_a_form_stand_in_one_part(cast, patient, answers, watch):
    answers("phq-9", i9=1)
    watch.forward(minutes=1)
    answers("phq-9", i9=3)
    page = page_of(cast, patient)
    assert "An answer needs a person" in page
    assert "some days, then nearly every day" in page.lower()


def test_the_answers_of_two_records_that_were_merged_are_one_case(cast, patient, register, answers):
    from openkap.care.patients.merging import merge

    kept = register("Kept")
    answers("phq-9", i9=1)
    answers("phq-9", who=kept, i9=1)
    merge(by=cast.actor("ada"), keep=kept.uid, absorb=patient.uid, reason="one person")
    assert home_lines(cast) == 1
    acknowledge(by=cast.actor("ada"), uid=kept.uid, signal=SafetySignal.objects.first().uid)
    assert not SafetySignal.objects.filter(acknowledged_at=None).exists()


def test_who_was_called_about_one_answer_of_a_restricted_record_has_all_of_them(
    cast, register, answers, watch
):
    from openkap.care.patients.models import Patient, TeamMember

    guarded = register("Vip")
    TeamMember.objects.filter(patient=guarded).exclude(staff=cast.staff("ada")).update(until=watch.moment)
    Patient.objects.filter(pk=guarded.pk).update(is_restricted=True)
    guarded.refresh_from_db()
    answers("phq-9", who=guarded, i9=1)
    for _ in range(2):
        watch.forward(minutes=25)
        escalate_due("w")
    answers("c-ssrs-screener", who=guarded, i1=1)
    assert Call.objects.filter(signal=SafetySignal.objects.latest("pk")).count() == 0
    later = reverse("signal", args=[guarded.uid, SafetySignal.objects.latest("pk").uid])
    assert "thoughts are present" in cast.client("ben").get(later).content.decode()
    assert home_lines(cast, "ben") == 1


def test_the_answers_of_two_people_are_two_cases(cast, patient, register, answers):
    other = register("Other")
    answers("phq-9", i9=1)
    answers("phq-9", who=other, i9=1)
    acknowledge(by=cast.actor("ada"), uid=patient.uid, signal=SafetySignal.objects.first().uid)
    assert SafetySignal.objects.get(acknowledged_at=None).patient == other
    assert (
        timedelta(0)
        < SafetySignal.objects.get(patient=other).escalate_at
        - SafetySignal.objects.get(patient=other).raised_at
    )


def test_a_call_holds_the_person_before_it_writes_to_the_case_as_a_close_does(answers, watch, monkeypatch):
    answers("phq-9", i9=1)
    watch.forward(minutes=11)
    hold, claims = safety.hold, []

    def seen(patient):
        claims.append(SafetySignal.objects.get().claimed_by)
        return hold(patient)

    monkeypatch.setattr(safety, "hold", seen)
    assert escalate_due("w") == 1
    assert claims == ["w"]
    assert SafetySignal.objects.get().claimed_by == ""


def test_a_case_that_breaks_the_job_keeps_nobody_from_being_called_about_another(
    cast, patient, register, answers, watch, monkeypatch
):
    answers("phq-9", i9=1)
    other = register("Example", "Second")
    answers("phq-9", who=other, i9=1)
    hold = safety.hold

    def broken(person):
        if person.pk == patient.pk:
            raise ValueError("a rule that is not there any more")
        return hold(person)

    monkeypatch.setattr(safety, "hold", broken)
    watch.forward(minutes=11)
    with pytest.raises(ValueError, match="not there any more"):
        escalate_due("w")
    assert SafetySignal.objects.get(patient=other).level == 1
    assert SafetySignal.objects.get(patient=patient).level == 0
