"""Who works at two clinics: what one administrator may do to them, and who is told of it."""

from datetime import timedelta

import pytest
from allauth.mfa.models import Authenticator

from openkap.care.accounts.actor import actor_for
from openkap.care.accounts.credentials import record_credential, revoke_credential
from openkap.care.accounts.hiring import end_role, give_role, reset_second_factor
from openkap.care.accounts.models import Credential, RoleAssignment, Staff
from openkap.care.audit.models import AuditEvent
from openkap.care.moment import now, today
from openkap.care.permissions import Role
from openkap.core.errors import InputError


@pytest.fixture
def sam(cast):
    """The site administrator of the other clinic."""
    person = Staff.objects.create(email="sam@example.org", name="Sam Hill", created_at=now())
    RoleAssignment.objects.create(
        staff=person, clinic=cast.troupe.other, role=Role.SITE_ADMIN, since=now() - timedelta(days=9)
    )
    return actor_for(person)


@pytest.fixture
def ben(cast, sam):
    """Ben, whom Sam has given a role at the other clinic too."""
    person = cast.staff("ben")
    give_role(by=sam, person=person, role=Role.NURSE)
    Authenticator.objects.create(user=person, type=Authenticator.Type.TOTP, data={})
    return person


def chains(action):
    return set(AuditEvent.objects.filter(action=action).values_list("chain", flat=True))


def test_a_role_given_elsewhere_opens_no_second_factor(cast, sam, ben):
    with pytest.raises(InputError, match="works at another clinic"):
        reset_second_factor(by=sam, colleague_uid=ben.uid, reason="he telephoned")
    assert Authenticator.objects.filter(user=ben).exists()
    assert not chains("staff.second_factor_reset")


def test_the_clinic_somebody_came_to_first_resets_it_and_every_clinic_s_chain_says_so(cast, ben):
    reset_second_factor(by=cast.actor("sia"), colleague_uid=ben.uid, reason="he stands before me")
    assert not Authenticator.objects.filter(user=ben).exists()
    both = {cast.troupe.clinic.uid, cast.troupe.other.uid}
    assert chains("staff.second_factor_reset") == both


def test_an_administrator_of_all_clinics_may_from_the_second_one_too(cast, sam, ben):
    RoleAssignment.objects.create(
        staff_id=sam.staff_id, clinic=cast.troupe.clinic, role=Role.SITE_ADMIN, since=now()
    )
    reset_second_factor(by=sam, colleague_uid=ben.uid, reason="he stands before me")
    assert not Authenticator.objects.filter(user=ben).exists()


def test_once_somebody_left_the_first_clinic_the_second_one_keeps_the_account(cast, sam, ben, watch):
    end_role(by=cast.actor("sia"), colleague_uid=ben.uid, role="nurse")
    watch.forward(minutes=1)
    reset_second_factor(by=sam, colleague_uid=ben.uid, reason="he stands before me")
    assert not Authenticator.objects.filter(user=ben).exists()


def test_a_reset_ends_the_open_sessions_of_that_person_and_of_nobody_else(cast, ben):
    telephone, cora = cast.client("ben"), cast.client("cora")
    assert telephone.get("/home/").status_code == 200
    reset_second_factor(by=cast.actor("sia"), colleague_uid=ben.uid, reason="stolen")
    assert telephone.get("/home/").headers["Location"].startswith("/account/login/")
    assert cora.get("/home/").status_code == 200
    ben.refresh_from_db()
    telephone.force_login(ben)
    assert telephone.get("/home/").status_code == 200


def test_credentials_are_revoked_where_somebody_came_first_and_every_chain_says_so(cast, sam, ben):
    held = Credential.objects.filter(staff=ben).first()
    with pytest.raises(InputError, match="ask the administrator of Harbour Clinic"):
        revoke_credential(by=sam, colleague_uid=ben.uid, uid=held.uid, because="not valid")
    held.refresh_from_db()
    assert held.revoked_at is None
    revoke_credential(by=cast.actor("sia"), colleague_uid=ben.uid, uid=held.uid, because="not valid")
    assert chains("credential.revoked") == {cast.troupe.clinic.uid, cast.troupe.other.uid}


def test_a_credential_recorded_at_one_clinic_stands_in_the_chain_of_the_other_too(cast, sam, ben):
    held = Credential.objects.filter(staff=ben).first()
    record_credential(
        by=sam,
        colleague_uid=ben.uid,
        kind=held.kind,
        issued_on=today(),
        expires_on=held.expires_on,
        evidence="card 12",
        amount=held.amount,
    )
    assert chains("credential.recorded") == {cast.troupe.clinic.uid, cast.troupe.other.uid}


def test_the_page_says_whom_to_ask_and_offers_no_button(cast, client, sam, ben):
    client.force_login(Staff.objects.get(pk=sam.staff_id))
    page = client.get(f"/staff/{ben.uid}/").content.decode()
    assert "the administrator there resets the second factor" in page
    assert 'value="second_factor"' not in page
    assert 'value="revoke"' not in page
    said = client.post(f"/staff/{ben.uid}/", {"act": "second_factor", "reason": "asked"}).content.decode()
    assert "ask the administrator of Harbour Clinic" in said
