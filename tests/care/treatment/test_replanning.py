"""A visit that ended without a dose: what hung on it is given up, and somebody re-plans it or says why not."""

from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from django.db import DatabaseError, IntegrityError, transaction
from django.utils import timezone
from treated import arrived, first_session, planned

from openkap.care.accounts.models import Credential
from openkap.care.audit.models import AuditEvent
from openkap.care.moment import now
from openkap.care.treatment.course import ending_actions
from openkap.care.treatment.models import DueItem, Replanning, Session, Visit
from openkap.care.treatment.monitoring import session_actions
from openkap.care.treatment.planning import moving, replan_actions
from openkap.care.treatment.planning.plan import window_of
from openkap.core.errors import InputError
from openkap.protocol.read import load_protocol

TASK = "Re-plan the visit"
REASON = "pressure 165"


@pytest.fixture
def session(cast, patient):
    return first_session(planned(cast, patient))


@pytest.fixture
def undosed(cast, session, watch):
    arrived(cast, session, watch)
    session_actions.give_up(by=cast.actor("ben"), patient=session.patient.uid, uid=session.uid, reason=REASON)
    session.refresh_from_db()
    return session


def home(cast, key="cora"):
    return cast.client(key).get("/home/").content.decode()


def url_of(session):
    return f"/patients/{session.patient.uid}/sessions/{session.uid}/replan/"


def day_after_the_last(session):
    # In the afternoon: the morning is the integration of the last dose.
    return session.course.sessions.get(number=6).starts_at + timedelta(days=3, hours=4)


def replan(cast, session, **changes):
    given = {"starts_at": day_after_the_last(session)} | changes
    return replan_actions.plan_in_its_place(
        by=cast.actor("cora"), patient=session.patient.uid, uid=session.uid, **given
    )


def test_no_dose_today_gives_up_what_hangs_on_the_session_and_nothing_else(cast, undosed):
    assert {row.state for row in undosed.visits.all()} == {"cancelled"}
    assert all(f"no dose in session 1: {REASON}" == row.state_because for row in undosed.visits.all())
    assert not DueItem.objects.filter(session=undosed, done_at__isnull=True).exists()
    others = Visit.objects.filter(course=undosed.course).exclude(session=undosed)
    assert not others.filter(state="cancelled").exists()
    assert DueItem.objects.filter(course=undosed.course, session__number=2).exists()


def test_tests_before_the_first_dose_stay_due_when_the_first_session_is_given_up(cast, undosed):
    assert DueItem.objects.filter(course=undosed.course, what="ECG", done_at__isnull=True).exists()


def test_tests_before_the_first_dose_stay_due_when_the_first_session_is_cancelled(cast, session):
    ending_actions.cancel_session(
        by=cast.actor("cora"), patient=session.patient.uid, uid=session.uid, reason="ill"
    )
    assert DueItem.objects.filter(course=session.course, what="ECG", done_at__isnull=True).exists()
    assert not DueItem.objects.filter(session=session).exists()


def test_whoever_plans_is_asked_to_re_plan_with_the_day_and_the_reason(cast, undosed):
    shown = home(cast)
    assert TASK in shown
    assert f"no dose on 30 Nov 2026: {REASON}" in shown
    assert TASK not in home(cast, "ben")
    assert TASK not in home(cast, "eve")


def test_the_session_page_and_the_course_offer_a_session_in_its_place(cast, undosed):
    for where in (f"sessions/{undosed.uid}/", f"courses/{undosed.course.uid}/"):
        shown = cast.client("cora").get(f"/patients/{undosed.patient.uid}/{where}").content.decode()
        assert "Add a session in its place" in shown
        assert url_of(undosed) in shown


def test_a_session_in_its_place_is_looked_at_first_and_then_ends_the_task(cast, undosed):
    data = {"starts_at": day_after_the_last(undosed).isoformat()}
    answer = cast.client("cora").post(url_of(undosed), data | {"act": "look"})
    looked = answer.content.decode()
    assert "Add this session" in looked
    assert "Integration 7" in looked
    unseen = cast.client("cora").post(url_of(undosed), data | {"act": "do"})
    assert (unseen.status_code, unseen.context["error"].where) == (422, "seen")
    assert not Replanning.objects.exists()
    assert (
        cast.client("cora")
        .post(url_of(undosed), data | {"act": "do", "seen": answer.context["preview"].fingerprint})
        .status_code
        == 302
    )
    row = undosed.replanning.in_its_place
    assert (row.number, row.state, row.starts_at) == (7, "planned", day_after_the_last(undosed))
    assert TASK not in home(cast)
    assert AuditEvent.objects.filter(action="session.replanned").count() == 1
    page = cast.client("cora").get(f"/patients/{undosed.patient.uid}/courses/{undosed.course.uid}/")
    assert "in its place: session 7" in page.content.decode()


def test_a_session_in_its_place_brings_its_visit_measures_and_contact(cast, undosed):
    row = replan(cast, undosed)
    low, high = window_of(load_protocol("iv-racemic"), row.starts_at)
    assert low <= row.visits.get(kind="integration").starts_at <= high
    other = undosed.course.sessions.get(number=3)
    due = lambda each: sorted(each.due_items.values_list("kind", "what", "when"))  # noqa: E731
    assert due(row) == due(other) != []


def test_its_integration_takes_another_hour_where_the_therapist_has_none_of_the_usual(cast, undosed):
    at = day_after_the_last(undosed)
    for number, day in enumerate((1, 2, 3), 50):
        Visit.objects.create(
            course=undosed.course,
            patient=undosed.patient,
            kind="trauma_focused",
            number=number,
            therapist=cast.staff("tess"),
            starts_at=at + timedelta(days=day),
            minutes=60,
        )
    row = replan(cast, undosed)
    low, high = window_of(load_protocol("iv-racemic"), row.starts_at)
    visit = row.visits.get(kind="integration")
    assert low <= visit.starts_at <= high
    assert (visit.starts_at.hour, visit.starts_at.minute) != (at.hour, at.minute)


def trauma(session, number: int) -> Visit:
    return session.course.visits.get(kind="trauma_focused", number=number)


def test_a_trauma_focused_visit_makes_room_for_a_session_in_its_place_as_for_one_that_moves(cast, undosed):
    # Doses to Friday the 11th; trauma-focused visits on Tuesdays at ten from the 15th on.
    first = trauma(undosed, 1)
    moment = first.starts_at
    draft = replan_actions.preview_in_its_place(by=cast.actor("cora"), session=undosed, starts_at=moment)
    assert draft.problems == ()
    ((goes, at),) = draft.along
    assert (goes.what, goes.visit.starts_at) == ("Trauma-focused therapy 1", moment)
    page = cast.client("cora").post(url_of(undosed), {"act": "look", "starts_at": f"{moment:%Y-%m-%dT%H:%M}"})
    assert "What makes room for it" in page.content.decode()
    goes_to = at.astimezone(ZoneInfo(cast.troupe.clinic.time_zone))
    assert f'data-label="To">{goes_to:%a %-d %b %H:%M}<' in page.content.decode()
    rest = [each.starts_at for each in undosed.course.visits.filter(kind="trauma_focused").order_by("number")]
    replan(cast, undosed, starts_at=moment, seen=draft.fingerprint)
    after = [
        each.starts_at for each in undosed.course.visits.filter(kind="trauma_focused").order_by("number")
    ]
    assert after == [at, *rest[1:]]
    assert after[0].date() != moment.date()
    assert trauma(undosed, 1).version == first.version + 1
    event = AuditEvent.objects.get(action="session.replanned")
    assert "Trauma-focused therapy 1" in event.body


def test_it_is_refused_by_name_where_a_trauma_focused_visit_finds_no_day(cast, undosed):
    days = {2: 1, 3: 2}
    for number, later in days.items():
        Visit.objects.filter(pk=trauma(undosed, number).pk).update(
            starts_at=trauma(undosed, 1).starts_at + timedelta(days=later)
        )
    moment = trauma(undosed, 2).starts_at
    with pytest.raises(InputError) as refused:
        replan(cast, undosed, starts_at=moment)
    assert "Trauma-focused therapy 2" in refused.value.what
    assert "has to make room and finds no free time" in refused.value.what
    assert trauma(undosed, 2).starts_at == moment


def test_that_none_will_be_planned_needs_a_reason_and_ends_the_task(cast, undosed):
    answer = cast.client("cora").post(url_of(undosed), {"act": "none", "reason": " "})
    assert answer.status_code == 422
    assert "the reason is missing" in answer.content.decode().lower()
    assert TASK in home(cast)
    assert cast.client("cora").post(url_of(undosed), {"act": "none", "reason": "Five are enough."}).url
    assert TASK not in home(cast)
    page = cast.client("cora").get(f"/patients/{undosed.patient.uid}/sessions/{undosed.uid}/")
    assert "none in its place: Five are enough." in page.content.decode()


def test_a_session_in_its_place_is_not_on_a_day_with_a_dose_nor_in_the_past(cast, undosed):
    second = undosed.course.sessions.get(number=2)
    with pytest.raises(InputError, match="session 2 is on that day already"):
        replan(cast, undosed, starts_at=second.starts_at + timedelta(hours=4))
    with pytest.raises(InputError, match="in the past"):
        replan(cast, undosed, starts_at=now() - timedelta(days=1))


@pytest.mark.parametrize(
    ("after", "says"),
    [
        (timedelta(days=1), "is 1 day after session 3 .* this course keeps at least 2 days between doses"),
        (timedelta(days=300), "is 293 days after session 6 .* lasts 11 days as a whole"),
    ],
)
def test_a_session_in_its_place_keeps_the_spacing_of_the_pattern(cast, undosed, after, says):
    third = undosed.course.sessions.get(number=3)
    with pytest.raises(InputError, match=says):
        replan(cast, undosed, starts_at=third.starts_at + after)


def test_a_session_in_its_place_on_a_weekend_is_worth_a_look(cast, undosed):
    saturday = undosed.course.sessions.get(number=6).starts_at + timedelta(days=3, hours=4)
    while saturday.weekday() != 5:
        saturday += timedelta(days=1)
    draft = replan_actions.preview_in_its_place(by=cast.actor("cora"), session=undosed, starts_at=saturday)
    assert any("is on a Saturday" in each for each in draft.warnings)


def test_the_refusal_names_the_clinic_s_own_time(cast, undosed):
    second = undosed.course.sessions.get(number=2)
    with timezone.override("America/New_York"), pytest.raises(InputError) as refused:
        replan(cast, undosed, starts_at=second.starts_at + timedelta(hours=1))
    own = second.starts_at.astimezone(ZoneInfo("America/New_York"))
    assert f"{own:%d %b %H:%M}" in refused.value.what
    assert f"{second.starts_at:%d %b %H:%M}" not in refused.value.what


def test_nobody_is_put_on_a_session_in_its_place_whose_certificate_has_run_out(cast, undosed):
    Credential.objects.filter(staff=cast.staff("ben")).update(revoked_at=now(), revoked_because="ended")
    with pytest.raises(InputError, match="Ben Okafor"):
        replan(cast, undosed)


def test_two_people_who_re_plan_at_once_make_one_session(cast, undosed):
    replan(cast, undosed)
    with pytest.raises(InputError, match="decided already"):
        replan(cast, undosed, starts_at=day_after_the_last(undosed) + timedelta(days=7))
    assert undosed.course.sessions.count() == 7


def test_only_a_session_without_a_dose_is_re_planned(cast, session):
    with pytest.raises(InputError, match="ended without a dose"):
        replan(cast, session)


def test_a_session_between_two_others_keeps_its_neighbours_in_the_order_of_time(cast, undosed):
    for late in undosed.course.sessions.filter(number__gt=3):
        week = timedelta(days=7)
        Session.objects.filter(pk=late.pk).update(
            starts_at=late.starts_at + week, ends_at=late.ends_at + week
        )
    third, fourth = (undosed.course.sessions.get(number=number) for number in (3, 4))
    between = third.starts_at + timedelta(days=5, hours=4)
    row = replan(cast, undosed, starts_at=between)
    assert third.starts_at < row.starts_at < fourth.starts_at
    move = lambda session, to: moving.preview_move(  # noqa: E731
        by=cast.actor("cora"), session=session, starts_at=to
    )
    assert move(fourth, fourth.starts_at + timedelta(hours=1)).problems == ()
    assert "before session 7" in "".join(move(third, between + timedelta(hours=1)).problems)


def test_a_signed_session_is_re_planned_all_the_same(cast, undosed):
    Session.objects.filter(pk=undosed.pk).update(locked_at=now())
    assert replan(cast, undosed).number == 7


def test_the_database_keeps_what_was_decided_and_asks_for_a_reason(cast, undosed):
    who = {"decided_by": cast.staff("cora"), "decided_at": now()}
    with pytest.raises(IntegrityError), transaction.atomic():
        Replanning.objects.create(session=undosed, **who)
    with pytest.raises(IntegrityError), transaction.atomic():
        Replanning.objects.create(session=undosed, in_its_place=undosed, **who)
    Replanning.objects.create(session=undosed, reason="enough", **who)
    with pytest.raises(DatabaseError), transaction.atomic():
        Replanning.objects.update(reason="other")
    with pytest.raises(DatabaseError), transaction.atomic():
        Replanning.objects.all().delete()
