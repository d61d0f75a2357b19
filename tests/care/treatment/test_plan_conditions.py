"""What must stand in the record before a course is planned: who decided what, wishes, maintenance."""

import re
from datetime import date

import pytest
from enrolled import share, soon_enrolled
from signed_site import SIGNED, run_by
from treated import chair, wanted

from openkap.care.accounts.models import Credential
from openkap.care.enrolment.models import ConsentGiven
from openkap.care.enrolment.protocols import protocol_in_force, protocol_of
from openkap.care.moment import now
from openkap.care.treatment.models import Course
from openkap.care.treatment.planning import actions as planning_actions
from openkap.core.errors import InputError


def plan(cast, patient, **changes):
    return planning_actions.plan_course(
        by=cast.actor("cora"), uid=patient.uid, wanted=wanted(cast, **changes)
    )


def typed(cast, **changes):
    """The planning form as a browser sends it."""
    fields = {
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
    }
    return fields | changes


def page_of(cast, patient, act="look", **changes):
    url = f"/patients/{patient.uid}/courses/plan/"
    return cast.client("cora").post(url, typed(cast, act=act, **changes))


def scope(patient, value):
    """The consent as if it had been given for that."""
    from django.db import connection

    from openkap.care.append_only import protect_sql, release_sql

    table = ConsentGiven._meta.db_table
    with connection.cursor() as cursor:
        for statement in release_sql(table, connection.vendor):
            cursor.execute(statement)
        ConsentGiven.objects.filter(patient=patient).update(scope=value)
        for statement in protect_sql(ConsentGiven, (), connection.vendor):
            cursor.execute(statement)


MAINTENANCE = {
    "response": "PCL-5 fell from 52 to 27",
    "plan": "one dose every two weeks, then monthly",
    "ends_on": date(2027, 5, 31),
}


def test_a_course_under_another_protocol_than_the_one_screened_is_refused_and_both_are_named(cast, patient):
    soon_enrolled(cast, patient)
    with pytest.raises(InputError, match=r"im-racemic.*iv-racemic|iv-racemic.*im-racemic") as refused:
        plan(cast, patient, protocol="im-racemic", pattern="single")
    assert refused.value.where == "pattern"
    assert not Course.objects.exists()


@pytest.mark.parametrize("wish", ["other", "time", "no"])
def test_a_patient_whose_last_word_is_not_go_on_is_not_planned(cast, patient, wish):
    soon_enrolled(cast, patient)
    share(cast, patient, wish=wish)
    with pytest.raises(InputError, match="last shared decision"):
        plan(cast, patient)
    assert not Course.objects.exists()
    share(cast, patient, wish="go_on")
    assert plan(cast, patient).sessions.count() == 6


def test_maintenance_is_not_planned_on_a_consent_for_the_acute_course(cast, patient):
    soon_enrolled(cast, patient)
    told = planning_actions.Maintenance(**MAINTENANCE)
    with pytest.raises(InputError, match="consent for maintenance"):
        plan(cast, patient, kind="maintenance", maintenance=told)
    scope(patient, "maintenance")
    course = plan(cast, patient, kind="maintenance", maintenance=told)
    assert course.maintenance.plan == MAINTENANCE["plan"]
    assert course.maintenance.written_by == cast.staff("cora")


@pytest.mark.parametrize("part", ["response", "plan", "ends_on"])
def test_maintenance_is_not_planned_without_response_plan_and_end_date(cast, patient, part):
    soon_enrolled(cast, patient)
    scope(patient, "maintenance")
    bare = planning_actions.Maintenance(**(MAINTENANCE | {part: None if part == "ends_on" else " "}))
    with pytest.raises(InputError, match="MR-1") as refused:
        plan(cast, patient, kind="maintenance", maintenance=bare)
    assert refused.value.where == part
    assert not Course.objects.exists()
    with pytest.raises(InputError, match="MR-1"):
        plan(cast, patient, kind="maintenance")


def test_maintenance_does_not_end_before_its_last_session(cast, patient):
    soon_enrolled(cast, patient)
    scope(patient, "maintenance")
    early = planning_actions.Maintenance(**(MAINTENANCE | {"ends_on": date(2026, 12, 10)}))
    with pytest.raises(InputError, match="last session") as refused:
        plan(cast, patient, kind="maintenance", maintenance=early)
    assert refused.value.where == "ends_on"


def test_the_plan_page_asks_for_what_maintenance_needs_and_the_course_shows_it(cast, patient):
    soon_enrolled(cast, patient)
    scope(patient, "maintenance")
    bare = page_of(cast, patient, kind="maintenance").content.decode()
    assert "MR-1" in bare
    assert "Make this plan" not in bare
    told = {"kind": "maintenance", "response": "much better", "plan": "monthly", "ends_on": "2027-05-31"}
    page = page_of(cast, patient, **told).content.decode()
    assert "nothing stands in the way" in page
    planned = plan(cast, patient, kind="maintenance", maintenance=planning_actions.Maintenance(**MAINTENANCE))
    url = f"/patients/{patient.uid}/courses/{planned.uid}/"
    shown = cast.client("cora").get(url).content.decode()
    assert "PCL-5 fell from 52 to 27" in shown
    assert "31 May 2027" in shown


def test_who_is_not_qualified_is_said_with_the_dates_not_after_them(cast, patient):
    soon_enrolled(cast, patient)
    Credential.objects.filter(staff=cast.staff("ben")).update(revoked_at=now(), revoked_because="lost")
    page = page_of(cast, patient).content.decode()
    assert "Ben Okafor: this person cannot be assigned" in page
    assert "nothing stands in the way" not in page


def test_what_is_made_is_what_was_seen(cast, patient):
    soon_enrolled(cast, patient)
    assert page_of(cast, patient, act="do").status_code == 422
    seen = page_of(cast, patient).context["preview"].fingerprint
    late = page_of(cast, patient, act="do", seen=seen, first="2026-12-01T10:00")
    assert late.status_code == 422
    assert "not the ones you have seen" in late.content.decode()
    assert not Course.objects.exists()
    assert page_of(cast, patient, act="do", seen=seen).status_code == 302


def test_a_session_on_a_weekend_is_shown_as_one(cast, patient):
    soon_enrolled(cast, patient)
    page = page_of(cast, patient, first="2026-12-02T10:00").content.decode()
    assert "Session 3 is on a Sunday" in page
    assert "nothing stands in the way" in page


@pytest.mark.parametrize(
    ("field", "number"),
    [("visits", "0"), ("minutes", "0"), ("visits", "5000"), ("minutes", "999"), ("every", "999999")],
)
def test_a_therapy_of_nothing_or_of_a_mistyped_number_is_refused(cast, patient, field, number):
    soon_enrolled(cast, patient)
    page = page_of(cast, patient, **{field: number})
    assert page.status_code == 422
    assert f"(given: {number})" in str(page.context["error"])
    assert page.context["error"].where == field


def test_a_course_is_planned_under_the_protocol_as_this_site_runs_it(cast, patient, tmp_path):
    soon_enrolled(cast, patient)
    with run_by(tmp_path, SIGNED):
        course = plan(cast, patient)
        run = protocol_of(course.protocol, course.protocol_version)
    assert run.site == "Harbour Clinic"
    assert course.protocol_fingerprint == run.fingerprint


def options(cast, patient) -> list[str]:
    page = cast.client("cora").get(f"/patients/{patient.uid}/courses/plan/").content.decode()
    shown = re.search(r'<select id="id_pattern".*?</select>', page, re.DOTALL)
    return re.findall(r"<option[^>]*>([^<]+)</option>", shown[0])


def test_no_two_courses_of_the_planner_have_one_name(cast, patient):
    soon_enrolled(cast, patient)
    names = options(cast, patient)
    assert len(set(names)) == len(names)
    for protocol in ("im-racemic", "low-resource"):
        assert f"One dose · {protocol_in_force(protocol).title}" in names


def test_the_courses_of_the_protocol_that_was_decided_under_come_first(cast, patient):
    soon_enrolled(cast, patient, protocol="im-racemic")
    assert options(cast, patient)[0] == f"One dose · {protocol_in_force('im-racemic').title}"
