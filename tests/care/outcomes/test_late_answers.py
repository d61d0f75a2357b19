"""Answers that come late: an older link, a finished form, closed questions; none is lost, none pages nobody."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from django.urls import reverse

from openkap.care.messaging.models import Message
from openkap.care.outcomes import planning
from openkap.care.outcomes.actions import hand_over
from openkap.care.outcomes.models import Form, FormScore, ItemAnswer, SafetySignal


@pytest.fixture
def phq(asked):
    return Form.objects.get(invitation=asked, instrument="phq-9")


def tap(form, item, value, mark, at="2026-11-23T09:00:00Z"):
    return {"form": form.uid, "item": item, "value": value, "client_id": mark, "answered_at": at}


def post(client, link, *answers, name="link_answers"):
    url = reverse(f"api:{name}", args=[link.removeprefix("/a/").rstrip("/")])
    body = {"answers": list(answers)} if name == "link_answers" else {}
    return client.post(url, json.dumps(body), content_type="application/json")


def close_as_missed(watch):
    watch.forward(days=8)
    assert planning.close_missed("w") >= 1


def test_an_answer_by_the_link_before_a_reminder_raises_its_signal(client, patient, asked, phq, watch):
    type(patient.identity).objects.filter(patient=patient).update(email="p@example.org")
    planning.send_due("w")
    link = Message.objects.get(purpose="measure").body.split()[-1].removeprefix("http://127.0.0.1:8000")
    post(client, link, tap(phq, "1", 1, "mark-0001"))
    watch.forward(days=3, hours=13)
    assert planning.remind_due("w") == 1
    assert post(client, link, tap(phq, "9", 3, "mark-0002")).json()["needs_help"] is True
    assert SafetySignal.objects.count() == 1
    assert client.get(link).status_code == 200


def test_an_answer_by_the_link_before_the_tablet_was_handed_over_is_stored(
    client, cast, patient, asked, link, phq
):
    hand_over(by=cast.actor("ben"), uid=patient.uid, invitation=asked.uid)
    assert post(client, link, tap(phq, "9", 2, "mark-0001")).json()["kept"] == ["mark-0001"]
    assert SafetySignal.objects.count() == 1


def test_a_link_number_that_was_never_given_opens_nothing(client, asked, link):
    from openkap.care.accounts.links import make_link
    from openkap.care.outcomes.access import LINK

    for number in ("0", "2", "-1", "x", ""):
        made = make_link(LINK, f"{asked.uid}.{number}", lasts=timedelta(days=1), url_name="answer")
        assert client.get(made.removeprefix("http://127.0.0.1:8000")).status_code == 410


def test_an_answer_after_finishing_is_stored_raises_its_signal_and_leaves_the_score(client, link, phq):
    post(client, link, tap(phq, "1", 1, "mark-0001"))
    post(client, link, name="link_finish")
    before = FormScore.objects.get(form=phq).scales
    late = post(client, link, tap(phq, "9", 3, "mark-0002"))
    assert late.json()["needs_help"] is True
    assert SafetySignal.objects.get().form == phq
    assert FormScore.objects.get(form=phq).scales == before


def test_the_page_of_a_form_shows_what_came_after_it_was_finished_beside_the_score(
    client, cast, patient, link, phq, watch
):
    post(client, link, tap(phq, "1", 1, "mark-0001"))
    post(client, link, name="link_finish")
    watch.forward(minutes=5)
    post(client, link, tap(phq, "9", 3, "mark-0002"))
    page = cast.client("ada").get(reverse("outcome_form", args=[patient.uid, phq.uid])).content.decode()
    assert "is not in the score" in page


def test_an_answer_that_comes_after_the_questions_closed_is_stored_and_raises_its_signal(
    client, link, phq, watch
):
    close_as_missed(watch)
    late = post(client, link, tap(phq, "9", 3, "mark-0002"))
    assert late.status_code == 200
    assert SafetySignal.objects.count() == 1
    assert client.get(link).status_code == 410


@pytest.mark.parametrize(
    "at", ["0001-01-01T00:00:00Z", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"]
)
def test_a_telephone_whose_clock_says_anything_loses_no_answer_and_its_alert_opens(
    client, cast, patient, link, phq, at
):
    type(patient.clinic).objects.filter(pk=patient.clinic_id).update(time_zone="America/New_York")
    assert post(client, link, tap(phq, "9", 3, "mark-0001", at)).json()["kept"] == ["mark-0001"]
    address = reverse("signal", args=[patient.uid, SafetySignal.objects.get().uid])
    assert cast.client("ada").get(address).status_code == 200


def test_closing_what_the_patient_has_just_finished_is_refused_in_words(
    client, cast, patient, asked, link, phq, monkeypatch
):
    from openkap.care.outcomes import actions

    post(client, link, tap(phq, "1", 1, "mark-0001"))
    obtain = actions.invitation_for

    def while_the_patient_finishes(*given):
        found = obtain(*given)
        actions.finish(by=cast.actor("ben"), invitation=asked)
        return found

    monkeypatch.setattr(actions, "invitation_for", while_the_patient_finishes)
    address = reverse("invitation", args=[patient.uid, asked.uid])
    page = cast.client("ben").post(address, {"act": "close", "gap": "declined"}, follow=True)
    assert "These questions are finished" in page.content.decode()


def test_what_still_waits_on_the_phone_is_sent_from_the_page_of_an_ended_link(client, asked, link, watch):
    close_as_missed(watch)
    page = client.get(link).content.decode()
    assert f'data-key="{asked.uid}"' in page
    assert "js/late" in page
    assert "your answers are kept" not in page


def test_the_plain_form_of_closed_questions_is_taken_too(client, link, phq, watch):
    close_as_missed(watch)
    page = client.post(link, {f"{phq.uid}:9": "3", "act": "finish"})
    assert "with your clinic" in page.content.decode()
    assert 'id="help-now" role="alert" tabindex="-1">' in page.content.decode()
    assert SafetySignal.objects.count() == 1


def test_months_after_its_end_a_link_shows_nothing_and_loses_no_answer(client, link, phq, watch):
    watch.forward(days=120)
    assert post(client, link, tap(phq, "1", 1, "mark-0002")).json()["kept"] == ["mark-0002"]
    page = client.post(link, {f"{phq.uid}:9": "3", "act": "finish"})
    assert page.status_code == 410
    assert "What you just sent is with your clinic" in page.content.decode()
    assert 'id="help-now" role="alert" tabindex="-1">' in page.content.decode()
    assert "Low mood" not in page.content.decode()
    assert {row.item: row.value for row in ItemAnswer.objects.all()} == {"1": 1, "9": 3}


def test_an_alarming_answer_months_after_the_end_calls_a_person_and_says_when_it_was_given(
    client, cast, patient, link, phq, watch, outbox
):
    watch.forward(days=120)
    assert post(client, link, tap(phq, "9", 3, "mark-0001")).json()["needs_help"] is True
    signal = SafetySignal.objects.get()
    assert signal.calls.count() == 1
    page = cast.client("ada").get(reverse("signal", args=[patient.uid, signal.uid])).content.decode()
    assert "Answered 23 Nov 2026 09:00" in page
    assert "23 Mar 2027" in page


def test_an_alert_of_an_answer_of_now_names_one_time(client, cast, patient, link, phq):
    post(client, link, tap(phq, "9", 3, "mark-0001"))
    signal = SafetySignal.objects.get()
    page = cast.client("ada").get(reverse("signal", args=[patient.uid, signal.uid])).content.decode()
    assert "Answered 23 Nov" not in page


def test_answers_after_the_questions_closed_wait_for_a_person_on_the_chart(
    client, cast, patient, asked, link, phq, watch
):
    close_as_missed(watch)
    watch.forward(days=60)
    post(client, link, tap(phq, "1", 2, "mark-0001"), tap(phq, "2", 1, "mark-0002"))
    ada = cast.client("ada")
    chart = ada.get(reverse("outcomes", args=[patient.uid])).content.decode()
    assert "not answered in time; answers came after that: 2" in chart
    asked_page = (
        cast.client("cora").get(reverse("invitation", args=[patient.uid, asked.uid])).content.decode()
    )
    form_page = reverse("outcome_form", args=[patient.uid, phq.uid])
    assert form_page in asked_page
    shown = ada.get(form_page).content.decode()
    assert "Came after it was closed, and is not in the score" in shown
    assert "came 30 Jan 2027" in shown


def test_answers_by_a_link_that_cannot_be_read_go_back_to_who_sent_them(client, link, phq):
    sent = {f"{phq.uid}:9": "3", f"{phq.uid}:1": "<b>2", "act": "finish"}
    page = client.post(link[:-3] + "xx/", sent)
    assert page.status_code == 410
    said = page.content.decode()
    assert "Your clinic does not have what you just sent" in said
    assert "Question 9: 3" in said
    assert "Question 1: &lt;b&gt;2" in said
    assert "Call the emergency number" in said
    assert not ItemAnswer.objects.exists()


def test_a_browser_that_lost_its_cookies_loses_no_answer(link, phq):
    from django.test import Client

    page = Client(enforce_csrf_checks=True).post(link, {f"{phq.uid}:9": "3", "act": "save"})
    assert page.status_code == 200
    assert SafetySignal.objects.count() == 1


def test_one_answer_that_cannot_be_read_does_not_take_the_others_along(client, link, phq):
    sent = post(
        client,
        link,
        tap(phq, "1", 9, "mark-0001"),
        tap(phq, "9", 3, "mark-0002"),
        tap(phq, "77", 1, "mark-0003"),
    )
    said = sent.json()
    assert said["kept"] == ["mark-0002"]
    assert {each["client_id"] for each in said["refused"]} == {"mark-0001", "mark-0003"}
    assert all(each["what"] for each in said["refused"])
    assert SafetySignal.objects.count() == 1


def test_what_was_stored_before_is_said_to_be_kept(client, link, phq):
    post(client, link, tap(phq, "1", 1, "mark-0001"))
    again = post(client, link, tap(phq, "1", 1, "mark-0001"), tap(phq, "2", 1, "mark-0002"))
    assert again.json()["kept"] == ["mark-0001", "mark-0002"]
    assert again.json()["stored"] == 1


def test_an_alarming_answer_taken_back_while_offline_is_still_seen(client, link, phq):
    post(
        client,
        link,
        tap(phq, "9", 3, "mark-0001", at="2026-11-23T08:58:00Z"),
        tap(phq, "9", 0, "mark-0002", at="2026-11-23T08:59:00Z"),
    )
    assert SafetySignal.objects.count() == 1


def close(cast, signal):
    from openkap.care.outcomes.safety import close_signal

    close_signal(by=cast.actor("ada"), uid=signal.patient.uid, signal=signal.uid, what_was_done="Called.")


def test_a_worse_answer_on_the_same_form_calls_anew(client, cast, link, phq):
    post(client, link, tap(phq, "9", 1, "mark-0001"))
    post(client, link, tap(phq, "9", 1, "mark-0002"))
    assert SafetySignal.objects.count() == 1
    post(client, link, tap(phq, "9", 3, "mark-0003"))
    assert [row.answers for row in SafetySignal.objects.order_by("pk")] == [{"9": 1}, {"9": 3}]
    assert Message.objects.filter(purpose="call").count() == 2


def test_an_alarming_answer_after_the_first_was_closed_calls_anew(client, cast, link, phq):
    post(client, link, tap(phq, "9", 1, "mark-0001"))
    close(cast, SafetySignal.objects.get())
    post(client, link, tap(phq, "1", 2, "mark-0002"))
    assert SafetySignal.objects.count() == 1
    post(client, link, tap(phq, "9", 1, "mark-0003"))
    assert SafetySignal.objects.count() == 2
    post(client, link, tap(phq, "9", 1, "mark-0003"))
    assert SafetySignal.objects.count() == 2
