"""The emergency door, signatures, links, credentials."""

from datetime import date, timedelta
from decimal import Decimal

import pytest
from django.core import signing
from django.urls import reverse

from openkap.care.accounts.credentials import NotQualified, record_credential, require_qualified
from openkap.care.accounts.links import open_link
from openkap.care.accounts.models import BreakGlass, Credential, Signature
from openkap.care.accounts.signing import fingerprint, prove_identity, sign
from openkap.care.audit.models import AuditEvent
from openkap.care.demo.cast import PASSWORD
from openkap.care.patients.actions import restrict
from openkap.care.patients.models import TeamMember
from openkap.care.permissions import Role
from openkap.core.errors import InputError

REASON = "Collapsed in the waiting room, needs allergies"


@pytest.fixture
def restricted(cast, patient):
    """A record whose care team Ben is not on."""
    restrict(by=cast.actor("ada"), uid=patient.uid, is_restricted=True, reason="works here")
    TeamMember.objects.filter(staff=cast.staff("ben")).delete()
    return patient


def test_breaking_the_glass_opens_one_record_for_a_limited_time(cast, restricted, register, watch, settings):
    ben, page = cast.client("ben"), f"/patients/{restricted.uid}/"
    refused = ben.get(page)
    assert refused.status_code == 403
    assert "EXAMPLE" not in refused.content.decode()
    assert ben.post(f"{page}break-glass/", {"reason": "why not", "next": page}).status_code == 422
    answer = ben.post(f"{page}break-glass/", {"reason": REASON, "next": page})
    assert answer.headers["Location"] == page
    assert ben.get(page).status_code == 200
    watch.forward(minutes=settings.BREAK_GLASS_MINUTES + 1)
    ben.post("/me/unlock/", {"password": PASSWORD})
    assert ben.get(page).status_code == 403
    actions = list(AuditEvent.objects.order_by("sequence").values_list("action", flat=True))
    assert actions.count("glass.broken") == 1


def test_broken_glass_makes_nobody_a_member_and_lifts_no_restriction(cast, restricted):
    TeamMember.objects.filter(staff=cast.staff("ada")).delete()
    ada, chart = cast.client("ada"), f"/patients/{restricted.uid}/"
    ada.post(f"{chart}break-glass/", {"reason": REASON})
    assert ada.get(chart).status_code == 200
    for page in ("team/", "restrict/"):
        assert ada.get(f"{chart}{page}").status_code == 403, page


@pytest.mark.parametrize(
    "back", ["rubbish", "a:b", "//elsewhere.example.org/", "https://elsewhere.example.org/"]
)
def test_an_address_that_is_none_of_ours_leads_home_after_the_glass_is_broken(cast, restricted, back):
    address = f"/patients/{restricted.uid}/break-glass/"
    answer = cast.client("ben").post(address, {"reason": REASON, "next": back})
    assert answer.headers["Location"] == "/home/"


def test_an_address_that_is_none_of_ours_leads_home_from_the_locked_screen(cast):
    answer = cast.client("ben").post("/me/unlock/", {"password": PASSWORD, "back": "rubbish"})
    assert answer.headers["Location"] == "/home/"


def test_an_emergency_is_reviewed_by_the_auditor_once(cast, restricted):
    cast.client("ben").post(f"/patients/{restricted.uid}/break-glass/", {"reason": REASON})
    glass = BreakGlass.objects.get()
    assert "Review an emergency" in cast.client("ari").get("/home/").content.decode()
    cast.client("ari").post("/emergencies/", {"glass": glass.uid, "review": "In order."})
    cast.client("ari").post("/emergencies/", {"glass": glass.uid, "review": "Changed my mind."})
    glass.refresh_from_db()
    assert (glass.review, glass.reviewed_by) == ("In order.", cast.staff("ari"))


def test_the_glass_of_another_clinic_cannot_be_broken(cast, restricted):
    answer = cast.client("eve").post(f"/patients/{restricted.uid}/break-glass/", {"reason": REASON})
    assert answer.status_code == 404
    assert not BreakGlass.objects.exists()


def test_a_signature_names_who_when_what_and_the_exact_content(cast, patient):
    ada = cast.actor("ada")
    person = prove_identity(ada, PASSWORD)
    sign(by=ada, person=person, meaning="I agree", entity="patient", uid=patient.uid, content="the text")
    row = Signature.objects.get(entity="patient")
    assert (row.name, row.roles, row.meaning) == ("Ada Lindqvist", "prescriber", "I agree")
    assert row.fingerprint == fingerprint("the text")
    assert row.fingerprint != fingerprint("the  text")


def test_a_wrong_password_signs_nothing_and_counts_towards_the_lock(cast, settings):
    for _ in range(settings.LOCKOUT_ATTEMPTS):
        with pytest.raises(InputError, match="password"):
            prove_identity(cast.actor("ada"), "wrong")
    with pytest.raises(InputError, match="too many"):
        prove_identity(cast.actor("ada"), PASSWORD)


def test_nobody_signs_for_somebody_else(cast):
    person = prove_identity(cast.actor("ben"), PASSWORD)
    with pytest.raises(TypeError):
        sign(by=cast.actor("ada"), person=person, meaning="x", entity="e", uid="u", content="t")


@pytest.mark.django_db
def test_a_link_opens_its_row_for_its_purpose_until_its_end(watch):
    token = signing.dumps(
        ["abc123abc123", int((watch() + timedelta(days=2)).timestamp())], salt="link:measure"
    )
    assert open_link("measure", token) == "abc123abc123"
    for purpose, given in (
        ("consent", token),
        ("measure", token[:-1] + "x"),
        ("measure", "nonsense"),
        ("measure", ""),
    ):
        with pytest.raises(InputError, match="cannot be read"):
            open_link(purpose, given)
    watch.forward(days=3)
    with pytest.raises(InputError, match="has ended"):
        open_link("measure", token)


def test_a_person_without_the_credentials_of_the_role_cannot_be_assigned(cast):
    require_qualified(cast.staff("tess").pk, Role.THERAPIST)
    with pytest.raises(NotQualified, match="40 hours or more: 0 of 40 hours"):
        require_qualified(cast.staff("dov").pk, Role.THERAPIST)


def test_a_credential_bears_the_name_of_its_holder_s_role(cast):
    page = cast.client("sia").get(reverse("colleague", args=[cast.staff("ben").uid])).content.decode()
    assert "Nursing registration" in page
    assert "Licence to practise and prescribe" not in page


def test_hours_and_cases_add_up(cast):
    sia, dov = cast.actor("sia"), cast.staff("dov")
    given = {"issued_on": date(2026, 1, 5), "expires_on": None, "evidence": "course A"}
    record_credential(by=sia, colleague_uid=dov.uid, kind="ketamine_hours", amount=Decimal("24.5"), **given)
    with pytest.raises(NotQualified, match=r"24\.5 of 40 hours"):
        require_qualified(dov.pk, Role.THERAPIST)
    record_credential(by=sia, colleague_uid=dov.uid, kind="ketamine_hours", amount=Decimal("15.5"), **given)
    with pytest.raises(NotQualified) as refused:
        require_qualified(dov.pk, Role.THERAPIST)
    assert "40 hours" not in str(refused.value)


def test_a_credential_ends_on_its_last_day_and_speaks_up_before(cast):
    ben, last_day = cast.staff("ben"), date(2027, 1, 10)
    Credential.objects.filter(staff=ben, kind="bls").update(
        revoked_at=cast.troupe.people["ben"].created_at, revoked_because="lost"
    )
    record_credential(
        by=cast.actor("sia"),
        colleague_uid=ben.uid,
        kind="bls",
        issued_on=date(2025, 1, 10),
        expires_on=last_day,
        evidence="card 7",
    )
    require_qualified(ben.pk, Role.NURSE, on=last_day)
    with pytest.raises(NotQualified, match="ended on 10 Jan 2027"):
        require_qualified(ben.pk, Role.NURSE, on=last_day + timedelta(days=1))
    assert "Renew: Basic life support" in cast.client("ben").get("/home/").content.decode()
    assert "Renew credentials" in cast.client("sia").get("/home/").content.decode()


def test_nobody_records_their_own_credentials_or_changes_their_own_roles(cast):
    sia = cast.client("sia")
    page = f"/staff/{cast.staff('sia').uid}/"
    sia.post(
        page,
        {
            "act": "credential",
            "kind": "acls",
            "issued_on": "2026-01-01",
            "expires_on": "2028-01-01",
            "evidence": "x",
        },
    )
    sia.post(page, {"act": "role", "role": "prescriber"})
    assert not Credential.objects.filter(staff=cast.staff("sia")).exists()
    assert cast.actor("sia").roles == {Role.SITE_ADMIN}
