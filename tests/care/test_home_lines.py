"""The list of what to do: who needs somebody now stands on it once, with everything else beneath."""

import re
from dataclasses import replace
from datetime import date, timedelta

from enrolled import consented, decide, go_through_all, open_consent, screen, share

from openkap.care.contributions import Task
from openkap.care.enrolment import consent_signing
from openkap.care.moment import now
from openkap.care.worklist import Line, how_many, in_order, one_line_a_patient, tasks_of

ONE, TWO = "aaaaaaaaaaa1", "aaaaaaaaaaa2"
CALL = Task("Call the patient", f"/patients/{ONE}/outcomes/", "One", urgency="now")
RECEIVE = Task("Receive the patient", f"/patients/{ONE}/screening/#now", "One", urgency="today")
OTHER = Task("Receive the patient", f"/patients/{TWO}/screening/", "Two", urgency="today")
SECOND = Task("Plan the course", f"/patients/{TWO}/courses/", "Two")


def test_what_else_waits_for_somebody_who_needs_us_now_stands_under_that():
    lines = one_line_a_patient([CALL, RECEIVE, OTHER])
    assert [(line.task, line.then) for line in lines] == [(CALL, (RECEIVE,)), (OTHER, ())]


def test_nobody_else_is_put_together():
    lines = one_line_a_patient([CALL, OTHER, SECOND])
    assert [line.task for line in lines] == [CALL, OTHER, SECOND]
    assert [line.task for line in one_line_a_patient([OTHER, SECOND])] == [OTHER, SECOND]


def test_what_is_due_comes_first_and_then_who_has_waited_longest():
    late, recent = (replace(SECOND, since=now() - timedelta(days=days)) for days in (200, 3))
    due = replace(SECOND, due=now() + timedelta(days=9))
    assert in_order([SECOND, recent, late, due]) == [due, late, recent, SECOND]


def test_two_people_of_one_name_are_told_apart_by_their_birth_dates(cast, register):
    register("Example", "Alex", birth_date=date(1984, 5, 2))
    register("Example", "Alex", birth_date=None)
    register("Other", "Sam", birth_date=date(1990, 1, 1))
    whom = sorted(task.whom for task in tasks_of(cast.actor("cora")) if task.verb == "Open the screening")
    born, unknown = "EXAMPLE, Alex, born 2 May 1984", "EXAMPLE, Alex, birth date not known"
    assert whom == [unknown, born, "OTHER, Sam"]


def test_a_line_without_a_date_says_since_when_and_why(cast, patient):
    screen(cast, patient)
    share(cast, patient)
    consented(cast, patient)
    decide(cast, patient)
    page = re.sub(r"\s+", " ", cast.client("cora").get("/home/").content.decode())
    assert "Plan the course" in page
    assert "eligible, no course planned yet" in page
    assert "waits since 23 Nov 2026" in page


def test_a_consent_that_waits_for_the_countersignature_is_not_offered_again(cast, patient):
    screen(cast, patient)
    assert "Go through the consent" in [task.verb for task in tasks_of(cast.actor("cora"))]
    consent = open_consent(cast, patient)
    go_through_all(cast, patient, consent)
    signed = consent_signing.Signed("Alex Example")
    consent_signing.sign_as_patient(
        by=cast.actor("cora"), uid=patient.uid, consent=consent.uid, signed=signed
    )
    assert "Go through the consent" not in [task.verb for task in tasks_of(cast.actor("cora"))]
    verbs = [task.verb for task in tasks_of(cast.actor("ada"))]
    assert "Countersign the consent" in verbs
    assert "Go through the consent" not in verbs


def test_the_overview_of_a_chart_says_what_to_do_for_this_patient_only(cast, register):
    one, two = register("Example", "Alex"), register("Other", "Sam")
    screen(cast, two, ggt=None)
    client = cast.client("cora")
    assert f'hx-get="/patients/{one.uid}/to-do/"' in client.get(f"/patients/{one.uid}/").content.decode()
    lines = client.get(f"/patients/{one.uid}/to-do/", headers={"HX-Request": "true"}).content.decode()
    assert "Open the screening" in lines
    assert two.uid not in lines
    whole = client.get(f"/patients/{two.uid}/to-do/").content.decode()
    assert "1 question open" in whole
    assert one.uid not in whole


def test_nothing_of_ones_own_list_is_said_as_that(cast, patient):
    page = cast.client("tess").get(f"/patients/{patient.uid}/to-do/").content.decode()
    assert "Nothing on your own list is about this patient." in page


def test_a_list_that_is_longer_than_it_shows_says_so_and_leads_to_the_rest(cast, register):
    for number in range(56):
        register("Example", f"Number{number}")
    client = cast.client("ben")
    page = client.get("/home/").content.decode()
    assert "50 of 56 referrals to screen shown" in page
    assert "56 things to do" in page
    assert "Number55" not in page
    whole = client.get("/home/?all=1").content.decode()
    assert "56 things to do" in whole
    assert all(f"Number{number}" in whole for number in range(56))
    assert "shown" not in re.sub(r"<[^>]+>", " ", whole)


def test_the_figures_beside_the_headings_add_up_to_all_there_is_to_do():
    first = Task("Watch", "/home/", urgency="now")
    later = Task("Look again", "/home/", urgency="soon")
    rest = Task("Show 6 more", "/home/", urgency="soon", stands_for=6)
    assert how_many([Line(first, (later,)), Line(first)]) == "2, then 1"
    assert how_many([Line(later), Line(rest)]) == "7"


def test_a_list_that_just_fits_says_nothing(cast, register):
    for number in range(50):
        register("Example", f"Number{number}")
    assert "referrals to screen shown" not in cast.client("ben").get("/home/").content.decode()


def test_the_chart_of_somebody_far_down_the_list_says_what_to_do(cast, register):
    last = [register("Example", f"Number{number}") for number in range(52)][-1]
    lines = cast.client("ben").get(f"/patients/{last.uid}/to-do/").content.decode()
    assert "Open the screening" in lines
