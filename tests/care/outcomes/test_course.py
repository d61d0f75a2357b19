"""The course of symptoms: response, remission, relapse by named definitions; maintenance only proposed."""

from __future__ import annotations

import re

from django.urls import reverse

from openkap.care.moment import now
from openkap.care.outcomes import planning, trajectory
from openkap.care.outcomes.home import tasks
from openkap.care.outcomes.models import Form, Invitation, MaintenanceProposal, Turn


def kinds():
    return [(turn.kind, turn.definition) for turn in Turn.objects.order_by("at", "id")]


def test_a_fall_of_fifteen_is_a_response_and_28_a_remission(answer_pcl):
    answer_pcl(50)
    answer_pcl(36, days=7)
    assert kinds() == []
    answer_pcl(35, days=7)
    assert kinds() == [("response", "response-15")]
    answer_pcl(28, days=7)
    assert kinds() == [("response", "response-15"), ("remission", "remission-28")]


def test_one_bad_reading_is_no_relapse_two_are(answer_pcl):
    answer_pcl(50)
    answer_pcl(20, days=14)
    answer_pcl(32, days=30)
    assert "relapse" not in dict(kinds())
    answer_pcl(31, days=7)
    assert kinds()[-1] == ("relapse", "relapse-rise-10")
    assert MaintenanceProposal.objects.count() == 1


def test_who_never_fell_below_33_does_not_come_back_above_it(answer_pcl):
    answer_pcl(55)
    for total in (40, 38, 34, 36):
        answer_pcl(total, days=20)
    assert kinds() == [("response", "response-15")]


def test_back_above_33_on_two_readings_is_a_relapse_though_the_rise_is_small(answer_pcl):
    answer_pcl(55)
    for total in (30, 35, 36):
        answer_pcl(total, days=20)
    assert kinds()[-1] == ("relapse", "relapse-above-33")


def test_after_a_relapse_a_response_is_a_new_fall_and_not_the_old_distance(answer_pcl):
    answer_pcl(60)
    for total in (30, 41, 42, 40):
        answer_pcl(total, days=20)
    assert [kind for kind, _ in kinds()] == ["response", "relapse"]
    answer_pcl(27, days=20)
    assert [kind for kind, _ in kinds()][-2:] == ["response", "remission"]


def test_without_a_response_there_is_no_relapse(answer_pcl):
    answer_pcl(40)
    for total in (35, 50, 55):
        answer_pcl(total, days=7)
    assert kinds() == []


def test_after_one_alarming_reading_the_job_asks_for_the_second(answer_pcl):
    answer_pcl(50)
    answer_pcl(20, days=14)
    form = answer_pcl(35, days=60)
    assert planning.detect_relapses("test") == 1
    assert planning.detect_relapses("test") == 0
    assert Invitation.objects.get(about_uid=form.uid).forms.get().instrument == "pcl-5"


def test_maintenance_is_proposed_to_a_prescriber_and_decided_with_a_reason(cast, patient, answer_pcl):
    for total, days in ((50, 0), (20, 14), (34, 40), (36, 7)):
        answer_pcl(total, days=days)
    proposal = MaintenanceProposal.objects.get()
    assert proposal.decision == ""
    assert "Decide: symptoms came back" in cast.client("ada").get(reverse("home")).content.decode()
    assert "Decide: symptoms came back" not in cast.client("ben").get(reverse("home")).content.decode()
    address = reverse("maintenance", args=[patient.uid, proposal.uid])
    assert cast.client("ada").post(address, {"decision": "plan", "reason": ""}).status_code == 200
    cast.client("ada").post(address, {"decision": "watch", "reason": "New job; measure in a week."})
    proposal.refresh_from_db()
    assert (proposal.decision, proposal.decided_by.name) == ("watch", "Ada Lindqvist")


def test_a_proposal_stands_under_the_day_by_which_it_is_to_be_decided(cast, answer_pcl, watch):
    for total, days in ((50, 0), (20, 14), (34, 40), (36, 7)):
        answer_pcl(total, days=days)

    def urgency():
        (task,) = [each for each in tasks(cast.actor("ada")) if each.verb == "Decide: symptoms came back"]
        return task.urgency

    assert urgency() == "soon"
    watch.forward(days=7)
    assert urgency() == "today"


def test_the_reason_of_who_decides_second_stays_beside_the_decision(cast, patient, answer_pcl):
    for total, days in ((50, 0), (20, 14), (34, 40), (36, 7)):
        answer_pcl(total, days=days)
    proposal = MaintenanceProposal.objects.get()
    address = reverse("maintenance", args=[patient.uid, proposal.uid])
    cast.client("ada").post(address, {"decision": "watch", "reason": "New job."})
    page = cast.client("ada").post(address, {"decision": "plan", "reason": "She asked for it today."})
    assert "She asked for it today." in page.content.decode()
    assert "New job." in page.content.decode()


def test_a_form_entered_in_error_no_longer_counts(cast, patient, answer_pcl):
    answer_pcl(50)
    wrong = answer_pcl(10, days=7)
    address = reverse("outcome_form", args=[patient.uid, wrong.uid])
    cast.client("cora").post(address, {"reason": "answered by the sister"})
    assert [row.total for row in trajectory.trajectory(patient).readings] == [50]
    assert "answered by the sister" in cast.client("cora").get(address).content.decode()


def test_the_baseline_is_the_reading_before_treatment(patient, answer_pcl):
    answer_pcl(60, occasion="on_request")
    answer_pcl(48, days=20, occasion="baseline", about="course000001")
    answer_pcl(30, days=20)
    found = trajectory.trajectory(patient)
    assert found.baseline.total == 48
    assert found.points == -18


def test_a_missed_measure_is_a_gap_with_its_reason(patient, cast, answer_pcl, watch):
    from openkap.care.outcomes.actions import ask

    answer_pcl(50)
    watch.forward(days=7)
    ask(by=cast.actor("cora"), uid=patient.uid, instruments=["pcl-5"])
    planning.send_due("test")
    watch.forward(days=8)
    assert planning.close_missed("test") == 1
    page = cast.client("ada").get(reverse("outcomes", args=[patient.uid])).content.decode()
    assert "no way to reach them" in page
    assert page.count('class="gap"') >= 1


def test_the_figure_says_in_a_table_what_it_draws(patient, cast, answer_pcl):
    for total, days in ((50, 0), (44, 7), (20, 7)):
        answer_pcl(total, days=days)
    page = cast.client("tess").get(reverse("outcomes", args=[patient.uid])).content.decode()
    assert 'role="img"' in page
    assert "PCL-5 from 50 on" in page
    for value in ("50", "44", "20"):
        assert f'<td class="number">{value}</td>' in page


def test_the_page_says_which_definitions_of_change_hold(patient, cast, answer_pcl):
    answer_pcl(50)
    answer_pcl(33, days=7)
    said = cast.client("ada").get(f"/patients/{patient.uid}/outcomes/").content.decode()
    assert "PCL-5 50 → 33" in said
    met = dict(re.findall(r"<td[^>]*>([^<]+)</td><td[^>]*>(✓ yes|no|<span class=\"not-known\">)", said))
    assert met["fall of 15 or more"] == "✓ yes"
    assert met["fall of half or more"] == met["28 or below"] == "no"


def test_nobody_who_is_better_than_at_the_start_reads_of_a_relapse(patient, cast, answer_pcl):
    answer_pcl(67)
    answer_pcl(40, days=7)
    said = cast.client("ada").get(f"/patients/{patient.uid}/outcomes/").content.decode()
    assert "fall of 15 or more" in said
    assert "back above 33" not in said


def test_an_unscored_form_is_shown_as_unscored_not_as_zero(patient, cast, asked):
    from openkap.care.accounts.actor import patient_actor
    from openkap.care.outcomes.actions import as_taps, finish, save_answers

    form = Form.objects.get(invitation=asked, instrument="pcl-5")
    by = patient_actor(patient.uid, patient.clinic)
    save_answers(by=by, invitation=asked, taps=as_taps(form, {"1": 4}, now(), "t-unscored"))
    finish(by=by, invitation=asked)
    assert trajectory.trajectory(patient).readings[0].total is None
    assert "not scored" in cast.client("ada").get(reverse("outcomes", args=[patient.uid])).content.decode()


def test_the_outcomes_page_asks_the_database_the_same_for_three_and_for_thirty_readings(
    patient, cast, answer_pcl, django_assert_max_num_queries
):
    client = cast.client("ada")
    address = reverse("outcomes", args=[patient.uid])
    for number in range(3):
        answer_pcl(50 - number, days=7)
    client.get(address)
    with django_assert_max_num_queries(45) as few:
        client.get(address)
    for number in range(12):
        answer_pcl(45 - number, days=7)
    with django_assert_max_num_queries(len(few)):
        client.get(address)


def test_a_curve_in_plain_words_claims_nothing_below_reliable_change(patient, answer_pcl):
    from openkap.care.outcomes.plain_words import in_plain_words

    answer_pcl(50)
    answer_pcl(40, days=7)
    assert "about where they were" in in_plain_words(trajectory.trajectory(patient))[0]
    answer_pcl(34, days=7)
    assert "lower than when you started" in in_plain_words(trajectory.trajectory(patient))[0]


def test_no_relapse_is_looked_for_and_no_second_reading_asked_of_who_is_not_treated_any_more(
    cast, patient, answer_pcl
):
    from openkap.care.patients.closing import Why, close_record, reopen_record

    for total, days in ((50, 0), (20, 14), (35, 60)):
        answer_pcl(total, days=days)
    close_record(by=cast.actor("cora"), uid=patient.uid, why=Why("finished"))
    assert planning.detect_relapses("test") == 0
    reopen_record(by=cast.actor("cora"), uid=patient.uid, reason="came back")
    assert planning.detect_relapses("test") == 1


def test_the_chart_says_first_the_last_score_and_leads_to_its_curve(patient, cast, answer_pcl):
    answer_pcl(50)
    glance = cast.client("ada").get(f"/patients/{patient.uid}/").context["glance"]
    assert [(line.label, line.value[:2], line.url) for line in glance] == [
        ("PCL-5", "50", reverse("outcomes", args=[patient.uid]))
    ]
