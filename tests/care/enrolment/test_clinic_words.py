"""A clinic's own words beside the shipped consent text: in their place, signed with it, and nobody else's."""

from __future__ import annotations

import re
from html import unescape

import pytest
from django.db import DatabaseError, transaction
from enrolled import consented, countersigned, go_through_all, open_consent, proof, signed
from pdf_text import text_of
from treated import cleared, dose, first_session, planned, started_by_raw_row

from openkap.care.accounts.signing import sign
from openkap.care.audit.models import AuditEvent
from openkap.care.demo.cast import PASSWORD
from openkap.care.demo.clinic_words import WORDS
from openkap.care.enrolment import own_words, texts
from openkap.care.enrolment.facts import consent_in_force
from openkap.care.enrolment.models import ClinicWords, ConsentRelease, ConsentText
from openkap.care.moment import now
from openkap.core.errors import InputError
from openkap.protocol.clinic_words import waiting_parts
from openkap.protocol.consent_text import newest_text

ENGLISH, DRAFT = "/consent-texts/en/", "/consent-texts/en/words/"
FEE = "A session costs 480 dollars."
NEW_FEE = "A session costs 510 dollars."
READERS = "Ines Example, a patient, and Ada"
# Typed by somebody who means the letters, or harm: either way, letters.
ODD = "<b>fee</b> **bold** [a](/x)\n## CON-05 Other\n> Ask: nothing\n---\n+ more\n\u202ekcab\u2069"


def write(cast, part, words, *, language="en", by="ada"):
    row = own_words.newest_words(cast.actor(by).clinic_id)[language].get(part)
    seen = row.number if row else 0
    return own_words.write_words(by=cast.actor(by), language=language, part=part, words=words, seen=seen)


def drafted(cast, language="en", by="ada"):
    return next(each for each in texts.drafted(cast.actor(by)) if each.text.language == language)


def release(cast, language="en", by="ada", because="it is told on paper"):
    return texts.release(
        by=cast.actor(by),
        language=language,
        seen=drafted(cast, language, by).text.fingerprint,
        reviewed_by=READERS,
        person=proof(cast, by),
        left_empty_because=because,
    )


def page_of(client, address) -> str:
    return unescape(client.get(address).content.decode())


def part_of(page: str, part: str) -> str:
    """The section of one part, on any page that shows the text."""
    return page.split(f' id="{part}"')[1].split("</section>")[0]


def test_the_words_stand_in_their_part_on_the_page_that_is_signed_and_in_the_copy(cast, patient):
    consent = open_consent(cast, patient)
    address = f"/patients/{patient.uid}/consent/{consent.uid}/"
    costs = part_of(page_of(cast.client("cora"), address), "CON-20")
    assert costs.index("Ask us for the fee") < costs.index(f"At this clinic: {FEE}")
    go_through_all(cast, patient, consent)
    signing = page_of(cast.client("cora"), f"{address}sign/")
    assert signing.index("What it costs") < signing.index(FEE) < signing.index("Your full name")
    copy = " ".join(text_of(cast.client("ben").get(f"{address}copy.pdf").content).split())
    assert copy.index("You get these numbers on paper") < copy.index(FEE) < copy.index("21. You can stop")
    assert "this clinic's words 1" in copy


def test_before_the_question_to_explain_back_stand_the_words_of_the_part(cast):
    shown = part_of(page_of(cast.client("ada"), ENGLISH), "CON-13")
    for told in (shown, drafted(cast).text.body):
        assert told.index("crisis line on") < told.index("555 0111") < told.index("What will you do")


def test_of_the_shipped_text_nothing_is_left_out_and_nothing_changed_whatever_is_typed(cast):
    for section in newest_text("en").sections:
        write(cast, section.element.id, ODD)
    ours, shipped = drafted(cast).text, newest_text("en")
    shown = [(s.element, s.title, s.paragraphs, s.prompt, s.choices) for s in ours.sections]
    assert shown == [(s.element, s.title, s.paragraphs, s.prompt, s.choices) for s in shipped.sections]
    assert (ours.title, ours.lead, ours.version) == (shipped.title, shipped.lead, shipped.version)
    kept = iter(ours.body.splitlines())
    assert all(line in kept for line in shipped.body.splitlines()), "every shipped line, in its order"


def test_markup_and_letters_from_right_to_left_are_shown_as_they_were_typed(cast, patient):
    write(cast, "CON-20", ODD)
    release(cast)
    given = consented(cast, patient)
    address = f"/patients/{patient.uid}/consent/{given.consent.uid}/"
    raw = cast.client("ada").get(address).content.decode()
    assert "&lt;b&gt;fee&lt;/b&gt; **bold** [a](/x)</p>" in raw
    assert "<b>fee" not in raw
    for line in ODD.splitlines()[1:]:
        assert f'dir="auto">{line}</p>' in unescape(raw)
    assert "<b>fee</b> **bold**" in text_of(cast.client("ada").get(f"{address}copy.pdf").content)


def test_a_character_that_no_text_has_is_refused_with_a_page(cast):
    answer = cast.client("ada").post(f"{DRAFT}CON-20/", {"words": "a\x00b", "seen": "1"})
    assert answer.status_code == 400
    assert own_words.newest_words(cast.actor("ada").clinic_id)["en"]["CON-20"].number == 1


def test_with_other_words_the_text_has_another_fingerprint_and_a_version_of_its_own(cast):
    before = drafted(cast).text
    assert before.full_version == "1.0.0, this clinic's words 1"
    write(cast, "CON-20", NEW_FEE)
    after = drafted(cast).text
    assert after.fingerprint != before.fingerprint != newest_text("en").fingerprint
    assert after.full_version == "1.0.0, this clinic's words 2"
    assert "changed words wait" in page_of(cast.client("cora"), "/consent-texts/")


def test_what_is_drafted_reaches_nobody_before_it_is_released(cast, patient):
    given = consented(cast, patient)
    write(cast, "CON-20", NEW_FEE)
    assert consent_in_force(patient, now()) == given
    assert NEW_FEE not in open_consent(cast, patient).text.body


def test_changed_words_once_released_ask_again_here_and_say_so_before(cast, patient):
    given = consented(cast, patient)
    write(cast, "CON-20", NEW_FEE)
    assert "1 person has a consent in force that ends" in page_of(cast.client("ada"), ENGLISH)
    release(cast)
    assert consent_in_force(patient, now()) is None
    chart = f"/patients/{patient.uid}/consent/"
    page = page_of(cast.client("cora"), chart)
    assert "No consent is in force" in page
    assert "a newer version must be signed" in page
    old = page_of(cast.client("cora"), f"{chart}{given.consent.uid}/")
    assert FEE in old, "what was signed is shown as it was"
    assert NEW_FEE not in old
    assert NEW_FEE in open_consent(cast, patient).text.body


def test_the_database_refuses_a_dose_on_the_words_of_before(cast, patient, watch):
    session = cleared(cast, first_session(planned(cast, patient)), watch)
    write(cast, "CON-20", NEW_FEE)
    release(cast)
    with pytest.raises(InputError, match="no dose without valid consent"):
        dose(cast, session, "start")
    with pytest.raises(DatabaseError, match="no dose without valid consent"):
        started_by_raw_row(session)


def test_changed_words_at_one_clinic_end_nothing_at_another_and_are_not_seen_there(cast, patient, register):
    theirs = register("Elsewhere", by="eve")
    given = consented(cast, patient)
    write(cast, "CON-20", "Our fee is 77 dollars.", by="eve")
    release(cast, by="eve")
    assert consent_in_force(patient, now()) == given
    assert "77 dollars" in texts.text_in_force(theirs.clinic_id, "en").body
    for address in ("/consent-texts/", ENGLISH, DRAFT):
        assert "77 dollars" not in page_of(cast.client("ada"), address)
        assert FEE not in page_of(cast.client("eve"), address)


def test_the_same_words_at_two_clinics_are_two_texts(cast):
    for part in waiting_parts():
        write(cast, part, WORDS[part], by="eve")
    release(cast, by="eve")
    ours, theirs = (texts.text_in_force(cast.actor(key).clinic_id, "en") for key in ("ada", "eve"))
    assert ours.fingerprint != theirs.fingerprint
    assert {ours.clinic, theirs.clinic} == {cast.troupe.clinic, cast.troupe.other}


def test_the_database_refuses_to_release_the_words_of_another_clinic(cast):
    held = ConsentRelease.objects.get(clinic=cast.troupe.other, superseded_at=None)
    ours = ConsentText.objects.get(clinic=cast.troupe.clinic)
    fields = {f.attname: getattr(held, f.attname) for f in held._meta.fields if f.name not in ("id", "uid")}
    signature = sign(
        by=cast.actor("eve"), person=cast.staff("eve"), meaning="x", entity="x", uid="x", content="x"
    )
    copied = fields | {"text_id": ours.pk, "superseded_at": now(), "signature_id": signature.pk}
    with pytest.raises(DatabaseError, match="words of another clinic"), transaction.atomic():
        ConsentRelease.objects.create(**copied)


def test_parts_that_wait_are_marked_and_a_release_without_them_needs_a_reason(cast):
    page = page_of(cast.client("eve"), DRAFT)
    assert "0 of 5 parts that wait for this clinic’s words have them" in page
    assert "Tell the fee for each session" in part_of(page, "CON-20")
    write(cast, "CON-20", FEE, by="eve")
    client, seen = cast.client("eve"), drafted(cast, by="eve").text.fingerprint
    data = {"seen": seen, "reviewed_by": READERS, "password": PASSWORD}
    refused = client.post(ENGLISH, data)
    assert refused.status_code == 422
    assert "Thoughts of suicide" in refused.content.decode()
    assert READERS in refused.content.decode()
    assert client.post(ENGLISH, data | {"left_empty_because": "the card tells it"}).status_code == 302
    assert "because: the card tells it" in page_of(client, ENGLISH)
    told = AuditEvent.objects.filter(action="consent_text.released").latest("pk").body
    assert "the card tells it" in told


def test_a_text_whose_waiting_parts_all_have_words_asks_for_no_reason(cast):
    write(cast, "CON-20", NEW_FEE)
    made = release(cast, because="")
    assert made.left_empty_because is None
    assert "id_left_empty_because" not in page_of(cast.client("ada"), ENGLISH)


def test_a_part_is_saved_by_itself_and_stays_when_it_is_changed_or_taken_back(cast):
    client = cast.client("ada")
    saved = client.post(
        f"{DRAFT}CON-24/", {"words": "Two nurses watch.", "seen": "0"}, headers={"HX-Request": "1"}
    )
    assert saved.status_code == 200
    assert "✓ Saved" in saved.content.decode()
    assert client.post(f"{DRAFT}CON-24/", {"words": "", "seen": "1"}).status_code == 302
    rows = ClinicWords.objects.filter(part="CON-24").order_by("number")
    assert [row.words for row in rows] == ["Two nurses watch.", ""]
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        rows.update(words="Nobody watches.")
    assert (
        AuditEvent.objects.filter(action="consent_text.words_written", body__contains="CON-24").count() == 2
    )


def test_two_who_write_one_part_at_once_see_both_words_and_lose_none(cast):
    cast.client("ada").post(f"{DRAFT}CON-20/", {"words": NEW_FEE, "seen": "1"})
    mine = "A session costs 99 dollars."
    for headers in ({}, {"HX-Request": "1"}):
        answer = cast.client("ada").post(f"{DRAFT}CON-20/", {"words": mine, "seen": "1"}, headers=headers)
        assert answer.status_code == 409
        page = unescape(answer.content.decode())
        assert NEW_FEE in page
        assert mine in page
        assert "Ada Lindqvist wrote here while you were writing" in page
    seen = re.search(r'name="seen" value="(\d+)"', answer.content.decode())[1]
    assert cast.client("ada").post(f"{DRAFT}CON-20/", {"words": mine, "seen": seen}).status_code == 302
    kept = ClinicWords.objects.filter(clinic=cast.troupe.clinic, part="CON-20").order_by("number")
    assert [row.words for row in kept] == [WORDS["CON-20"], NEW_FEE, mine]


def test_words_that_changed_after_they_were_read_are_not_released(cast):
    write(cast, "CON-20", NEW_FEE)
    seen = drafted(cast).text.fingerprint
    write(cast, "CON-20", "Free.")
    data = {"seen": seen, "reviewed_by": READERS, "password": PASSWORD}
    answer = cast.client("ada").post(ENGLISH, data)
    assert answer.status_code == 422
    assert "has changed since this page was opened" in answer.content.decode()


def test_words_that_are_too_long_come_back_with_the_limit(cast):
    long = "word " * 500
    answer = cast.client("ada").post(f"{DRAFT}CON-20/", {"words": long, "seen": "1"})
    page = answer.content.decode()
    assert answer.status_code == 422
    assert "at most 2000 characters" in page
    assert "It is not saved yet" in page
    assert "✓ Saved" not in part_of(page, "CON-20")
    assert long.strip() in page


def test_words_that_are_hard_to_read_are_kept_and_pointed_out(cast):
    hard = "Reimbursement considerations notwithstanding, remuneration remains individually negotiable."
    answer = cast.client("ada").post(
        f"{DRAFT}CON-20/", {"words": hard, "seen": "1"}, headers={"HX-Request": "1"}
    )
    assert answer.status_code == 200
    assert "Hard to read" in answer.content.decode()
    assert "the text aims at grade 6" in answer.content.decode()
    assert drafted(cast).text.section("CON-20").own == (f"At this clinic: {hard}",)


@pytest.mark.parametrize("part", WORDS)
def test_what_the_demo_says_is_as_easy_to_read_as_the_text(part):
    from openkap.protocol.clinic_words import too_hard

    assert too_hard("en", WORDS[part]) == ""


def test_only_who_releases_a_text_writes_in_it(cast):
    assert cast.client("cora").get(DRAFT).status_code == 403
    assert cast.client("cora").post(f"{DRAFT}CON-20/", {"words": "x", "seen": "1"}).status_code == 403
    assert FEE in page_of(cast.client("cora"), ENGLISH), "whoever takes consent reads it"


def test_a_part_or_a_language_that_there_is_not_is_not_found(cast):
    client = cast.client("ada")
    assert client.get("/consent-texts/xx/words/").status_code == 404
    assert client.post(f"{DRAFT}CON-99/", {"words": "x", "seen": "0"}).status_code == 404
    assert not ClinicWords.objects.filter(part="CON-99").exists()


def test_a_translation_has_words_of_its_own_and_begins_them_in_its_language(cast, patient):
    write(cast, "CON-20", "Una sesión cuesta 480 dólares.", language="es")
    release(cast, "es")
    consent = open_consent(cast, patient, language="es")
    page = page_of(cast.client("cora"), f"/patients/{patient.uid}/consent/{consent.uid}/")
    assert "En esta clínica: Una sesión cuesta 480 dólares." in part_of(page, "CON-20")
    assert FEE not in page


def test_changed_words_of_the_original_are_pointed_out_in_the_translation_and_end_none(cast, patient, watch):
    write(cast, "CON-20", "Una sesión cuesta 480 dólares.", language="es")
    release(cast, "es")
    given = countersigned(cast, patient, signed(cast, patient, language="es"))
    assert "CON-20" not in drafted(cast, "es").behind
    watch.forward(minutes=5)
    write(cast, "CON-20", NEW_FEE)
    release(cast)
    assert consent_in_force(patient, now()) == given
    assert "with newer words in the original’s language" in page_of(cast.client("cora"), "/consent-texts/")
    shown = part_of(page_of(cast.client("ada"), "/consent-texts/es/words/"), "CON-20")
    assert NEW_FEE in shown


def test_a_translation_that_still_says_the_same_is_saved_as_it_stands_and_is_no_new_version(cast, watch):
    same = "Una sesión cuesta 480 dólares."
    write(cast, "CON-20", same, language="es")
    release(cast, "es")
    watch.forward(minutes=5)
    write(cast, "CON-20", "It costs 480 dollars a session.")
    assert "CON-20" in drafted(cast, "es").behind
    watch.forward(minutes=5)
    write(cast, "CON-20", same, language="es")
    after = drafted(cast, "es")
    assert "CON-20" not in after.behind
    assert after.is_released


def test_a_translation_may_leave_empty_what_the_original_adds(cast):
    write(cast, "CON-24", "Two nurses watch you.")
    page = page_of(cast.client("ada"), "/consent-texts/es/words/")
    assert "Leave it empty here" in part_of(page, "CON-24")
    cast.client("ada").post("/consent-texts/es/words/CON-24/", {"words": "", "seen": "0"})
    assert "CON-24" not in drafted(cast, "es").behind


def test_a_newer_shipped_version_keeps_the_words_and_their_number(cast, monkeypatch):
    from pathlib import Path

    from openkap.protocol.consent_text import parse_consent_text

    body = newest_text("en").body.replace("version: 1.0.0", "version: 1.1.0", 1)
    newer = parse_consent_text(body, Path("newer.md"))
    monkeypatch.setattr("openkap.care.enrolment.texts.newest_text", lambda language: newer)
    text = drafted(cast).text
    assert text.full_version == "1.1.0, this clinic's words 1"
    assert FEE in text.body


def test_words_taken_back_leave_the_text_as_it_is_shipped(cast):
    for part in waiting_parts():
        write(cast, part, "")
    assert drafted(cast).text == newest_text("en")
    row = release(cast).text
    assert (row.clinic, row.full_version) == (None, "1.0.0")
