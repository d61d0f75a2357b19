"""A call widens to somebody new; where nobody further is named it says so, and calls the same people again."""

from __future__ import annotations

import re

import pytest
from django.urls import reverse

from openkap.care.accounts.models import Staff
from openkap.care.messaging.models import Message
from openkap.care.outcomes.models import Form, SafetySignal
from openkap.care.outcomes.safety import acknowledge, escalate_due, look_at
from openkap.care.patients.models import TeamMember

pytestmark = pytest.mark.usefixtures("nobody_is_locked_out")


@pytest.fixture
def signal(cast, patient, asked, watch):
    """Item 9 of the PHQ-9, of somebody without a care team."""
    TeamMember.objects.filter(patient=patient).update(until=watch.moment)
    return raised(cast, asked)


def raised(cast, asked):
    form = Form.objects.get(invitation=asked, instrument="phq-9")
    look_at(by=cast.actor("ada"), form=form, answers={"9": 3}, given=[("9", 3)])
    return SafetySignal.objects.get()


def names(signal, level):
    return {call.staff.name for call in signal.calls.filter(level=level)}


def escalate(watch, times=1):
    for _ in range(times):
        watch.forward(minutes=25)
        assert escalate_due("w") == 1


def page_of(cast, signal, key="ada"):
    page = cast.client(key).get(reverse("signal", args=[signal.patient.uid, signal.uid])).content.decode()
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", page))


def home_of(cast, key):
    return cast.client(key).get(reverse("home")).content.decode()


def test_without_a_care_team_the_second_circle_is_not_the_first_again(signal, watch):
    assert names(signal, 0) == {"Ada Lindqvist", "Ben Okafor"}
    escalate(watch)
    assert names(signal, 1) == {"Cora Delgado", "Tess Amari"}


def test_a_team_of_one_is_left_at_once_for_the_clinic(cast, patient, asked, watch):
    TeamMember.objects.filter(patient=patient).exclude(part="prescriber").update(until=watch.moment)
    one = raised(cast, asked)
    escalate(watch)
    assert names(one, 1) == {"Ada Lindqvist", "Ben Okafor"}


def test_where_nobody_further_is_named_everybody_is_called_again_and_the_call_says_so(signal, watch):
    escalate(watch, 2)
    assert names(signal, 2) == {"Ada Lindqvist", "Ben Okafor", "Cora Delgado", "Tess Amari"}
    second = Message.objects.filter(purpose="call", address="ada@example.org").latest("pk")
    assert second.subject == "OpenKAP: you are needed now (second call)"
    assert second.body.startswith("This is the second call. Please log in")
    escalate(watch)
    third = Message.objects.filter(purpose="call", address="ada@example.org").latest("pk")
    assert "third call" in third.subject
    first = Message.objects.filter(purpose="call", address="ada@example.org").earliest("pk")
    assert "call)" not in first.subject


def test_the_case_says_who_is_next_and_that_nobody_further_is_named(cast, signal, watch):
    assert "it goes to Cora Delgado, Tess Amari; next" in page_of(cast, signal)
    escalate(watch)
    said = page_of(cast, signal)
    assert "Escalated to Cora Delgado, Tess Amari" in said
    assert "are called again: nobody further is named" in said
    escalate(watch)
    said = page_of(cast, signal)
    assert "Called again: Ada Lindqvist, Ben Okafor, Cora Delgado, Tess Amari." in said
    assert "Everybody who is named here has been called, since 23 Nov 2026 09:50" in said
    assert "Ada Lindqvist (second call)" in said
    assert "everybody who is named was called" in home_of(cast, "ada")
    assert "escalated to more people" not in home_of(cast, "ada")


def test_who_names_people_and_the_lead_are_told_without_a_name(cast, signal, watch):
    escalate(watch)
    for key in ("sia", "dov"):
        assert "verybody" not in home_of(cast, key)
    escalate(watch)
    assert "Name more people who can be called" in home_of(cast, "sia")
    assert "since 23 Nov 2026 09:50" in home_of(cast, "sia")
    assert "Everybody named was called, nobody answered" in home_of(cast, "dov")
    for key in ("sia", "dov"):
        assert signal.patient.uid not in home_of(cast, key)
    acknowledge(by=cast.actor("ben"), uid=signal.patient.uid, signal=signal.uid)
    for key in ("sia", "dov"):
        assert "verybody" not in home_of(cast, key)


def test_somebody_named_meanwhile_is_called_next(cast, signal, watch):
    from openkap.care.accounts.models import RoleAssignment

    escalate(watch, 2)
    new = Staff.objects.create(name="Lee New", email="lee@example.org", created_at=watch.moment)
    RoleAssignment.objects.create(staff=new, clinic=signal.patient.clinic, role="nurse", since=watch.moment)
    escalate(watch)
    assert "Lee New" in names(signal, 3)
    signal.refresh_from_db()
    assert signal.all_called_at is None


def test_where_nobody_at_all_is_named_it_is_told_at_once(cast, patient, asked, watch):
    from openkap.care.accounts.models import RoleAssignment

    here = RoleAssignment.objects.filter(role__in=["prescriber", "nurse", "therapist", "coordinator"])
    here.filter(clinic=patient.clinic).update(until=watch.moment)
    one = raised(cast, asked)
    assert one.calls.count() == 0
    assert "Name more people who can be called" in home_of(cast, "sia")


def test_who_has_not_chosen_a_password_yet_is_nobody_further(cast, signal, watch):
    new = {"name": "Lee New", "email": "lee@example.org", "role": "prescriber"}
    assert cast.client("sia").post(reverse("staff"), new).status_code == 302
    escalate(watch)
    assert "Lee New" not in names(signal, 0) | names(signal, 1)
    assert "are called again: nobody further is named" in page_of(cast, signal)
    lee = Staff.objects.get(email="lee@example.org")
    lee.set_password("a long enough pass phrase")
    lee.save()
    assert "it goes to Ada Lindqvist, Ben Okafor, Lee New" in page_of(cast, signal)
