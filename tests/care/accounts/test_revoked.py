"""A credential that was revoked says so, with its day and reason: it is not the same as one nobody recorded."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import pytest

from openkap.care.accounts.credentials import (
    NotQualified,
    lacking,
    record_credential,
    require_qualified,
    revoke_credential,
    standing_of,
)
from openkap.care.accounts.models import Credential
from openkap.care.permissions import Role

WORDS = "revoked on 23 Nov 2026, because the card was forged"


def revoked(cast, key="ben", kind="bls"):
    person = cast.staff(key)
    for row in Credential.objects.filter(staff=person, kind=kind):
        revoke_credential(
            by=cast.actor("sia"), colleague_uid=person.uid, uid=row.uid, because="the card was forged"
        )
    return person


def said(person, role, kind):
    (standing,) = [each for each in standing_of(person.pk, role) if each.requirement.kind == kind]
    return standing.words, standing.tone


def test_the_standing_the_refusal_and_the_plan_name_day_and_reason(cast):
    ben = revoked(cast)
    assert said(ben, Role.NURSE, "bls") == (WORDS, "alarm")
    with pytest.raises(NotQualified, match=WORDS):
        require_qualified(ben.pk, Role.NURSE)
    day = date(2026, 12, 1)
    (told,) = lacking([(ben.pk, Role.NURSE, day)]).values()
    assert told.endswith(f": {WORDS}")


def test_the_page_of_the_colleague_and_the_list_of_people_say_it(cast):
    ben = revoked(cast)
    assert cast.client("sia").get(f"/staff/{ben.uid}/").content.decode().count(WORDS) == 2
    assert WORDS in cast.client("sia").get("/staff/").content.decode()


def test_what_nobody_recorded_stays_not_recorded(cast):
    ben = cast.staff("ben")
    assert said(ben, Role.PRESCRIBER, "acls") == ("not recorded", "unknown")


def test_a_new_one_after_the_revocation_counts(cast):
    ben = revoked(cast)
    record_credential(
        by=cast.actor("sia"),
        colleague_uid=ben.uid,
        kind="bls",
        issued_on=date(2026, 11, 23),
        expires_on=date(2028, 11, 23),
        evidence="card seen",
    )
    assert said(ben, Role.NURSE, "bls") == ("valid until 23 Nov 2028", "good")


def test_one_that_ended_after_another_was_revoked_says_that_it_ended(cast, watch):
    ben = revoked(cast)
    record_credential(
        by=cast.actor("sia"),
        colleague_uid=ben.uid,
        kind="bls",
        issued_on=date(2026, 11, 23),
        expires_on=date(2026, 11, 30),
        evidence="card seen",
    )
    watch.moment += timedelta(days=14)
    assert said(ben, Role.NURSE, "bls") == ("ended on 30 Nov 2026", "alarm")


def test_one_that_was_revoked_after_an_older_one_had_ended_says_that_it_was_revoked(cast):
    ben = cast.staff("ben")
    record_credential(
        by=cast.actor("sia"),
        colleague_uid=ben.uid,
        kind="bls",
        issued_on=date(2022, 1, 1),
        expires_on=date(2024, 1, 1),
        evidence="old card",
    )
    newest = Credential.objects.filter(staff=ben, kind="bls").exclude(evidence="old card")
    for row in newest:
        revoke_credential(
            by=cast.actor("sia"), colleague_uid=ben.uid, uid=row.uid, because="the card was forged"
        )
    assert said(ben, Role.NURSE, "bls") == (WORDS, "alarm")


def test_hours_that_were_revoked_are_named_beside_those_that_count(cast):
    tess = revoked(cast, "tess", "ketamine_hours")
    record_credential(
        by=cast.actor("sia"),
        colleague_uid=tess.uid,
        kind="ketamine_hours",
        issued_on=date(2026, 11, 1),
        expires_on=None,
        evidence="course paper",
        amount=Decimal(10),
    )
    words, tone = said(tess, Role.THERAPIST, "ketamine_hours")
    assert words == f"10 of 40 hours; {WORDS}"
    assert tone == "alarm"
