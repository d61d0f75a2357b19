"""Start, gates and consent on a tablet that was cut off: what was done is kept, and nobody can miss it."""

from __future__ import annotations

from datetime import timedelta

import pytest
import treated
from chairside import act, post, statuses

from openkap.care.accounts.models import Credential
from openkap.care.enrolment import consent_signing
from openkap.care.moment import now
from openkap.care.treatment.dose import delivery_actions
from openkap.care.treatment.models import Alert, DoseDoubt, DoseEvent
from openkap.care.treatment.release import actions as release_actions

pytestmark = pytest.mark.usefixtures("nobody_is_locked_out")


@pytest.fixture
def session(cast, patient, watch):
    session = treated.cleared(cast, treated.first_session(treated.planned(cast, patient)), watch)
    session.released = watch.moment
    return session


def send(cast, session, entry):
    told = post(cast.client("ben"), session, entry)
    assert statuses(told) == ["saved"], told["answers"]
    return told["state"]


def withdraw(cast, session):
    consent_signing.withdraw(
        by=cast.actor("ben"),
        uid=session.patient.uid,
        consent=session.patient.consents_given.get().consent.uid,
        said="No.",
        person=cast.staff("ben"),
    )


def test_a_tablet_is_told_what_holds_the_dose_again(cast, session):
    assert post(cast.client("ben"), session)["state"]["held"] == ""
    treated.enter(cast, session, "gate", {"sbp_predose": "165"})
    state = post(cast.client("ben"), session)["state"]
    assert state["session"]["state"] == "arrived"
    assert state["held"].startswith("Systolic pressure over the stop limit, 165 mm[Hg]")


def test_a_start_on_a_tablet_that_had_not_heard_of_it_is_kept_and_alarms(cast, session, watch):
    treated.enter(cast, session, "gate", {"sbp_predose": "165"})
    watch.forward(minutes=5)
    state = send(cast, session, act("s", "start", session.released + timedelta(minutes=1)))
    assert state["session"]["state"] == "dosing"
    alert = next(each for each in state["alerts"] if each["rule"] == "PRE-12")
    assert alert["priority"] == "high"
    assert alert["told"]["title"].startswith("Started although a gate holds the dose")
    assert alert["told"]["who"] == "Ada Lindqvist"
    assert Alert.objects.filter(session=session, acknowledged_at__isnull=True).exists()


def revoked(cast, key, kind):
    rows = Credential.objects.filter(staff=cast.staff(key), kind=kind)
    assert rows.update(revoked_at=now(), revoked_because="lapsed")


@pytest.mark.parametrize(
    ("key", "kind", "rule", "title", "say", "who"),
    [
        (
            "ben",
            "bls",
            "nurse",
            "Credentials of Ben Okafor, session nurse",
            "Pause the drug until a session nurse whose credentials hold has taken over.",
            "Ada Lindqvist",
        ),
        (
            "ada",
            "acls",
            "prescriber",
            "Credentials of Ada Lindqvist, prescriber",
            "Pause the drug until a prescriber whose credentials hold has taken over.",
            "Ben Okafor",
        ),
    ],
)
def test_a_late_start_without_a_valid_credential_is_kept_and_alarms(
    cast, session, watch, key, kind, rule, title, say, who
):
    revoked(cast, key, kind)
    watch.forward(minutes=5)
    state = send(cast, session, act("s", "start", session.released + timedelta(minutes=1)))
    assert state["session"]["state"] == "dosing"
    alert = next(each for each in state["alerts"] if each["rule"] == rule)
    assert alert["priority"] == "high"
    assert alert["told"]["title"] == f"Started although a gate holds the dose: {title}"
    assert alert["told"]["value"].endswith(", because lapsed")
    assert (alert["told"]["say"], alert["told"]["who"]) == (say, who)
    assert Alert.objects.filter(session=session, rule=rule, acknowledged_at__isnull=True).exists()


def test_a_start_that_arrives_the_next_day_goes_by_the_credentials_of_its_own_day(cast, session, watch):
    held = Credential.objects.get(staff=cast.staff("ben"), kind="bls")
    held.pk, held.uid, held.expires_on = None, "b" * 12, session.starts_at.date()
    revoked(cast, "ben", "bls")
    held.save(force_insert=True)
    watch.forward(days=1)
    state = send(cast, session, act("s", "start", session.released + timedelta(minutes=1)))
    assert [each["id"] for each in state["events"]] == ["s"]
    assert "nurse" not in {each["rule"] for each in state["alerts"]}


@pytest.mark.parametrize("way", ["page", "tablet"])
def test_a_start_looks_at_what_holds_the_dose_once(cast, session, watch, monkeypatch, way):
    looks = []
    real = release_actions.gates_now
    for module in (release_actions, delivery_actions):
        monkeypatch.setattr(module, "gates_now", lambda of, **more: looks.append(of) or real(of, **more))
    if way == "page":
        treated.dose(cast, session, "start")
    else:
        watch.forward(minutes=5)
        send(cast, session, act("s", "start", session.released + timedelta(minutes=1)))
    assert len(looks) == 1
    assert DoseEvent.objects.get().kind == "start"


def test_a_start_before_the_patient_withdrew_stands_though_it_arrives_after(cast, session, watch):
    watch.forward(minutes=5)
    withdraw(cast, session)
    watch.forward(minutes=5)
    state = send(cast, session, act("s", "start", session.released + timedelta(minutes=1)))
    assert [each["id"] for each in state["events"]] == ["s"]


def test_a_start_after_the_patient_withdrew_waits_for_a_decision(cast, session, watch):
    withdraw(cast, session)
    watch.forward(minutes=5)
    state = send(cast, session, act("s", "start", watch.moment - timedelta(minutes=1)))
    assert [each["why"] for each in state["doubts"]] == ["no dose without valid consent"]
    assert not DoseEvent.objects.exists()


def test_nobody_goes_on_after_the_patient_withdrew(cast, session, watch):
    treated.dose(cast, session, "start")
    watch.forward(minutes=5)
    treated.dose(cast, session, "pause")
    watch.forward(minutes=1)
    withdraw(cast, session)
    watch.forward(minutes=1)
    answer = cast.client("ben").post(
        f"/patients/{session.patient.uid}/sessions/{session.uid}/dose/", {"kind": "resume"}
    )
    assert answer.status_code == 422
    assert "no dose without valid consent" in answer.content.decode().lower()
    send(cast, session, act("r", "resume", watch.moment))
    assert DoseDoubt.objects.get().why == "no dose without valid consent"


@pytest.mark.parametrize(
    ("late", "why"),
    [({"days": -3}, "the start is before the release of"), ({"days": 1}, "the release was for")],
)
def test_a_start_on_another_day_than_its_release_waits_for_a_decision(cast, session, watch, late, why):
    moment = session.released + timedelta(**late)
    watch.moment = max(watch.moment, moment) + timedelta(minutes=1)
    told = post(cast.client("ben"), session, act("s", "start", moment))
    assert not DoseEvent.objects.exists()
    assert DoseDoubt.objects.get().why.startswith(why), told["answers"]
