"""A restricted record never shuts for good: somebody on its team can let others in, or broken glass can."""

import pytest
from at_once import held_after_the_audit
from django.core.exceptions import PermissionDenied

from openkap.care.accounts.hiring import end_role, give_role
from openkap.care.audit.models import AuditEvent
from openkap.care.patients.access import Restricted
from openkap.care.patients.actions import NewPatient, join_team, leave_team, register_referral, restrict
from openkap.care.patients.models import TeamMember
from openkap.care.permissions import Role
from openkap.care.worklist import tasks_of
from openkap.core.errors import InputError

SHUT = "Put somebody on the care team"
REASON = "Nobody on the team works here any more"


@pytest.fixture
def alone(cast):
    """A record without a care team."""
    return register_referral(by=cast.actor("cora"), person=NewPatient("Example", "Alex"))


@pytest.fixture
def second(cast):
    """Another prescriber of the clinic, on no team."""
    give_role(by=cast.actor("sia"), person=cast.staff("dov"), role=Role.PRESCRIBER)
    return "dov"


def shut(cast, patient):
    restrict(by=cast.actor("ada"), uid=patient.uid, is_restricted=True, reason="works here")


def verbs(cast, key):
    return [task.verb for task in tasks_of(cast.actor(key))]


def left_by_its_prescriber(cast, patient):
    """Ada restricted the record, and Sia ended her role: nobody is left."""
    shut(cast, patient)
    end_role(by=cast.actor("sia"), colleague_uid=cast.staff("ada").uid, role="prescriber")


def test_who_restricts_a_record_without_a_team_is_on_it_and_opens_it_again(cast, alone):
    ada, page = cast.client("ada"), f"/patients/{alone.uid}/"
    said = ada.get(f"{page}restrict/").content.decode()
    assert "The care team: nobody yet. You are put on it" in said
    assert ada.post(f"{page}restrict/", {"reason": "works here", "to": "team"}).headers["Location"] == page
    assert [(row.staff, row.part) for row in TeamMember.objects.all()] == [(cast.staff("ada"), "prescriber")]
    assert AuditEvent.objects.filter(action="team.joined", patient=alone.uid).count() == 1
    assert ada.get(page).status_code == 200
    ada.post(f"{page}restrict/", {"reason": "left the hospital", "to": "clinic"})
    alone.refresh_from_db()
    assert not alone.is_restricted


def test_who_is_on_the_team_already_stays_there_once(cast, patient):
    said = cast.client("ada").get(f"/patients/{patient.uid}/restrict/").content.decode()
    assert "You are put on it" not in said
    shut(cast, patient)
    assert TeamMember.objects.filter(patient=patient, staff=cast.staff("ada")).count() == 1


def test_nobody_takes_the_last_one_off_who_can_let_others_in(cast, alone):
    shut(cast, alone)
    join_team(by=cast.actor("ada"), uid=alone.uid, members=[(cast.staff("ben").pk, "nurse")])
    with pytest.raises(InputError, match="is the last on the team who can let others"):
        leave_team(by=cast.actor("ada"), uid=alone.uid, staff_uid=cast.staff("ada").uid)
    page = f"/patients/{alone.uid}/team/"
    said = cast.client("ada").post(page, {"leave": cast.staff("ada").uid}).content.decode()
    assert "put another prescriber or coordinator on the team first" in said
    leave_team(by=cast.actor("ada"), uid=alone.uid, staff_uid=cast.staff("ben").uid)
    join_team(by=cast.actor("ada"), uid=alone.uid, members=[(cast.staff("cora").pk, "coordinator")])
    leave_team(by=cast.actor("ada"), uid=alone.uid, staff_uid=cast.staff("ada").uid)
    assert TeamMember.objects.get(until__isnull=True).staff == cast.staff("cora")


def test_the_last_one_leaves_a_record_that_is_open_to_the_clinic(cast, alone):
    join_team(by=cast.actor("ada"), uid=alone.uid, members=[(cast.staff("ada").pk, "prescriber")])
    leave_team(by=cast.actor("ada"), uid=alone.uid, staff_uid=cast.staff("ada").uid)
    assert not TeamMember.objects.filter(until__isnull=True).exists()


def test_a_role_that_ends_leaves_a_line_for_every_prescriber_and_the_administrator(cast, alone, second):
    shut(cast, alone)
    assert SHUT not in verbs(cast, second)
    end_role(by=cast.actor("sia"), colleague_uid=cast.staff("ada").uid, role="prescriber")
    task = next(task for task in tasks_of(cast.actor(second)) if task.verb == SHUT)
    assert (task.whom, task.url) == (alone.code, f"/patients/{alone.uid}/team/")
    assert "See that a prescriber names a care team" in verbs(cast, "sia")
    assert SHUT not in verbs(cast, "cora")
    assert SHUT not in verbs(cast, "eve")


def test_broken_glass_lets_a_prescriber_put_a_team_in_place_where_nobody_is_left(cast, alone, second):
    left_by_its_prescriber(cast, alone)
    client, team = cast.client(second), f"/patients/{alone.uid}/team/"
    refused = client.get(team)
    assert refused.status_code == 403
    assert f'name="next" value="{team}"' in refused.content.decode()
    answer = client.post(f"/patients/{alone.uid}/break-glass/", {"reason": REASON, "next": team})
    assert answer.headers["Location"] == team
    assert client.get(team).status_code == 200
    client.post(team, {"join": f"{cast.staff(second).uid}:prescriber"})
    assert [row.staff for row in TeamMember.objects.filter(until__isnull=True)] == [cast.staff(second)]
    assert SHUT not in verbs(cast, second)
    client.post(f"/patients/{alone.uid}/restrict/", {"reason": "left the hospital", "to": "clinic"})
    alone.refresh_from_db()
    assert not alone.is_restricted


def test_broken_glass_opens_no_team_that_can_open_itself(cast, patient, second):
    shut(cast, patient)
    client, page = cast.client(second), f"/patients/{patient.uid}/"
    client.post(f"{page}break-glass/", {"reason": REASON})
    assert client.get(page).status_code == 200
    refused = client.get(f"{page}team/")
    assert refused.status_code == 403
    assert f'name="next" value="{page}"' in refused.content.decode()
    with pytest.raises(Restricted):
        join_team(by=cast.actor(second), uid=patient.uid, members=[(cast.staff(second).pk, "prescriber")])


def test_a_nurse_with_broken_glass_names_no_team(cast, alone):
    left_by_its_prescriber(cast, alone)
    cast.client("ben").post(f"/patients/{alone.uid}/break-glass/", {"reason": REASON})
    with pytest.raises(PermissionDenied):
        join_team(by=cast.actor("ben"), uid=alone.uid, members=[(cast.staff("ben").pk, "nurse")])


def test_a_role_that_ends_holds_every_part_it_ends_before_the_audit(cast, alone):
    other = register_referral(by=cast.actor("cora"), person=NewPatient("Example", "Blake"))
    for uid in (alone.uid, other.uid):
        join_team(by=cast.actor("ada"), uid=uid, members=[(cast.staff("ada").pk, "prescriber")])
    with held_after_the_audit() as late:
        end_role(by=cast.actor("sia"), colleague_uid=cast.staff("ada").uid, role="prescriber")
    assert late == []
    assert not TeamMember.objects.filter(until__isnull=True, staff=cast.staff("ada")).exists()
    assert AuditEvent.objects.filter(action="team.left").count() == 2
