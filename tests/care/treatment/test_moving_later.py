"""Moving one session moves what depends on it: the later ones if asked, their visits, measures and contacts."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from django.utils import timezone
from django.utils.timezone import localtime
from treated import colleague, first_session, planned

from openkap.care.audit.models import AuditEvent
from openkap.care.permissions import Role
from openkap.care.treatment.course.ending_actions import cancel_session
from openkap.care.treatment.models import DueItem, Visit
from openkap.care.treatment.planning.moving import Later, preview_move
from openkap.care.treatment.planning.moving_actions import move_session
from openkap.care.treatment.planning.plan import window_of
from openkap.core.errors import InputError
from openkap.protocol.read import load_protocol

DAY = timedelta(days=1)


def at(day: int, hour: int = 10) -> datetime:
    return datetime(2026, 12, day, hour, tzinfo=UTC)


@pytest.fixture
def course(cast, patient):
    return planned(cast, patient)


def days(course) -> list[int]:
    """The days of December on which there are doses; the last of November is 0."""
    doses = course.sessions.exclude(state="cancelled").order_by("starts_at")
    return [(each.starts_at.date() - at(1).date()).days + 1 for each in doses]


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


def number(course, which: int):
    return course.sessions.get(number=which)


def busy(course, moment: datetime, therapist) -> None:
    """Something else in the therapist's diary."""
    Visit.objects.create(
        course=course,
        patient=course.patient,
        kind="trauma_focused",
        number=60 - course.visits.count(),
        therapist=therapist,
        starts_at=moment,
        minutes=60,
    )


def test_a_move_by_a_day_is_refused_in_words_and_names_the_way_out(cast, course):
    with pytest.raises(InputError) as refused:
        move(cast, first_session(course), at(1))
    words = "Tue 1 Dec is 1 day before session 2 (Wed 2 Dec); this course keeps at least 2 days between doses"
    assert refused.value.what == words
    assert refused.value.remedy == "choose another time, or move the later sessions too"
    assert days(course) == [0, 2, 4, 7, 9, 11]


def test_the_refusal_speaks_of_the_clinic_s_own_days(cast, course):
    with timezone.override("Pacific/Auckland"):
        # 13:00 on Monday the 7th is Tuesday there, and 10:00 of the fourth session is still Monday.
        said = look(cast, number(course, 5), at(7, 13)).problems
    assert any(each.startswith("Tue 8 Dec is 1 day after session 4 (Mon 7 Dec)") for each in said)


def test_the_later_sessions_go_along_by_the_same_number_of_days(cast, course):
    move(cast, first_session(course), at(1), Later.ALONG)
    assert days(course) == [1, 3, 5, 8, 10, 12]
    assert {each.starts_at.hour for each in course.sessions.all()} == {10}
    protocol = load_protocol("iv-racemic")
    for session in course.sessions.all():
        low, high = window_of(protocol, session.starts_at)
        assert low <= session.visits.get(kind="integration").starts_at <= high


def test_a_session_moved_to_another_hour_leaves_the_later_ones_theirs(cast, course):
    move(cast, first_session(course), at(1, 13), Later.ALONG)
    assert [each.starts_at.hour for each in course.sessions.order_by("starts_at")] == [13, 10, 10, 10, 10, 10]


def test_the_later_sessions_go_only_as_far_as_the_spacing_needs_and_on_working_days(cast, course):
    shown = look(cast, first_session(course), at(1), Later.LEAST)
    assert not [each for each in shown.warnings if "Saturday" in each or "Sunday" in each]
    move(cast, first_session(course), at(1), Later.LEAST)
    assert days(course) == [1, 3, 7, 9, 11, 14]


def test_what_need_not_move_stays(cast, course):
    second = number(course, 2)
    cancel_session(by=cast.actor("cora"), patient=second.patient.uid, uid=second.uid, reason="ill")
    move(cast, first_session(course), at(1), Later.LEAST)
    assert days(course) == [1, 4, 7, 9, 11]


def test_a_day_on_which_the_chair_is_taken_is_passed_over(cast, course, register):
    other = planned(
        cast,
        register("Other"),
        first=at(15),
        seat="Chair 1",
        nurse=colleague(cast, "Noor", Role.NURSE).uid,
        therapist="",
        therapy=None,
        no_therapy_because="shares the chair only",
    )
    other.sessions.filter(number=1).update(starts_at=at(3), ends_at=at(3, 13))
    move(cast, first_session(course), at(1), Later.LEAST)
    assert days(course) == [1, 4, 7, 9, 11, 14]


def test_everything_due_follows_its_own_session_and_the_last_one(cast, course):
    due = {each.pk: each.due_at for each in DueItem.objects.filter(course=course)}
    shown = look(cast, first_session(course), at(1), Later.LEAST)
    before = {each.pk: each.starts_at for each in course.sessions.all()}
    move(cast, first_session(course), at(1), Later.LEAST)
    shift = {each.pk: each.starts_at - before[each.pk] for each in course.sessions.all()}
    for item in DueItem.objects.filter(course=course):
        assert item.due_at - due[item.pk] == (shift[item.session_id] if item.session_id else 3 * DAY)
    assert shown.due_items == len(due)


def test_nothing_moves_where_one_of_the_later_sessions_cannot(cast, course, register):
    other = planned(
        cast,
        register("Other"),
        first=at(15),
        nurse=colleague(cast, "Noor", Role.NURSE).uid,
        therapist="",
        therapy=None,
        no_therapy_because="shares the chair only",
    )
    other.sessions.filter(number=1).update(starts_at=at(10, 9), ends_at=at(10, 11))
    with pytest.raises(InputError, match="Session 5: Chair 1 is taken 10 Dec 09:00 to 11:00"):
        move(cast, first_session(course), at(1), Later.ALONG)
    assert days(course) == [0, 2, 4, 7, 9, 11]


def test_no_two_dates_of_one_patient_meet_after_the_move(cast, course):
    for step, later in ((1, Later.ALONG), (3, Later.LEAST)):
        first = first_session(course)
        move(cast, first, first.starts_at + step * DAY, later)
        spans = [(each.starts_at, each.ends_at) for each in course.sessions.all()]
        spans += [(v.starts_at, v.starts_at + timedelta(minutes=v.minutes)) for v in course.visits.all()]
        for (_, ends), (starts, _) in pairwise(sorted(spans)):
            assert ends <= starts


def test_integration_takes_another_hour_of_its_window_where_the_therapist_has_none_of_the_usual(cast, course):
    session, tess = number(course, 6), cast.staff("tess")
    for day in (16, 17):
        busy(course, at(day), tess)
    move(cast, session, at(14))
    visit = session.visits.get()
    # Trauma-focused therapy has 10:00 to 11:30 on the first day.
    assert visit.starts_at == at(15, 11) + timedelta(minutes=30)


def test_an_integration_visit_of_another_session_makes_room_for_the_dose(cast, course):
    # The integration of the third session stands just before the fourth.
    third = number(course, 3).visits.get()
    fourth = number(course, 4)
    assert third.starts_at == at(7, 9)
    move(cast, fourth, at(7, 9))
    third.refresh_from_db()
    low, high = window_of(load_protocol("iv-racemic"), number(course, 3).starts_at)
    assert third.starts_at != at(7, 9)
    assert low <= third.starts_at <= high


def test_a_visit_that_makes_room_is_not_put_into_the_past(cast, course, watch):
    third = number(course, 3).visits.get()
    # Half an hour before it, on the last day of its window.
    watch.moment = at(7, 8) + timedelta(minutes=30)
    shown = look(cast, number(course, 4), at(7, 9))
    assert "Integration 3 would be in the past" in shown.problems
    third.refresh_from_db()
    assert third.starts_at == at(7, 9)


def test_the_page_offers_the_later_sessions_and_shows_every_date_before_it_is_moved(cast, course):
    session = first_session(course)
    client, url = cast.client("cora"), f"/patients/{course.patient.uid}/sessions/{session.uid}/move/"
    data = {"starts_at": "2026-12-01T10:00", "version": session.version}
    alone = client.post(url, data | {"act": "look"}).content.decode()
    assert 'name="later" value="along"' in alone
    assert "Look at all moved by as many days" in alone
    looked = client.post(url, data | {"later": "along"})
    page = looked.content.decode()
    for each in range(1, 7):
        assert f"<td>Session {each}" in page
    assert '<td data-label="From">Fri 11 Dec 10:00</td><td data-label="To">Sat 12 Dec 10:00</td>' in page
    confirmed = data | {"later": "along", "act": "do", "seen": looked.context["preview"].fingerprint}
    assert client.post(url, confirmed).status_code == 302
    assert days(course) == [1, 3, 5, 8, 10, 12]
    moved = AuditEvent.objects.filter(action="session.moved")
    assert {each.entity_uid for each in moved} == {each.uid for each in course.sessions.all()}


def test_a_preview_asked_for_by_its_address_looks_and_moves_nothing(cast, course):
    session = first_session(course)
    client, url = cast.client("cora"), f"/patients/{course.patient.uid}/sessions/{session.uid}/move/"
    data = {"starts_at": "2026-12-01T10:00", "later": "along"}
    looked = client.post(url, data | {"reason": "is away", "version": session.version})
    assert looked.context["again"] == f"{url}?starts_at=2026-12-01T10%3A00&later=along"
    asked = client.get(looked.context["again"])
    assert asked.context["preview"].fingerprint == looked.context["preview"].fingerprint
    act = {"act": "do", "version": session.version, "seen": looked.context["preview"].fingerprint}
    assert client.get(url, data | act).status_code == 200
    assert client.get(url, data | {"act": "cancel", "reason": "is away"}).status_code == 200
    assert days(course) == [0, 2, 4, 7, 9, 11]
    assert number(course, 1).state == "planned"


def test_what_moves_along_is_what_was_seen(cast, course):
    session = first_session(course)
    seen = look(cast, session, at(1), Later.ALONG).fingerprint
    move(cast, number(course, 6), at(11, 13))
    with pytest.raises(InputError, match="not the ones you have seen"):
        move(cast, session, at(1), Later.ALONG, seen=seen)
    assert days(course) == [0, 2, 4, 7, 9, 11]


def test_nobody_goes_along_unasked(cast, course):
    session = number(course, 5)
    data = {"starts_at": "2026-12-09T13:00", "version": session.version, "later": "nonsense", "act": "look"}
    url = f"/patients/{course.patient.uid}/sessions/{session.uid}/move/"
    assert len(cast.client("cora").post(url, data).context["preview"].sessions) == 1


def test_the_hour_stays_by_the_clinic_s_clock_when_summer_time_begins(cast, patient):
    with timezone.override("America/New_York"):
        # On Sunday 14 March 2027 the clocks there go forward.
        course = planned(cast, patient, first=datetime(2027, 3, 8, 15, tzinfo=UTC))
        move(cast, first_session(course), datetime(2027, 3, 9, 15, tzinfo=UTC), Later.LEAST)
        hours = [localtime(each.starts_at).hour for each in course.sessions.order_by("starts_at")]
    assert hours == [10] * 6
