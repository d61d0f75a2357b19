"""What ends a consent: a withdrawal ends all that was signed before it, and doubt about capacity holds it."""

import pytest
from django.db import DatabaseError
from enrolled import consented, countersigned, doubted, go_through_all, open_consent, signed, withdrawn
from treated import cleared, dose, first_session, planned, started_by_raw_row

from openkap.care.demo.cast import PASSWORD
from openkap.care.enrolment import consent_actions as acts
from openkap.care.enrolment import consent_signing as signing
from openkap.care.enrolment.banner import banner_items
from openkap.care.enrolment.facts import consent_in_force, screening_facts, screening_facts_of
from openkap.care.moment import now
from openkap.core.errors import InputError


def said(patient):
    item = {each.label: each for each in banner_items(patient)}["Consent"]
    return item.value, item.tone


@pytest.fixture
def session(cast, patient, watch):
    """Cleared for the dose, under a consent and its renewal."""
    session = cleared(cast, first_session(planned(cast, patient)), watch)
    watch.forward(minutes=1)
    session.renewal = consented(cast, patient, scope="maintenance")
    watch.forward(minutes=1)
    return session


@pytest.mark.parametrize("scope", ["course", "maintenance"])
def test_a_withdrawal_ends_every_consent_signed_before_it(cast, patient, watch, scope):
    consented(cast, patient)
    watch.forward(days=3)
    renewal = consented(cast, patient, scope=scope)
    watch.forward(days=3)
    withdrawn(cast, patient, renewal.consent)
    assert consent_in_force(patient, now()) is None
    assert said(patient) == ("withdrawn 29 Nov 2026", "alarm")
    page = cast.client("cora").get(f"/patients/{patient.uid}/consent/").content.decode()
    assert "No consent is in force" in page
    assert page.count("withdrawn 29 Nov 2026") == 3


def test_no_dose_starts_on_an_older_consent_once_the_newer_is_withdrawn(cast, patient, session):
    withdrawn(cast, patient, session.renewal.consent)
    with pytest.raises(InputError, match=r"the release was taken back: .*withdraws"):
        dose(cast, session, "start")
    with pytest.raises(DatabaseError, match="no dose without valid consent"):
        started_by_raw_row(session)


def test_what_is_signed_after_a_withdrawal_counts_again(cast, patient, watch):
    first = consented(cast, patient)
    watch.forward(days=3)
    withdrawn(cast, patient, first.consent)
    watch.forward(days=3)
    again = consented(cast, patient)
    assert consent_in_force(patient, now()) == again
    assert said(patient)[1] == "good"


def test_the_consent_in_force_stands_in_the_banner_while_another_is_being_gone_through(cast, patient, watch):
    consented(cast, patient)
    watch.forward(days=3)
    open_consent(cast, patient, scope="maintenance")
    assert said(patient) == ("in force until 23 Nov 2027", "good")


def test_consent_is_judged_as_of_the_moment_asked_about(cast, patient, watch):
    given = consented(cast, patient)
    watch.forward(days=3)
    before = now()
    watch.forward(minutes=5)
    withdrawn(cast, patient, given.consent)
    assert consent_in_force(patient, before) == given
    assert consent_in_force(patient, now()) is None


def test_doubt_about_capacity_holds_an_older_consent_until_somebody_looks_again(cast, patient, watch):
    given = consented(cast, patient)
    watch.forward(days=3)
    newer = doubted(cast, patient)
    for facts in (screening_facts(patient), screening_facts_of([patient])[patient.pk]):
        assert facts.value("lacks_decision_capacity") is True
        assert facts.value("has_capacity_and_signed_consent") is None
    assert consent_in_force(patient, now()) is None
    assert said(patient) == ("held: capacity in doubt since 26 Nov 2026", "alarm")
    able = acts.Abilities(True, True, True, True, note="Rested; weighs it clearly now.")
    acts.assess_capacity(by=cast.actor("ada"), uid=patient.uid, consent=newer.uid, found=able)
    assert consent_in_force(patient, now()) == given


@pytest.mark.parametrize(("who", "note"), [("cora", "Rested; weighs it clearly now."), ("ada", "")])
def test_a_doubt_about_capacity_is_lifted_by_a_prescriber_who_says_why(cast, patient, who, note):
    consented(cast, patient)
    newer = doubted(cast, patient)
    able = acts.Abilities(True, True, True, True, note=note)
    with pytest.raises(InputError, match="doubted that this person can decide") as refused:
        acts.assess_capacity(by=cast.actor(who), uid=patient.uid, consent=newer.uid, found=able)
    assert refused.value.value == "since 23 Nov 2026"
    assert consent_in_force(patient, now()) is None


@pytest.mark.parametrize("typed", [".", "Alex", "Example", "Kim Example", "Alex Sample"])
def test_nobody_signs_with_another_name_than_the_patient_s(cast, patient, typed):
    consent = open_consent(cast, patient)
    go_through_all(cast, patient, consent)
    with pytest.raises(InputError, match="not the name of the patient"):
        signing.sign_as_patient(
            by=cast.actor("cora"), uid=patient.uid, consent=consent.uid, signed=signing.Signed(typed)
        )


@pytest.mark.parametrize("typed", ["alex EXAMPLE", "Example, Alex", "Alex J. Example", "Éxample Lex"])
def test_the_name_is_the_patient_s_in_any_order_and_spelling(cast, register, typed):
    patient = register(preferred_name="Lex")
    consent = open_consent(cast, patient)
    go_through_all(cast, patient, consent)
    row = signing.sign_as_patient(
        by=cast.actor("cora"), uid=patient.uid, consent=consent.uid, signed=signing.Signed(typed)
    )
    assert row.name == typed


def test_what_the_patient_understood_is_more_than_one_word(cast, patient):
    consent = open_consent(cast, patient)
    with pytest.raises(InputError, match="too short to say what the patient understood"):
        acts.go_through(
            by=cast.actor("cora"),
            uid=patient.uid,
            consent=consent.uid,
            element="CON-03",
            words="x",
            is_understood=True,
        )


def test_no_dose_starts_while_capacity_is_in_doubt(cast, patient, session):
    doubted(cast, patient)
    with pytest.raises(InputError, match="no dose without valid consent"):
        dose(cast, session, "start")
    with pytest.raises(DatabaseError, match="no dose without valid consent"):
        started_by_raw_row(session)


def test_nobody_signs_while_a_newer_look_doubts_their_capacity(cast, patient):
    consent = open_consent(cast, patient)
    go_through_all(cast, patient, consent)
    doubted(cast, patient)
    with pytest.raises(InputError, match="not ready"):
        signing.sign_as_patient(
            by=cast.actor("cora"), uid=patient.uid, consent=consent.uid, signed=signing.Signed("Alex Example")
        )


def test_a_signed_consent_is_withdrawn_before_the_countersignature(cast, patient, watch):
    consent = signed(cast, patient)
    watch.forward(days=1)
    chart = f"/patients/{patient.uid}/consent/{consent.uid}/"
    assert "The patient withdraws" in cast.client("tess").get(chart).content.decode()
    answer = cast.client("tess").post(f"{chart}withdraw/", {"said": "I stop.", "password": PASSWORD})
    assert answer.status_code == 302
    assert said(patient) == ("withdrawn 24 Nov 2026", "alarm")
    consent.refresh_from_db()
    with pytest.raises(InputError, match="withdrew"):
        countersigned(cast, patient, consent)
    assert "Countersign the consent" not in cast.client("ada").get("/home/").content.decode()


def test_a_withdrawal_of_another_consent_holds_the_countersignature_too(cast, patient, watch):
    first = consented(cast, patient)
    watch.forward(days=1)
    waiting = signed(cast, patient, scope="maintenance")
    watch.forward(days=1)
    withdrawn(cast, patient, first.consent)
    with pytest.raises(InputError, match="withdrew"):
        countersigned(cast, patient, waiting)


def test_what_nobody_signed_cannot_be_withdrawn(cast, patient):
    consent = open_consent(cast, patient)
    with pytest.raises(InputError, match="has not signed"):
        withdrawn(cast, patient, consent)


def test_a_consent_ends_by_the_patients_signature_and_is_not_countersigned_after_that(cast, patient, watch):
    consent = signed(cast, patient)
    watch.forward(days=360)
    page = cast.client("ada").get(f"/patients/{patient.uid}/consent/{consent.uid}/countersign/")
    assert "360\N{NARROW NO-BREAK SPACE}days ago" in page.content.decode()
    given = countersigned(cast, patient, consent)
    assert (given.expires_at - consent.patient_signature.signed_at).days == 365
    late = signed(cast, patient)
    watch.forward(days=366)
    with pytest.raises(InputError, match="too long ago") as refused:
        countersigned(cast, patient, late)
    assert "366 days" in str(refused.value.value)


def test_the_witness_is_not_the_one_who_countersigns(cast, patient):
    consent = open_consent(cast, patient)
    go_through_all(cast, patient, consent)
    signing.sign_as_patient(
        by=cast.actor("ada"), uid=patient.uid, consent=consent.uid, signed=signing.Signed("Alex Example")
    )
    with pytest.raises(InputError, match="witness"):
        countersigned(cast, patient, consent)


def test_a_patient_who_needs_an_interpreter_signs_with_one_who_is_named(cast, register):
    patient = register(needs_interpreter=True)
    consent = open_consent(cast, patient)
    go_through_all(cast, patient, consent)
    sign = lambda **more: signing.sign_as_patient(  # noqa: E731
        by=cast.actor("cora"),
        uid=patient.uid,
        consent=consent.uid,
        signed=signing.Signed("Alex Example", **more),
    )
    with pytest.raises(InputError, match="interpreter"):
        sign()
    assert sign(interpreter="Ines Example").interpreter == "Ines Example"
