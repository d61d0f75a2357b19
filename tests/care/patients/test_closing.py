"""Closing a record with its reason, telling a death, and opening it again."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from addresses import World, alarming
from django.db import DatabaseError, transaction
from enrolled import screen, share, signed
from treated import planned

from openkap.care.audit.models import AuditEvent
from openkap.care.messaging.models import Message
from openkap.care.moment import now
from openkap.care.outcomes import planning
from openkap.care.outcomes.actions import ask
from openkap.care.outcomes.models import Invitation
from openkap.care.patients import closing
from openkap.care.patients.closing import Why
from openkap.care.patients.models import Closing, Patient
from openkap.care.treatment.course.ending_actions import end_course
from openkap.care.treatment.models import Course, Visit
from openkap.care.treatment.release.closed_gate import closed_gates
from openkap.care.worklist import tasks_about, tasks_of
from openkap.core.errors import InputError

YESTERDAY = date(2026, 11, 22)


def close(cast, patient, reason="moved", by="cora", **told):
    return closing.close_record(by=cast.actor(by), uid=patient.uid, why=Why(reason, **told))


def page_of(cast, patient, end="", key="cora"):
    return cast.client(key).get(f"/patients/{patient.uid}/{end}").content.decode()


@pytest.mark.parametrize("reason", [each for each in Closing.Reason.values if each != "died"])
def test_a_record_is_closed_with_its_reason_and_says_so(cast, patient, reason):
    sent = {"act": "close", "reason": reason, "said": "told us by telephone"}
    assert cast.client("cora").post(f"/patients/{patient.uid}/close/", sent).status_code == 302
    patient.refresh_from_db()
    assert patient.status == Patient.Status.CLOSED
    assert Closing.Reason(reason).label in page_of(cast, patient)
    assert "told us by telephone" in page_of(cast, patient, "timeline/")


def test_the_page_offers_the_reasons_in_the_words_the_record_will_show(cast, patient):
    offered = cast.client("cora").get(f"/patients/{patient.uid}/close/").context["forms"]["close"]
    assert offered.fields["reason"].choices[1:] == Closing.Reason.choices


def test_without_a_reason_nothing_is_closed_and_what_was_typed_stays(cast, patient):
    answer = cast.client("cora").post(
        f"/patients/{patient.uid}/close/", {"act": "close", "reason": "", "said": "by letter"}
    )
    assert answer.status_code == 422
    assert "by letter" in answer.content.decode()
    assert not Closing.objects.exists()


@pytest.mark.parametrize("key", ["ben", "tess", "dov"])
def test_only_who_plans_closes_a_record(cast, patient, key):
    for sent in (
        {"act": "close", "reason": "moved"},
        {"act": "after_death"},
        {"act": "reopen", "reason": "it was another"},
    ):
        assert cast.client(key).post(f"/patients/{patient.uid}/close/", sent).status_code == 403
    assert not Closing.objects.exists()


@pytest.mark.parametrize("key", ["ben", "tess", "cora", "ada"])
def test_everybody_who_treats_records_a_death(cast, patient, key):
    assert f"/patients/{patient.uid}/close/" in page_of(cast, patient, key=key)
    sent = {"act": "death", "died_on": "2026-11-22", "said": "the sister called"}
    assert cast.client(key).post(f"/patients/{patient.uid}/close/", sent).status_code == 302
    assert closing.standing_closing(patient).reason == "died"
    told = AuditEvent.objects.get(action="patient.died")
    assert cast.staff(key).uid in told.actor
    assert "<dt>Died</dt>" in page_of(cast, patient, key=key)


def test_a_death_a_nurse_records_stops_everything_at_once(cast, patient):
    planned(cast, patient)
    asked = ask(by=cast.actor("cora"), uid=patient.uid, instruments=["phq-9"])
    close(cast, patient, "died", by="ben", died_on=YESTERDAY)
    assert Invitation.objects.get(uid=asked.uid).gap == Invitation.Gap.ENDED
    assert not Visit.objects.filter(patient=patient, state="planned", starts_at__gt=now()).exists()
    assert closed_gates(patient.pk)[0].title.startswith("The record says that the patient has died")


def test_who_plans_is_told_of_a_death_that_somebody_else_recorded(cast, patient):
    close(cast, patient, "died", by="tess", died_on=YESTERDAY)
    patient.refresh_from_db()
    assert patient.status != Patient.Status.CLOSED
    for key in ("cora", "ada"):
        task = next(each for each in tasks_of(cast.actor(key)) if "has died" in each.verb)
        assert "Tess Amari" in task.note
    closing.close_after_death(by=cast.actor("cora"), uid=patient.uid)
    patient.refresh_from_db()
    assert patient.status == Patient.Status.CLOSED


def test_who_does_not_plan_is_shown_the_death_only(cast, patient):
    page = page_of(cast, patient, "close/", "ben")
    assert "<h1>Record a death</h1>" in page
    assert 'value="death"' in page
    assert 'value="close"' not in page
    close(cast, patient, "died", by="ben", died_on=YESTERDAY)
    page = page_of(cast, patient, "close/", "ben")
    assert "<h1>A death is recorded</h1>" in page
    assert "whoever plans" in page
    assert 'value="reopen"' not in page
    assert 'value="after_death"' not in page


def test_the_lead_records_no_death(cast, patient):
    assert cast.client("dov").get(f"/patients/{patient.uid}/close/").status_code == 403


def test_it_is_refused_while_a_course_runs_and_says_what_to_do(cast, patient):
    planned(cast, patient)
    with pytest.raises(InputError, match="a course is running") as refused:
        close(cast, patient)
    assert "end the course" in refused.value.remedy
    assert "a course is running" in page_of(cast, patient, "close/")


def test_it_is_refused_while_an_alarming_answer_is_open(cast, patient):
    alarming(World(cast, patient, patient), "cora", patient)
    with pytest.raises(InputError, match="an alarming answer is open"):
        close(cast, patient)


def test_closing_ends_the_questions_that_wait_and_takes_messages_back(cast, patient, outbox):
    asked = ask(by=cast.actor("cora"), uid=patient.uid, instruments=["phq-9"])
    patient.identity.__class__.objects.filter(patient=patient).update(email="alex@example.org")
    planning.send_due("test")
    assert Message.objects.filter(about_uid=asked.uid, sent_at=None).exists()
    close(cast, patient)
    row = Invitation.objects.get(uid=asked.uid)
    assert row.closed_at is not None
    assert row.gap == Invitation.Gap.ENDED
    assert not Message.objects.filter(about_uid=asked.uid).exists()


def test_no_home_page_and_no_list_shows_a_closed_record(cast, patient):
    screen(cast, patient)
    share(cast, patient)
    signed(cast, patient)
    assert tasks_about(cast.actor("ada"), patient.uid)
    close(cast, patient, "declined")
    for key in ("ada", "ben", "cora", "tess"):
        assert not tasks_about(cast.actor(key), patient.uid), key
    assert patient.code not in cast.client("cora").get("/patients/").content.decode()


def test_the_search_still_finds_a_closed_record_and_marks_it(cast, patient):
    close(cast, patient)
    client = cast.client("cora")
    for asked in ("q=example", f"q={patient.code}", "q=1984-05-02", "phase=closed"):
        page = client.get(f"/patients/?{asked}").content.decode()
        assert patient.code in page, asked
        assert "<td>closed</td>" in page, asked


@pytest.mark.parametrize("act", ["screening", "measure", "consent"])
def test_nothing_new_is_begun_under_a_closed_record(cast, patient, act):
    from enrolled import open_consent

    close(cast, patient)
    begin = {
        "screening": lambda: screen(cast, patient),
        "measure": lambda: ask(by=cast.actor("cora"), uid=patient.uid, instruments=["phq-9"]),
        "consent": lambda: open_consent(cast, patient),
    }[act]
    with pytest.raises(InputError, match="this record is closed"):
        begin()


def test_a_reopened_record_stands_where_it_stood_and_the_reason_is_kept(cast, patient):
    screen(cast, patient, ggt=None)
    close(cast, patient, "declined")
    assert not tasks_about(cast.actor("cora"), patient.uid)
    client, url = cast.client("cora"), f"/patients/{patient.uid}/close/"
    assert client.post(url, {"act": "reopen", "reason": ""}).status_code == 422
    assert client.post(url, {"act": "reopen", "reason": "wants to go on"}).status_code == 302
    patient.refresh_from_db()
    assert patient.status == Patient.Status.SCREENING
    assert tasks_about(cast.actor("cora"), patient.uid)
    assert "wants to go on" in page_of(cast, patient, "timeline/")
    close(cast, patient, "moved")
    assert Closing.objects.filter(patient=patient).count() == 2


def test_a_death_shows_in_the_banner_of_every_page(cast, patient):
    close(cast, patient, "died", died_on=YESTERDAY)
    for end in ("", "timeline/", "screening/", "courses/", "outcomes/"):
        page = page_of(cast, patient, end, "ada")
        assert "<dt>Died</dt>" in page, end
        assert "22 Nov 2026" in page, end


def test_a_death_on_a_day_nobody_knows_is_recorded_as_not_known(cast, patient):
    client, url = cast.client("cora"), f"/patients/{patient.uid}/close/"
    assert client.post(url, {"act": "close", "reason": "died"}).status_code == 422
    assert client.post(url, {"act": "close", "reason": "died", "day_unknown": "on"}).status_code == 302
    assert "day not known" in page_of(cast, patient)


@pytest.mark.parametrize("day", [date(2026, 11, 24), date(1984, 5, 1)])
def test_a_day_of_death_lies_between_the_birth_and_today(cast, patient, day):
    with pytest.raises(InputError, match="cannot be the day"):
        close(cast, patient, "died", died_on=day)
    assert not Closing.objects.exists()


def test_a_death_during_a_course_stops_messages_at_once_and_the_record_waits_for_the_end(
    cast, patient, watch
):
    course = planned(cast, patient)
    asked = ask(by=cast.actor("cora"), uid=patient.uid, instruments=["phq-9"])
    sent = {"act": "death", "died_on": "2026-11-22", "said": "the sister called"}
    assert cast.client("cora").post(f"/patients/{patient.uid}/close/", sent).status_code == 302
    watch.forward(days=9)
    planning.plan_due("test")
    assert planning.send_due("test") == planning.remind_due("test") == 0
    assert not Invitation.objects.filter(patient=patient, closed_at=None).exists()
    assert Invitation.objects.get(uid=asked.uid).gap == Invitation.Gap.ENDED
    verbs = {task.verb for task in tasks_of(cast.actor("cora"))}
    assert verbs == {"Close the record: the patient has died"}
    with pytest.raises(InputError, match="a course is running"):
        closing.close_after_death(by=cast.actor("cora"), uid=patient.uid)
    end_course(
        by=cast.actor("ada"), patient=patient.uid, uid=course.uid, rule="other", reason="the patient has died"
    )
    closing.close_after_death(by=cast.actor("cora"), uid=patient.uid)
    patient.refresh_from_db()
    assert patient.status == Patient.Status.CLOSED
    assert not tasks_of(cast.actor("cora"))


def test_a_death_is_told_of_a_record_that_was_closed_for_another_reason(cast, patient):
    close(cast, patient, "moved")
    close(cast, patient, "died", died_on=YESTERDAY)
    assert "<dt>Died</dt>" in page_of(cast, patient)
    closing.reopen_record(by=cast.actor("cora"), uid=patient.uid, reason="another person of that name")
    patient.refresh_from_db()
    assert patient.status == Patient.Status.REFERRED
    assert "<dt>Died</dt>" not in page_of(cast, patient)


def test_a_death_under_a_merged_record_is_a_death_of_the_person(cast, patient, register):
    from openkap.care.patients.merging import merge

    other = register("Example", "Alix")
    close(cast, other, "died", died_on=YESTERDAY)
    merge(by=cast.actor("cora"), keep=patient.uid, absorb=other.uid, reason="the same person")
    assert "<dt>Died</dt>" in page_of(cast, patient)
    with pytest.raises(InputError, match="this record is closed"):
        ask(by=cast.actor("cora"), uid=patient.uid, instruments=["phq-9"])


def test_visits_to_come_end_with_the_record(cast, patient):
    from openkap.care.treatment.models import Visit

    course = planned(cast, patient)
    Course.objects.filter(pk=course.pk).update(ended_at=now(), ended_by=cast.staff("ada"), ended_because="x")
    course.sessions.update(state="cancelled", state_because="x")
    assert Visit.objects.filter(course=course, state="planned").exists()
    close(cast, patient, "finished")
    assert not Visit.objects.filter(course=course, state="planned", starts_at__gt=now()).exists()


def test_what_was_written_at_the_closing_stays(cast, patient):
    row = close(cast, patient, said="by letter")
    for change in ({"said": "x"}, {"reason": "declined"}, {"closed_at": now() - timedelta(days=1)}):
        with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
            Closing.objects.filter(pk=row.pk).update(**change)
