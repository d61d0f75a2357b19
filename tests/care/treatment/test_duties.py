"""Nurse and prescriber give a dose with credentials that hold on the day; the page says where that is known."""

import json
from datetime import timedelta

import pytest
from treated import arrived, checked, cleared, first_session, ordered, planned

from openkap.care.accounts.models import Credential
from openkap.care.moment import now
from openkap.care.treatment.models import DoseEvent


@pytest.fixture
def session(cast, patient):
    return first_session(planned(cast, patient))


def url_of(session, end=""):
    return f"/patients/{session.patient.uid}/sessions/{session.uid}/{end}"


def page(cast, session):
    return cast.client("ben").get(url_of(session)).content.decode()


def revoke(cast, key, kind):
    rows = Credential.objects.filter(staff=cast.staff(key), kind=kind)
    assert rows.update(revoked_at=now(), revoked_because="lapsed")


@pytest.mark.parametrize(
    ("key", "kind", "said"),
    [
        ("ben", "bls", "Credentials of Ben Okafor, session nurse, Basic life support (BLS): revoked on "),
        (
            "ada",
            "acls",
            "Credentials of Ada Lindqvist, prescriber, Advanced life support (ACLS): revoked on ",
        ),
    ],
)
def test_no_dose_is_released_while_a_credential_of_nurse_or_prescriber_is_missing(
    cast, session, watch, key, kind, said
):
    arrived(cast, session, watch)
    ordered(cast, session)
    checked(cast, session)
    revoke(cast, key, kind)
    answer = cast.client("ben").post(url_of(session, "release/"))
    assert answer.status_code == 422
    shown = answer.content.decode()
    assert said in shown
    assert "site administrator records the credential" in shown
    session.refresh_from_db()
    assert session.state == "arrived"


def test_a_credential_that_ended_between_release_and_start_keeps_the_dose_from_starting(cast, session, watch):
    cleared(cast, session, watch)
    revoke(cast, "ben", "bls")
    answer = cast.client("ben").post(url_of(session, "dose/"), {"kind": "start"})
    assert answer.status_code == 422
    assert "Basic life support (BLS)" in answer.content.decode()
    assert not DoseEvent.objects.exists()


def test_a_credential_holds_on_its_last_day_and_not_on_the_next(cast, session, watch):
    arrived(cast, session, watch)
    ordered(cast, session)
    checked(cast, session)
    last = Credential.objects.get(staff=cast.staff("ben"), kind="bls")
    last.pk, last.uid, last.expires_on = None, "b" * 12, session.starts_at.date() - timedelta(days=1)
    revoke(cast, "ben", "bls")
    last.save(force_insert=True)
    assert cast.client("ben").post(url_of(session, "release/")).status_code == 422
    last.pk, last.uid, last.expires_on = None, "c" * 12, session.starts_at.date()
    last.save(force_insert=True)
    assert cast.client("ben").post(url_of(session, "release/")).status_code == 302


def test_the_gates_show_whose_credentials_were_looked_at_and_from_where(cast, session, watch):
    arrived(cast, session, watch)
    shown = page(cast, session)
    assert "Credentials of Ben Okafor, session nurse" in shown
    assert "Credentials of Ada Lindqvist, prescriber" in shown
    assert "the register of credentials, 30 Nov 2026" in shown
    revoke(cast, "ben", "bls")
    assert "Held by: Credentials of Ben Okafor, session nurse" in page(cast, session)


def test_the_release_keeps_whose_credentials_held(cast, session, watch):
    cleared(cast, session, watch)
    told = json.loads(session.clearance_set.get().snapshot)
    people = [each for each in told if each["rule"] in ("nurse", "prescriber")]
    assert [each["state"] for each in people] == ["clear", "clear"]
    assert "Basic life support (BLS): valid until" in people[0]["saw"]
    assert people[0]["sources"]
