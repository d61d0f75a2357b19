"""Trauma-focused visits move with the dose that needs their day, in their own order, or the move is refused."""

from datetime import UTC, datetime, timedelta

import pytest
from django.utils.timezone import localdate
from treated import first_session, planned

from openkap.care.audit.models import AuditEvent
from openkap.care.treatment.models import Visit
from openkap.care.treatment.planning.moving import Later, preview_move
from openkap.care.treatment.planning.moving_actions import move_session
from openkap.core.errors import InputError

DAY = timedelta(days=1)


def at(day: int, hour: int = 10, minute: int = 0, month: int = 12) -> datetime:
    return datetime(2026, month, day, hour, minute, tzinfo=UTC)


@pytest.fixture
def course(cast, patient):
    """Doses to Friday the 11th; trauma-focused visits on Tuesdays from the 15th on."""
    return planned(cast, patient)


def last(course):
    return course.sessions.get(number=6)


def trauma(course, number: int) -> Visit:
    return course.visits.get(kind="trauma_focused", number=number)


def put(course, number: int, moment: datetime) -> None:
    Visit.objects.filter(pk=trauma(course, number).pk).update(starts_at=moment)


def look(cast, session, starts_at, later=Later.STAY):
    return preview_move(by=cast.actor("cora"), session=session, starts_at=starts_at, later=later)


def move(cast, session, starts_at, later=Later.STAY, **more):
    return move_session(
        by=cast.actor("cora"),
        patient=session.patient.uid,
        uid=session.uid,
        starts_at=starts_at,
        version=session.version,
        reason="a cold",
        later=later,
        **more,
    )


def days(course) -> list[datetime]:
    return [each.starts_at for each in course.visits.filter(kind="trauma_focused").order_by("number")]


def test_a_visit_in_the_way_of_the_moved_dose_goes_to_the_nearest_day_in_the_same_preview(cast, course):
    shown = look(cast, last(course), at(15))
    change = next(each for each in shown.changes if each.what == "Trauma-focused therapy 1")
    assert not shown.problems
    assert change.before == at(15)
    assert change.after == at(14)
    assert change.why.startswith(
        "its window is after Mon 30 Nov and before Tue 22 Dec, on a day without a dose"
    )


def test_a_visit_on_the_day_of_the_moved_dose_goes_too_at_whatever_hour_it_was(cast, course):
    put(course, 1, at(15, 15))
    move(cast, last(course), at(15))
    assert trauma(course, 1).starts_at == at(14, 15)


def test_what_moves_along_is_in_the_audit_and_has_a_new_version(cast, course):
    version = trauma(course, 1).version
    move(cast, last(course), at(15))
    assert trauma(course, 1).version == version + 1
    event = AuditEvent.objects.get(action="session.moved")
    assert "Trauma-focused therapy 1" in event.body


def test_the_others_stay_where_they_are(cast, course):
    before = days(course)
    move(cast, last(course), at(15))
    assert days(course)[1:] == before[1:]


def test_a_visit_is_planned_round_the_diaries_of_its_therapist(cast, course):
    for place, day in enumerate((14, 16)):
        Visit.objects.create(
            course=course,
            patient=course.patient,
            kind="preparation",
            number=50 + place,
            therapist=cast.staff("tess"),
            starts_at=at(day, 9),
            minutes=600,
        )
    move(cast, last(course), at(15))
    assert localdate(trauma(course, 1).starts_at) not in {at(14).date(), at(15).date(), at(16).date()}
    assert trauma(course, 1).starts_at < trauma(course, 2).starts_at


def test_a_move_is_refused_only_where_no_day_of_the_window_is_left_and_says_which_visit(cast, course):
    put(course, 2, at(16))
    put(course, 3, at(17))
    with pytest.raises(InputError) as refused:
        move(cast, last(course), at(16))
    assert refused.value.what == (
        "Trauma-focused therapy 2 (Wed 16 Dec 10:00, Tess Amari) has to make room and finds no free time in its "
        "window, after Tue 15 Dec and before Thu 17 Dec, on a day without a dose: move that visit or its "
        "neighbour first"
    )
    assert last(course).starts_at == at(11)
    assert trauma(course, 2).starts_at == at(16)


def test_the_therapy_keeps_its_rhythm_where_the_first_dose_passes_its_first_visit(cast, course):
    before = days(course)
    move(cast, first_session(course), at(16), Later.ALONG)
    assert [after - was for was, after in zip(before, days(course), strict=True)] == [16 * DAY] * 8


def test_no_visit_is_left_before_the_first_dose_or_on_the_day_of_one(cast, course):
    move(cast, first_session(course), at(16), Later.ALONG)
    doses = {localdate(each.starts_at) for each in course.sessions.all()}
    visits = [localdate(each) for each in days(course)]
    assert min(visits) > min(doses)
    assert not doses & set(visits)
    assert visits == sorted(visits)


def test_a_visit_somebody_put_before_the_first_dose_stays_there(cast, course):
    put(course, 1, at(27, month=11))
    move(cast, first_session(course), at(1), Later.ALONG)
    assert trauma(course, 1).starts_at == at(27, month=11)


def test_the_page_shows_the_visit_with_the_session_and_moves_both(cast, course):
    session = last(course)
    client, url = cast.client("cora"), f"/patients/{course.patient.uid}/sessions/{session.uid}/move/"
    data = {"starts_at": "2026-12-15T10:00", "version": session.version}
    looked = client.post(url, data | {"act": "look"})
    page = looked.content.decode()
    assert "Trauma-focused therapy 1" in page
    assert '<td data-label="From">Tue 15 Dec 10:00</td><td data-label="To">Mon 14 Dec 10:00</td>' in page
    seen = looked.context["preview"].fingerprint
    assert client.post(url, data | {"act": "do", "seen": seen}).status_code == 302
    assert trauma(course, 1).starts_at == at(14)


def weekly(course) -> None:
    """One dose a week on Mondays from 30 November on, and trauma-focused therapy on the Wednesdays."""
    for each in course.sessions.order_by("-number"):
        begins = at(30, month=11) + 7 * DAY * (each.number - 1)
        course.sessions.filter(pk=each.pk).update(starts_at=begins, ends_at=begins + timedelta(hours=3))
    for which in range(1, 9):
        put(course, which, at(2) + 7 * DAY * (which - 1))


def test_only_the_visit_that_the_first_dose_passes_moves_while_there_is_room_for_it(cast, course):
    weekly(course)
    before = days(course)
    shown = look(cast, first_session(course), at(2))
    found = {each.what: each.after for each in shown.changes if "Trauma" in each.what}
    assert list(found) == ["Trauma-focused therapy 1"]
    assert at(3).date() <= localdate(found["Trauma-focused therapy 1"]) < localdate(before[1])


def test_a_visit_of_a_working_day_does_not_come_to_lie_on_a_weekend(cast, course):
    weekly(course)
    # Three days on from Wednesday is a Saturday.
    shown = look(cast, first_session(course), at(3), Later.ALONG)
    visits = [each.after for each in shown.changes if "Trauma" in each.what]
    assert visits
    assert not [each for each in visits if each.weekday() >= 5]


def test_each_visit_that_the_one_before_would_overtake_moves_too(cast, course):
    weekly(course)
    put(course, 2, at(3))
    shown = look(cast, first_session(course), at(4))
    found = [localdate(each.after) for each in shown.changes if "Trauma" in each.what]
    assert len(found) == 2
    assert at(4).date() < found[0] < found[1] < localdate(days(course)[2])
