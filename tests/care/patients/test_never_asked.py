"""Nobody's language or need of an interpreter is known before somebody has asked: unknown is a value."""

from __future__ import annotations

import pytest
from addresses import World, alarming
from enrolled import go_through_all, open_consent, signed

from openkap.care.enrolment import consent_actions, consent_signing
from openkap.care.outcomes.patient_words import patient_words
from openkap.care.patients.models import Identity, Patient
from openkap.core.errors import InputError
from openkap.interop.fhir.person import read_person

FORM = {"family_name": "Nguyen", "given_name": "Anh", "sex": "unknown", "is_new": "yes"}


@pytest.fixture
def unasked(register):
    return register(language="", needs_interpreter=None)


@pytest.mark.parametrize(("said", "kept"), [("", None), ("yes", True), ("no", False)])
def test_a_referral_keeps_that_nobody_was_asked(cast, said, kept):
    form = cast.client("cora").get("/referrals/new/").context["form"]
    assert (form["language"].value() or "", form["needs_interpreter"].value() or "") == ("", "")
    cast.client("cora").post("/referrals/new/", FORM | {"language": "", "needs_interpreter": said})
    identity = Identity.objects.get(patient=Patient.objects.get())
    assert (identity.language, identity.needs_interpreter) == ("", kept)


@pytest.mark.parametrize(("kept", "chosen"), [(None, ""), (True, "yes"), (False, "no")])
def test_the_page_of_the_person_shows_what_was_said_and_keeps_it(cast, register, kept, chosen):
    patient = register(needs_interpreter=kept)
    client, url = cast.client("cora"), f"/patients/{patient.uid}/identity/"
    form = client.get(url).context["form"]
    assert (form["needs_interpreter"].value() or "") == chosen
    sent = {name: form[name].value() or "" for name in form.fields if name != "may_text"}
    assert client.post(url, sent | {"pronouns": "they"}).status_code == 302
    patient.identity.refresh_from_db()
    assert (patient.identity.needs_interpreter, patient.identity.pronouns) == (kept, "they")


def test_a_record_that_says_no_language_says_nothing_of_an_interpreter():
    bundle = {"resourceType": "Bundle", "entry": [{"resource": {"resourceType": "Patient"}}]}
    assert read_person(bundle).needs_interpreter is None


def test_nobody_signs_before_it_was_asked_whether_an_interpreter_is_needed(cast, unasked):
    consent = open_consent(cast, unasked)
    go_through_all(cast, unasked, consent)
    missing = consent_actions.what_is_missing(consent)
    assert missing == ["Interpreter: nobody has asked whether one is needed (note it under Person)"]
    with pytest.raises(InputError, match="not ready to be signed"):
        consent_signing.sign_as_patient(
            by=cast.actor("cora"),
            uid=unasked.uid,
            consent=consent.uid,
            signed=consent_signing.Signed("Alex Example"),
        )
    Identity.objects.filter(patient=unasked).update(needs_interpreter=False)
    assert signed(cast, unasked).patient_signature


def test_the_consent_page_says_that_the_language_was_not_asked(cast, unasked, patient):
    words = "Nobody has asked which language"
    assert words in cast.client("cora").get(f"/patients/{unasked.uid}/consent/").content.decode()
    assert words not in cast.client("cora").get(f"/patients/{patient.uid}/consent/").content.decode()


def test_whoever_calls_about_an_alarming_answer_reads_that_the_interpreter_is_not_known(cast, unasked):
    form = alarming(World(cast, unasked, unasked), "cora", unasked)
    uid = form.safety_signals.get().uid
    page = cast.client("ada").get(f"/patients/{unasked.uid}/signal/{uid}/").content.decode()
    assert "not asked yet whether an interpreter is needed" in page


def test_messages_to_somebody_of_unknown_language_are_in_english():
    assert patient_words("").language == "en"
