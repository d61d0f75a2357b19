"""Moving and giving up: the patient is in one place, spacing and order hold, what depends on a date follows."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest
from treated import FIRST, chair, first_session, planned, valid_until

from openkap.care.accounts.models import Credential
from openkap.care.moment import now
from openkap.care.treatment.course.ending_actions import cancel_session, end_course
from openkap.care.treatment.models import DueItem, Session, Visit
from openkap.care.treatment.planning.moving import preview_move
from openkap.care.treatment.planning.moving_actions import move_session, move_visit
from openkap.core.errors import InputError

DAY = timedelta(days=1)


def at(day: int, hour: int = 10, month: int = 12) -> datetime:
    return datetime(2026, month, day, hour, tzinfo=UTC)


def move(cast, session, starts_at, **more):
    session.refresh_from_db()
    return move_session(
        by=cast.actor("cora"),
        patient=session.patient.uid,
        uid=session.uid,
        starts_at=starts_at,
        version=session.version,
        reason="asked for",
        **more,
    )


def shift(cast, visit, starts_at):
    visit.refresh_from_db()
    return move_visit(
        by=cast.actor("cora"),
        patient=visit.patient.uid,
        uid=visit.uid,
        starts_at=starts_at,
        version=visit.version,
    )


def give_up(cast, session):
    return cancel_session(by=cast.actor("cora"), patient=session.patient.uid, uid=session.uid, reason="ill")


def number(course, which: int) -> Session:
    return course.sessions.get(number=which)


def test_a_patient_is_not_in_therapy_during_their_own_dose(cast, patient):
    course = planned(cast, patient)
    visit = course.visits.get(kind="trauma_focused", number=1)
    with pytest.raises(InputError, match="the patient has session 2"):
        shift(cast, visit, number(course, 2).starts_at + timedelta(minutes=30))


def test_a_session_is_not_moved_onto_a_preparation_visit_of_the_same_patient(cast, patient):
    course = planned(cast, patient)
    last, visit = number(course, 6), course.visits.get(kind="preparation", number=1)
    Visit.objects.filter(pk=visit.pk).update(starts_at=at(14, 11))
    with pytest.raises(InputError, match="the patient has preparation 1"):
        move(cast, last, at(14))


def test_no_two_integration_visits_get_the_same_hour_when_a_course_begins_midweek(cast, patient):
    course = planned(cast, patient, first=at(2))
    visits = list(course.visits.order_by("starts_at"))
    for one, other in pairwise(visits):
        assert one.starts_at + timedelta(minutes=one.minutes) <= other.starts_at, (str(one), str(other))


def test_a_session_does_not_come_closer_than_the_smallest_gap_of_its_pattern(cast, patient):
    course = planned(cast, patient)
    with pytest.raises(
        InputError, match=r"Tue 1 Dec is 1 day after session 1 .*this course keeps at least 2 days"
    ):
        move(cast, number(course, 2), FIRST + DAY)
    assert number(course, 2).starts_at == FIRST + 2 * DAY


def test_a_session_does_not_go_further_away_than_its_whole_pattern_lasts(cast, patient):
    course = planned(cast, patient)
    with pytest.raises(InputError, match=r"session 5.*this course lasts 11 days"):
        move(cast, number(course, 6), number(course, 6).starts_at + 300 * DAY)


def test_a_first_session_far_ahead_of_the_second_is_warned_of(cast, patient):
    course = planned(cast, patient, first=at(14, month=12))
    first = first_session(course)
    for visit in course.visits.filter(kind="preparation"):
        shift(cast, visit, at(24 + visit.number, 15, month=11))
    shown = preview_move(by=cast.actor("cora"), session=first, starts_at=at(30, month=11))
    assert any("bring that session forward too" in each for each in shown.warnings)
    assert not shown.problems


def test_another_chair_alone_needs_no_other_spacing(cast, patient):
    course = planned(cast, patient)
    session = number(course, 6)
    other = chair(cast, "Chair 2")
    move(cast, session, session.starts_at, chair=other.uid)
    assert number(course, 6).chair == other


def test_a_visit_is_not_moved_into_the_past(cast, patient):
    course = planned(cast, patient)
    visit = course.visits.get(kind="trauma_focused", number=1)
    with pytest.raises(InputError, match="past"):
        shift(cast, visit, now() - 300 * DAY)


def test_what_comes_after_the_course_moves_with_its_last_session(cast, patient):
    course = planned(cast, patient)
    after = DueItem.objects.filter(course=course, session=None).order_by("pk")
    before = [each.due_at for each in after]
    last = number(course, 6)
    shown = preview_move(by=cast.actor("cora"), session=last, starts_at=last.starts_at + 3 * DAY)
    move(cast, last, last.starts_at + 3 * DAY)
    assert [each.due_at for each in after.all()] == [each + 3 * DAY for each in before]
    own = DueItem.objects.filter(session=last).count()
    assert shown.due_items == own + len(before)
    move(cast, number(course, 5), number(course, 5).starts_at + DAY)
    assert [each.due_at for each in after.all()] == [each + 3 * DAY for each in before]


def test_what_comes_after_the_course_counts_from_the_new_last_session_when_the_last_is_given_up(
    cast, patient
):
    course = planned(cast, patient)
    after = DueItem.objects.filter(course=course, session=None).order_by("pk")
    before = [each.due_at for each in after]
    give_up(cast, number(course, 6))
    assert [each.due_at for each in after.all()] == [each - 2 * DAY for each in before]


def test_the_tests_before_the_first_dose_stay_when_the_first_session_is_given_up(cast, patient):
    course = planned(cast, patient)
    tests = DueItem.objects.filter(course=course, when="before the first dose")
    names = {each.what for each in tests}
    assert names
    give_up(cast, first_session(course))
    second = number(course, 2)
    assert {each.what for each in tests.filter(session=second)} == names
    assert {each.due_at for each in tests.all()} == {second.starts_at - DAY}
    give_up(cast, second)
    assert {each.session_id for each in tests.all()} == {number(course, 3).pk}


def test_the_session_that_is_now_the_first_stays_after_preparation(cast, patient):
    course = planned(cast, patient)
    give_up(cast, first_session(course))
    late = course.visits.filter(kind="preparation").order_by("starts_at").last()
    with pytest.raises(InputError, match="preparation visit would come after the first dose"):
        move(cast, number(course, 2), late.starts_at - timedelta(hours=4))
    assert shift(cast, late, at(1, 15)).starts_at == at(1, 15)


def test_the_therapist_is_judged_on_the_last_visit_not_on_the_last_session(cast, patient):
    valid_until(cast, "tess", date(2026, 12, 15))
    with pytest.raises(InputError, match="Tess"):
        planned(cast, patient)


def test_nobody_is_moved_onto_a_day_on_which_their_certificate_has_ended(cast, patient):
    course = planned(cast, patient)
    session, visit = number(course, 6), course.visits.get(kind="trauma_focused", number=8)
    valid_until(cast, "ada", session.starts_at.date())
    with pytest.raises(InputError, match="Ada"):
        move(cast, session, session.starts_at + DAY)
    valid_until(cast, "tess", visit.starts_at.date())
    with pytest.raises(InputError, match="Tess"):
        shift(cast, visit, visit.starts_at + DAY)


def test_the_preview_of_a_move_says_who_would_not_be_qualified(cast, patient):
    course = planned(cast, patient)
    session = number(course, 6)
    valid_until(cast, "ben", session.starts_at.date())
    shown = preview_move(by=cast.actor("cora"), session=session, starts_at=session.starts_at + DAY)
    assert any("Ben Okafor" in each for each in shown.problems)


def test_a_move_to_a_weekend_is_shown_as_one(cast, patient):
    session = number(planned(cast, patient), 6)
    shown = preview_move(by=cast.actor("cora"), session=session, starts_at=at(12))
    assert any("Saturday" in each for each in shown.warnings)
    assert not shown.problems


def test_what_is_moved_is_what_was_seen(cast, patient):
    course = planned(cast, patient)
    session = number(course, 6)
    visit = session.visits.get()
    url = f"/patients/{patient.uid}/sessions/{session.uid}/move/"
    data = {"starts_at": "2026-12-14T10:00", "version": session.version}
    page = cast.client("cora").post(url, data | {"act": "look"})
    seen = page.context["preview"].fingerprint
    # Meanwhile the therapist's diary fills: the visit would go to another day than the one shown.
    shown = next(each.after for each in page.context["preview"].changes if each.visit == visit)
    other = course.visits.get(kind="trauma_focused", number=8)
    Visit.objects.filter(pk=other.pk).update(starts_at=shown)
    late = cast.client("cora").post(url, data | {"act": "do", "seen": seen})
    assert late.status_code == 422
    assert "not the ones you have seen" in late.content.decode()
    seen = late.context["preview"].fingerprint
    assert cast.client("cora").post(url, data | {"act": "do", "seen": seen}).status_code == 302
    assert cast.client("cora").post(url, data | {"act": "do"}).status_code == 422


def test_an_ended_course_leaves_no_preparation_and_nothing_due_of_a_dose_that_was_never_given(cast, patient):
    course = planned(cast, patient)
    end_course(by=cast.actor("ada"), patient=patient.uid, uid=course.uid, rule="STOP-9", reason="stops")
    assert not Visit.objects.filter(course=course, kind="preparation", state="planned").exists()
    assert not DueItem.objects.filter(course=course, done_at=None).exists()


def test_after_a_course_that_ended_early_follow_up_counts_from_the_last_dose(cast, patient):
    course = planned(cast, patient)
    course.sessions.filter(number__lte=2).update(state="left")
    end_course(by=cast.actor("ada"), patient=patient.uid, uid=course.uid, rule="STOP-9", reason="stops")
    weeks = DueItem.objects.filter(course=course, session=None, what="PCL-5", when__startswith="weeks 4")
    second = number(course, 2).starts_at
    assert [(each.due_at - second).days // 7 for each in weeks.order_by("due_at")] == [4, 12, 26, 52]
    assert not DueItem.objects.filter(course=course, session__number__gt=2).exists()


def test_after_a_revocation_the_sessions_of_that_person_are_listed_without_a_patient(cast, patient):
    planned(cast, patient)
    ben = cast.staff("ben")
    url = f"/staff/{ben.uid}/"
    before = cast.client("sia").get(url).content.decode()
    assert "Session 6 as session nurse, Chair 1" in before
    assert "Fri 11 Dec 2026 10:00" in before
    for held in Credential.objects.filter(staff=ben):
        form = {"act": "revoke", "credential": held.uid, "because": "card lost"}
        cast.client("sia").post(url, form)
    page = cast.client("sia").get(url)
    planned_with = page.context["detail"]["assignments"]
    assert len(planned_with) == 6
    assert all("revoked on 23 Nov 2026, because card lost" in each.lacks for each in planned_with)
    assert patient.identity.family_name not in page.content.decode()


def test_a_certificate_that_ends_between_two_sessions_is_named_on_the_later_ones(cast, patient):
    planned(cast, patient)
    valid_until(cast, "ben", at(7).date())
    page = cast.client("sia").get(f"/staff/{cast.staff('ben').uid}/")
    lacking = [bool(each.lacks) for each in page.context["detail"]["assignments"]]
    assert lacking == [False, False, False, False, True, True]
