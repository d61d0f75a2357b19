"""What nobody answered reaches the prescriber: on the board by name, and in the head of every page."""

from __future__ import annotations

from datetime import timedelta

import pytest
import treated
from chairside import act, post, vitals

from openkap.care.accounts.models import RoleAssignment
from openkap.care.live.waiting import NOBODY_LEFT
from openkap.care.live.waiting import gone_to as reached
from openkap.care.moment import now
from openkap.care.patients.models import TeamMember
from openkap.care.treatment.jobs import watch_sessions
from openkap.care.treatment.models import Alert
from openkap.care.treatment.monitoring import alert_actions

pytestmark = pytest.mark.usefixtures("nobody_is_locked_out")


@pytest.fixture
def session(cast, patient, watch):
    return treated.dosing(cast, treated.first_session(treated.planned(cast, patient)), watch)


@pytest.fixture
def escalated(cast, session, watch):
    """A pressure that asks for an act, and three minutes in which nobody answers."""
    watch.forward(minutes=10)
    post(cast.client("ben"), session, vitals("a", watch.moment, sbp="185", dbp="90", heart_rate="80"))
    watch.forward(minutes=3)
    watch_sessions("test")
    return session


def board(cast, key="ben") -> dict:
    rows = cast.client(key).get("/board/state/").json()["rows"]
    return next(row for row in rows if row["chair"] == "Chair 1")


def head(cast, key="ada") -> str:
    return cast.client(key).get("/board/mine/").content.decode()


def test_the_board_says_to_whom_an_unanswered_alert_has_gone_and_since_when(cast, escalated):
    told = board(cast)["escalated"]
    assert told["to"] == cast.staff("ada").name
    assert told["since"] == round(now().timestamp() * 1000)


def test_an_alert_that_was_just_raised_has_gone_to_nobody(cast, session, watch):
    watch.forward(minutes=10)
    post(cast.client("ben"), session, vitals("a", watch.moment, sbp="185", dbp="90", heart_rate="80"))
    assert board(cast)["escalated"] is None
    assert head(cast) == ""


def test_the_head_of_every_page_counts_what_waits_for_the_prescriber(cast, escalated):
    assert "‼ 2" in head(cast)
    assert f"for you since {now():%H:%M}" in head(cast)
    assert f"/patients/{escalated.patient.uid}/sessions/{escalated.uid}/live/" in head(cast)
    for address in ("/home/", "/patients/", "/board/", f"/patients/{escalated.patient.uid}/"):
        assert 'hx-get="/board/mine/"' in cast.client("ada").get(address).content.decode()
    assert 'hx-get="/board/mine/"' not in cast.client("tess").get("/home/").content.decode()


def test_an_answer_takes_the_count_away(cast, escalated):
    for alert in Alert.objects.all():
        alert_actions.acknowledge(
            by=cast.actor("ben"),
            patient=escalated.patient.uid,
            uid=escalated.uid,
            alert=alert.uid,
            done="seen",
        )
    assert head(cast) == ""
    assert board(cast)["escalated"] is None


def test_the_alerts_of_another_prescriber_or_clinic_are_not_counted(cast, escalated):
    assert head(cast, "eve") == ""
    assert cast.client("tess").get("/board/mine/").status_code == 403


def test_what_the_prescriber_does_not_answer_goes_on_to_everybody_who_may_act(cast, escalated, watch):
    assert head(cast, "ben") == ""
    watch.forward(minutes=2)
    assert "‼ 2" in head(cast, "ben")
    assert "‼ 2" in head(cast, "dov")
    assert "/live/" not in head(cast, "dov")
    told = board(cast)["escalated"]["to"]
    assert told.startswith(f"{cast.staff('ada').name}, ")
    assert cast.staff("ben").name in told


def gone_to(cast, watch, **forward):
    watch.forward(**(forward or {"minutes": 2}))
    return board(cast)["escalated"]["to"]


def test_nobody_is_named_who_can_open_nothing_of_it(cast, escalated, watch):
    assert cast.staff("dov").name not in gone_to(cast, watch)


def test_who_may_act_later_or_until_later_is_named_by_today(cast, escalated, watch):
    dov, tess = cast.staff("dov"), cast.staff("tess")
    week = timedelta(days=7)
    fields = {"clinic": cast.troupe.clinic, "role": "nurse"}
    RoleAssignment.objects.create(staff=dov, since=now() + week, **fields)
    RoleAssignment.objects.create(staff=tess, since=now() - week, until=now() + week, **fields)
    told = gone_to(cast, watch)
    assert dov.name not in told
    assert tess.name in told


def test_of_a_restricted_record_only_the_team_is_named(cast, escalated, watch):
    type(escalated.patient).objects.filter(pk=escalated.patient_id).update(is_restricted=True)
    TeamMember.objects.filter(patient=escalated.patient).exclude(staff=cast.staff("ada")).update(until=now())
    watch.forward(minutes=2)
    escalated.refresh_from_db()
    told = reached(escalated, now() - timedelta(hours=1), now())
    assert told == f"{cast.staff('ada').name}; {NOBODY_LEFT}"


def test_the_lead_reads_that_somebody_must_go_there_and_not_that_it_waits_for_them(cast, escalated, watch):
    watch.forward(minutes=2)
    assert "for you" in head(cast, "ben")
    assert "for you" not in head(cast, "dov")
    assert "see that a prescriber or nurse goes there" in head(cast, "dov")


def test_the_tablet_says_whom_its_alert_has_reached(cast, escalated, watch):
    (first, *_) = post(cast.client("ben"), escalated)["state"]["alerts"]
    assert first["gone_to"] == cast.staff("ada").name
    watch.forward(minutes=2)
    (first, *_) = post(cast.client("ben"), escalated)["state"]["alerts"]
    assert first["gone_to"].startswith(f"{cast.staff('ada').name}, ")


def leaves(cast, *keys):
    RoleAssignment.objects.filter(staff__in=[cast.staff(key) for key in keys], role="prescriber").update(
        until=now()
    )


def test_a_prescriber_who_does_not_work_here_any_more_is_passed_over(cast, escalated):
    leaves(cast, "ada")
    assert "‼ 2" in head(cast, "ben")
    assert cast.staff("ada").name not in board(cast)["escalated"]["to"]


def test_it_says_when_no_prescriber_is_left(cast, escalated, watch):
    others = RoleAssignment.objects.filter(clinic=cast.troupe.clinic, role="prescriber", until__isnull=True)
    others.update(until=now())
    assert board(cast)["escalated"]["to"].endswith(
        "; no other prescriber is here: open the emergency card and call for help"
    )


def test_a_screen_that_locked_itself_still_says_how_many_alerts_wait_and_stays_locked(
    cast, escalated, watch, settings
):
    ada = cast.client("ada")
    ada.get("/home/")
    settings.LOCK_AFTER_MINUTES = 5
    watch.forward(minutes=6)
    assert "‼ 2" in ada.get("/board/mine/").content.decode()
    assert ada.get("/home/").status_code == 423


def test_the_count_asks_the_database_a_fixed_number_of_times(cast, escalated, django_assert_max_num_queries):
    ada = cast.client("ada")
    ada.get("/board/mine/")
    with django_assert_max_num_queries(4):
        ada.get("/board/mine/")


def test_the_board_says_that_a_planned_session_has_not_started(cast, patient, watch):
    session = treated.first_session(treated.planned(cast, patient))
    watch.moment = session.starts_at
    assert board(cast)["not_started"] is None
    watch.forward(minutes=12)
    assert board(cast)["not_started"] == round(session.starts_at.timestamp() * 1000)


def test_a_patient_who_is_here_and_has_no_dose_yet_is_not_started_either(cast, patient, watch):
    session = treated.cleared(cast, treated.first_session(treated.planned(cast, patient)), watch)
    watch.forward(minutes=12)
    row = board(cast)
    assert (row["state"], row["not_started"]) == ("cleared", round(session.starts_at.timestamp() * 1000))


def test_a_dose_that_runs_is_started(cast, session, watch):
    watch.forward(minutes=12)
    assert board(cast)["not_started"] is None


def test_the_board_counts_acts_with_the_drug_that_do_not_fit(cast, session, watch):
    assert board(cast)["doubts"] == 0
    watch.forward(minutes=5)
    post(cast.client("ben"), session, act("r", "resume", watch.moment))
    assert board(cast)["doubts"] == 1
