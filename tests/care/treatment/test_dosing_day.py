"""A therapist beside the dose, where a model for the route has one: planned, moved, ended with the session."""

from datetime import timedelta

import pytest
from enrolled import soon_enrolled
from treated import FIRST, arrived, chair, colleague, first_session, planned, wanted

from openkap.care.permissions import Role
from openkap.care.treatment.course import therapy_actions
from openkap.care.treatment.course.ending_actions import cancel_session
from openkap.care.treatment.models import Visit
from openkap.care.treatment.monitoring import session_actions
from openkap.care.treatment.planning import actions as planning_actions
from openkap.care.treatment.planning import replan_actions
from openkap.care.treatment.planning.moving_actions import move_session, move_visit
from openkap.care.treatment.planning.plan import TherapyChoice
from openkap.core.errors import InputError
from openkap.protocol.dosing_day import dosing_day, models_for
from openkap.protocol.read import load_protocol, published_ids

DAY = timedelta(days=1)
WITH_THERAPIST = TherapyChoice("PE", 8, 90, dosing_day="PSY-KAP-FT")


@pytest.fixture
def course(cast, patient):
    return planned(cast, patient, therapy=WITH_THERAPIST)


def beside(session) -> Visit:
    return session.visits.get(kind="dosing_day")


def test_a_therapist_is_planned_beside_every_dose_for_as_long_as_the_session(course):
    for session in course.sessions.all():
        visit = beside(session)
        assert (visit.starts_at, visit.starts_at + timedelta(minutes=visit.minutes)) == (
            session.starts_at,
            session.ends_at,
        )


def test_none_is_planned_unless_somebody_chooses_it(cast, patient):
    assert not planned(cast, patient).visits.filter(kind="dosing_day").exists()


def test_only_routes_with_such_a_model_can_plan_it():
    routes = {name: [each.id for each in models_for(load_protocol(name))] for name in published_ids()}
    assert routes == {
        "iv-racemic": ["PSY-KAP-FT"],
        "im-racemic": ["PSY-KAP-DORE"],
        "low-resource": ["PSY-KAP-DORE"],
        "intranasal-esketamine": [],
    }


@pytest.mark.parametrize("model", ["PSY-KAP-DORE", "nothing"])
def test_a_model_of_another_route_is_refused(cast, patient, model):
    with pytest.raises(InputError, match="no model has a therapist") as refused:
        planned(cast, patient, therapy=TherapyChoice("PE", 8, 90, dosing_day=model))
    assert "Field Trip" in str(refused.value.limit)


def test_every_model_and_the_role_have_a_source_and_a_grade():
    for each in (dosing_day().role, *dosing_day().models):
        assert each.sources
        assert each.grade


def test_the_therapist_is_busy_during_the_dose(cast, course, register):
    other = register("Second")
    nurse = colleague(cast, "Noor", Role.NURSE)
    soon_enrolled(cast, other)
    asked = wanted(cast, seat="Chair 2", nurse=nurse.uid, therapy=WITH_THERAPIST)
    draft = planning_actions.draft_course(by=cast.actor("cora"), uid=other.uid, wanted=asked)
    assert any("Dosing day 1: Tess" in each and "has a visit" in each for each in draft.problems)


def test_it_moves_with_the_session_and_not_alone(cast, course):
    session = course.sessions.get(number=6)
    visit = beside(session)
    alone = {"by": cast.actor("cora"), "patient": course.patient.uid, "version": 1}
    with pytest.raises(InputError, match="moves with its session"):
        move_visit(uid=visit.uid, starts_at=session.starts_at + DAY, **alone)
    page = cast.client("cora").get(f"/patients/{course.patient.uid}/courses/{course.uid}/").content.decode()
    assert f"visits/{visit.uid}/move/" not in page
    move_session(uid=session.uid, starts_at=session.starts_at + 3 * DAY, reason="asked for", **alone)
    visit.refresh_from_db()
    assert visit.starts_at == session.starts_at + 3 * DAY


def test_a_session_is_not_moved_to_where_its_therapist_is_with_somebody_else(cast, course, register):
    session = course.sessions.get(number=6)
    to = session.starts_at + 3 * DAY
    elsewhere = planned(
        cast,
        register("Second"),
        first=FIRST + 30 * DAY,
        seat="Chair 2",
        therapist="",
        therapy=None,
        no_therapy_because="one visit only",
    )
    Visit.objects.create(
        course=elsewhere,
        patient=elsewhere.patient,
        kind="trauma_focused",
        number=1,
        therapist=cast.staff("tess"),
        starts_at=to,
        minutes=60,
    )
    third = chair(cast, "Chair 3")
    with pytest.raises(InputError, match="Dosing day 6: Tess"):
        move_session(
            by=cast.actor("cora"),
            patient=course.patient.uid,
            uid=session.uid,
            starts_at=to,
            version=session.version,
            reason="asked for",
            chair=third.uid,
        )


def test_it_is_given_up_with_the_session_and_planned_anew_in_its_place(cast, course, watch):
    last = course.sessions.get(number=6)
    cancel_session(by=cast.actor("cora"), patient=course.patient.uid, uid=last.uid, reason="ill")
    assert beside(last).state == "cancelled"
    first = first_session(course)
    arrived(cast, first, watch)
    who = {"patient": course.patient.uid, "uid": first.uid}
    session_actions.give_up(by=cast.actor("ben"), reason="pressure 165", **who)
    at = last.starts_at + timedelta(days=3, hours=4)
    row = replan_actions.plan_in_its_place(by=cast.actor("cora"), starts_at=at, **who)
    assert beside(row).starts_at == at


def test_its_note_has_the_checklist_of_a_dosing_day(cast, course, watch):
    visit = beside(first_session(course))
    watch.moment = visit.starts_at + timedelta(hours=3)
    told = therapy_actions.Written("Present, little said.", visit.minutes, {"0": "yes"})
    note = therapy_actions.write_note(
        by=cast.actor("tess"), patient=course.patient.uid, uid=visit.uid, written=told
    )
    assert note.checklist.startswith("Dosing day")
    visit.refresh_from_db()
    assert visit.state == "done"
