"""What shows invented people says so: on paper too, and when something breaks."""

from __future__ import annotations

from django.test import RequestFactory
from django.urls import reverse
from enrolled import consented
from pdf_text import text_of
from treated import first_session, planned

from openkap.care.views import server_error

SAID = "Synthetic: invented people, no real patient"


def papers_of(cast, patient):
    session = first_session(planned(cast, patient))
    consent = consented(cast, patient).consent
    where = [patient.uid, session.uid]
    for address in (
        reverse("consent_copy", args=[patient.uid, consent.uid]),
        reverse("session_pdf", args=where),
        reverse("monitoring_form", args=where),
    ):
        yield cast.client("ada").get(address).content


def test_every_paper_about_an_invented_patient_says_so(cast, patient):
    for pdf in papers_of(cast, patient):
        assert SAID in text_of(pdf)


def test_no_paper_about_a_real_patient_does(cast, patient):
    type(patient.clinic).objects.update(is_synthetic=False)
    for pdf in papers_of(cast, patient):
        assert SAID not in text_of(pdf)


def test_the_page_of_something_broken_says_it_too(cast):
    request = RequestFactory().get("/home/")
    request.actor = cast.actor("ada")
    assert SAID in server_error(request).content.decode()
