"""The course is judged over every record of the person, and without forms entered in error."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.urls import reverse
from enrolled import proof, soon_enrolled
from treated import first_session, planned

from openkap.care.enrolment import consent_signing
from openkap.care.enrolment.facts import withdrawn
from openkap.care.outcomes import actions, planning, safety, trajectory
from openkap.care.outcomes.models import Form, Invitation, MaintenanceProposal, SafetySignal, Turn
from openkap.care.patients.models import Patient


def kinds():
    return list(Turn.objects.order_by("at", "id").values_list("kind", flat=True))


@pytest.fixture
def merged_into(cast, register):
    from openkap.care.patients.merging import merge

    def put_together(absorbed):
        kept = register("Kept")
        merge(by=cast.actor("ada"), keep=kept.uid, absorb=absorbed.uid, reason="one person")
        absorbed.refresh_from_db()
        return kept

    return put_together


def merged_long_ago(register, absorbed):
    """Put together before a running course held a merge."""
    kept = register("Kept")
    Patient.objects.filter(pk=absorbed.pk).update(status=Patient.Status.MERGED, merged_into=kept)
    absorbed.refresh_from_db()
    return kept


def test_a_relapse_after_a_merge_is_seen_against_the_response_of_the_absorbed_record(
    patient, answer_pcl, merged_into
):
    answer_pcl(60, occasion="baseline", about="course000001")
    answer_pcl(20, days=7)
    kept = merged_into(patient)
    answer_pcl(60, days=7, who=kept)
    answer_pcl(62, days=7, who=kept)
    assert kinds() == ["response", "remission", "relapse"]
    assert MaintenanceProposal.objects.get().patient == kept


def test_records_merged_after_the_bad_readings_are_judged_together_by_the_job(
    patient, answer_pcl, register, cast
):
    from openkap.care.patients.merging import merge

    kept = register("Kept")
    answer_pcl(60, occasion="baseline", about="course000001")
    answer_pcl(20, days=7)
    answer_pcl(60, days=7, who=kept)
    answer_pcl(62, days=7, who=kept)
    merge(by=cast.actor("ada"), keep=kept.uid, absorb=patient.uid, reason="one person")
    planning.detect_relapses("test")
    assert kinds() == ["response", "remission", "relapse"]


def test_the_alert_of_an_absorbed_record_stands_in_the_banner_of_the_kept_one(
    cast, patient, asked, merged_into
):
    form = Form.objects.get(invitation=asked, instrument="phq-9")
    safety.look_at(by=cast.actor("ada"), form=form, answers={"9": 3}, given=[("9", 3)])
    assert SafetySignal.objects.count() == 1
    kept = merged_into(patient)
    page = cast.client("ada").get(reverse("patient", args=[kept.uid])).content.decode()
    assert "safety answer" in page
    assert reverse("signal", args=[kept.uid, SafetySignal.objects.get().uid]) in page


def alert_of(cast, asked):
    form = Form.objects.get(invitation=asked, instrument="phq-9")
    return safety.look_at(by=cast.actor("ada"), form=form, answers={"9": 3}, given=[("9", 3)])[0]


def test_the_alert_of_an_absorbed_record_is_answered_under_the_kept_one(cast, patient, asked, merged_into):
    alert = alert_of(cast, asked)
    kept = merged_into(patient)
    ada = cast.client("ada")
    address = reverse("signal", args=[kept.uid, alert.uid])
    assert address in ada.get(reverse("home")).content.decode()
    assert "thoughts of death" in ada.get(address).content.decode().lower()
    ada.post(address, {"act": "acknowledge"})
    ada.post(address, {"act": "close", "what_was_done": "Reached her by telephone."})
    alert.refresh_from_db()
    assert alert.what_was_done == "Reached her by telephone."


def test_the_address_of_an_alert_under_an_absorbed_record_leads_to_the_kept_one(
    cast, patient, asked, merged_into
):
    alert = alert_of(cast, asked)
    kept = merged_into(patient)
    old, new = (reverse("signal", args=[row.uid, alert.uid]) for row in (patient, kept))
    assert cast.client("ada").get(old).headers["Location"] == new
    # What was typed on a page that was open during the merge is not lost.
    cast.client("ada").post(old, {"act": "close", "what_was_done": "Reached her by telephone."})
    alert.refresh_from_db()
    assert alert.closed_at is not None


def test_an_absorbed_record_shows_the_alert_of_the_kept_one(cast, patient, merged_into):
    from openkap.care.outcomes.actions import ask

    kept = merged_into(patient)
    alert = alert_of(cast, ask(by=cast.actor("cora"), uid=kept.uid, instruments=["phq-9"]))
    page = cast.client("ada").get(reverse("patient", args=[patient.uid])).content.decode()
    assert reverse("signal", args=[kept.uid, alert.uid]) in page


def test_a_late_answer_of_an_absorbed_record_calls_the_team_of_the_kept_one(
    cast, patient, asked, merged_into
):
    from openkap.care.patients.models import TeamMember

    merged_into(patient)
    TeamMember.objects.filter(patient=patient).delete()
    assert [call.staff.name for call in alert_of(cast, asked).calls.all()] == ["Ada Lindqvist"]


def test_an_alert_of_another_patient_is_not_found_under_this_one(cast, patient, asked, register):
    alert = alert_of(cast, asked)
    other = register("Other")
    answer = cast.client("ada").get(reverse("signal", args=[other.uid, alert.uid]))
    assert answer.status_code == 404


def test_the_sessions_of_an_absorbed_record_still_ask_for_their_measures(cast, patient, watch, register):
    session = first_session(planned(cast, patient))
    merged_long_ago(register, patient)
    watch.moment = session.starts_at - timedelta(hours=40)
    planning.plan_due("test")
    assert Invitation.objects.filter(about_uid=session.uid).exists()


def void(cast, patient, form):
    actions.void_form(by=cast.actor("ada"), uid=patient.uid, form=form.uid, reason="wrong person")


def test_a_response_read_from_a_voided_form_makes_no_relapse(cast, patient, answer_pcl):
    answer_pcl(60, occasion="baseline", about="course000001")
    void(cast, patient, answer_pcl(30, days=7))
    for total in (58, 75, 75):
        answer_pcl(total, days=7)
    assert "relapse" not in kinds()
    assert trajectory.trajectory(patient).milestones == ()
    assert not MaintenanceProposal.objects.exists()


def test_a_proposal_from_a_voided_form_no_longer_asks_for_a_decision(cast, patient, answer_pcl):
    answer_pcl(60, occasion="baseline", about="course000001")
    answer_pcl(20, days=7)
    answer_pcl(60, days=7)
    void(cast, patient, answer_pcl(60, days=7))
    assert "Decide: symptoms came back" not in cast.client("ada").get(reverse("home")).content.decode()


def test_when_the_baseline_is_voided_the_same_reading_is_judged_against_the_next_one(
    cast, patient, answer_pcl
):
    answer_pcl(60, occasion="baseline", about="course000001")
    wrong = answer_pcl(80, days=1, occasion="baseline", about="course000002")
    answer_pcl(40, days=7)
    void(cast, patient, wrong)
    planning.detect_relapses("test")
    assert [(each.kind, each.before) for each in trajectory.trajectory(patient).milestones] == [
        ("response", 60)
    ]


def test_a_consent_given_anew_in_the_kept_record_counts_for_the_absorbed_one(cast, patient, register, watch):
    planned(cast, patient)
    given = patient.consents.get()
    consent_signing.withdraw(
        by=cast.actor("cora"), uid=patient.uid, consent=given.uid, said="no", person=proof(cast, "cora")
    )
    assert withdrawn([patient.pk]) == {patient.pk}
    kept = merged_long_ago(register, patient)
    assert withdrawn([kept.pk]) == {kept.pk}
    watch.forward(minutes=1)
    soon_enrolled(cast, kept)
    assert withdrawn([patient.pk, kept.pk]) == set()
