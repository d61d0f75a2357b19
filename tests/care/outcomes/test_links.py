"""A patient's link: signed, ending, replaced by newer ones; answers stored once, in any order, never lost."""

from __future__ import annotations

import base64
import json
import re
from datetime import timedelta

import pytest
from django.urls import reverse
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from openkap.care.accounts.actor import patient_actor
from openkap.care.outcomes.actions import Tap, finish, fresh_link, latest_answers, save_answers
from openkap.care.outcomes.models import Form, FormScore, Invitation, ItemAnswer


def form_of(asked, name):
    return Form.objects.get(invitation=asked, instrument=name)


def token_of(link):
    return link.removeprefix("/a/").rstrip("/")


def post(client, link, *answers, name="link_answers"):
    body = {"answers": list(answers)} if answers or name == "link_answers" else {}
    url = reverse(f"api:{name}", args=[token_of(link)])
    return client.post(url, json.dumps(body), content_type="application/json")


def tap(form, item, value, mark, at="2026-11-23T09:00:00Z"):
    return {"form": form.uid, "item": item, "value": value, "client_id": mark, "answered_at": at}


def test_the_questions_open_without_login_and_name_nobody(client, link, patient):
    page = client.get(link).content.decode()
    assert "Nightmares" in page
    assert "Example" not in page
    assert "+1 555 0100" in page


@pytest.mark.parametrize("change", [lambda text: text[:-2] + "x/", lambda text: "/a/rubbish/"])
def test_a_changed_link_opens_nothing(client, link, change):
    answer = client.get(change(link))
    assert answer.status_code == 410
    assert "cannot be read" in answer.content.decode()


def test_a_link_ends(client, link, watch):
    watch.forward(days=30)
    answer = client.get(link)
    assert answer.status_code == 410
    assert "has ended" in answer.content.decode()


def test_an_older_link_opens_the_questions_until_it_ends(client, asked, link):
    newer = fresh_link(asked).removeprefix("http://127.0.0.1:8000")
    assert client.get(link).status_code == 200
    assert client.get(newer).status_code == 200


def test_an_answer_sent_twice_is_stored_once(client, asked, link):
    form = form_of(asked, "pcl-5")
    first = tap(form, "1", 3, "mark-0001")
    assert post(client, link, first).json()["stored"] == 1
    again = post(client, link, first, tap(form, "2", 1, "mark-0002"))
    assert again.json()["stored"] == 1
    assert again.json()["answered"] == 2
    assert ItemAnswer.objects.count() == 2


def test_what_waited_offline_does_not_undo_a_later_answer(client, asked, link, watch):
    form = form_of(asked, "pcl-5")
    watch.forward(hours=2)
    post(client, link, tap(form, "1", 4, "mark-late", at="2026-11-23T10:00:00Z"))
    post(client, link, tap(form, "1", 0, "mark-early", at="2026-11-23T09:30:00Z"))
    assert latest_answers(form) == {"1": 4}
    assert ItemAnswer.objects.count() == 2


def test_a_clock_that_runs_ahead_counts_as_now(client, asked, link, watch):
    form = form_of(asked, "pcl-5")
    post(client, link, tap(form, "1", 4, "mark-ahead", at="2031-01-01T00:00:00Z"))
    watch.forward(minutes=1)
    post(client, link, tap(form, "1", 2, "mark-then", at="2026-11-23T09:00:40Z"))
    assert latest_answers(form) == {"1": 2}


@hypothesis_settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_order_and_any_repetition_of_answers_ends_the_same(data, make_asked):
    asked, by, form = make_asked()
    taps = [
        Tap(
            form.uid,
            str(1 + number % 4),
            number % 5,
            f"mark-{number:04}",
            asked.created_at + timedelta(seconds=number - 60),
        )
        for number in range(12)
    ]
    sent = data.draw(st.permutations(taps + taps[:5]))
    cut = data.draw(st.integers(0, len(sent)))
    save_answers(by=by, invitation=asked, taps=sent[:cut])
    save_answers(by=by, invitation=asked, taps=sent[cut:])
    wanted = {each.item: each.value for each in taps}
    assert latest_answers(form) == wanted
    assert ItemAnswer.objects.filter(form=form).count() == len(taps)


@pytest.fixture
def make_asked(cast, patient):
    from openkap.care.outcomes.actions import ask

    def make():
        asked = ask(by=cast.actor("cora"), uid=patient.uid, instruments=["pcl-5"])
        return asked, patient_actor(patient.uid, patient.clinic), form_of(asked, "pcl-5")

    return make


def test_an_answer_after_finishing_is_kept_and_the_score_stays(client, asked, link):
    form = form_of(asked, "phq-9")
    for item in range(1, 10):
        post(client, link, tap(form, str(item), 1 if item != 9 else 0, f"mark-{item:04}"))
    assert post(client, link, name="link_finish").status_code == 200
    assert post(client, link, tap(form, "1", 3, "mark-9999")).json()["stored"] == 1
    assert post(client, link, name="link_finish").status_code == 200
    assert FormScore.objects.get(instrument="phq-9").total == 8
    replay = post(client, link, tap(form, "1", 1, "mark-0001"))
    assert replay.json()["stored"] == 0


def test_only_the_browser_that_answered_sees_the_curve(client, asked, link, settings):
    from django.test import Client

    form = form_of(asked, "phq-9")
    post(client, link, tap(form, "1", 1, "mark-0001"))
    post(client, link, name="link_finish")
    assert (
        "starting point" in client.get(link, follow=True).content.decode()
        or "with your clinic" in client.get(link, follow=True).content.decode()
    )
    found_later = Client().get(link, follow=True).content.decode()
    assert "How it has moved" not in found_later
    assert "Thank you" in found_later


@pytest.mark.parametrize(
    "send",
    [
        lambda client, link, form: post(client, link, tap(form, "2", 1, "mark-0002")),
        lambda client, link, form: client.post(link, {f"{form.uid}:2": "1", "act": "save"}),
    ],
    ids=["through the API", "by the page"],
)
def test_an_answer_after_the_end_opens_no_curve_to_whoever_found_the_link(client, asked, link, send):
    from django.test import Client

    form, stranger = form_of(asked, "phq-9"), Client()
    post(client, link, tap(form, "1", 1, "mark-0001"))
    post(client, link, name="link_finish")
    send(stranger, link, form)
    assert client.get(link, follow=True).context["is_theirs"]
    assert not stranger.get(link, follow=True).context["is_theirs"]


def test_questions_that_the_clinic_closes_at_the_moment_of_the_last_answer_say_so(
    client, asked, link, monkeypatch
):
    from openkap.care.outcomes import link_views

    form, save = form_of(asked, "phq-9"), link_views.actions.save_answers

    def closed_meanwhile(**given):
        saved = save(**given)
        Invitation.objects.filter(pk=asked.pk).update(closed_at=asked.created_at, gap="declined")
        return saved

    monkeypatch.setattr(link_views.actions, "save_answers", closed_meanwhile)
    answer = client.post(link, {f"{form.uid}:1": "2", "act": "finish"})
    assert answer.status_code == 410
    assert latest_answers(form) == {"1": 2}


def test_without_scripts_the_plain_form_saves_resumes_and_finishes(client, asked, link):
    form = form_of(asked, "phq-9")
    client.post(link, {f"{form.uid}:1": "2", f"{form.uid}:2": "3", "act": "save"})
    page = client.get(link).content.decode()
    assert page.count("checked") == 2
    done = client.post(link, {f"{form.uid}:3": "1", "act": "finish"}, follow=True)
    assert "Thank you" in done.content.decode()
    assert latest_answers(form) == {"1": 2, "2": 3, "3": 1}


def test_an_answer_the_form_does_not_offer_is_refused(client, asked, link):
    form = form_of(asked, "phq-9")
    refused = post(client, link, tap(form, "1", 7, "mark-0001"))
    assert refused.status_code == 400
    assert refused.json()["limit"] == "0, 1, 2, 3"


def test_answers_of_another_patients_form_are_refused(client, cast, register, link):
    from openkap.care.outcomes.actions import ask

    other = ask(by=cast.actor("cora"), uid=register("Other").uid, instruments=["phq-9"])
    refused = post(client, link, tap(form_of(other, "phq-9"), "1", 1, "mark-0001"))
    assert refused.status_code == 400
    assert not ItemAnswer.objects.exists()


def test_handing_over_the_tablet_locks_the_clinic(cast, patient, asked):
    client = cast.client("ben")
    answer = client.post(reverse("invitation", args=[patient.uid, asked.uid]), {"act": "tablet"})
    page = client.get(answer.headers["Location"].removeprefix("http://127.0.0.1:8000"))
    assert "Nightmares" in page.content.decode()
    assert client.get(reverse("patient", args=[patient.uid])).status_code == 423


def test_on_a_shared_tablet_the_next_patient_cannot_go_back_to_the_last_page_of_the_one_before(
    cast, patient, register
):
    from openkap.care.demo.cast import PASSWORD
    from openkap.care.outcomes.actions import ask

    tablet = cast.client("ben")

    def hand_over(who):
        asked = ask(by=cast.actor("ben"), uid=who.uid, instruments=["phq-9"])
        answer = tablet.post(reverse("invitation", args=[who.uid, asked.uid]), {"act": "tablet"})
        return asked, answer.headers["Location"].removeprefix("http://127.0.0.1:8000")

    asked, first = hand_over(patient)
    post(tablet, first, tap(form_of(asked, "phq-9"), "9", 3, "mark-0001"))
    post(tablet, first, name="link_finish")
    assert "How it has moved" in tablet.get(first, follow=True).content.decode()
    tablet.post(reverse("unlock"), {"password": PASSWORD})
    back = tablet.get(first, follow=True)
    assert "How it has moved" not in back.content.decode()
    # The help that a late answer may need is in the page, and says nothing of the one before.
    assert not back.context["needs_help"]
    hand_over(register("Next"))
    assert "How it has moved" not in tablet.get(first, follow=True).content.decode()
    assert back.headers["Cache-Control"] == "no-store"


def test_a_link_opened_in_a_browser_of_the_clinic_locks_it_and_asks_for_it_back(cast, asked, link):
    tablet = cast.client("ben")
    assert tablet.get("/home/").status_code == 200
    assert tablet.get(link).status_code == 200
    assert tablet.get("/home/").status_code == 423
    post(tablet, link, tap(form_of(asked, "phq-9"), "1", 1, "mark-0001"))
    post(tablet, link, name="link_finish")
    last = tablet.get(link, follow=True).content.decode()
    assert "give the tablet back" in last
    assert "How it has moved" in last
    assert tablet.get("/home/").status_code == 423


def test_on_the_patients_own_telephone_nothing_is_said_of_a_tablet(client, asked, link):
    post(client, link, tap(form_of(asked, "phq-9"), "1", 1, "mark-0001"))
    post(client, link, name="link_finish")
    assert "tablet" not in client.get(link, follow=True).content.decode()


def test_handing_the_tablet_on_without_unlocking_forgets_the_one_before(cast, client, asked, link):
    from django.test import RequestFactory

    from openkap.care.accounts.locking import lock

    post(client, link, tap(form_of(asked, "phq-9"), "1", 1, "mark-0001"))
    post(client, link, name="link_finish")
    assert "How it has moved" in client.get(link, follow=True).content.decode()
    request = RequestFactory().get("/")
    request.session = client.session
    lock(request)
    request.session.save()
    assert "How it has moved" not in client.get(link, follow=True).content.decode()


def test_finishing_twice_scores_once(patient, make_asked):
    asked, by, form = make_asked()
    save_answers(by=by, invitation=asked, taps=[Tap(form.uid, "1", 2, "mark-0001", asked.created_at)])
    finish(by=by, invitation=asked)
    finish(by=by, invitation=Invitation.objects.get(pk=asked.pk))
    assert FormScore.objects.count() == 1


def test_the_patients_own_phone_keeps_the_page_and_a_tablet_of_the_clinic_does_not(cast, client, asked, link):
    own = client.get(link).content.decode()
    assert 'data-worker="/a/worker.js"' in own
    ends = int(re.search(r'data-ends="(\d+)"', own)[1]) / 1000
    assert ends == json.loads(base64.urlsafe_b64decode(link.split("/")[2].split(":")[0] + "=="))[1]
    assert "data-worker" not in cast.client("tess").get(link).content.decode()


def test_the_script_that_keeps_the_page_is_for_one_link_only(client):
    script = client.get("/a/worker.js")
    assert script.headers["Content-Type"] == "text/javascript"
    # Without this header the browser lets it answer for addresses below /a/ and no others.
    assert "Service-Worker-Allowed" not in script.headers
    assert "worker-src 'self'" in script.headers["Content-Security-Policy"]
