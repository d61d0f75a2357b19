"""Two people plan at once into one chair, one nurse, one therapist: one of them lands, the other is told."""

from datetime import timedelta

import pytest
from at_once import at_once
from treated import FIRST, chair, colleague, planned

from openkap.care.permissions import Role
from openkap.care.treatment.models import Session
from openkap.care.treatment.planning.moving import Later
from openkap.care.treatment.planning.moving_actions import move_session, move_visit
from openkap.care.treatment.planning.replan_actions import plan_in_its_place

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def two(cast, register):
    """The last sessions of two patients who share no chair and no nurse."""
    people = {1: cast.staff("ben"), 2: colleague(cast, "Noor", Role.NURSE)}
    courses = [
        planned(
            cast,
            register("Example", f"Number{number}"),
            seat=f"Chair {number}",
            nurse=nurse.uid,
            therapist="",
            therapy=None,
            no_therapy_because="shares nobody",
        )
        for number, nurse in people.items()
    ]
    return [course.sessions.get(number=6) for course in courses]


def move(cast, session, **place):
    starts_at = session.starts_at + timedelta(days=3)
    move_session(
        by=cast.actor("cora"),
        patient=session.patient.uid,
        uid=session.uid,
        starts_at=starts_at,
        version=session.version,
        reason="asked for",
        **place,
    )


def without_a_dose(session):
    """It was for this day, and there was none."""
    Session.objects.filter(pk=session.pk).update(state="aborted", state_because="pressure 165")


def replan(cast, session, **place):
    plan_in_its_place(
        by=cast.actor("cora"),
        patient=session.patient.uid,
        uid=session.uid,
        starts_at=session.starts_at + timedelta(days=3),
        **place,
    )


def test_two_sessions_planned_in_the_place_of_others_at_once_do_not_both_get_one_nurse(cast, two):
    one, other = two
    for session in two:
        without_a_dose(session)
    ben = cast.staff("ben").uid
    refused = at_once(lambda: replan(cast, one), lambda: replan(cast, other, nurse=ben))
    assert "Ben Okafor has a session 14 Dec 10:00 to 12:40" in str(refused)
    assert refused.remedy == "choose another time"
    assert one.course.sessions.count() == 7
    assert other.course.sessions.count() == 6


def test_two_sessions_planned_in_the_place_of_one_at_once_make_one(cast, two):
    one, _ = two
    without_a_dose(one)
    refused = at_once(lambda: replan(cast, one), lambda: replan(cast, one))
    assert "decided already" in str(refused)
    assert one.course.sessions.count() == 7


def test_a_session_that_moves_along_and_one_into_its_chair_at_once_do_not_both_land(cast, two):
    one, other = two
    first, day, third = one.course.sessions.get(number=1), timedelta(days=1), chair(cast, "Chair 3")
    Session.objects.filter(pk=one.pk).update(chair=third)

    def along():
        move_session(
            by=cast.actor("cora"),
            patient=first.patient.uid,
            uid=first.uid,
            starts_at=first.starts_at + day,
            version=first.version,
            reason="a cold",
            later=Later.ALONG,
        )

    def into_its_chair():
        move_session(
            by=cast.actor("cora"),
            patient=other.patient.uid,
            uid=other.uid,
            starts_at=other.starts_at + day,
            version=other.version,
            reason="asked for",
            chair=third.uid,
        )

    assert "Chair 3 is taken" in str(at_once(along, into_its_chair))


def test_two_moves_into_one_new_chair_at_once_do_not_both_land(cast, two):
    one, other = two
    third = chair(cast, "Chair 3")
    refused = at_once(lambda: move(cast, one, chair=third.uid), lambda: move(cast, other, chair=third.uid))
    assert "Chair 3 is taken" in str(refused)
    other.refresh_from_db()
    assert other.chair.name == "Chair 2"


def test_two_moves_to_one_nurse_at_once_do_not_both_land(cast, two):
    one, other = two
    ben = cast.staff("ben").uid
    refused = at_once(lambda: move(cast, one), lambda: move(cast, other, nurse=ben))
    assert "Ben Okafor has a session" in str(refused)
    other.refresh_from_db()
    assert other.nurse.name == "Noor"


def test_two_moves_out_of_one_chair_at_once_both_land_where_nothing_is_shared(cast, two):
    one, other = two
    assert at_once(lambda: move(cast, one), lambda: move(cast, other)) is None


def test_two_visits_of_one_therapist_at_once_do_not_both_land(cast, register):
    noor = colleague(cast, "Noor", Role.NURSE)
    courses = [
        planned(cast, register("Example", "One")),
        planned(
            cast,
            register("Example", "Two"),
            seat="Chair 2",
            nurse=noor.uid,
            first=FIRST + timedelta(hours=4),
        ),
    ]
    visits = [course.visits.get(kind="trauma_focused", number=8) for course in courses]
    to = max(visit.starts_at for visit in visits) + timedelta(days=3)

    def shift(visit):
        move_visit(
            by=cast.actor("cora"),
            patient=visit.patient.uid,
            uid=visit.uid,
            starts_at=to,
            version=visit.version,
        )

    assert "Tess" in str(at_once(lambda: shift(visits[0]), lambda: shift(visits[1])))
