"""What an uploaded referral warns of stands in the banner at once, as not confirmed, until somebody has asked."""

from __future__ import annotations

import json

import pytest
from addresses import BUNDLE
from django.core.files.uploadedfile import SimpleUploadedFile
from enrolled import proof

from openkap.care.audit.models import AuditEvent
from openkap.care.enrolment import actions
from openkap.care.enrolment.banner import ALLERGY
from openkap.care.patients.actions import NewPatient, add_referral, register_referral
from openkap.care.patients.erasing import erase_identity, propose_erasure
from openkap.care.patients.merging import merge
from openkap.care.patients.models import ReferralWarning
from openkap.care.patients.queries import banner_for
from openkap.care.patients.referral import receive

SAID = "from the referral, not confirmed"
SUBJECT = {"reference": "Patient/p1"}


def allergy(words="", code="", **more):
    coded = {"coding": [{"system": "http://www.nlm.nih.gov/research/umls/rxnorm", "code": code}]}
    named = ({"text": words} if words else {}) | (coded if code else {})
    return {"resourceType": "AllergyIntolerance", "patient": SUBJECT, "code": named} | more


def flag(words, **more):
    return {"resourceType": "Flag", "status": "active", "subject": SUBJECT, "code": {"text": words}} | more


def sent(*resources):
    entries = [*BUNDLE["entry"], *({"resource": each} for each in resources)]
    return json.dumps(BUNDLE | {"entry": entries}).encode()


# RxNorm's ingredient ketamine.
TO_KETAMINE = allergy("Ketamine", "6130")


@pytest.fixture
def referred(cast):
    def make(*resources):
        incoming = receive(by=cast.actor("cora"), raw=sent(*resources))
        person = NewPatient("Sample", "Robin")
        return register_referral(by=cast.actor("cora"), person=person, incoming=incoming)

    return make


def banner(patient):
    return {each.label: (each.value, each.tone) for each in banner_for(patient).items}


def answered(cast, patient, given):
    return actions.answer(by=cast.actor("cora"), uid=patient.uid, element=ALLERGY, given=given)


def test_an_uploaded_allergy_to_ketamine_is_in_the_banner_before_the_screening_is_opened(cast):
    cora = cast.client("cora")
    file = SimpleUploadedFile("referral.json", sent(TO_KETAMINE), "application/json")
    shown = cora.post("/referrals/upload/", {"bundle": file}, follow=True)
    assert "The file warns, and nobody here has confirmed it:</strong> Allergy to ketamine" in (
        shown.content.decode()
    )
    form = shown.context["form"]
    given = {name: form[name].value() or "" for name in form.fields if name != "may_text"}
    page = cora.post(shown.request["PATH_INFO"], given, follow=True).content.decode()
    assert f"YES ({SAID})" in page


def test_the_screening_that_takes_it_over_confirms_nothing_and_who_asks_does(cast, referred, watch):
    patient = referred(TO_KETAMINE)
    watch.forward(hours=1)
    actions.open_screening(by=cast.actor("cora"), uid=patient.uid, protocol="iv-racemic")
    assert banner(patient)["Ketamine allergy"] == (f"YES ({SAID})", "alarm")
    answered(cast, patient, "yes")
    assert banner(patient)["Ketamine allergy"] == ("YES", "alarm")
    answered(cast, patient, "no")
    assert banner(patient)["Ketamine allergy"] == ("none known", "plain")
    answered(cast, patient, None)
    assert banner(patient)["Ketamine allergy"] == (f"YES ({SAID})", "alarm")


def test_a_later_referral_is_not_overruled_by_an_answer_from_before(cast, patient, watch):
    answered(cast, patient, "no")
    watch.forward(days=1)
    incoming = receive(by=cast.actor("cora"), raw=sent(TO_KETAMINE))
    add_referral(by=cast.actor("cora"), uid=patient.uid, incoming=incoming)
    assert banner(patient)["Ketamine allergy"] == (f"YES ({SAID})", "alarm")


def test_other_allergies_and_flags_stand_there_in_their_own_words(cast, referred):
    patient = referred(allergy("Penicillin"), flag("danger: threatened staff"), allergy("Penicillin"))
    shown = banner(patient)
    assert shown["Allergy"] == (f"Penicillin ({SAID})", "alarm")
    assert shown["Flag"] == (f"danger: threatened staff ({SAID})", "alarm")
    assert shown["Ketamine allergy"] == ("not asked yet", "unknown")
    assert "danger: threatened staff" in cast.client("ada").get(f"/patients/{patient.uid}/").content.decode()


def test_an_allergy_in_words_that_name_the_drug_is_shown_as_it_was_written(referred):
    assert banner(referred(allergy("Ketamin, Ausschlag")))["Allergy"][1] == "alarm"


@pytest.mark.parametrize(
    "resource",
    [
        allergy("No known allergies"),
        allergy("Penicillin", verificationStatus={"coding": [{"code": "refuted"}]}),
        allergy("Penicillin", clinicalStatus={"coding": [{"code": "resolved"}]}),
        allergy("Penicillin", patient={"reference": "Practitioner/1"}) | {"id": "x"},
        flag("was a risk of falls", status="inactive"),
        flag("wrong person", status="entered-in-error"),
    ],
)
def test_what_is_over_refuted_or_says_none_warns_of_nothing(referred, resource):
    if resource["resourceType"] == "AllergyIntolerance" and resource.get("id") == "x":
        other = {"resourceType": "Practitioner", "id": "1"}
        patient = referred(resource, other)
    else:
        patient = referred(resource)
    assert not ReferralWarning.objects.exists()
    assert not {"Allergy", "Flag"} & set(banner(patient))


def test_what_cannot_be_read_in_full_still_warns_by_its_words(referred):
    assert "latex" in banner(referred(flag("latex") | {"status": 7}))["Flag"][0]


def test_many_flags_are_named_up_to_three_and_counted(referred):
    shown = banner(referred(*[flag(f"flag {number}") for number in range(5)]))
    assert shown["Flag"][0] == f"flag 0; flag 1; flag 2 and 2 more ({SAID})"


def test_warnings_go_along_with_a_merge(cast, referred, register):
    absorbed, kept = referred(TO_KETAMINE, flag("danger")), register("Sampel", "Robin")
    merge(by=cast.actor("cora"), keep=kept.uid, absorb=absorbed.uid, reason="same passport")
    kept.refresh_from_db()
    shown = banner(kept)
    assert shown["Ketamine allergy"] == (f"YES ({SAID})", "alarm")
    assert "Flag" in shown


def test_the_words_of_a_referral_go_with_the_identity_and_the_allergy_to_the_drug_stays(cast, referred):
    patient = referred(TO_KETAMINE, flag("husband Kim is violent"))
    ask = {"by": cast.actor("ada"), "uid": patient.uid}
    erasure = propose_erasure(**ask, reason="the patient asked in writing on 20 Nov")
    erase_identity(by=cast.actor("sia"), uid=erasure.uid, person=proof(cast, "sia"))
    assert [row.kind for row in ReferralWarning.objects.all()] == ["drug"]


def look(cast, patient, warning, key="ben", **given):
    address = f"/patients/{patient.uid}/warnings/"
    sent = {"warning": warning.uid, "holds": "yes", "because": "asked the patient"} | given
    return cast.client(key).post(address, sent, follow=True).content.decode()


def test_a_warning_that_holds_is_confirmed_and_one_that_does_not_leaves_the_banner(cast, referred):
    patient = referred(allergy("Penicillin"), flag("danger"))
    penicillin, danger = ReferralWarning.objects.order_by("id")
    chart = cast.client("ben").get(f"/patients/{patient.uid}/").content.decode()
    assert "From a referral, and nobody here has looked yet" in chart
    look(cast, patient, penicillin)
    assert banner(patient)["Allergy"] == ("Penicillin", "alarm")
    after = look(cast, patient, danger, holds="no", because="another person, says the sender")
    assert "Flag" not in banner(patient)
    assert "nobody here has looked yet" not in after
    danger.refresh_from_db()
    assert (danger.words, danger.looked_by) == ("danger", cast.staff("ben"))
    reason = AuditEvent.objects.get(action="referral.warning_refuted").body
    assert "another person, says the sender" in reason


def test_looking_at_a_warning_takes_a_reason_and_happens_once(cast, referred):
    patient = referred(flag("danger"))
    (danger,) = ReferralWarning.objects.all()
    assert "The reason is missing" in look(cast, patient, danger, because=" ")
    look(cast, patient, danger)
    assert "looked at this meanwhile" in look(cast, patient, danger, key="cora", holds="no")
    danger.refresh_from_db()
    assert danger.holds is True


def test_the_allergy_to_the_drug_is_answered_in_the_screening_and_nowhere_else(cast, referred):
    patient = referred(TO_KETAMINE)
    (drug,) = ReferralWarning.objects.all()
    look(cast, patient, drug, holds="no")
    assert banner(patient)["Ketamine allergy"] == (f"YES ({SAID})", "alarm")


def test_another_clinic_looks_at_nothing_here(cast, referred):
    patient = referred(flag("danger"))
    (danger,) = ReferralWarning.objects.all()
    address = f"/patients/{patient.uid}/warnings/"
    assert cast.client("eve").post(address, {"warning": danger.uid, "because": "x"}).status_code == 404
