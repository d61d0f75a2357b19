"""Erasing who somebody was: two people, a reason, what goes and what stays, and nothing else may change."""

from __future__ import annotations

import json
import re
from datetime import timedelta

import pytest
from addresses import BUNDLE
from django.db import DatabaseError, connection, transaction
from enrolled import consented
from treated import FIRST, first_session, gone, planned

from openkap.care.accounts.signing import prove_identity
from openkap.care.audit.models import AuditEvent
from openkap.care.demo.cast import PASSWORD
from openkap.care.moment import now
from openkap.care.patients import actions, erasing
from openkap.care.patients.models import Contact, CrisisPlan, Erasure, Identifier, Patient, Referral
from openkap.care.patients.named_contacts import contacts_named
from openkap.care.patients.referral import receive
from openkap.care.patients.referral_document import read_document
from openkap.core.errors import InputError


@pytest.fixture
def known(cast):
    """Somebody of whom everything is known: from an upload, with number, contact and crisis plan."""
    by = cast.actor("cora")
    incoming = receive(by=by, raw=json.dumps(BUNDLE).encode())
    said = read_document(incoming.document)
    patient = actions.register_referral(
        by=by,
        person=actions.NewPatient(
            family_name="Sample",
            given_name="Robin",
            birth_date=said.person.birth_date,
            email="robin@example.org",
            telephone="+1 555 0177",
            address="9 Quay",
            identifiers=said.person.identifiers,
            contacts=contacts_named(said.person),
        ),
        incoming=incoming,
    )
    actions.add_contact(by=by, uid=patient.uid, kind="emergency", name="Kim Sample", telephone="+1 555 0188")
    actions.add_referral(by=by, uid=patient.uid, reach={"telephone": "+1 555 0133", "address": "4 Mole"})
    words = {"people_to_call": "Kim, 0188", "safe_place": "9 Quay", "what_helps": "a walk"}
    actions.write_crisis_plan(by=by, uid=patient.uid, version=0, words=words | {"warning_signs": ""})
    return patient


def propose(cast, patient, reason="the patient asked in writing on 20 Nov"):
    return erasing.propose_erasure(by=cast.actor("cora"), uid=patient.uid, reason=reason)


def erase(cast, patient, by="sia"):
    row = propose(cast, patient)
    person = prove_identity(cast.actor(by), PASSWORD)
    erasing.erase_identity(by=cast.actor(by), uid=row.uid, person=person)
    return row


# The personal data of the sample, wherever it stands.
TRACES = (
    "Sample",
    "Robin",
    "robin@example.org",
    "0177",
    "0188",
    "9 Quay",
    "0133",
    "4 Mole",
    "4711",
    "1979-03-08",
    "Kim",
)


def everything_stored() -> str:
    """All text of all tables, but for what names the installation itself."""
    said = []
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            if table.startswith(("django_", "enrolment_consenttext", "accounts_")):
                continue
            cursor.execute(f'SELECT * FROM "{table}"')
            said += [str(row) for row in cursor.fetchall()]
    return "\n".join(said)


def traced(stored: str) -> list[str]:
    """What of the person stands there as a word of its own: four digits also come up in a fingerprint."""
    return [
        trace for trace in TRACES if re.search(rf"(?<![0-9A-Za-z]){re.escape(trace)}(?![0-9A-Za-z])", stored)
    ]


def test_nothing_of_the_person_is_left_in_any_table(cast, known):
    assert traced(everything_stored()) == list(TRACES)
    erase(cast, known)
    assert traced(everything_stored()) == []


def test_the_pseudonymous_record_stays_and_says_that_the_identity_was_erased(cast, known):
    erase(cast, known)
    known.refresh_from_db()
    assert (known.birth_year, known.status) == (1979, Patient.Status.CLOSED)
    assert CrisisPlan.objects.get(patient=known).what_helps == "a walk"
    assert Referral.objects.get(patient=known, by="fhir").fingerprint
    assert not Identifier.objects.filter(patient=known).exists()
    assert not Contact.objects.filter(patient=known).exists()
    page = cast.client("ada").get(f"/patients/{known.uid}/").content.decode()
    assert "The identity was erased on" in page
    assert "identity erased" in page
    found = cast.client("cora").get(f"/patients/?q={known.code}").content.decode()
    assert "identity erased" in found


@pytest.mark.parametrize(
    "end",
    [
        *("", "timeline/", "to-do/", "screening/", "consent/", "courses/", "outcomes/", "outcomes/ask/"),
        *("erase/", "team/", "same-person/", "restrict/"),
    ],
)
def test_every_page_of_the_chart_still_works(cast, known, end):
    erase(cast, known)
    answer = cast.client("ada").get(f"/patients/{known.uid}/{end}")
    assert answer.status_code == 200
    assert "identity erased" in answer.content.decode()


@pytest.mark.parametrize("end", ["identity/", "contacts/", "crisis-plan/"])
def test_nobody_enters_an_identity_anew(cast, known, end):
    erase(cast, known)
    answer = cast.client("ada").get(f"/patients/{known.uid}/{end}")
    assert answer.headers["Location"] == f"/patients/{known.uid}/erase/"
    with pytest.raises(InputError, match="was erased"):
        actions.change_identity(
            by=cast.actor("ada"), uid=known.uid, changes={"family_name": "Again"}, version=2
        )
    with pytest.raises(DatabaseError, match="erased"), transaction.atomic():
        known.identity.__class__.objects.filter(patient=known).update(family_name="Again")


def test_signed_consent_and_signed_sessions_stay_and_are_printed_without_the_name(cast, patient, watch):
    given = consented(cast, patient)
    url = f"/patients/{patient.uid}/consent/{given.consent.uid}/"
    erase(cast, patient)
    page = cast.client("ada").get(url).content.decode()
    assert "Alex Example" in page, "the signature is evidence"
    assert "identity erased" in page
    assert cast.client("ada").get(f"{url}copy.pdf").status_code == 200


def test_a_session_record_that_is_signed_from_now_on_names_nobody(cast, patient, watch):
    from openkap.care.enrolment.assessment import canonical
    from openkap.care.treatment.session.paper import session_pdf
    from openkap.care.treatment.session.record import record_of

    session = gone(cast, first_session(planned(cast, patient)), watch)
    told = canonical(record_of(session))
    assert "EXAMPLE" not in told
    assert "Alex" not in told
    assert patient.code in told
    assert session_pdf(session).startswith(b"%PDF")


def test_the_event_says_who_when_and_why_and_not_whom(cast, known):
    row = erase(cast, known)
    event = AuditEvent.objects.get(action="patient.identity_erased")
    told = json.loads(event.body)
    assert (told["actor_name"], told["patient"]) == ("Sia Novak", known.uid)
    assert told["reason"] == "the patient asked in writing on 20 Nov"
    assert told["detail"]["proposed_by"] == cast.staff("cora").uid
    assert "Sample" not in event.body
    row.refresh_from_db()
    assert row.confirmed_by == cast.staff("sia")


def test_two_people_are_needed_and_the_second_proves_who_they_are(cast, known):
    row = propose(cast, known)
    with pytest.raises(DatabaseError), transaction.atomic():
        Erasure.objects.filter(pk=row.pk).update(confirmed_by=row.proposed_by, confirmed_at=now())
    assert cast.client("ada").get(f"/erasures/{row.uid}/").status_code == 403
    dov = cast.client("dov")
    page = dov.get(f"/erasures/{row.uid}/").content.decode()
    assert known.code in page
    assert "Sample" not in page
    assert dov.post(f"/erasures/{row.uid}/", {"password": "wrong"}).status_code == 422
    known.identity.refresh_from_db()
    assert known.identity.family_name == "Sample"
    assert dov.post(f"/erasures/{row.uid}/", {"password": PASSWORD}).status_code == 302
    known.identity.refresh_from_db()
    assert known.identity.family_name == ""
    assert dov.post(f"/erasures/{row.uid}/", {"password": PASSWORD}).status_code == 422


def test_the_proposal_stands_on_the_list_of_who_confirms_until_it_is_decided(cast, known):
    row = propose(cast, known)
    verbs = {task.verb for task in cast.client("sia").get("/home/").context["tasks"]}
    assert "Confirm or call off: erase an identity" in verbs
    answer = cast.client("sia").post(f"/erasures/{row.uid}/", {"act": "call_off", "reason": ""})
    assert answer.status_code == 422
    cast.client("sia").post(f"/erasures/{row.uid}/", {"act": "call_off", "reason": "the claim is open"})
    verbs = {task.verb for task in cast.client("dov").get("/home/").context["tasks"]}
    assert "Confirm or call off: erase an identity" not in verbs
    known.identity.refresh_from_db()
    assert known.identity.family_name == "Sample"


def test_it_is_refused_while_a_course_is_running(cast, patient):
    row = propose(cast, patient)
    planned(cast, patient)
    with pytest.raises(InputError, match="a course is running"):
        erasing.erase_identity(
            by=cast.actor("sia"), uid=row.uid, person=prove_identity(cast.actor("sia"), PASSWORD)
        )
    page = cast.client("ada").get(f"/patients/{patient.uid}/erase/").content.decode()
    assert "a course is running" in page


def test_it_is_refused_while_a_serious_event_is_open(cast, patient):
    from openkap.care.treatment.models import AdverseEvent

    AdverseEvent.objects.create(
        patient=patient,
        client_id="one",
        term="fall",
        onset_at=FIRST - timedelta(days=9),
        grade=3,
        is_serious=True,
        serious_because="hospital",
        relation="unrelated",
        action_taken="none",
        outcome="recovering",
        is_expected=False,
        entered_by=cast.staff("ben"),
        entered_at=now(),
    )
    with pytest.raises(InputError, match="a serious adverse event is open"):
        propose(cast, patient)


def test_it_is_refused_while_an_alarming_answer_is_open(cast, patient):
    from addresses import World, alarming

    alarming(World(cast, patient, patient), "cora", patient)
    with pytest.raises(InputError, match="an alarming answer is open"):
        propose(cast, patient)


@pytest.mark.parametrize("reason", ["", "Robin wants it", "asked by Mrs SAMPLE"])
def test_the_reason_is_there_and_names_nobody(cast, known, reason):
    answer = cast.client("cora").post(f"/patients/{known.uid}/erase/", {"reason": reason})
    assert answer.status_code == 422
    assert not Erasure.objects.exists()


@pytest.mark.parametrize("model", [Referral, CrisisPlan])
def test_without_a_confirmed_erasure_the_rows_stay_as_written(cast, known, model):
    propose(cast, known)
    rows = model.objects.filter(patient=known)
    field = "document" if model is Referral else "people_to_call"
    for change in ({field: ""}, {field: "x"}, {"erased_at": now()}, {field: "", "erased_at": now()}):
        with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
            rows.update(**change)


@pytest.mark.parametrize("model", [Referral, CrisisPlan])
def test_a_confirmed_erasure_permits_emptying_once_and_nothing_else(cast, known, model):
    erase(cast, known)
    rows = model.objects.filter(patient=known)
    field = "document" if model is Referral else "safe_place"
    kept = "reason" if model is Referral else "what_helps"
    for change in (
        *({field: "x"}, {"erased_at": None}, {kept: "x"}),
        {"erased_at": now() + timedelta(days=1)},
    ):
        with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
            rows.update(**change)


def test_what_was_merged_into_the_record_is_erased_with_it(cast, known, register):
    from openkap.care.patients.merging import merge

    other = register("Sample", "Robyn", telephone="+1 555 0199")
    merge(by=cast.actor("cora"), keep=known.uid, absorb=other.uid, reason="the same person")
    erase(cast, known)
    other.identity.refresh_from_db()
    assert (other.identity.family_name, other.identity.telephone) == ("", "")
    assert "555 0199" not in everything_stored()


def test_a_message_that_never_arrived_keeps_no_address(cast, known):
    from openkap.care.messaging.actions import enqueue
    from openkap.care.outcomes.actions import ask

    asked = ask(by=cast.actor("cora"), uid=known.uid, instruments=["phq-9"])
    enqueue(
        kind="email",
        address="robin@example.org",
        subject="Questions",
        body="a link",
        purpose="measure",
        about_uid=asked.uid,
    )
    erase(cast, known)
    assert "robin@example.org" not in everything_stored()
