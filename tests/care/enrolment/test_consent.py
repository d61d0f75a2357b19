"""Consent: the text, the signatures, the end of it."""

import re
from copy import copy
from pathlib import Path

import pytest
from enrolled import consented, go_through_all, open_consent, proof, signed

from openkap.care.demo.cast import PASSWORD
from openkap.care.enrolment import consent_actions as acts
from openkap.care.enrolment import consent_signing as signing
from openkap.care.enrolment.facts import consent_in_force
from openkap.care.enrolment.models import ConsentGiven
from openkap.care.moment import now
from openkap.core.errors import ContentError, InputError
from openkap.protocol.consent_text import languages, newest_text, parse_consent_text
from openkap.protocol.reading_level import school_grade


@pytest.mark.parametrize("language", languages())
def test_every_language_has_all_27_elements_in_the_protocols_order(language):
    text = newest_text(language)
    assert [each.element.id for each in text.sections] == [f"CON-{n:02}" for n in range(1, 28)]


def test_the_english_text_reads_at_sixth_grade_or_below():
    told = "\n".join(said for section in newest_text("en").sections for said in section.paragraphs)
    assert school_grade(told) <= 6


def test_a_text_that_leaves_an_element_out_does_not_load():
    body = newest_text("en").body
    start, end = body.index("## CON-09"), body.index("## CON-10")
    with pytest.raises(ContentError, match="CON-09"):
        parse_consent_text(body[:start] + body[end:], Path("broken.md"))


def test_a_text_that_forgets_the_question_to_explain_back_does_not_load():
    body = re.sub(r"> Ask: How sure.*\n", "", newest_text("en").body)
    with pytest.raises(ContentError, match="CON-03"):
        parse_consent_text(body, Path("broken.md"))


def url_of(patient, consent="", end=""):
    return f"/patients/{patient.uid}/consent/" + (f"{consent}/{end}" if consent else "")


def test_a_part_that_the_text_does_not_have_is_not_found(cast, patient):
    address = url_of(patient, open_consent(cast, patient).uid, "part/no-such/")
    answer = cast.client("cora").post(address, {"words": "x"}, headers={"HX-Request": "true"})
    assert answer.status_code == 404


def test_a_consent_walks_from_text_to_force_in_the_browser(cast, patient):
    cora, ada = cast.client("cora"), cast.client("ada")
    opened = cora.post(url_of(patient), {"language": "en", "scope": "course", "handed_over_on": "2026-11-20"})
    uid = opened.headers["Location"].rstrip("/").rsplit("/", 1)[1]
    page = cora.get(url_of(patient, uid)).content.decode()
    assert "It is not approved for PTSD" in page
    assert "explain again" in page
    early = cora.get(url_of(patient, uid, "sign/")).content.decode()
    assert "too early" in early
    from openkap.care.enrolment.models import Consent

    go_through_all(cast, patient, Consent.objects.get(uid=uid))
    drawn = {"name": "Alex Example", "strokes": "M10 10L20 30L40 20"}
    assert cora.post(url_of(patient, uid, "sign/"), drawn).status_code == 302
    assert consent_in_force(patient, now()) is None
    cora.post("/me/unlock/", {"password": PASSWORD})
    assert cora.get(url_of(patient, uid, "countersign/")).status_code == 403
    assert ada.post(url_of(patient, uid, "countersign/"), {"password": "no"}).status_code == 422
    assert ada.post(url_of(patient, uid, "countersign/"), {"password": PASSWORD}).status_code == 302
    given = consent_in_force(patient, now())
    assert (given.expires_at.year, given.expires_at.month) == (2027, 11)
    shown = ada.get(url_of(patient, uid)).content.decode()
    assert "M10 10L20 30L40 20" in shown
    assert "in force until" in shown


def test_teach_back_that_failed_holds_the_signature(cast, patient):
    consent = open_consent(cast, patient)
    go_through_all(cast, patient, consent)
    url = url_of(patient, consent.uid, "part/CON-03/")
    cast.client("cora").post(url, {"words": "It works for everybody.", "understood": "no"})
    with pytest.raises(InputError, match="not ready"):
        signing.sign_as_patient(
            by=cast.actor("cora"), uid=patient.uid, consent=consent.uid, signed=signing.Signed("Alex Example")
        )


def test_doubt_about_capacity_needs_words_and_holds_the_signature(cast, patient):
    consent = open_consent(cast, patient)
    go_through_all(cast, patient, consent)
    url = url_of(patient, consent.uid, "capacity/")
    data = {"understands": "yes", "retains": "yes", "communicates": "yes"}
    refused = cast.client("cora").post(url, data)
    assert refused.status_code == 422
    cast.client("cora").post(url, data | {"note": "Cannot weigh it today; tired."})
    assert "in doubt" in acts.what_is_missing(consent)[0]


def test_empty_words_and_foreign_choices_are_refused_beside_the_part(cast, patient):
    consent = open_consent(cast, patient)
    url = url_of(patient, consent.uid, "part/CON-17/")
    for words in ("", "Hug me"):
        answer = cast.client("cora").post(
            url, {"words": words, "understood": "yes"}, headers={"HX-Request": "1"}
        )
        assert answer.status_code == 422
        assert 'id="CON-17"' in answer.content.decode()


@pytest.mark.parametrize("strokes", ["M10 10<script>", "M10 10L9999 1", "M1 1" * 6000])
def test_a_drawing_that_is_not_strokes_is_refused(cast, patient, strokes):
    consent = open_consent(cast, patient)
    go_through_all(cast, patient, consent)
    answer = cast.client("cora").post(
        url_of(patient, consent.uid, "sign/"), {"name": "Alex Example", "strokes": strokes}
    )
    assert answer.status_code == 422
    assert "Alex Example" in answer.content.decode()


def test_a_signed_consent_cannot_be_changed(cast, patient):
    given = consented(cast, patient)
    with pytest.raises(InputError, match="stays as it is"):
        acts.go_through(
            by=cast.actor("cora"),
            uid=patient.uid,
            consent=given.consent.uid,
            element="CON-01",
            is_understood=True,
        )


def test_withdrawal_ends_it_at_once_and_any_clinician_may_record_it(cast, patient):
    given = consented(cast, patient)
    url = url_of(patient, given.consent.uid, "withdraw/")
    assert cast.client("dov").post(url).status_code == 403
    assert cast.client("tess").post(url, {"said": "", "password": PASSWORD}).status_code == 422
    assert cast.client("tess").post(url, {"said": "I stop.", "password": PASSWORD}).status_code == 302
    assert consent_in_force(patient, now()) is None


def test_it_ends_after_the_months_the_protocol_says(cast, patient, watch):
    consented(cast, patient)
    watch.forward(days=364)
    assert consent_in_force(patient, now())
    watch.forward(days=2)
    assert consent_in_force(patient, now()) is None


def test_the_copy_is_a_pdf_with_the_text_and_names(cast, patient):
    given = consented(cast, patient)
    answer = cast.client("ben").get(url_of(patient, given.consent.uid, "copy.pdf"))
    assert answer.headers["Content-Type"] == "application/pdf"
    assert answer.content.startswith(b"%PDF")
    assert len(answer.content) > 10_000


def test_markup_in_what_people_write_stays_text(cast, patient):
    from openkap.care.paper import compiled, literal

    hostile = '#panic("x") \\ " ] $ @ <script> \x00'
    assert compiled(f"#{literal(hostile)}").startswith(b"%PDF")


def test_a_countersignature_needs_the_patients_first(cast, patient):
    consent = open_consent(cast, patient)
    with pytest.raises(InputError, match="has not signed"):
        signing.countersign(
            by=cast.actor("ada"), uid=patient.uid, consent=consent.uid, person=proof(cast, "ada")
        )
    assert not ConsentGiven.objects.exists()


def test_a_signed_consent_is_shown_as_it_was_whatever_becomes_of_the_content(cast, patient, monkeypatch):
    given = consented(cast, patient)
    page = url_of(patient, given.consent.uid)
    words = lambda answer: [  # noqa: E731
        line for line in answer.content.decode().splitlines() if "csrf" not in line.lower()
    ]
    before = words(cast.client("ada").get(page))

    def gone(*args, **kwargs):
        raise ContentError("this part was edited", remedy="restore it")

    for module in (
        "protocol.consent_text",
        "care.enrolment.consent_signing",
        "care.enrolment.consent_queries",
    ):
        monkeypatch.setattr(f"openkap.{module}.consent_rules", gone)
    monkeypatch.setattr("openkap.care.enrolment.consent_queries.consent_words", gone)
    after = cast.client("ada").get(page)
    assert after.status_code == 200
    assert words(after) == before
    assert "Version 1.0.0" in after.content.decode()
    assert cast.client("ada").get(url_of(patient, given.consent.uid, "copy.pdf")).status_code == 200


def test_nothing_on_the_page_the_patient_signs_leads_to_other_records(cast, patient):
    consent = open_consent(cast, patient)
    go_through_all(cast, patient, consent)
    page = cast.client("cora").get(f"/patients/{patient.uid}/consent/{consent.uid}/sign/").content.decode()
    links = set(re.findall(r'href="(/[^"#]*)"', page)) - {f"/patients/{patient.uid}/consent/{consent.uid}/"}
    assert not [each for each in links if not each.startswith("/static/")]
    assert "<nav" not in page
    assert 'type="search"' not in page


@pytest.fixture
def read_before(monkeypatch):
    """What the act would have read an instant before a colleague was through."""

    def before(patient, uid):
        from openkap.care.enrolment.models import Consent

        row = Consent.objects.select_related("patient_signature", "given", "withdrawal").get(uid=uid)
        for module in (acts, signing):
            monkeypatch.setattr(module, "consent_for", lambda *given, **more: (patient, copy(row)))

    return before


def test_a_part_told_in_the_instant_of_the_signature_does_not_slip_under_it(cast, patient, read_before):
    consent = open_consent(cast, patient)
    go_through_all(cast, patient, consent)
    read_before(patient, consent.uid)
    named = signing.Signed("Alex Example")
    signing.sign_as_patient(by=cast.actor("cora"), uid=patient.uid, consent=consent.uid, signed=named)
    with pytest.raises(InputError, match="is signed"):
        acts.go_through(
            by=cast.actor("cora"), uid=patient.uid, consent=consent.uid, element="CON-01", is_understood=True
        )
    with pytest.raises(InputError, match="is signed"):
        signing.sign_as_patient(by=cast.actor("cora"), uid=patient.uid, consent=consent.uid, signed=named)


def test_two_prescribers_who_countersign_at_once_make_one_consent(cast, patient, read_before):
    consent = signed(cast, patient)
    read_before(patient, consent.uid)
    given = [{"by": cast.actor("ada"), "person": proof(cast, "ada")} for _ in range(2)]
    signing.countersign(uid=patient.uid, consent=consent.uid, **given[0])
    with pytest.raises(InputError, match="countersigned already"):
        signing.countersign(uid=patient.uid, consent=consent.uid, **given[1])
