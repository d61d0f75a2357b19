"""Two people plan at once into one chair, one nurse, one therapist: one of them lands, the other is told."""

from datetime import timedelta
from threading import Thread

import pytest
from django.db import connection, transaction
from treated import FIRST, chair, colleague, planned

from openkap.care.moment import clock_at, now
from openkap.care.permissions import Role
from openkap.care.treatment.moving_actions import move_session, move_visit
from openkap.core.errors import InputError

pytestmark = pytest.mark.django_db(transaction=True)
# Not of the statistics: those stand still for the length of a transaction.
BLOCKED = "SELECT count(*) FROM pg_locks WHERE NOT granted"


def at_once(one, other):
    """``other`` begins while what ``one`` has done is not committed yet; what became of it."""
    moment, told = now(), []

    def second():
        try:
            with clock_at(moment):
                other()
            told.append(None)
        except InputError as refused:
            told.append(refused)
        finally:
            connection.close()

    thread = Thread(target=second)
    with transaction.atomic():
        one()
        thread.start()
        # On SQLite the second waits for the whole database, and nothing can be asked about it.
        while connection.vendor == "postgresql" and thread.is_alive() and not blocked():
            pass
    thread.join()
    return told[0]


def blocked() -> bool:
    with connection.cursor() as cursor:
        cursor.execute(BLOCKED)
        return bool(cursor.fetchone()[0])


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
