"""Changing who: one person's planned dates pass to somebody else, looked at first; who must be replaced is said."""

import json
from datetime import date, timedelta

import pytest
from django.db import DatabaseError, IntegrityError, transaction
from treated import arrived, colleague, first_session, planned, valid_until

from openkap.care.accounts.hiring import end_role
from openkap.care.accounts.models import Credential, Staff
from openkap.care.audit.models import AuditEvent
from openkap.care.moment import now
from openkap.care.permissions import Role
from openkap.care.treatment.home import planning as home_planning
from openkap.care.treatment.models import Handover
from openkap.care.treatment.planning.handover_actions import Wanted, hand_over, preview_handover
from openkap.core.errors import InputError


@pytest.fixture
def course(cast, patient):
    return planned(cast, patient)


@pytest.fixture
def other(cast):
    return lambda name="Noor", roles=(Role.PRESCRIBER, Role.THERAPIST): colleague(cast, name, *roles)


def wanted(cast, part, before, after, only=""):
    return Wanted(part, cast.staff(before).uid, after.uid, only)


def pass_on(cast, course, part, before, after, **more):
    reason = more.pop("reason", "left the clinic")
    return hand_over(
        by=cast.actor("cora"),
        patient=course.patient.uid,
        uid=course.uid,
        wanted=wanted(cast, part, before, after, **more),
        reason=reason,
    )


def test_who_takes_over_joins_the_care_team_under_the_role_they_hold(cast, course, other):
    noor = other(roles=(Role.PRESCRIBER,))
    pass_on(cast, course, Role.NURSE, "ben", noor)
    assert course.patient.team.get(staff=noor, until=None).part == Role.PRESCRIBER


def home(cast, key="cora"):
    return cast.client(key).get("/home/").content.decode()


def revoke(cast, key):
    Credential.objects.filter(staff=cast.staff(key)).update(revoked_at=now(), revoked_because="lost")


def test_all_that_remains_passes_to_another_prescriber(cast, course, other):
    noor = other()
    course.sessions.filter(number=1).update(state="left")
    row = pass_on(cast, course, Role.PRESCRIBER, "ada", noor)
    has = dict(course.sessions.values_list("number", "prescriber__name"))
    assert has == {1: "Ada Lindqvist"} | dict.fromkeys(range(2, 7), "Noor")
    assert [each["what"] for each in row.dates] == [f"Session {number}" for number in range(2, 7)]
    event = AuditEvent.objects.get(action="course.handed_over")
    assert json.loads(event.body)["reason"] == "left the clinic"


def test_one_session_alone_passes_to_another_nurse(cast, course, other):
    noor, third = other(), course.sessions.get(number=3)
    pass_on(cast, course, Role.NURSE, "ben", noor, only=third.uid)
    assert [each.number for each in course.sessions.filter(nurse=noor)] == [3]


def test_the_visits_that_remain_pass_to_another_therapist(cast, course, other):
    noor = other()
    pass_on(cast, course, Role.THERAPIST, "tess", noor)
    assert {each.therapist for each in course.visits.all()} == {noor}


def test_a_patient_who_has_arrived_can_still_get_another_prescriber(cast, course, other, watch):
    noor, session = other(), first_session(course)
    arrived(cast, session, watch)
    pass_on(cast, course, Role.PRESCRIBER, "ada", noor, only=session.uid)
    session.refresh_from_db()
    assert (session.prescriber, session.state) == (noor, "arrived")


def test_nobody_takes_over_whose_certificate_ends_before_their_own_last_date(cast, course, other):
    noor = other()
    cast.troupe.people["noor"] = noor
    valid_until(cast, "noor", date(2026, 12, 8))
    third = course.sessions.get(number=3)
    with pytest.raises(InputError, match="Noor"):
        pass_on(cast, course, Role.NURSE, "ben", noor)
    pass_on(cast, course, Role.NURSE, "ben", noor, only=third.uid)


def test_nobody_takes_over_who_is_in_a_session_of_somebody_else(cast, course, other, register):
    noor = other(roles=[Role.NURSE])
    planned(cast, register("Second"), seat="Chair 2", nurse=noor.uid, therapist="", therapy=None,
            no_therapy_because="test")  # fmt: skip
    with pytest.raises(InputError, match="Session 1: Noor has a session"):
        pass_on(cast, course, Role.NURSE, "ben", noor)


def test_only_somebody_with_the_role_takes_over(cast, course):
    with pytest.raises(InputError, match="cannot take over as prescriber"):
        pass_on(cast, course, Role.PRESCRIBER, "ada", cast.staff("ben"))


def test_what_passes_on_is_what_was_seen_and_has_a_reason(cast, course, other):
    noor, url = other(), f"/patients/{course.patient.uid}/courses/{course.uid}/people/"
    data = {"before": f"prescriber:{cast.staff('ada').uid}", "after": noor.uid, "only": ""}
    client = cast.client("cora")
    looked = client.post(url, data | {"act": "look"})
    assert "Hand over 6 dates" in looked.content.decode()
    assert not Handover.objects.exists()
    seen = looked.context["preview"].fingerprint
    without = client.post(url, data | {"act": "do", "seen": seen, "reason": " "})
    assert (without.status_code, without.context["error"].where) == (422, "reason")
    assert client.post(url, data | {"act": "do", "reason": "ill"}).context["error"].where == "seen"
    course.sessions.filter(number=6).update(
        starts_at=now() + timedelta(days=40), ends_at=now() + timedelta(days=41)
    )
    late = client.post(url, data | {"act": "do", "seen": seen, "reason": "ill"})
    assert late.context["error"].where == "seen"
    seen = late.context["preview"].fingerprint
    assert client.post(url, data | {"act": "do", "seen": seen, "reason": "ill"}).status_code == 302
    page = client.get(f"/patients/{course.patient.uid}/courses/{course.uid}/").content.decode()
    assert "Noor instead of Ada Lindqvist, prescriber, 6 dates: ill" in page


@pytest.mark.parametrize("before", ["", "prescriber:", "lead:x", "prescriber:nobody"])
def test_who_is_replaced_must_be_somebody_with_planned_dates(cast, course, other, before):
    url = f"/patients/{course.patient.uid}/courses/{course.uid}/people/"
    answer = cast.client("cora").post(url, {"before": before, "after": other().uid, "act": "look"})
    assert (answer.status_code, answer.context["error"].where) == (422, "before")


def test_nobody_takes_over_from_themselves(cast, course):
    with pytest.raises(InputError, match="this person already"):
        preview_handover(
            by=cast.actor("cora"),
            course=course,
            wanted=wanted(cast, Role.PRESCRIBER, "ada", cast.staff("ada")),
        )


@pytest.mark.parametrize(
    ("key", "verb", "says"),
    [
        ("ada", "Replace the prescriber", "6 planned sessions have nobody who may prescribe: Ada Lindqvist"),
        ("ben", "Replace the session nurse", "6 planned sessions have nobody who may give the dose: Ben"),
        ("tess", "Replace the therapist", "16 planned visits have nobody who may give the therapy: Tess"),
    ],
)
def test_who_lost_a_credential_is_to_be_replaced_until_they_are(cast, course, other, key, verb, says):
    assert "Replace the" not in home(cast)
    noor = other()
    revoke(cast, key)
    assert verb in home(cast)
    assert says in home(cast)
    assert "Replace the" not in home(cast, "ben")
    part = {"ada": Role.PRESCRIBER, "ben": Role.NURSE, "tess": Role.THERAPIST}[key]
    pass_on(cast, course, part, key, noor)
    assert "Replace the" not in home(cast)


def test_who_lost_the_role_is_to_be_replaced(cast, course):
    end_role(by=cast.actor("sia"), colleague_uid=cast.staff("tess").uid, role="therapist")
    assert "Tess" in home(cast)
    assert "no longer therapist here" in home(cast)


def test_who_left_is_to_be_replaced(cast, course):
    Staff.objects.filter(pk=cast.staff("ben").pk).update(is_active=False)
    assert "no longer session nurse here" in home(cast)


def test_only_the_sessions_after_a_certificate_ends_need_somebody_else(cast, course):
    valid_until(cast, "ada", date(2026, 12, 7))
    assert "2 planned sessions have nobody who may prescribe" in home(cast)
    page = cast.client("cora").get(f"/patients/{course.patient.uid}/courses/{course.uid}/people/")
    assert "Ada Lindqvist may not be prescriber on 2 of 6 dates" in page.content.decode()


def test_dates_that_are_not_looked_at_are_said_to_be_up_to_a_day(cast, course, monkeypatch):
    assert "Look at later dates yourself" not in home(cast)
    # Two visits of preparation, prescriber and nurse of the first session, and its integration.
    monkeypatch.setattr(home_planning, "MOST", 5)
    shown = home(cast)
    assert "Look at later dates yourself" in shown
    assert "only the nearest 5 are checked here for who may take them, up to Tue 1 Dec 2026" in shown


def test_the_database_keeps_who_took_over_and_why(cast, course, other):
    row = pass_on(cast, course, Role.PRESCRIBER, "ada", other())
    same = {"course": course, "part": "nurse", "dates": [], "decided_by": row.decided_by, "decided_at": now()}
    with pytest.raises(IntegrityError), transaction.atomic():
        Handover.objects.create(before=row.before, after=row.after, reason="", **same)
    with pytest.raises(IntegrityError), transaction.atomic():
        Handover.objects.create(before=row.before, after=row.before, reason="x", **same)
    with pytest.raises(DatabaseError), transaction.atomic():
        Handover.objects.update(reason="other")
    with pytest.raises(DatabaseError), transaction.atomic():
        Handover.objects.all().delete()
