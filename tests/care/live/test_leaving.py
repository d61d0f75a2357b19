"""Nobody leaves past an alert that asks to act now, and against the conditions only with escort and signature."""

from __future__ import annotations

import pytest
import treated

from openkap.care.accounts.models import Signature
from openkap.care.demo.cast import PASSWORD
from openkap.care.treatment.jobs import watch_sessions
from openkap.care.treatment.models import Alert, Discharge, Session
from openkap.care.treatment.monitoring.alert_actions import acknowledge

pytestmark = pytest.mark.usefixtures("nobody_is_locked_out")

AGAINST = {"escort": "Robin Example", "against_because": "wanted to go", "password": PASSWORD}


@pytest.fixture
def session(cast, patient, watch):
    return treated.recovering(cast, treated.first_session(treated.planned(cast, patient)), watch)


@pytest.fixture
def flagged(cast, session):
    """A red-flag symptom that nobody has answered; everything else allows to leave."""
    treated.enter(cast, session, "vitals", treated.VITALS | {"bp_with_red_flag_symptom": "yes"})
    treated.enter(cast, session, "discharge", treated.LEAVING)
    return session


def leave(cast, session, **fields):
    where = f"/patients/{session.patient.uid}/sessions/{session.uid}/leave/"
    return cast.client("ben").post(where, AGAINST | fields)


def test_an_unanswered_red_flag_keeps_the_patient_also_against_the_conditions(cast, flagged):
    answer = leave(cast, flagged)
    assert answer.status_code == 422
    assert "An alert that asks to act now is not answered" in answer.content.decode()
    assert not Discharge.objects.exists()


def test_after_the_answer_they_may_go(cast, flagged):
    for row in Alert.objects.filter(session=flagged, acknowledged_at__isnull=True):
        acknowledge(
            by=cast.actor("ben"),
            patient=flagged.patient.uid,
            uid=flagged.uid,
            alert=row.uid,
            done="seen by Ada",
        )
    assert leave(cast, flagged).status_code == 302


@pytest.mark.parametrize(
    ("missing", "said"),
    [({"escort": " "}, "Who takes the patient home is missing"), ({"password": ""}, "is signed")],
)
def test_against_the_conditions_escort_and_identity_are_asked(cast, session, missing, said):
    answer = leave(cast, session, **missing)
    assert answer.status_code == 422
    assert said in answer.content.decode()
    assert not Discharge.objects.exists()


def test_who_lets_somebody_go_against_the_conditions_signs_for_it(cast, session):
    assert leave(cast, session).status_code == 302
    assert Discharge.objects.get().against
    meaning = Signature.objects.latest("id").meaning
    assert meaning == "I let the patient leave against the conditions, with Robin Example: wanted to go"


def test_an_alert_after_the_patient_has_left_is_watched_until_somebody_answers(cast, session, watch):
    leave(cast, session)
    treated.enter(cast, session, "vitals", treated.VITALS | {"sbp": "190"})
    watch.forward(minutes=3)
    watch_sessions("test")
    assert Alert.objects.get(rule="VIT-03").escalated_at == watch.moment


def test_readiness_is_no_state_of_a_session():
    """It is worked out from the readings: the next one can take it away (DECISIONS.md)."""
    assert "ready" not in Session.State.values
