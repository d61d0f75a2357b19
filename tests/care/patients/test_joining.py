"""A referral of somebody who is treated here goes into their record, looked at side by side, over nothing."""

from __future__ import annotations

import copy
import json
from datetime import date

import pytest
from addresses import BUNDLE
from django.core.files.uploadedfile import SimpleUploadedFile

from openkap.care.audit.models import AuditEvent
from openkap.care.enrolment import actions
from openkap.care.enrolment.facts import current_answers
from openkap.care.outcomes.queries import reach
from openkap.care.patients.closing import Why, close_record
from openkap.care.patients.contact_points import ways_to_reach
from openkap.care.patients.models import Contact, IncomingReferral, Patient, Referral
from openkap.care.patients.queries import banner_for, find_patients

KIM = {"name": {"text": "Kim Sample"}, "telecom": [{"system": "phone", "value": "555 0188"}]}
SAM = {"name": {"family": "Sample", "given": ["Sam"]}}
ALLERGY = {
    "resourceType": "AllergyIntolerance",
    "patient": {"reference": "Patient/p1"},
    "code": {
        "text": "Ketamine",
        "coding": [{"system": "http://www.nlm.nih.gov/research/umls/rxnorm", "code": "6130"}],
    },
}


@pytest.fixture
def known(register):
    """Robin Sample is treated here, with another telephone than the file says."""
    return register("Sample", "Robin", birth_date=date(1979, 3, 8), telephone="+1 555 0177", address="1 Hill")


@pytest.fixture
def uploaded(cast):
    """The page of an uploaded file that may be about Robin, and the form as it was filled in from it."""
    said = copy.deepcopy(BUNDLE)
    said["entry"][0]["resource"] |= {
        "telecom": [
            {"system": "phone", "value": "+1 555 0199"},
            {"system": "phone", "value": "+1 555 0155"},
        ],
        "contact": [KIM, SAM, {"telecom": [{"system": "phone", "value": "555 0111"}]}],
    }
    said["entry"] += [{"resource": ALLERGY}, {"resource": {"resourceType": "Encounter", "id": "e1"}}]
    file = SimpleUploadedFile("record.json", json.dumps(said).encode(), "application/json")
    shown = cast.client("cora").post("/referrals/upload/", {"bundle": file}, follow=True)
    form = shown.context["form"]
    given = {name: form[name].value() or "" for name in form.fields if name != "may_text"}
    return shown.request["PATH_INFO"], given | {"referrer": "Dr Lee"}, shown.content.decode()


def test_a_known_person_is_shown_side_by_side_before_anything_is_kept(cast, known, uploaded):
    url, given, _ = uploaded
    cora = cast.client("cora")
    offered = cora.post(url, given).content.decode()
    assert "this is a different person" in offered
    assert f'name="same" value="{known.uid}"' in offered
    shown = cora.post(url, given | {"same": known.uid})
    rows = {each.label: (each.said, each.held, each.differs) for each in shown.context["beside"]}
    assert rows["Telephone"] == ("+1 555 0199", "+1 555 0177", True)
    assert rows["Birth date"] == ("8 Mar 1979", "8 Mar 1979", False)
    assert rows["Address"] == ("", "1 Hill", False)
    assert f'name="join" value="{known.uid}"' in shown.content.decode()
    assert IncomingReferral.objects.count() == 1
    looks = AuditEvent.objects.filter(action="patient.seen", patient=known.uid)
    assert any("beside a referral" in each.body for each in looks)


def test_the_file_joins_the_open_record_and_overwrites_nothing(cast, known, uploaded):
    url, given, _ = uploaded
    answer = cast.client("cora").post(url, given | {"join": known.uid}, follow=True)
    assert answer.redirect_chain[-1][0] == f"/patients/{known.uid}/"
    assert "Nothing that stood here was changed" in answer.content.decode()
    known.identity.refresh_from_db()
    assert (known.identity.telephone, known.identity.address, known.identity.version) == (
        "+1 555 0177",
        "1 Hill",
        1,
    )
    kept = Referral.objects.get(by="fhir")
    assert (kept.patient, kept.referrer) == (known, "Dr Lee")
    assert not IncomingReferral.objects.exists()
    assert Patient.objects.count() == 1
    assert known.identifiers.get().value == "4711"
    shown = {each.label: each.value for each in banner_for(known).items}
    assert shown["Ketamine allergy"] == "YES (from the referral, not confirmed)"


def test_people_the_record_does_not_name_yet_are_added_and_the_others_stay(cast, known, uploaded):
    url, given, _ = uploaded
    held = Contact.objects.create(
        patient=known, kind="emergency", name="Kim Sample", telephone="555 0188", added_at=known.created_at
    )
    cast.client("cora").post(url, given | {"join": known.uid})
    assert sorted(Contact.objects.values_list("name", "telephone")) == [
        ("Kim Sample", "555 0188"),
        ("Sam Sample", ""),
    ]
    held.refresh_from_db()
    assert held.kind == "emergency"
    people = cast.client("cora").get(f"/patients/{known.uid}/contacts/").content.decode()
    assert "no number yet" in people
    assert "no number yet" in cast.client("cora").get(f"/patients/{known.uid}/").content.decode()


def test_a_screening_under_way_takes_what_nobody_was_asked_yet(cast, known, uploaded):
    url, given, _ = uploaded
    actions.open_screening(by=cast.actor("cora"), uid=known.uid, protocol="iv-racemic")
    cast.client("cora").post(url, given | {"join": known.uid})
    taken = current_answers(known).newest["hypersensitivity_ketamine_or_esketamine"]
    assert (taken.value, taken.origin[:11]) == ("yes", "referral of")


def test_the_same_file_joins_once(cast, known, uploaded):
    url, given, _ = uploaded
    cora = cast.client("cora")
    cora.post(url, given | {"join": known.uid})
    again = cora.post(url, given | {"join": known.uid}, follow=True)
    assert again.redirect_chain[-1][0] == f"/patients/{known.uid}/"
    assert Referral.objects.filter(by="fhir").count() == 1


def test_a_closed_record_is_reopened_and_not_joined(cast, known, uploaded):
    url, given, _ = uploaded
    close_record(by=cast.actor("cora"), uid=known.uid, why=Why("moved"))
    assert 'name="same"' not in cast.client("cora").post(url, given).content.decode()
    answer = cast.client("cora").post(url, given | {"join": known.uid})
    assert answer.status_code == 422
    assert "This record is closed" in answer.content.decode()
    assert IncomingReferral.objects.count() == 1


def test_another_clinic_s_record_is_joined_by_nobody_here(cast, register, uploaded):
    url, given, _ = uploaded
    theirs = register("Sample", "Robin", by="eve")
    for act in ("same", "join"):
        assert cast.client("cora").post(url, given | {act: theirs.uid}).status_code == 404
    assert IncomingReferral.objects.count() == 1


def test_what_was_left_out_of_the_file_is_listed_on_the_page(uploaded):
    shown = uploaded[2]
    assert "Phone: +1 555 0155" in shown
    assert "A contact without a name: 555 0111" in shown
    assert "Resource types that screening does not use: 1 Encounter" in shown


TYPED = {"family_name": "Sample", "given_name": "Robin", "birth_date": "1979-03-08", "sex": "unknown"}
ELSEWHERE = TYPED | {"telephone": "+1 555 0166", "email": "robin@example.org", "address": "2 Hill"}


def others(patient):
    return [each.words for each in ways_to_reach([patient.pk]) if not each.is_in_use]


def test_before_a_typed_referral_joins_a_record_the_page_says_what_is_kept_and_what_is_not(cast, known):
    typed = TYPED | {"telephone": "(555) 0177", "email": "robin@example.org", "address": "2 Hill"}
    typed |= {"gender": "agender", "sex": "female"}
    shown = cast.client("cora").post("/referrals/new/", typed | {"same": known.uid}).content.decode()
    assert shown.count("<strong>kept beside it</strong>") == 2
    assert shown.count("<strong>not taken over</strong>") == 2
    assert "decide under Person" in shown
    assert "What else is marked above does not go into the record: copy it now" in shown
    assert "with its file" not in shown


@pytest.mark.parametrize("is_closed", [False, True])
def test_where_a_typed_referral_says_that_the_person_is_reached_stands_beside_the_record(
    cast, known, is_closed
):
    if is_closed:
        close_record(by=cast.actor("cora"), uid=known.uid, why=Why("moved"))
    act = {"reopen" if is_closed else "join": known.uid}
    for _ in range(2):
        chart = cast.client("cora").post("/referrals/new/", ELSEWHERE | act, follow=True)
        act = {"join": known.uid}
    known.identity.refresh_from_db()
    assert (known.identity.telephone, known.identity.email) == ("+1 555 0177", "")
    origin = "from the referral of 23 Nov 2026"
    assert others(known) == [f"{said} ({origin})" for said in ("+1 555 0166", "robin@example.org", "2 Hill")]
    assert f"+1 555 0166 ({origin})" in chart.content.decode()
    assert [each.value for each in reach(known)["others"]] == ["+1 555 0166"]
    assert [each.uid for each in find_patients(cast.actor("cora"), text="555 0166").object_list] == [
        known.uid
    ]


def test_a_person_decides_which_telephone_is_in_use_and_the_other_stays_beside_it(cast, known):
    cora = cast.client("cora")
    cora.post("/referrals/new/", ELSEWHERE | {"join": known.uid})
    page = cora.get(f"/patients/{known.uid}/identity/").content.decode()
    assert "Said elsewhere: which is in use?" in page
    telephone, email, address = (each.uid for each in ways_to_reach([known.pk]) if each.uid)
    chosen = {"act": "use", "point": telephone}
    for _ in range(2):
        cora.post(f"/patients/{known.uid}/reach/", chosen)
    cora.post(f"/patients/{known.uid}/reach/", {"act": "use", "point": email})
    cora.post(f"/patients/{known.uid}/reach/", {"act": "end", "point": address})
    known.identity.refresh_from_db()
    assert (known.identity.telephone, known.identity.email) == ("+1 555 0166", "robin@example.org")
    assert others(known) == ["+1 555 0177 (in use until 23 Nov 2026)"]
    changed = AuditEvent.objects.filter(action="patient.identity_changed", patient=known.uid)
    assert [json.loads(each.body)["detail"]["fields"] for each in changed] == [["telephone"], ["email"]]
