"""A referral of somebody whose record is open to its care team only, and telephones however they are written."""

from __future__ import annotations

from datetime import date

import pytest

from openkap.care.audit.models import AuditEvent
from openkap.care.patients.actions import NewPatient, join_team, register_referral, restrict
from openkap.care.patients.duplicates import find_candidates
from openkap.care.patients.merging import merge
from openkap.care.patients.models import Patient
from openkap.care.patients.queries import find_patients
from openkap.care.patients.restricted_matches import restricted_matches

BORN = date(1990, 2, 11)
REFERRAL = {
    "family_name": "Quite",
    "given_name": "Different",
    "birth_date": "1990-02-11",
    "sex": "unknown",
    "language": "en",
    "telephone": "+1 555 0100 333",
}


@pytest.fixture
def closed(cast):
    """Open to Ada and Ben only; Cora is not on the team."""
    by = cast.actor("ada")
    person = NewPatient("Hidden", "Person", birth_date=BORN, telephone="+15550100333")
    patient = register_referral(by=by, person=person)
    join_team(by=by, uid=patient.uid, members=[(cast.staff(key).pk, part) for key, part in TEAM])
    restrict(by=by, uid=patient.uid, is_restricted=True, reason="works here")
    return patient


TEAM = [("ada", "prescriber"), ("ben", "nurse")]


def test_a_closed_record_is_not_shown_and_its_team_is_named(cast, closed):
    page = cast.client("cora").post("/referrals/new/", REFERRAL)
    told = page.content.decode()
    assert "There is a record that is open to its care team only" in told
    assert "Ada Lindqvist (prescriber), Ben Okafor (session nurse)" in told
    assert not {closed.uid, closed.code, "HIDDEN"} & set(told.replace("/", " ").split())
    assert Patient.objects.count() == 1


def test_that_somebody_was_told_of_a_closed_record_stands_in_the_audit(cast, closed):
    cast.client("cora").post("/referrals/new/", REFERRAL)
    event = AuditEvent.objects.get(patient=closed.uid, action="patient.seen", actor=cast.actor("cora").uid)
    assert "restricted record exists" in event.body


def test_who_has_asked_opens_the_second_record(cast, closed):
    assert cast.client("cora").post("/referrals/new/", REFERRAL | {"is_new": "yes"}).status_code == 302
    assert Patient.objects.count() == 2


@pytest.mark.parametrize(
    "other", [{"birth_date": "1990-02-12"}, {"telephone": "+1 555 0100 334"}, {"telephone": ""}]
)
def test_less_than_birth_date_and_telephone_tells_nobody_of_a_closed_record(cast, closed, other):
    who = REFERRAL | {"family_name": "Hidden", "given_name": "Person"} | other
    assert cast.client("cora").post("/referrals/new/", who).status_code == 302
    assert not AuditEvent.objects.filter(patient=closed.uid, actor=cast.actor("cora").uid).exists()


def test_a_closed_record_of_another_clinic_is_nobodys_business(cast):
    by = cast.actor("eve")
    person = NewPatient("Hidden", "Person", birth_date=BORN, telephone="+15550100333")
    patient = register_referral(by=by, person=person)
    restrict(by=by, uid=patient.uid, is_restricted=True, reason="works here")
    assert cast.client("cora").post("/referrals/new/", REFERRAL).status_code == 302


def test_who_is_on_the_team_is_shown_the_record_itself(cast, closed):
    page = cast.client("ben").post("/referrals/new/", REFERRAL | {"family_name": "Hidden"})
    assert closed.code in page.content.decode()
    assert "open to its care team only" not in page.content.decode()


@pytest.mark.parametrize("written", ["+1 555 0100 333", "(555) 0100-333", "0555/0100.333", "+15550100333"])
def test_one_telephone_number_is_the_same_however_it_is_written(cast, register, written):
    known = register("Meyer", "Sara", birth_date=None, telephone="+15550100333")
    (found,) = find_candidates(
        cast.actor("cora"), family_name="Meyer", given_name="Else", birth_date=None, telephone=written
    )
    assert (found.uid, found.reasons) == (known.uid, ("the same telephone number",))
    assert [each.uid for each in find_patients(cast.actor("cora"), text=written).object_list] == [known.uid]


def test_another_number_or_too_few_digits_are_not_the_same(cast, register):
    register("Meyer", "Sara", birth_date=None, telephone="0100333")
    for written in ("+1 555 0100 334", "0333"):
        assert not find_candidates(
            cast.actor("cora"), family_name="Meyer", given_name="Else", birth_date=None, telephone=written
        )


def test_what_a_merged_record_says_tells_of_the_closed_one_it_belongs_to(cast):
    by, born = cast.actor("ada"), date(1971, 7, 3)
    kept = register_referral(by=by, person=NewPatient("Hidden", "Person"))
    absorbed = NewPatient("Former", "Person", birth_date=born, telephone="+1 555 0188 111")
    other = register_referral(by=by, person=absorbed)
    join_team(by=by, uid=kept.uid, members=[(cast.staff(key).pk, part) for key, part in TEAM])
    merge(by=by, keep=kept.uid, absorb=other.uid, reason="same passport")
    restrict(by=by, uid=kept.uid, is_restricted=True, reason="works here")
    asked = {"birth_date": born, "telephone": "+1 555 0188 111", "identifiers": []}
    assert [each.team[0] for each in restricted_matches(cast.actor("cora"), **asked)] == [
        "Ada Lindqvist (prescriber)"
    ]
