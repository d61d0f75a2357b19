"""Obtaining a patient is the permission."""

import pytest
from django.core.exceptions import PermissionDenied
from django.http import Http404

from openkap.care.audit.models import AuditEvent
from openkap.care.patients.access import Restricted, patient_for, patients_of
from openkap.care.patients.models import Patient, TeamMember
from openkap.care.permissions import Permission


def test_a_colleague_obtains_a_patient_and_the_look_is_audited(cast, patient):
    found = patient_for(cast.actor("ben"), patient.uid, Permission.SEE_PATIENT)
    assert found.pk == patient.pk
    event = AuditEvent.objects.order_by("-sequence")[0]
    assert (event.action, event.actor, event.patient) == ("patient.seen", cast.staff("ben").uid, patient.uid)


def test_another_clinic_does_not_learn_that_the_patient_exists(cast, patient):
    with pytest.raises(Http404):
        patient_for(cast.actor("eve"), patient.uid, Permission.SEE_PATIENT)
    assert not patients_of(cast.actor("eve")).exists()


@pytest.mark.parametrize("key", ["dov", "sia", "ari"])
def test_roles_without_the_right_obtain_nobody(cast, patient, key):
    with pytest.raises(PermissionDenied):
        patient_for(cast.actor(key), patient.uid, Permission.SEE_PATIENT)


def test_a_restricted_record_opens_to_its_team_only(cast, patient):
    Patient.objects.filter(pk=patient.pk).update(is_restricted=True)
    assert patient_for(cast.actor("ben"), patient.uid, Permission.SEE_PATIENT)
    TeamMember.objects.filter(staff=cast.staff("ben")).delete()
    with pytest.raises(Restricted):
        patient_for(cast.actor("ben"), patient.uid, Permission.SEE_PATIENT)
    assert not patients_of(cast.actor("ben")).exists()


def test_a_second_prescriber_who_restricts_the_same_record_does_not_open_it_again(cast, patient):
    address, client = f"/patients/{patient.uid}/restrict/", cast.client("ada")
    page = client.get(address).content.decode()
    assert 'name="to" value="team"' in page
    for reason in ("works here", "is known to staff"):
        assert client.post(address, {"to": "team", "reason": reason}).status_code == 302
    assert Patient.objects.get(pk=patient.pk).is_restricted
    said = AuditEvent.objects.filter(action="patient.restricted").order_by("sequence")
    assert ["works here" in said[0].body, "is known to staff" in said[1].body] == [True, True]
    assert "Reload the page" in client.post(address, {"reason": "older page"}).content.decode()
    assert Patient.objects.get(pk=patient.pk).is_restricted
