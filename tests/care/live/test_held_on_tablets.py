"""What holds the dose before the start shows on every open tablet, wherever the news of it came from."""

from __future__ import annotations

from datetime import timedelta

import pytest
import treated
from chairside import address, post

from openkap.care.accounts import credentials
from openkap.care.accounts.models import Credential
from openkap.care.enrolment import actions as enrolment_actions
from openkap.care.enrolment import consent_signing
from openkap.care.live import state as live_state
from openkap.care.moment import now
from openkap.care.treatment.monitoring import adverse_actions

pytestmark = pytest.mark.usefixtures("nobody_is_locked_out")


@pytest.fixture
def session(cast, patient, watch):
    return treated.cleared(cast, treated.first_session(treated.planned(cast, patient)), watch)


@pytest.fixture
def tablet(cast, session):
    """A tablet that has the page open and asks for what is new."""
    client = cast.client("ben")
    opened = post(client, session)
    assert opened["state"]["held"] == ""
    known = {"mark": opened["mark"]}

    def poll():
        told = client.get(address(session, "state"), known).json()
        known["mark"] = told["mark"]
        return told.get("state")

    return poll


def screening_says_more(cast, session):
    enrolment_actions.answer(by=cast.actor("cora"), uid=session.patient.uid, element="qtcf", given="590 ms")


def the_patient_wishes_something_else(cast, session):
    enrolment_actions.record_shared_decision(
        by=cast.actor("ada"), uid=session.patient.uid, wish="time", patient_said="Not yet.", alternatives=[]
    )


def the_patient_withdraws(cast, session):
    consent_signing.withdraw(
        by=cast.actor("ben"),
        uid=session.patient.uid,
        consent=session.patient.consents_given.get().consent.uid,
        said="No.",
        person=cast.staff("ben"),
    )


def a_stopping_rule_is_met(cast, session):
    adverse_actions.record_adverse_event(
        by=cast.actor("ben"),
        patient=session.patient.uid,
        uid=session.course.sessions.get(number=2).uid,
        event=adverse_actions.Event("psychosis", now(), 3, "possible", "none", "recovering"),
    )


def a_credential_is_revoked(cast, session):
    row = Credential.objects.filter(staff=cast.staff("ben"), kind="bls").get()
    credentials.revoke_credential(
        by=cast.actor("sia"), colleague_uid=cast.staff("ben").uid, uid=row.uid, because="lapsed"
    )


@pytest.mark.parametrize(
    ("happens", "says"),
    [
        (screening_says_more, "New since screening: "),
        (the_patient_wishes_something_else, "the patient's last wish"),
        (the_patient_withdraws, "Consent signed in its current version, no"),
        (a_stopping_rule_is_met, "Course: New psychosis or mania"),
        (a_credential_is_revoked, "Credentials of Ben Okafor, session nurse, Basic life support (BLS)"),
    ],
)
def test_news_from_elsewhere_shows_on_an_open_tablet_at_its_next_refresh(
    cast, session, watch, tablet, happens, says
):
    # Within the minute, so that it is the news and not the clock that is heard of.
    watch.moment = watch.moment.replace(second=10)
    tablet()
    watch.forward(seconds=1)
    happens(cast, session)
    assert says in tablet()["held"]


def test_a_credential_that_ends_overnight_shows_the_next_morning(cast, session, watch, tablet):
    held = Credential.objects.get(staff=cast.staff("ben"), kind="bls")
    held.pk, held.uid, held.expires_on = None, "b" * 12, session.starts_at.date()
    a_credential_is_revoked(cast, session)
    held.save(force_insert=True)
    assert "Credentials" not in tablet()["held"]
    watch.forward(days=1)
    assert "Credentials of Ben Okafor, session nurse, Basic life support (BLS): ended" in tablet()["held"]


def test_the_gates_are_not_looked_at_while_nothing_new_is_known(cast, session, watch, tablet, monkeypatch):
    looks = []
    real = live_state.gates_now
    monkeypatch.setattr(live_state, "gates_now", lambda of: looks.append(of) or real(of))
    watch.moment = watch.moment.replace(second=10)
    tablet()
    looks.clear()
    for _ in range(3):
        watch.forward(seconds=2)
        assert tablet() is None
    assert looks == []


def test_looks_at_the_patient_while_the_drug_runs_are_no_news_for_the_tablet(cast, session, watch, tablet):
    treated.dose(cast, session, "start")
    watch.moment = watch.moment.replace(second=10) + timedelta(minutes=1)
    tablet()
    assert cast.client("ada").get(f"/patients/{session.patient.uid}/").status_code == 200
    assert tablet() is None
