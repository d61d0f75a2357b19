"""Consent texts: a clinic offers what its own reviewer has signed, in each language, and nothing else."""

from pathlib import Path

import pytest
from django.db import DatabaseError, transaction
from enrolled import consented, open_consent, proof, signed

from openkap.care.accounts.models import Signature
from openkap.care.demo.cast import PASSWORD
from openkap.care.enrolment import texts
from openkap.care.enrolment.facts import consent_in_force
from openkap.care.enrolment.models import ConsentGiven, ConsentText
from openkap.care.moment import now
from openkap.core.errors import ContentError, InputError
from openkap.protocol.consent_text import consent_words, newest_text, parse_consent_text

SPANISH = "/consent-texts/es/"
EMPTY = "our clinic tells it on a paper of its own"
READERS = "Ines Example, interpreter, against the English text, with two patients"


def release(cast, language="es", by="ada"):
    return texts.release(
        by=cast.actor(by),
        language=language,
        seen=fingerprint(cast, language, by),
        reviewed_by=READERS,
        person=proof(cast, by),
        left_empty_because=EMPTY,
    )


def fingerprint(cast, language, by="ada"):
    """Of the text as it would be released at that person's clinic now."""
    return next(
        each.text.fingerprint for each in texts.drafted(cast.actor(by)) if each.text.language == language
    )


@pytest.fixture
def newer(monkeypatch):
    """The English text of the next version, shipped."""
    body = (
        newest_text("en").body.replace("version: 1.0.0", "version: 1.1.0", 1).replace("Take your time.", "")
    )
    text = parse_consent_text(body, Path("newer.md"))
    monkeypatch.setattr(
        "openkap.care.enrolment.texts.newest_text",
        lambda language: text if language == "en" else newest_text(language),
    )
    return text


def test_the_spanish_text_says_that_it_is_a_draft_translation_and_of_what():
    text = newest_text("es")
    assert text.translation_of == "en 1.0.0"
    assert "waits" in text.reviewed_by


def test_a_translation_asks_for_understanding_where_the_original_does():
    original, translation = newest_text("en"), newest_text("es")
    for ours, theirs in zip(original.sections, translation.sections, strict=True):
        assert ours.element == theirs.element
        assert bool(ours.prompt) == bool(theirs.prompt)
        assert len(ours.choices) == len(theirs.choices)
        assert len(ours.paragraphs) == len(theirs.paragraphs)


def test_every_figure_of_the_original_stands_in_the_translation():
    import re

    for ours, theirs in zip(newest_text("en").sections, newest_text("es").sections, strict=True):
        figures = [
            sorted(re.findall(r"\d+", " ".join(each.paragraphs).replace(",", "").replace("1 000", "1000")))
            for each in (ours, theirs)
        ]
        assert figures[0] == figures[1], ours.element.id


def test_a_translation_without_its_own_words_of_agreement_does_not_load():
    lines = newest_text("es").body.splitlines(keepends=True)
    body = "".join(line for line in lines if not line.startswith("agreement: "))
    with pytest.raises(ContentError, match="header is not complete"):
        parse_consent_text(body, Path("broken.md"))


def test_the_words_around_the_signature_are_there_in_both_languages():
    assert consent_words("es").keys() == consent_words("en").keys()
    assert not set(consent_words("es").values()) & set(consent_words("en").values())


def test_a_draft_is_read_but_not_offered_for_signature(cast, patient):
    page = cast.client("cora").get(SPANISH).content.decode()
    assert "A draft translation" in page
    assert "No está aprobada para el TEPT" in page
    consents = cast.client("cora").get(f"/patients/{patient.uid}/consent/").content.decode()
    assert 'value="en"' in consents
    assert 'value="es"' not in consents
    assert "cannot be signed" in consents
    with pytest.raises(InputError, match="has not released"):
        open_consent(cast, patient, language="es")


def test_a_prescriber_releases_it_with_the_readers_and_the_password(cast, patient):
    seen = newest_text("es").fingerprint
    data = {"seen": seen, "reviewed_by": READERS, "password": PASSWORD, "left_empty_because": EMPTY}
    assert cast.client("cora").post(SPANISH, data).status_code == 403
    ada = cast.client("ada")
    wrong = ada.post(SPANISH, data | {"password": "no"})
    assert wrong.status_code == 422
    assert READERS in wrong.content.decode()
    assert ada.post(SPANISH, data | {"reviewed_by": " "}).status_code == 422
    assert ada.post(SPANISH, data | {"seen": "of another day"}).status_code == 422
    with pytest.raises(InputError):
        open_consent(cast, patient, language="es")
    assert ada.post(SPANISH, data).status_code == 302
    assert READERS in ada.get("/consent-texts/").content.decode()
    assert ada.post(SPANISH, data).status_code == 422, "released once"
    consent = open_consent(cast, patient, language="es")
    page = cast.client("cora").get(f"/patients/{patient.uid}/consent/{consent.uid}/").content.decode()
    assert '<div lang="es">' in page
    assert "Lo he leído" in page


def test_the_patient_signs_in_the_language_of_the_text(cast, patient):
    from enrolled import go_through_all

    release(cast)
    consent = open_consent(cast, patient, language="es")
    go_through_all(cast, patient, consent)
    url = f"/patients/{patient.uid}/consent/{consent.uid}/sign/"
    page = cast.client("cora").get(url).content.decode()
    for words in ("Su firma", "acepto el tratamiento", "Acepto y firmo"):
        assert words in page
    assert cast.client("cora").post(url, {"name": "Alex Example"}).status_code == 302
    consent.refresh_from_db()
    assert "acepto el tratamiento" in consent.patient_signature.meaning


def test_the_language_of_the_patient_is_chosen_where_it_is_released_else_an_interpreter_is_named(
    cast, register
):
    patient = register("Ejemplo", language="es")
    page = cast.client("cora").get(f"/patients/{patient.uid}/consent/").content.decode()
    assert "work with an interpreter" in page
    assert 'value="en" checked' in page
    release(cast)
    page = cast.client("cora").get(f"/patients/{patient.uid}/consent/").content.decode()
    assert 'value="es" checked' in page
    assert 'value="en" checked' not in page
    assert "work with an interpreter" not in page


def test_a_release_counts_at_its_own_clinic_only(cast, register):
    release(cast)
    theirs = register("Elsewhere", by="eve")
    with pytest.raises(InputError, match="has not released"):
        texts.text_in_force(theirs.clinic_id, "es")


def test_a_clinic_that_has_released_nothing_offers_nothing_and_says_so(cast, patient):
    texts.releases_in_force(patient.clinic_id)["en"].text.releases.update(superseded_at=now())
    page = cast.client("cora").get(f"/patients/{patient.uid}/consent/").content.decode()
    assert "has not released any text yet" in page


def test_a_newer_version_asks_again_once_it_is_released_here_and_the_old_stays_readable(cast, patient, newer):
    given = consented(cast, patient)
    chart = f"/patients/{patient.uid}/consent/"
    assert "Consent is in force" in cast.client("cora").get(chart).content.decode()
    release(cast, "en")
    page = cast.client("cora").get(chart).content.decode()
    assert "a newer version must be signed" in page
    assert "No consent is in force" in page
    old = cast.client("cora").get(f"{chart}{given.consent.uid}/").content.decode()
    assert "Take your time." in old
    assert open_consent(cast, patient).text.version == "1.1.0"


def test_a_newer_version_at_one_clinic_ends_nothing_at_the_other(cast, patient, newer):
    consented(cast, patient)
    release(cast, "en", by="eve")
    assert consent_in_force(patient, now()) is not None


def test_the_database_itself_refuses_consent_in_a_text_that_is_not_released(cast, patient):
    given = consented(cast, patient)
    draft = newest_text("es")
    row = ConsentText.objects.create(
        fingerprint=draft.fingerprint,
        version=draft.version,
        language="es",
        title=draft.title,
        body=draft.body,
        first_used_at=now(),
    )
    fields = {f.attname: getattr(given, f.attname) for f in ConsentGiven._meta.fields if f.name != "id"}
    second = signed(cast, patient)
    fields |= {
        "consent_id": second.pk,
        "patient_signature_id": second.patient_signature.pk,
        "countersignature_id": Signature.objects.exclude(pk=given.countersignature_id).latest("pk").pk,
    }
    with pytest.raises(DatabaseError, match="has not released this consent text"), transaction.atomic():
        ConsentGiven.objects.create(**fields | {"text_id": row.pk})


def test_a_newer_original_ends_its_older_translations_too(cast, patient, newer):
    from enrolled import countersigned, signed

    release(cast)
    given = countersigned(cast, patient, signed(cast, patient, language="es"))
    assert consent_in_force(patient, now()) == given
    release(cast, "en")
    assert consent_in_force(patient, now()) is None
    with pytest.raises(InputError, match="has not released"):
        open_consent(cast, patient, language="es")
    page = cast.client("cora").get(f"/patients/{patient.uid}/consent/").content.decode()
    assert "a newer version must be signed" in page
    assert 'value="es"' not in page


def test_a_translation_of_an_older_original_is_not_released_beside_the_newer(cast, newer):
    release(cast, "en")
    assert "translates an older version" in cast.client("ada").get("/consent-texts/").content.decode()
    assert "Release and sign" not in cast.client("ada").get(SPANISH).content.decode()
    with pytest.raises(InputError, match="older version") as refused:
        release(cast)
    assert "1.1.0" in refused.value.limit


def test_a_corrected_translation_ends_nothing_in_the_other_language(cast, patient, monkeypatch):
    given = consented(cast, patient)
    body = newest_text("es").body.replace("version: 1.0.0", "version: 1.0.1", 1)
    corrected = parse_consent_text(body, Path("corrected.md"))
    monkeypatch.setattr("openkap.care.enrolment.texts.newest_text", lambda language: corrected)
    texts.release(
        by=cast.actor("ada"),
        language="es",
        seen=corrected.fingerprint,
        reviewed_by=READERS,
        person=proof(cast, "ada"),
        left_empty_because=EMPTY,
    )
    assert consent_in_force(patient, now()) == given
