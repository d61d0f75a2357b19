"""A draft looks at the diaries: what the usual hour cannot take goes to the next free one of its window."""

from datetime import UTC, datetime, time, timedelta
from itertools import combinations

import pytest
from django.utils import timezone
from enrolled import soon_enrolled
from signed_site import run_by
from treated import FIRST, chair, colleague, first_session, planned, wanted

from openkap.care.permissions import Role
from openkap.care.treatment.models import Visit
from openkap.care.treatment.planning import actions as planning_actions
from openkap.care.treatment.planning.placing import Diary, Hours, Placed
from openkap.care.treatment.planning.plan import window_of
from openkap.core.errors import ContentError, InputError
from openkap.protocol.read import load_protocol
from openkap.protocol.site import read_site

DAY = timedelta(days=1)
HOURS = Hours(time(8), time(16))


def at(day: int, hour: int = 10, minute: int = 0) -> datetime:
    return datetime(2026, 12, day, hour, minute, tzinfo=UTC)


def taken_on(*hours: datetime) -> Diary:
    """Somebody who has an hour taken at each of these."""
    hour = timedelta(hours=1)
    return Diary(HOURS, lambda a, b: next((f"taken {o:%H:%M}" for o in hours if o < b and a < o + hour), ""))


@pytest.fixture
def second(cast, patient, register):
    """A patient for a second course with the same therapist, in another chair and with another nurse."""
    planned(cast, patient)
    other = register("Second")
    soon_enrolled(cast, other)
    nurse = colleague(cast, "Noor", Role.NURSE)
    return other, wanted(cast, seat="Chair 2", nurse=nurse.uid)


def test_a_visit_keeps_its_usual_time_where_it_is_free():
    assert taken_on().place([[at(1)]], 60) == Placed(at(1))


def test_a_visit_goes_to_the_next_free_hour_of_the_day_and_says_why():
    assert taken_on(at(1)).place([[at(1)]], 60) == Placed(
        at(1, 11), "instead of Tue 1 Dec 10:00: taken 10:00"
    )


def test_a_visit_goes_earlier_where_nothing_later_is_free():
    day = [at(1, hour) for hour in range(10, 16)]
    assert taken_on(*day).place([[at(1)]], 60).at == at(1, 9)


def test_a_visit_goes_to_another_day_at_its_usual_time_before_another_hour_where_both_are_as_good():
    assert taken_on(at(1)).place([[at(1), at(2)]], 60).at == at(2)


def test_a_visit_ends_before_the_clinic_does():
    day = [at(1, hour) for hour in range(8, 15)]
    assert taken_on(*day).place([[at(1)], [at(2)]], 60).at == at(1, 15)
    assert taken_on(*day).place([[at(1)], [at(2)]], 90).at == at(2)


def test_hours_are_the_clinic_s_own():
    with timezone.override("America/New_York"):
        # Five in the morning there.
        assert taken_on(at(1)).place([[at(1)]], 60).at == at(1, 13)


def test_a_second_course_of_the_same_therapist_is_planned_around_the_first(cast, second):
    other, asked = second
    draft = planning_actions.draft_course(by=cast.actor("cora"), uid=other.uid, wanted=asked)
    assert draft.problems == ()
    moved = [each for each in draft.plan.visits if each.because]
    assert moved
    assert all("Tess Amari has a visit" in each.because for each in moved)
    planning_actions.plan_course(by=cast.actor("cora"), uid=other.uid, wanted=asked)
    spans = [(v.starts_at, v.starts_at + timedelta(minutes=v.minutes)) for v in Visit.objects.all()]
    assert not [
        pair for pair in combinations(spans, 2) if pair[0][0] < pair[1][1] and pair[1][0] < pair[0][1]
    ]


def test_a_visit_that_is_put_elsewhere_stays_in_its_window_and_on_its_side_of_the_dose(cast, second):
    other, asked = second
    course = planning_actions.plan_course(by=cast.actor("cora"), uid=other.uid, wanted=asked)
    protocol = load_protocol("iv-racemic")
    for session in course.sessions.all():
        low, high = window_of(protocol, session.starts_at)
        assert low <= session.visits.get(kind="integration").starts_at <= high
    doses = {session.starts_at.date(): session.starts_at for session in course.sessions.all()}
    for visit in course.visits.exclude(kind="preparation"):
        dose = doses.get(visit.starts_at.date())
        assert dose is None or visit.starts_at + timedelta(minutes=visit.minutes) <= dose
    preparing = course.visits.filter(kind="preparation").order_by("number")
    assert [each.starts_at < first_session(course).starts_at for each in preparing] == [True, True]
    assert preparing[0].starts_at < preparing[1].starts_at


def test_a_visit_outside_the_hours_is_worth_a_look(cast, patient):
    """Integration of the third dose has only the hour before the fourth."""
    soon_enrolled(cast, patient)
    draft = planning_actions.draft_course(by=cast.actor("cora"), uid=patient.uid, wanted=wanted(cast))
    outside = "outside the hours in which the chairs are used (10:00 to 12:40)"
    assert draft.warnings == (f"Integration 3 on Mon 7 Dec is at 09:00, {outside}",)
    assert "Trauma-focused therapy 1" in [name for name, _ in draft.visits]


STATED = 'site: Harbour Clinic\nopening_hours: {opens: "09:30", closes: "17:00"}\n'


def test_the_hours_a_site_states_are_those_in_which_visits_are_put(cast, patient, tmp_path):
    soon_enrolled(cast, patient)
    with run_by(tmp_path, STATED):
        draft = planning_actions.draft_course(by=cast.actor("cora"), uid=patient.uid, wanted=wanted(cast))
    assert (str(draft.hours), draft.hours.is_stated) == ("09:30 to 17:00", True)
    assert all("outside the opening hours" in words for words in draft.warnings)


@pytest.mark.parametrize(
    ("hours", "words"),
    [
        ('{opens: "18:00", closes: "08:00"}', "before it opens"),
        ('{opens: "8", closes: "18:00"}', "no time of day"),
    ],
)
def test_hours_that_cannot_be_are_refused(tmp_path, hours, words):
    path = tmp_path / "site.yaml"
    path.write_text(f"site: Harbour Clinic\nopening_hours: {hours}\n", encoding="utf-8")
    with pytest.raises(ContentError, match=words):
        read_site(path)


def test_the_page_says_where_a_visit_was_put_and_within_which_hours(cast, second):
    other, asked = second
    data = {
        "pattern": "iv-racemic/six-in-two-weeks",
        "first": "2026-11-30T10:00",
        "chair": asked.chair,
        "prescriber": asked.prescriber,
        "nurse": asked.nurse,
        "therapist": asked.therapist,
        "modality": "PE",
        "visits": "8",
        "minutes": "90",
        "every": "7",
        "act": "look",
    }
    page = cast.client("cora").post(f"/patients/{other.uid}/courses/plan/", data).content.decode()
    assert "instead of Tue 1 Dec 10:00: Tess Amari has a visit 01 Dec 10:00 to 11:" in page
    assert "10:00 to 12:40, the hours in which the chairs are used (the site" in page


def test_a_patient_s_own_visits_elsewhere_are_not_planned_over(cast, patient):
    """Therapy of an earlier course goes on while the next is planned."""
    first = planned(cast, patient)
    therapy = first.visits.filter(kind="trauma_focused").order_by("number").last()
    from openkap.care.treatment.course.ending_actions import end_course

    end_course(by=cast.actor("ada"), patient=patient.uid, uid=first.uid, rule="other", reason="again")
    asked = wanted(cast, first=therapy.starts_at - 10 * DAY, therapist=cast.staff("ada").uid)
    draft = planning_actions.draft_course(by=cast.actor("cora"), uid=patient.uid, wanted=asked)
    assert not [each for each in draft.clashes if "the patient has" in each]
    assert any("the patient has trauma-focused therapy" in each.because for each in draft.plan.visits)


def test_taken_sessions_are_refused_with_what_when_and_where_it_would_be_free(cast, patient, register):
    planned(cast, patient)
    other = register("Second")
    soon_enrolled(cast, other)
    chair(cast, "Chair 2")
    noor = colleague(cast, "Noor", Role.NURSE)
    with pytest.raises(InputError, match="Session 1: Chair 1 is taken 30 Nov 10:00 to 12:40") as refused:
        planning_actions.plan_course(
            by=cast.actor("cora"), uid=other.uid, wanted=wanted(cast, nurse=noor.uid)
        )
    assert "Chair 2 is free at 10:00 on all days" in str(refused.value.remedy)


def test_another_hour_that_is_free_on_all_days_is_named(cast, patient, register):
    planned(cast, patient)
    planned(
        cast,
        register("Long"),
        first=FIRST + timedelta(days=28, hours=6),
        seat="Chair 2",
        therapy=None,
        no_therapy_because="widens the day",
    )
    other = register("Second")
    soon_enrolled(cast, other)
    draft = planning_actions.draft_course(by=cast.actor("cora"), uid=other.uid, wanted=wanted(cast))
    assert "Chair 1 and Ben Okafor are free at 13:00 on all days" in draft.ways_out
