"""What a closed record or a death stops, wherever it stands, and what goes on all the same."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import pytest
import treated
from addresses import BUNDLE, World, alarming, proposal
from enrolled import countersigned, go_through_all, open_consent, proof, signed

from openkap.care.enrolment import consent_actions, consent_signing
from openkap.care.messaging.models import Message
from openkap.care.moment import now
from openkap.care.outcomes import planning, safety
from openkap.care.outcomes.actions import ask
from openkap.care.outcomes.course import decide_maintenance
from openkap.care.outcomes.models import Invitation
from openkap.care.patients.closing import Why, close_after_death, close_record, reopen_record
from openkap.care.patients.merging import merge
from openkap.care.patients.models import Closing, Identity, Patient, Referral
from openkap.care.treatment.course import ending_actions
from openkap.care.treatment.dose import actions as dose_actions
from openkap.care.treatment.models import Session
from openkap.care.treatment.monitoring import session_actions
from openkap.care.treatment.planning import moving_actions, replan_actions
from openkap.care.treatment.release import actions as release_actions
from openkap.care.treatment.session import closing_actions
from openkap.care.worklist import tasks_about, tasks_of
from openkap.core.errors import InputError

YESTERDAY = date(2026, 11, 22)
CLOSED = "this record is closed"


def died(cast, patient):
    return close_record(by=cast.actor("cora"), uid=patient.uid, why=Why("died", YESTERDAY))


def close(cast, patient, reason="moved"):
    return close_record(by=cast.actor("cora"), uid=patient.uid, why=Why(reason))


def reachable(patient):
    Identity.objects.filter(patient=patient).update(email="alex@example.org")
    return patient


def asked(cast, patient):
    return ask(by=cast.actor("cora"), uid=patient.uid, instruments=["phq-9"])


def put_together(cast, kept, absorbed):
    return merge(by=cast.actor("cora"), keep=kept.uid, absorb=absorbed.uid, reason="the same person")


@pytest.fixture
def session(cast, patient):
    return treated.first_session(treated.planned(cast, patient))


# Messages and questions.


def test_a_death_under_one_merged_record_stops_the_messages_of_every_other(cast, patient, register):
    one, two = register("Example", "Alix"), reachable(register("Example", "Alexis"))
    asked(cast, two)
    for each in (one, two):
        put_together(cast, patient, each)
    Identity.objects.filter(patient=patient).update(email="alex@example.org")
    # As it stood before the three were known to be one person.
    Closing.objects.create(
        patient=one, reason="died", closed_by=cast.staff("cora"), closed_at=now(), status_before="referred"
    )
    assert planning.send_due("test") == 0
    assert not Message.objects.exists()


def test_a_question_that_was_being_sent_when_the_death_was_told_is_not_sent(cast, patient):
    row = asked(cast, reachable(patient))
    Closing.objects.create(
        patient=patient,
        reason="died",
        closed_by=cast.staff("cora"),
        closed_at=now(),
        status_before="referred",
    )
    assert planning._send(row.pk, planning.BODY, "sent_at") == 0
    assert not Message.objects.exists()


def test_putting_a_record_together_with_one_of_somebody_who_died_ends_its_questions(cast, patient, register):
    other = reachable(register("Example", "Alix"))
    row = asked(cast, other)
    planning.send_due("test")
    assert Message.objects.filter(sent_at=None).exists()
    died(cast, patient)
    put_together(cast, patient, other)
    row.refresh_from_db()
    assert row.gap == Invitation.Gap.ENDED
    assert not Message.objects.exists()


def test_the_link_of_a_closed_record_shows_nothing_and_an_alarming_answer_still_calls(cast, client, patient):
    from django.urls import reverse

    from openkap.care.outcomes.actions import fresh_link
    from openkap.care.outcomes.models import Form

    row = asked(cast, patient)
    link = fresh_link(row).removeprefix("http://127.0.0.1:8000")
    close(cast, patient)
    assert client.get(link).status_code == 410
    form = Form.objects.get(invitation=row)
    tap = {"form": form.uid, "item": "9", "value": 3, "client_id": "late-0001"}
    tap["answered_at"] = now().isoformat()
    url = reverse("api:link_answers", args=[link.removeprefix("/a/").rstrip("/")])
    client.post(url, {"answers": [tap]}, content_type="application/json")
    assert form.safety_signals.get().closed_at is None
    assert "an alarming answer is open" in " ".join(holds(patient))


def holds(patient):
    from openkap.care.patients.holds import holds_of

    return holds_of(patient)


def test_an_alarming_answer_calls_on_after_a_death_was_told(cast, patient, watch):
    alarming(World(cast, patient, patient), "cora", patient)
    died(cast, patient)
    assert [
        each.verb for each in tasks_about(cast.actor("ada"), patient.uid) if "answer" in each.verb.lower()
    ]
    watch.forward(hours=2)
    assert safety.escalate_due("test") == 1


# Home, plans and the board.


def test_a_death_told_under_a_merged_record_leads_to_closing_the_one_in_use(cast, patient, register):
    other = register("Example", "Alix")
    died(cast, other)
    close_after = "Close the record: the patient has died"
    treated.planned(cast, patient)
    put_together(cast, patient, other)
    (task,) = [each for each in tasks_of(cast.actor("cora")) if each.verb == close_after]
    assert patient.uid in task.url


def test_no_maintenance_is_planned_under_a_closed_record_and_the_proposal_waits(cast, patient):
    uid = proposal(World(cast, patient, patient), "cora", patient)
    signal = patient.safety_signals.get()
    safety.close_signal(by=cast.actor("ada"), uid=patient.uid, signal=signal.uid, what_was_done="called")
    assert tasks_about(cast.actor("ada"), patient.uid)
    close(cast, patient)
    assert not tasks_about(cast.actor("ada"), patient.uid)
    with pytest.raises(InputError, match=CLOSED):
        decide_maintenance(
            by=cast.actor("ada"), uid=patient.uid, proposal=uid, decision="plan", reason="came back"
        )
    reopen_record(by=cast.actor("cora"), uid=patient.uid, reason="is back")
    assert tasks_about(cast.actor("ada"), patient.uid)


@pytest.mark.parametrize("act", ["move a session", "move a visit", "plan in its place"])
def test_no_date_is_planned_for_who_has_died(cast, patient, session, watch, act):
    later = session.starts_at + timedelta(days=1)
    visit = session.course.visits.filter(state="planned").first()
    if act == "plan in its place":
        treated.arrived(cast, session, watch)
        session_actions.give_up(by=cast.actor("ben"), patient=patient.uid, uid=session.uid, reason="ill")
    died(cast, patient)
    by, uid = cast.actor("cora"), patient.uid
    do = {
        "move a session": lambda: moving_actions.move_session(
            by=by, patient=uid, uid=session.uid, starts_at=later, version=session.version, reason="x"
        ),
        "move a visit": lambda: moving_actions.move_visit(
            by=by, patient=uid, uid=visit.uid, starts_at=later, version=visit.version
        ),
        "plan in its place": lambda: replan_actions.plan_in_its_place(
            by=by, patient=uid, uid=session.uid, starts_at=later
        ),
    }[act]
    with pytest.raises(InputError, match=CLOSED):
        do()


def test_the_board_waits_for_nobody_who_has_died(cast, patient, session, watch):
    watch.moment = session.starts_at + timedelta(minutes=5)
    rows = cast.client("ben").get("/board/state/").json()["rows"]
    assert [row["not_started"] for row in rows if row["chair"] == "Chair 1"] != [None]
    died(cast, patient)
    rows = cast.client("ben").get("/board/state/").json()["rows"]
    assert [(row["not_started"], row["planned"]) for row in rows if row["chair"] == "Chair 1"] == [
        (None, None)
    ]


# Doses and consent.


def test_nobody_is_received_whose_death_is_recorded(cast, patient, session, watch):
    died(cast, patient)
    watch.moment = session.starts_at
    with pytest.raises(InputError, match=CLOSED):
        session_actions.arrive(by=cast.actor("ben"), patient=patient.uid, uid=session.uid)


def test_a_death_takes_the_release_back_and_holds_the_dose_until_it_is_taken_back(
    cast, patient, session, watch
):
    treated.cleared(cast, session, watch)
    died(cast, patient)
    session.refresh_from_db()
    assert session.state == Session.State.ARRIVED
    gate = next(each for each in release_actions.gates_now(session) if each.rule.id == "closed")
    assert (gate.title, gate.saw, gate.holds) == (
        "The record says that the patient has died",
        "22 Nov 2026",
        True,
    )
    with pytest.raises(InputError, match="a gate holds the dose") as refused:
        release_actions.clear(by=cast.actor("ben"), patient=patient.uid, uid=session.uid)
    assert "reopens it on the chart" in refused.value.remedy
    page = cast.client("ben").get(f"/patients/{patient.uid}/sessions/{session.uid}/").content.decode()
    assert "The record says that the patient has died" in page
    reopen_record(by=cast.actor("cora"), uid=patient.uid, reason="another person of that name")
    release_actions.clear(by=cast.actor("ben"), patient=patient.uid, uid=session.uid)


def test_a_session_goes_on_to_its_signed_record_and_the_drug_is_wasted_after_a_death(
    cast, patient, session, watch
):
    treated.gone(cast, session, watch, mg="50")
    died(cast, patient)
    assert tasks_about(cast.actor("ben"), patient.uid)
    dose_actions.waste(
        by=cast.actor("ben"),
        patient=patient.uid,
        uid=session.uid,
        amount_mg=Decimal(15),
        witness=treated.witness(cast),
    )
    closing_actions.sign_session(
        by=cast.actor("ben"), patient=patient.uid, uid=session.uid, person=proof(cast, "ben")
    )


@pytest.mark.parametrize("act", ["go through it", "assess capacity", "sign", "countersign"])
def test_no_consent_goes_on_under_a_closed_record(cast, patient, act):
    consent = signed(cast, patient) if act == "countersign" else open_consent(cast, patient)
    if act == "sign":
        go_through_all(cast, patient, consent)
    close(cast, patient, "declined")
    whole = consent_actions.Abilities(understands=True, retains=True, weighs=True, communicates=True)
    given = {"by": cast.actor("cora"), "uid": patient.uid, "consent": consent.uid}
    do = {
        "go through it": lambda: go_through_all(cast, patient, consent),
        "assess capacity": lambda: consent_actions.assess_capacity(**given, found=whole),
        "sign": lambda: consent_signing.sign_as_patient(
            **given, signed=consent_signing.Signed("Alex Example")
        ),
        "countersign": lambda: countersigned(cast, patient, consent),
    }[act]
    with pytest.raises(InputError, match=CLOSED):
        do()


# Reopening, merging, coming again.


def test_a_record_closed_after_a_death_is_reopened_where_the_course_had_ended(cast, patient, session):
    died(cast, patient)
    patient.refresh_from_db()
    assert patient.status == Patient.Status.IN_COURSE
    ending_actions.end_course(
        by=cast.actor("ada"), patient=patient.uid, uid=session.course.uid, rule="other", reason="has died"
    )
    close_after_death(by=cast.actor("cora"), uid=patient.uid)
    reopen_record(by=cast.actor("cora"), uid=patient.uid, reason="another person of that name")
    patient.refresh_from_db()
    assert patient.status == Patient.Status.FOLLOW_UP


def test_a_record_in_use_is_not_put_into_a_closed_one(cast, patient, register):
    other = register("Example", "Alix")
    close(cast, patient)
    with pytest.raises(InputError, match="closed, and the other one is in use"):
        put_together(cast, patient, other)
    put_together(cast, other, patient)


FORM = {
    "family_name": "Example",
    "given_name": "Alex",
    "birth_date": "1984-05-02",
    "sex": "unknown",
    "referrer": "Dr Lee",
    "reason": "wants to try again",
}


def test_who_comes_again_is_offered_the_closed_record_and_not_a_second_one(cast, patient):
    close(cast, patient, "declined")
    cora = cast.client("cora")
    page = cora.post("/referrals/new/", FORM).content.decode()
    assert "This record is closed: declined" in page
    assert "reopen this record with this referral" in page
    answer = cora.post("/referrals/new/", FORM | {"reopen": patient.uid})
    assert answer.headers["Location"] == f"/patients/{patient.uid}/"
    patient.refresh_from_db()
    assert patient.status == Patient.Status.REFERRED
    assert Patient.objects.count() == 1
    assert Referral.objects.filter(patient=patient, referrer="Dr Lee", reason="wants to try again").exists()
    assert "referred again: Dr Lee, wants to try again" in Closing.objects.get().reopened_because


def test_an_uploaded_record_of_who_comes_again_is_kept_in_the_record_that_is_reopened(cast, patient):
    import json

    from django.core.files.uploadedfile import SimpleUploadedFile

    close(cast, patient)
    cora = cast.client("cora")
    file = SimpleUploadedFile("r.json", json.dumps(BUNDLE).encode())
    url = cora.post("/referrals/upload/", {"bundle": file}).headers["Location"]
    assert cora.post(url, FORM | {"reopen": patient.uid}).status_code == 302
    assert Referral.objects.filter(patient=patient, by="fhir").count() == 1
    assert Patient.objects.count() == 1


def test_a_record_of_somebody_who_died_is_not_reopened_by_a_referral(cast, patient):
    died(cast, patient)
    cora = cast.client("cora")
    page = cora.post("/referrals/new/", FORM).content.decode()
    assert "The record says that they have died" in page
    assert "reopen this record with this referral" not in page
    answer = cora.post("/referrals/new/", FORM | {"reopen": patient.uid})
    assert answer.status_code == 422
    assert "has died" in answer.content.decode()
    patient.refresh_from_db()
    assert patient.status == Patient.Status.CLOSED


def test_a_nurse_reads_who_reopens_the_closed_record(cast, patient):
    close(cast, patient)
    page = cast.client("ben").post("/referrals/new/", FORM).content.decode()
    assert "A prescriber or coordinator reopens it" in page
    assert cast.client("ben").post("/referrals/new/", FORM | {"reopen": patient.uid}).status_code == 403


@pytest.mark.parametrize(("reason", "is_called"), [("moved", True), ("died", False)])
def test_the_call_after_a_dose_outlives_the_closing_of_the_record_and_not_a_death(
    cast, patient, session, watch, reason, is_called
):
    treated.gone(cast, session, watch)
    closing_actions.sign_session(
        by=cast.actor("ben"), patient=patient.uid, uid=session.uid, person=proof(cast, "ben")
    )
    ending_actions.end_course(
        by=cast.actor("ada"), patient=patient.uid, uid=session.course.uid, rule="other", reason="moves away"
    )
    close_record(by=cast.actor("cora"), uid=patient.uid, why=Why(reason))
    watch.forward(hours=20)
    verbs = [each.verb for each in tasks_of(cast.actor("ben"))]
    assert ("Call: the contact after the dose is due" in verbs) is is_called
