"""An alarming answer: help at once, a named person called, wider circles until somebody answers."""

from __future__ import annotations

import json
import re

import pytest
from django.db import DatabaseError, transaction
from django.urls import reverse

from openkap.care.audit.models import AuditEvent
from openkap.care.messaging.actions import send_due
from openkap.care.outcomes.models import Form, SafetySignal
from openkap.care.outcomes.safety import escalate_due
from openkap.care.patients.actions import add_contact


@pytest.fixture
def alarmed(client, asked, link):
    """The ninth item of the PHQ-9, answered, the form not finished."""
    form = Form.objects.get(invitation=asked, instrument="phq-9")
    tap = {
        "form": form.uid,
        "item": "9",
        "value": 1,
        "client_id": "mark-0001",
        "answered_at": "2026-11-23T09:00:00Z",
    }
    url = reverse("api:link_answers", args=[link.removeprefix("/a/").rstrip("/")])
    answer = client.post(url, json.dumps({"answers": [tap]}), content_type="application/json")
    assert answer.json()["needs_help"] is True
    return SafetySignal.objects.get()


def page_of(cast, signal, key="ada"):
    return cast.client(key).get(reverse("signal", args=[signal.patient.uid, signal.uid])).content.decode()


def test_help_stands_on_the_patients_page_before_anything_is_finished(client, link, alarmed):
    page = client.get(link).content.decode()
    assert 'id="help-now" role="alert" tabindex="-1">' in page
    assert "tel:+15550100" in page


def test_the_patients_prescriber_is_called_without_a_word_about_health(alarmed, outbox):
    send_due("test")
    assert [each[1] for each in outbox] == ["ada@example.org"]
    words = " ".join(outbox[0][2:]).lower()
    assert all(said not in words for said in ("example,", "suicid", "phq", "ketamine", alarmed.patient.uid))
    assert [call.staff.name for call in alarmed.calls.all()] == ["Ada Lindqvist"]


def test_unanswered_the_circle_widens_and_the_call_repeats(alarmed, watch):
    watch.forward(minutes=9)
    assert escalate_due("test") == 0
    watch.forward(minutes=2)
    assert escalate_due("test") == 1
    second = {call.staff.name for call in alarmed.calls.filter(level=1)}
    assert {"Ada Lindqvist", "Ben Okafor", "Cora Delgado", "Tess Amari"} == second
    assert escalate_due("test") == 0
    for minutes in (11, 21, 21):
        watch.forward(minutes=minutes)
        assert escalate_due("test") == 1
    assert AuditEvent.objects.filter(action="safety.escalated").count() == 4


def test_the_page_says_who_is_called_now_and_who_is_next(cast, alarmed, watch):
    page = page_of(cast, alarmed)
    assert "Called: Ada Lindqvist." in page
    assert "it goes to Ada Lindqvist, Ben Okafor, Cora Delgado, Tess Amari;" in page
    watch.forward(minutes=11)
    escalate_due("test")
    assert "Escalated to Ada Lindqvist, Ben Okafor, Cora Delgado, Tess Amari" in page_of(
        cast, alarmed, "cora"
    )
    cast.client("ben").post(
        reverse("signal", args=[alarmed.patient.uid, alarmed.uid]), {"act": "acknowledge"}
    )
    assert "it goes to" not in page_of(cast, alarmed, "ben")


def test_the_page_says_of_each_contact_whether_they_may_be_told(cast, alarmed):
    for name, may in (("One", True), ("Two", False), ("Three", None)):
        add_contact(
            by=cast.actor("cora"),
            uid=alarmed.patient.uid,
            kind="other",
            name=name,
            telephone="1",
            may_be_told=may,
        )
    words = re.sub(r"<[^>]+>", " ", page_of(cast, alarmed))
    assert re.search(r"One,\s+1\s*; may be told of the treatment", words)
    assert re.search(r"Two,\s+1\s*; must not be told", words)
    assert re.search(r"Three,\s+1\s*; not asked whether", words)


def test_the_page_leads_to_the_screener_it_asks_for_and_to_every_telephone(cast, alarmed):
    add_contact(
        by=cast.actor("cora"), uid=alarmed.patient.uid, kind="emergency", name="Kim", telephone="+1 555 0111"
    )
    page = page_of(cast, alarmed)
    assert 'href="tel:+15550111"' in page
    address = reverse("ask_measure", args=[alarmed.patient.uid])
    assert f'action="{address}"' in page
    answer = cast.client("ada").post(address, {"instruments": "c-ssrs-screener", "way": "tablet"})
    # Without a name of its own: from another name of this machine the policy would stop the form.
    assert answer["Location"].startswith("/a/")


def test_the_first_page_says_once_that_more_people_were_called(cast, alarmed, watch):
    watch.forward(minutes=11)
    escalate_due("test")
    home = cast.client("ada").get(reverse("home")).content.decode()
    assert home.count("escalated to more people") == 1


def test_acknowledged_nobody_else_is_called(cast, alarmed, watch):
    client = cast.client("ben")
    address = reverse("signal", args=[alarmed.patient.uid, alarmed.uid])
    assert "I take this on" in page_of(cast, alarmed, "ben")
    client.post(address, {"act": "acknowledge"})
    watch.forward(hours=1)
    assert escalate_due("test") == 0
    assert "Ben Okafor" in page_of(cast, alarmed)


def test_it_stands_first_on_the_home_page_and_in_the_banner_until_it_is_closed(cast, alarmed):
    home = cast.client("ada").get(reverse("home")).content.decode()
    assert home.index("Call the patient") < home.index("EXAMPLE, Alex")
    chart = reverse("patient", args=[alarmed.patient.uid])
    assert "safety answer" in cast.client("tess").get(chart).content.decode()
    address = reverse("signal", args=[alarmed.patient.uid, alarmed.uid])
    cast.client("ada").post(address, {"act": "close", "what_was_done": "Called, safe, sister is with them."})
    assert "safety answer" not in cast.client("tess").get(chart).content.decode()
    assert SafetySignal.objects.get().acknowledged_by is not None


def test_closing_needs_words_and_loses_none(cast, alarmed):
    address = reverse("signal", args=[alarmed.patient.uid, alarmed.uid])
    answer = cast.client("ada").post(address, {"act": "close", "what_was_done": "  "})
    assert "needs mending" in answer.content.decode()
    assert SafetySignal.objects.get().closed_at is None


def test_the_words_of_who_closes_second_stay_beside_those_that_are_stored(cast, alarmed):
    address = reverse("signal", args=[alarmed.patient.uid, alarmed.uid])
    first = {"act": "close", "what_was_done": "Reached her at home."}
    cast.client("ada").post(address, first)
    page = cast.client("ben").post(address, first | {"what_was_done": "Her sister drives her to hospital."})
    assert "Her sister drives her to hospital." in page.content.decode()
    assert "Reached her at home." in page.content.decode()
    assert "closed before" in page.content.decode()


def test_a_second_alarming_tap_raises_no_second_signal(client, asked, link, alarmed):
    form = Form.objects.get(invitation=asked, instrument="phq-9")
    tap = {
        "form": form.uid,
        "item": "9",
        "value": 1,
        "client_id": "mark-0002",
        "answered_at": "2026-11-23T09:00:00Z",
    }
    url = reverse("api:link_answers", args=[link.removeprefix("/a/").rstrip("/")])
    client.post(url, json.dumps({"answers": [tap]}), content_type="application/json")
    assert SafetySignal.objects.count() == 1


def test_the_lead_and_the_other_clinic_see_nothing_of_it(cast, alarmed):
    address = reverse("signal", args=[alarmed.patient.uid, alarmed.uid])
    assert cast.client("dov").get(address).status_code == 403
    assert cast.client("eve").get(address).status_code == 404
    assert cast.client("eve").get(reverse("api:signals")).json() == []


def test_a_signal_is_never_deleted(alarmed):
    with pytest.raises(DatabaseError), transaction.atomic():
        SafetySignal.objects.all()._raw_delete("default")
