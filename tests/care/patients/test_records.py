"""Patients come, are found, corrected by two people at once, merged and taken apart again."""

import json
import re
from datetime import date
from io import BytesIO
from threading import Thread

import pytest
from addresses import BUNDLE
from django.db import DatabaseError, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from openkap.care.audit.models import AuditEvent
from openkap.care.conflict import Conflict
from openkap.care.patients.actions import change_identity, write_crisis_plan
from openkap.care.patients.duplicates import find_candidates
from openkap.care.patients.merging import merge, undo_merge
from openkap.care.patients.models import Contact, CrisisPlan, Identity, IncomingReferral, Patient, Referral
from openkap.care.patients.queries import find_patients, record_ids

FORM = {
    "family_name": "Nguyễn",
    "given_name": "Ánh",
    "birth_date": "1990-02-11",
    "sex": "female",
    "language": "en",
    "referrer": "Dr Lee",
    "reason": "PTSD after assault",
}


def file_of(data) -> BytesIO:
    file = BytesIO(data if isinstance(data, bytes) else json.dumps(data).encode())
    file.name = "record.json"
    return file


def test_a_referral_by_form_opens_a_record_with_identity_apart(cast):
    answer = cast.client("cora").post("/referrals/new/", FORM)
    patient = Patient.objects.get()
    assert answer.headers["Location"] == f"/patients/{patient.uid}/"
    assert (patient.birth_year, patient.sex, patient.is_veteran) == (1990, "female", None)
    assert patient.identity.family_name == "Nguyễn"
    names = {field.name for field in Patient._meta.get_fields()}
    assert not names & {"family_name", "given_name", "birth_date", "email", "telephone", "address"}


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("birth_date", "2031-01-01", "cannot be a date of birth"),
        ("birth_date", "1890-01-01", "cannot be a date of birth"),
        ("birth_date", "11/02/1990", "valid date"),
        ("telephone", "call me", "not a telephone number"),
        ("email", "nobody", "valid email"),
        ("family_name", "", "required"),
    ],
)
def test_what_cannot_be_read_is_refused_beside_its_field_and_nothing_typed_is_lost(cast, field, value, says):
    answer = cast.client("cora").post("/referrals/new/", FORM | {field: value, "reason": "long story"})
    assert says in answer.context["form"].errors[field][0]
    assert "long story" in answer.content.decode()
    assert not Patient.objects.exists()


def test_a_bundle_is_shown_first_and_then_becomes_a_record_with_the_file_kept(cast):
    cora = cast.client("cora")
    answer = cora.post("/referrals/upload/", {"bundle": file_of(BUNDLE)})
    incoming = IncomingReferral.objects.get()
    page = answer.headers["Location"]
    assert page == f"/referrals/{incoming.uid}/"
    assert not Patient.objects.exists()
    form = cora.get(page).context["form"]
    assert (form["family_name"].value(), form["birth_date"].value()) == ("Sample", date(1979, 3, 8))
    assert "Open a record for an uploaded referral" in cora.get("/home/").content.decode()
    sent = {name: form[name].value() or "" for name in form.fields if name != "may_text"}
    assert cora.post(page, sent).status_code == 302
    referral = Referral.objects.get()
    assert (referral.by, json.loads(referral.document)) == ("fhir", BUNDLE)
    assert not IncomingReferral.objects.exists()
    assert referral.patient.identifiers.get().value == "4711"


def test_one_upload_becomes_one_record_also_from_two_pages_that_showed_it(cast):
    from openkap.care.patients.actions import AlreadyRegistered, NewPatient, register_referral

    cora, ada = cast.client("cora"), cast.client("ada")
    page = cora.post("/referrals/upload/", {"bundle": file_of(BUNDLE)}).headers["Location"]
    # Two people have the row before either of them registers it.
    stale = IncomingReferral.objects.get()
    sent = FORM | {"family_name": "Sample", "given_name": "Robin", "birth_date": "1979-03-08"}
    first = cora.post(page, sent)
    patient = Patient.objects.get()
    assert first.headers["Location"] == f"/patients/{patient.uid}/"
    person = NewPatient(family_name="Sample", given_name="Robin")
    with pytest.raises(AlreadyRegistered, match="registered already"):
        register_referral(by=cast.actor("ada"), person=person, incoming=stale)
    for answer in (ada.post(page, sent, follow=True), ada.get(page, follow=True)):
        assert answer.redirect_chain[-1][0] == f"/patients/{patient.uid}/"
        assert "This file was registered already" in answer.content.decode()
    assert Patient.objects.count() == Referral.objects.count() == 1


def test_what_the_second_typed_about_one_upload_is_shown_beside_the_record(cast):
    cora, ada = cast.client("cora"), cast.client("ada")
    page = cora.post("/referrals/upload/", {"bundle": file_of(BUNDLE)}).headers["Location"]
    cora.post(page, FORM | {"family_name": "Sample", "reason": "as the letter says"})
    second = ada.post(page, FORM | {"family_name": "Sampler", "reason": "the sister called too"})
    shown = second.content.decode()
    assert second.status_code == 409
    for words in ("Sample<", "Sampler", "as the letter says", "the sister called too"):
        assert words in shown
    assert shown.count("Yours, not saved") == 2


def test_what_both_wrote_alike_about_one_upload_is_not_called_lost(cast):
    cora, ada = cast.client("cora"), cast.client("ada")
    page = cora.post("/referrals/upload/", {"bundle": file_of(BUNDLE)}).headers["Location"]
    alike = FORM | {"address": "12 Long Street\r\nHarbour"}
    cora.post(page, alike | {"family_name": "Sample", "birth_date": "1990-02-01"})
    shown = ada.post(page, alike | {"family_name": "Sampler", "birth_date": "1990-2-1"}).content.decode()
    assert "The same in both" in shown
    assert "What you wrote was not saved" not in shown
    assert "1990-2-1" not in shown


def test_what_was_typed_meanwhile_is_said_as_the_record_says_it_and_leads_to_where_it_is_changed(cast):
    cora, ada = cast.client("cora"), cast.client("ada")
    page = cora.post("/referrals/upload/", {"bundle": file_of(BUNDLE)}).headers["Location"]
    alike = FORM | {"telephone": "+1 555 0101", "may_text": "on"}
    cora.post(page, alike)
    answer = ada.post(page, alike | {"birth_date": "1990-02-12", "language": "es"})
    told = {row.label: (row.theirs, row.yours) for row in answer.context["rows"]}
    assert told == {"Birth date": ("11 Feb 1990", "12 Feb 1990"), "Language": ("English", "Spanish")}
    assert f'href="/patients/{Patient.objects.get().uid}/identity/"' in answer.content.decode()


def test_the_safe_way_stands_out_where_somebody_may_be_here_already(cast):
    cora = cast.client("cora")
    given = FORM | {"family_name": "Sample", "given_name": "Robin", "birth_date": "1979-03-08"}
    cora.post("/referrals/new/", given)
    shown = cora.post("/referrals/new/", given).content.decode()
    assert re.search(r'<button type="submit" name="same"[^>]*>Same person', shown)
    assert re.search(r'<button type="submit" class="quiet">Open a new record', shown)


@pytest.mark.parametrize(
    ("raw", "says"),
    [
        (b"%PDF-1.7 ...", "The file is a PDF"),
        (b"\xff\xfe{}", "UTF-16"),
        (b"\xef\xbb\xbf\xff", "UTF-8"),
        (b"PK\x03\x04 ...", "a zip archive; unpack it first"),
        (b"<?xml version='1.0'?>", "The file is XML; ask for the record as a FHIR R4 bundle in JSON"),
        (b"{}", "bundle"),
        (b'{"resourceType": "Bundle", "entry": []}', "one patient"),
        (b'{"resourceType": "Bundle", "entry": [{"resource": ' + b"[" * 2000, ""),
        (b"", "empty"),
        ('{"resourceType": "Bundle", "entry": "\u0000"}'.encode(), ""),
    ],
)
def test_a_file_that_is_no_referral_is_refused_with_words(cast, raw, says):
    import re

    answer = cast.client("cora").post("/referrals/upload/", {"bundle": file_of(raw)})
    assert answer.status_code == 422
    assert re.search(says, str(answer.context["form"].errors))
    assert not IncomingReferral.objects.exists()


def test_a_person_who_is_here_already_is_shown_before_a_second_record_opens(cast, register):
    register("Nguyen", "Anh", birth_date=date(1990, 2, 11))
    cora = cast.client("cora")
    answer = cora.post("/referrals/new/", FORM)
    assert [each.reasons for each in answer.context["candidates"]] == [
        ("the same or a very similar name", "the same birth date")
    ]
    assert Patient.objects.count() == 1
    assert cora.post("/referrals/new/", FORM | {"is_new": "yes"}).status_code == 302
    assert Patient.objects.count() == 2


@pytest.mark.parametrize(
    ("family", "given", "born", "found"),
    [
        ("Example", "Alex", date(1984, 5, 2), True),
        ("EXAMPLÉ", "alex", date(1984, 5, 2), True),
        ("Exampel", "Alex", date(1984, 5, 2), True),
        ("Alex", "Example", date(1984, 5, 2), True),
        ("Example", "Alex", date(1984, 2, 5), True),
        ("Example", "Alex", date(1994, 5, 2), True),
        ("Example", "Alex", None, True),
        ("Example", "Alex", date(1961, 7, 19), False),
        ("Somebody", "Else", date(1984, 5, 2), False),
    ],
)
def test_slips_of_the_pen_are_found_and_strangers_are_not(cast, patient, family, given, born, found):
    candidates = find_candidates(cast.actor("cora"), family_name=family, given_name=given, birth_date=born)
    assert [each.uid for each in candidates] == ([patient.uid] if found else [])


def test_a_shared_number_is_certain_whatever_the_name(cast, register):
    number = ("urn:oid:2.16.840.1.113883.4.349", "1012853550V207686")
    known = register(identifiers=(number,))
    (found,) = find_candidates(
        cast.actor("cora"), family_name="Quite", given_name="Different", birth_date=None, identifiers=[number]
    )
    assert (found.uid, found.is_certain) == (known.uid, True)


def test_the_same_person_is_found_among_hundreds_whose_names_begin_alike(cast, register):
    from openkap.care.patients.duplicates import MOST_COMPARED

    number, born = ("urn:oid:2.16.840.1.113883.4.349", "1012853550V207686"), date(1984, 5, 2)
    clinic = cast.staff("cora").assignments.first().clinic
    for place in range(MOST_COMPARED + 10):
        row = Patient.objects.create(clinic=clinic, created_at=cast.staff("cora").created_at)
        given = f"Q{place}"
        Identity.objects.create(
            patient=row,
            family_name=f"Sch{place}",
            given_name=given,
            search_name=f"sch{place} {given}".lower(),
        )
    by_number = register("Schmidt", "Anna", birth_date=born, identifiers=(number,))
    by_day = register("Schulz", "Berta", birth_date=born)
    by_telephone = register("Schuster", "Carl", birth_date=None, telephone="+49 30 1234567")
    by_name = register("Schreiber", "Dora", birth_date=None)

    def found(family, given, **more):
        candidates = find_candidates(
            cast.actor("cora"), family_name=family, given_name=given, **({"birth_date": None} | more)
        )
        return candidates[0].uid if candidates else None

    assert found("Schmidt", "Anna", birth_date=born, identifiers=[number]) == by_number.uid
    assert found("Schulz", "Berta", birth_date=born) == by_day.uid
    assert found("Schuster", "Carl", telephone="+49 30 1234567") == by_telephone.uid
    assert found("Schreiber", "Dora") == by_name.uid


def test_duplicates_of_another_clinic_are_not_shown(cast, register):
    register(by="eve")
    assert not find_candidates(
        cast.actor("cora"), family_name="Example", given_name="Alex", birth_date=date(1984, 5, 2)
    )


def test_a_merge_shows_both_and_can_be_undone(cast, register):
    kept, absorbed = register(), register("Exampel")
    cora = cast.actor("cora")
    done = merge(by=cora, keep=kept.uid, absorb=absorbed.uid, reason="same passport")
    assert record_ids(kept) == [kept.pk, absorbed.pk]
    assert [each.uid for each in find_patients(cora, text="exam").object_list] == [kept.uid]
    chart = cast.client("cora").get(f"/patients/{kept.uid}/").content.decode()
    note = chart[chart.index(absorbed.code) :].partition("</div>")[0]
    assert all(words in note for words in ("EXAMPEL, Alex", "by Cora", f"/{kept.uid}/same-person/"))
    undo_merge(by=cora, uid=kept.uid, merge_uid=done.uid, reason="they are twins")
    absorbed.refresh_from_db()
    assert (absorbed.status, absorbed.merged_into) == ("referred", None)
    assert record_ids(kept) == [kept.pk]


def test_where_a_merged_record_says_that_the_person_is_reached_is_shown_until_the_merge_is_undone(
    cast, register
):
    kept = register(telephone="+1 555 0199")
    absorbed = register("Exampel", telephone="+1 555 0177", email="alex@example.org")
    cora = cast.actor("cora")
    done = merge(by=cora, keep=kept.uid, absorb=absorbed.uid, reason="same passport")

    def page(name):
        return cast.client("cora").get(f"/patients/{kept.uid}/{name}").content.decode()

    for said in ("+1 555 0177", "alex@example.org"):
        assert f"{said} (in the merged record {absorbed.code})" in page("")
        assert said in page("identity/")
    undo_merge(by=cora, uid=kept.uid, merge_uid=done.uid, reason="they are twins")
    assert "+1 555 0177" not in page("") + page("identity/")
    assert "+1 555 0199" in page("")


@pytest.mark.parametrize("text", ["Formername", "+1 555 0177", "1 Mar 1980", "the code"])
def test_whoever_is_looked_for_by_what_a_merged_record_says_is_found_in_the_record_in_use(
    cast, register, text
):
    kept = register()
    absorbed = register("Formername", birth_date=date(1980, 3, 1), telephone="+1 555 0177")
    merge(by=cast.actor("cora"), keep=kept.uid, absorb=absorbed.uid, reason="same passport")
    text = absorbed.code if text == "the code" else text
    assert [each.uid for each in find_patients(cast.actor("cora"), text=text).object_list] == [kept.uid]
    assert find_patients(cast.actor("cora"), text="nobody at all").paginator.count == 0


def test_whoever_is_referred_again_under_the_name_of_a_merged_record_is_found(cast, register):
    kept, absorbed = register(), register("Formername")
    cora, again = cast.actor("cora"), {"family_name": "Formername", "given_name": "Alex", "birth_date": None}
    merge(by=cora, keep=kept.uid, absorb=absorbed.uid, reason="same passport")
    (found,) = find_candidates(cora, **again)
    assert (found.uid, found.name) == (kept.uid, "EXAMPLE, Alex")
    assert found.reasons[-1] == f"in its merged record {absorbed.code}"
    assert not find_candidates(cora, **again, but_not=kept.pk)


def test_the_database_itself_refuses_half_a_merge(patient):
    with pytest.raises(DatabaseError), transaction.atomic():
        Patient.objects.filter(pk=patient.pk).update(status="merged")
    with pytest.raises(DatabaseError), transaction.atomic():
        Patient.objects.filter(pk=patient.pk).update(status="merged", merged_into=patient.pk)


def test_two_people_saving_at_once_see_both_versions_and_lose_no_word(cast, patient):
    page = f"/patients/{patient.uid}/crisis-plan/"
    ben, tess = cast.client("ben"), cast.client("tess")
    ben.get(page), tess.get(page)
    assert ben.post(page, {"version": "0", "what_helps": "Bens words"}).status_code == 302
    clash = tess.post(page, {"version": "0", "what_helps": "Tess words", "safe_place": "the garden"})
    assert clash.status_code == 409
    text = clash.content.decode()
    assert "Bens words" in text
    assert "Tess words" in text
    assert "the garden" in text
    assert "Ben Okafor" in text
    version = str(clash.context["version"])
    both = {"version": version, "what_helps": "Bens words and Tess words", "safe_place": "the garden"}
    assert tess.post(page, both).status_code == 302
    versions = CrisisPlan.objects.order_by("version").values_list("what_helps", flat=True)
    assert list(versions) == ["Bens words", "Bens words and Tess words"]


@pytest.mark.django_db(transaction=True)
def test_of_many_at_the_same_moment_one_is_saved_and_the_others_are_told(cast, patient):
    outcomes = []

    def save(words):
        from django.db import connection

        from openkap.care.moment import clock_at

        try:
            with clock_at(cast.troupe.people["ben"].created_at):
                change_identity(by=cast.actor("ben"), uid=patient.uid, changes={"address": words}, version=1)
            outcomes.append(words)
        except Conflict as conflict:
            outcomes.append(conflict)
        finally:
            connection.close()

    threads = [Thread(target=save, args=[f"street {number}"]) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    saved = [each for each in outcomes if isinstance(each, str)]
    assert len(saved) == 1
    assert Identity.objects.get().address == saved[0]
    assert all(each.theirs["address"] == saved[0] for each in outcomes if isinstance(each, Conflict))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
@given(
    words=st.text(
        st.characters(codec="utf-8", exclude_characters="\x00", exclude_categories=["Cs"]), max_size=80
    )
)
def test_any_words_come_back_as_they_were_written(cast, patient, words):
    last = CrisisPlan.objects.order_by("-version").first()
    version = last.version if last else 0
    plan = {"warning_signs": words, "what_helps": "", "people_to_call": "", "safe_place": f"after {version}"}
    write_crisis_plan(by=cast.actor("ben"), uid=patient.uid, version=version, words=plan)
    stored = CrisisPlan.objects.order_by("-version").first()
    assert (stored.warning_signs, stored.version) == (words, version + 1)


@pytest.mark.parametrize("text", ["example", "EXAMPLE alex", "exämple", "1984-05-02", "2.5.1984", "code"])
def test_a_patient_is_found_by_name_code_or_birth_date(cast, patient, register, text):
    register("Other", "Kim", birth_date=date(1970, 1, 1))
    found = find_patients(cast.actor("ben"), text=patient.code if text == "code" else text)
    assert [each.uid for each in found.object_list] == [patient.uid]


@pytest.mark.parametrize(
    ("written", "asked"),
    [
        ("O’Brien", "o'brien"),
        ("O'Brien", "O’BRIEN"),
        ("Sørensen", "sorensen"),
        ("Sorensen", "Sørensen"),
        ("Müller", "mueller"),
        ("Mueller", "Müller"),
        ("Łukasz", "lukasz"),
        ("Núñez-Ærø", "nunez aro"),
    ],
)
def test_a_name_is_found_however_a_keyboard_writes_it(cast, register, written, asked):
    wanted = register(written, "Kim")
    register("Other", "Sam")
    assert [each.uid for each in find_patients(cast.actor("ben"), text=asked).object_list] == [wanted.uid]


@pytest.mark.parametrize(
    "text", ["2 May 1984", "02 may 1984", "May 2, 1984", "2/5/1984", "5/2/1984", "2-5-1984", "1984/5/2"]
)
def test_a_birth_date_is_found_however_it_is_written_and_the_page_says_how_it_was_read(cast, patient, text):
    page = cast.client("ben").get("/patients/", {"q": text}).content.decode()
    assert f"/patients/{patient.uid}/" in page
    assert "Read as a birth date" in page
    assert "2 May 1984" in page


def test_of_a_date_that_reads_in_two_ways_both_are_named(cast, patient):
    page = cast.client("ben").get("/patients/", {"q": "2/3/1992"}).content.decode()
    assert "2 March 1992 or 3 February 1992" in page


@pytest.mark.parametrize("text", ["+15550100333", "555 0100 333", "(0)1555-0100333"])
def test_a_caller_is_found_by_the_telephone_number(cast, register, text):
    caller = register("Caller", "Kim", telephone="+1 555 0100 333")
    register("Other", "Sam", telephone="+1 555 0100 334")
    assert [each.uid for each in find_patients(cast.actor("ben"), text=text).object_list] == [caller.uid]


@pytest.mark.parametrize("text", ["31.2.1984", "%", "'; DROP TABLE", "x" * 5000, "نص"])
def test_no_search_breaks_the_page(cast, patient, text):
    assert cast.client("ben").get("/patients/", {"q": text}).status_code == 200


def test_contacts_start_and_end_and_stay_in_the_record(cast, patient):
    ben, page = cast.client("ben"), f"/patients/{patient.uid}/contacts/"
    ben.post(
        page,
        {"act": "add", "kind": "escort", "name": "Kim", "telephone": "+1 555 0100", "may_be_told": "yes"},
    )
    contact = Contact.objects.get()
    assert "may be told" in ben.get(page).content.decode()
    ben.post(page, {"act": "end", "contact": contact.uid})
    contact.refresh_from_db()
    assert contact.ended_at is not None


def test_a_referral_asks_first_what_opens_a_record_and_folds_the_rest(cast):
    page = cast.client("cora").get("/referrals/new/").content.decode()
    assert page.index("Upload a bundle") < page.index("id_family_name")
    before, folded = page.split("<summary>More about them")
    assert all(f'id="id_{name}"' in before for name in ("family_name", "birth_date", "telephone", "reason"))
    assert 'id="id_address"' in folded
    assert "<details open>" not in page


def test_a_mistake_in_what_is_folded_opens_the_fold(cast):
    given = {"family_name": "Example", "given_name": "Ann", "sex": "unknown", "is_veteran": "xx"}
    page = cast.client("cora").post("/referrals/new/", given).content.decode()
    assert "<details open><summary>More about them" in page


def test_the_audit_names_nobody(cast, patient):
    change_identity(by=cast.actor("ben"), uid=patient.uid, changes={"address": "12 Elm Street"}, version=1)
    for body in AuditEvent.objects.values_list("body", flat=True):
        assert "Alex" not in body
        assert "Elm" not in body


def test_pages_ask_the_database_a_fixed_number_of_times(cast, register, django_assert_max_num_queries):
    many = [
        register("Example", f"Number{number}", birth_date=date(1960 + number, 1, 1)) for number in range(12)
    ]
    ben = cast.client("ben")
    for page, most in ((f"/patients/{many[0].uid}/", 24), ("/patients/", 14), ("/home/", 12)):
        ben.get(page)
        with django_assert_max_num_queries(most):
            assert ben.get(page).status_code == 200


def test_a_hidden_character_is_refused_with_a_page(cast, patient):
    ben = cast.client("ben")
    assert ben.get("/patients/?q=%00").status_code == 400
    answer = ben.post(f"/patients/{patient.uid}/crisis-plan/", {"version": "0", "what_helps": "a\x00b"})
    assert answer.status_code == 400
    assert "could not be read" in answer.content.decode()


def test_the_page_of_both_versions_says_who_saved_the_other_one(cast, patient):
    address = f"/patients/{patient.uid}/identity/"
    shown = cast.client("cora").get(address).context["form"].initial
    base = {name: value for name, value in shown.items() if value not in (None, False)}
    assert cast.client("cora").post(address, base | {"telephone": "+1 555 0101"}).status_code == 302
    both = cast.client("ben").post(address, base | {"telephone": "+1 555 0102"})
    assert both.status_code == 409
    assert "Saved by Cora" in both.content.decode()
