"""From protocol to dates: windows kept, conflicts refused, what depends on a session moves with it."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from django.db import DatabaseError, IntegrityError, transaction
from enrolled import soon_enrolled
from treated import FIRST, chair, first_session, gone, planned, wanted

from openkap.care.accounts.models import Credential
from openkap.care.moment import now
from openkap.care.outcomes.safety import circle
from openkap.care.treatment.course import ending_actions
from openkap.care.treatment.models import Course, DueItem, Session, Visit
from openkap.care.treatment.planning import actions as planning_actions
from openkap.care.treatment.planning.plan import window_of
from openkap.core.errors import InputError
from openkap.protocol.read import load_protocol


def test_a_course_gets_the_days_of_the_protocol(cast, patient):
    course = planned(cast, patient)
    days = [(each.starts_at - FIRST).days + 1 for each in course.sessions.order_by("number")]
    assert days == list(load_protocol("iv-racemic").courses[0].days)
    assert first_session(course).ends_at - FIRST == timedelta(minutes=160)
    patient.refresh_from_db()
    assert patient.status == "in_course"


def test_who_is_planned_is_on_the_care_team_that_an_alarm_calls(cast, patient):
    patient.team.update(until=now())
    course = planned(cast, patient)
    team = set(course.patient.team.filter(until=None).values_list("staff__name", "part"))
    named = {(cast.staff(key).name, part) for key, part in (("ada", "prescriber"), ("ben", "nurse"))}
    assert named | {(cast.staff("tess").name, "therapist")} <= team
    assert circle(course.patient) == [cast.staff("ada")]


def test_every_session_has_an_integration_visit_in_its_window(cast, patient):
    course = planned(cast, patient)
    protocol = load_protocol("iv-racemic")
    for session in course.sessions.all():
        visit = session.visits.get(kind="integration")
        low, high = window_of(protocol, session.starts_at)
        assert low <= visit.starts_at <= high
        assert visit.starts_at.weekday() < 5


def test_preparation_comes_before_the_first_dose_and_exposure_on_days_without_one(cast, patient):
    course = planned(cast, patient)
    assert course.visits.filter(kind="preparation", starts_at__lt=FIRST).count() == 2
    dosing_days = {each.starts_at.date() for each in course.sessions.all()}
    exposure = course.visits.filter(kind="trauma_focused")
    assert exposure.count() == 8
    assert not dosing_days & {each.starts_at.date() for each in exposure}


def test_measures_tests_and_contacts_are_on_the_plan(cast, patient):
    course = planned(cast, patient)
    assert DueItem.objects.filter(course=course, kind="test", what="ECG").exists()
    assert DueItem.objects.filter(course=course, when="24 h after each dose", kind="contact").count() == 6
    weeks = DueItem.objects.filter(course=course, what="PCL-5", when__startswith="weeks 4").order_by("due_at")
    last = course.sessions.get(number=6).starts_at
    assert [(each.due_at - last).days // 7 for each in weeks] == [4, 12, 26, 52]


def test_no_course_for_somebody_nobody_found_eligible(cast, patient):
    with pytest.raises(InputError, match="eligible"):
        planning_actions.plan_course(by=cast.actor("cora"), uid=patient.uid, wanted=wanted(cast))


def test_no_course_without_therapy_or_a_reason_not_even_by_hand(cast, patient):
    soon_enrolled(cast, patient)
    bare = wanted(cast, therapy=None)
    with pytest.raises(InputError, match="no therapy plan"):
        planning_actions.plan_course(by=cast.actor("cora"), uid=patient.uid, wanted=bare)
    reason = wanted(cast, therapy=None, no_therapy_because="in therapy elsewhere, letter of 3 Nov")
    course = planning_actions.plan_course(by=cast.actor("cora"), uid=patient.uid, wanted=reason)
    assert course.visits.count() == 0
    with pytest.raises(IntegrityError), transaction.atomic():
        Course.objects.create(
            patient=patient,
            protocol="x",
            protocol_version="1",
            protocol_fingerprint="0",
            pattern="x",
            prescriber=cast.staff("ada"),
            planned_by=cast.staff("cora"),
            planned_at=now(),
        )


def test_a_chair_and_a_nurse_are_in_one_place_at_a_time(cast, patient, register):
    planned(cast, patient)
    other = register("Other")
    soon_enrolled(cast, other)
    with pytest.raises(InputError, match="Chair 1 is taken"):
        planning_actions.plan_course(by=cast.actor("cora"), uid=other.uid, wanted=wanted(cast))
    elsewhere = wanted(cast, seat="Chair 2")
    with pytest.raises(InputError, match="Ben Okafor has a session"):
        planning_actions.plan_course(by=cast.actor("cora"), uid=other.uid, wanted=elsewhere)


def test_the_database_itself_keeps_two_sessions_off_one_chair(cast, patient):
    course = planned(cast, patient)
    row = first_session(course)
    with pytest.raises(DatabaseError, match="chair is taken"), transaction.atomic():
        Session.objects.create(
            course=course,
            patient=patient,
            number=99,
            chair=row.chair,
            prescriber=row.prescriber,
            nurse=row.nurse,
            starts_at=row.starts_at + timedelta(minutes=30),
            ends_at=row.ends_at + timedelta(minutes=30),
        )


def test_nobody_is_assigned_whose_certificate_has_run_out(cast, patient):
    soon_enrolled(cast, patient)
    held = Credential.objects.filter(staff=cast.staff("ben"))
    held.update(revoked_at=now(), revoked_because="card lost")
    with pytest.raises(InputError, match="Ben Okafor: this person cannot be assigned as session nurse"):
        planning_actions.plan_course(by=cast.actor("cora"), uid=patient.uid, wanted=wanted(cast))


def test_there_must_be_time_to_prepare(cast, patient):
    soon_enrolled(cast, patient)
    soon = wanted(cast, first=datetime(2026, 11, 24, 10, tzinfo=UTC))
    with pytest.raises(InputError, match="no time for 2 preparation visits"):
        planning_actions.plan_course(by=cast.actor("cora"), uid=patient.uid, wanted=soon)


def url_of(patient, session, end="move/"):
    return f"/patients/{patient.uid}/sessions/{session.uid}/{end}"


def test_moving_a_session_shows_first_and_then_moves_what_depends_on_it(cast, patient):
    course = planned(cast, patient)
    session = course.sessions.get(number=6)
    visit = session.visits.get()
    data = {"starts_at": "2026-12-14T10:00", "version": session.version}
    looked = cast.client("cora").post(url_of(patient, session), data | {"act": "look"})
    page, seen = looked.content.decode(), looked.context["preview"].fingerprint
    assert "What moves with it" in page
    assert "Integration 6" in page
    assert "24 to 72 h after the dose" in page
    visit.refresh_from_db()
    before = visit.starts_at
    confirmed = data | {"act": "do", "seen": seen}
    assert cast.client("cora").post(url_of(patient, session), confirmed).status_code == 302
    visit.refresh_from_db()
    assert before < visit.starts_at
    low, high = window_of(load_protocol("iv-racemic"), datetime(2026, 12, 14, 10, tzinfo=UTC))
    assert low <= visit.starts_at <= high
    moved = DueItem.objects.filter(session=session, when="24 h after each dose").first()
    assert moved.due_at == datetime(2026, 12, 15, 10, tzinfo=UTC)


def test_a_session_cannot_be_moved_past_another_or_into_the_past(cast, patient):
    session = first_session(planned(cast, patient))
    for moment, words in (("2026-12-03T10:00", "must stay before session 2"), ("2026-11-20T10:00", "past")):
        data = {"starts_at": moment, "act": "do", "version": session.version}
        answer = cast.client("cora").post(url_of(patient, session), data)
        assert answer.status_code == 422
        assert words in answer.content.decode()
    session.refresh_from_db()
    assert session.starts_at == FIRST


def test_two_people_moving_the_same_session_do_not_overwrite_each_other(cast, patient):
    session = planned(cast, patient).sessions.get(number=6)
    data = {"act": "look", "version": session.version, "starts_at": "2026-12-14T10:00"}
    looked = cast.client("cora").post(url_of(patient, session), data)
    data |= {"act": "do", "seen": looked.context["preview"].fingerprint}
    cast.client("cora").post(url_of(patient, session), data)
    late = cast.client("ada").post(url_of(patient, session), data | {"starts_at": "2026-12-15T10:00"})
    assert late.status_code == 422
    assert "Somebody else saved first" in late.content.decode()
    session.refresh_from_db()
    assert session.starts_at.day == 14


def test_an_integration_visit_cannot_leave_its_window(cast, patient):
    course = planned(cast, patient)
    visit = first_session(course).visits.get()
    url = f"/patients/{patient.uid}/visits/{visit.uid}/move/"
    late = {"starts_at": "2026-12-03T10:01", "version": visit.version}
    answer = cast.client("cora").post(url, late)
    assert answer.status_code == 422
    assert "window of 24 to 72 h" in answer.content.decode()
    inside = {"starts_at": "2026-12-02T13:00", "version": visit.version}
    assert cast.client("cora").post(url, inside).status_code == 302


def test_the_plan_is_looked_at_in_the_browser_before_it_is_made(cast, patient):
    soon_enrolled(cast, patient)
    data = {
        "pattern": "iv-racemic/six-in-two-weeks",
        "first": "2026-11-30T10:00",
        "chair": chair(cast).uid,
        "prescriber": cast.staff("ada").uid,
        "nurse": cast.staff("ben").uid,
        "therapist": cast.staff("tess").uid,
        "modality": "PE",
        "visits": "8",
        "minutes": "90",
        "every": "7",
        "act": "look",
    }
    url = f"/patients/{patient.uid}/courses/plan/"
    assert cast.client("ben").post(url, data).status_code == 403
    page = cast.client("cora").post(url, data).content.decode()
    assert "nothing stands in the way" in page
    assert re.search(r"Trauma-focused therapy 1</strong> <time>[^<]+</time>, 90&nbsp;min", page)
    assert not Course.objects.exists()
    seen = cast.client("cora").post(url, data).context["preview"].fingerprint
    made = cast.client("cora").post(url, data | {"act": "do", "seen": seen})
    assert made.status_code == 302
    shown = cast.client("cora").get(made.headers["Location"]).content.decode()
    assert "Session 6" in shown
    assert "STOP-1" in shown


def test_a_serious_event_meets_the_stopping_rule_on_the_course_page(cast, patient, watch):
    from treated import dosing

    from openkap.care.treatment.monitoring.adverse_actions import Event, record_adverse_event

    course = planned(cast, patient)
    session = dosing(cast, first_session(course), watch)
    event = Event(
        "chest pain", now(), 3, "possible", "stopped", "recovering", None, True, "other medically important"
    )
    record_adverse_event(by=cast.actor("ben"), patient=patient.uid, uid=session.uid, event=event)
    page = cast.client("ada").get(f"/patients/{patient.uid}/courses/{course.uid}/").content.decode()
    assert "<strong>Serious adverse event possibly due to ketamine.</strong>" in page
    assert "Report the serious adverse event" in cast.client("ada").get("/home/").content.decode()
    url = f"/patients/{patient.uid}/courses/{course.uid}/reports/"
    row = session.adverse_events.get()
    assert cast.client("ben").post(url, {"event": row.uid, "to": "agency"}).status_code == 403
    cast.client("ada").post(url, {"event": row.uid, "to": "national agency"})
    assert "Report the serious adverse event" not in cast.client("ada").get("/home/").content.decode()


def test_ending_a_course_cancels_what_is_planned(cast, patient):
    course = planned(cast, patient)
    url = f"/patients/{patient.uid}/courses/{course.uid}/end/"
    assert cast.client("cora").post(url, {"reason": "x"}).status_code == 403
    assert cast.client("ada").post(url, {"rule": "STOP-9", "reason": ""}).status_code == 422
    assert cast.client("ada").post(url, {"rule": "", "reason": "wishes to stop"}).status_code == 422
    assert cast.client("ada").post(url, {"rule": "STOP-99", "reason": "wishes to stop"}).status_code == 422
    page = cast.client("ada").get(url).content.decode()
    assert "complete: 0 of 6 sessions given" in page
    assert '<option value="">Choose</option>' in page
    assert cast.client("ada").post(url, {"rule": "STOP-9", "reason": "wishes to stop"}).status_code == 302
    assert not course.sessions.exclude(state="cancelled").exists()
    assert Visit.objects.filter(course=course, kind="trauma_focused", state="planned").exists()


def test_the_course_page_asks_a_fixed_number_of_times(cast, patient, django_assert_max_num_queries):
    course = planned(cast, patient)
    url = f"/patients/{patient.uid}/courses/{course.uid}/"
    cast.client("cora").get(url)
    with django_assert_max_num_queries(40):
        cast.client("cora").get(url)


def test_ending_a_course_cancels_what_has_no_more_purpose_and_keeps_therapy(cast, patient, watch):
    course = planned(cast, patient)
    gone(cast, first_session(course), watch)
    ending_actions.end_course(
        by=cast.actor("ada"), patient=patient.uid, uid=course.uid, rule="other", reason="they move away"
    )
    left = course.visits.filter(state="planned")
    assert set(left.values_list("kind", flat=True)) == {"integration", "trauma_focused"}
    assert set(left.filter(kind="integration").values_list("session__number", flat=True)) == {1}
    assert not course.visits.filter(kind="preparation", state="planned").exists()
    because = set(course.visits.filter(state="cancelled").values_list("state_because", flat=True))
    assert because == {"course ended: they move away"}
