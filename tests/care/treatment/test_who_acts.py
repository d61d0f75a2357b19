"""The credentials of whoever really draws, checks or starts a dose are looked at, planned or not."""

from __future__ import annotations

from decimal import Decimal

import pytest
import treated
from chairside import act, post, statuses

from openkap.care.accounts.models import RoleAssignment
from openkap.care.demo.cast import PASSWORD
from openkap.care.moment import now
from openkap.care.treatment.dose import actions as dose_actions
from openkap.care.treatment.dose import delivery_actions
from openkap.care.treatment.models import Alert, DoseCheck, DoseEvent
from openkap.care.treatment.release import actions as release_actions
from openkap.core.errors import InputError


@pytest.fixture
def session(cast, patient, watch):
    """The dose is ordered and the patient here; Tess has become a nurse and holds no credential of one."""
    session = treated.arrived(cast, treated.first_session(treated.planned(cast, patient)), watch)
    treated.ordered(cast, session)
    RoleAssignment.objects.create(
        staff=cast.staff("tess"), clinic=cast.troupe.clinic, role="nurse", since=now()
    )
    return session


@pytest.fixture
def released(cast, session):
    treated.checked(cast, session)
    release_actions.clear(by=cast.actor("ben"), patient=session.patient.uid, uid=session.uid)
    return session


def where(session, cast, key):
    return {"by": cast.actor(key), "patient": session.patient.uid, "uid": session.uid}


def test_nobody_draws_a_dose_whose_own_credentials_do_not_hold(cast, session):
    lot = treated.stocked(cast).uid
    seen = treated.witness(cast, by="tess")
    with pytest.raises(InputError, match="Tess Amari cannot draw a dose") as refused:
        dose_actions.check_dose(**where(session, cast, "tess"), lot=lot, drawn_mg=Decimal(35), witness=seen)
    assert "not recorded" in refused.value.value
    assert not DoseCheck.objects.exists()


def test_nobody_checks_a_dose_whose_own_credentials_do_not_hold(cast, session):
    fields = {
        "lot": treated.stocked(cast).uid,
        "drawn_mg": "35",
        "second": cast.staff("tess").uid,
        "password": PASSWORD,
    }
    address = f"/patients/{session.patient.uid}/sessions/{session.uid}/check/"
    answer = cast.client("ben").post(address, fields)
    assert answer.status_code == 422
    assert "Tess Amari cannot check a dose" in answer.content.decode()


def test_nobody_starts_a_dose_whose_own_credentials_do_not_hold(cast, released):
    with pytest.raises(InputError, match="Tess Amari cannot start a dose"):
        delivery_actions.dose_event(**where(released, cast, "tess"), kind="start")
    assert not DoseEvent.objects.exists()


def test_a_start_that_a_tablet_kept_is_recorded_and_alarms(cast, released, watch):
    told = post(cast.client("tess"), released, act("s", "start", watch.moment))
    assert statuses(told) == ["saved"]
    alert = Alert.objects.get(rule="CREDENTIAL")
    assert "Tess Amari" in alert.snapshot
    assert (
        next(each for each in told["state"]["alerts"] if each["rule"] == "CREDENTIAL")["priority"] == "high"
    )
