"""What the pages of screening say while somebody asks, decides and reads afterwards."""

from __future__ import annotations

import re

import pytest
from enrolled import consented, decide, screen, share

from openkap.care.enrolment import actions
from openkap.care.enrolment.models import Assessment
from openkap.protocol.model import Position

BANNER = re.compile(r'<section class="banner[^>]*>.*?</section>', re.DOTALL)


@pytest.fixture
def asked(cast, patient):
    """A screening that has just been opened."""
    actions.open_screening(by=cast.actor("cora"), uid=patient.uid, protocol="iv-racemic")
    return patient


def answered(cast, patient, element, value):
    url = f"/patients/{patient.uid}/screening/answer/{element}/"
    given = {"value": value, "seen": ""}
    return cast.client("cora").post(url, given, headers={"HX-Request": "true"}).content.decode()


@pytest.mark.parametrize(
    ("element", "value", "told"),
    [("hypersensitivity_ketamine_or_esketamine", "yes", "YES"), ("body_weight", "64", "64 kg")],
)
def test_the_banner_says_at_once_what_was_just_answered(cast, asked, element, value, told):
    banner = BANNER.search(answered(cast, asked, element, value))
    assert banner
    assert 'hx-swap-oob="outerHTML:.banner"' in banner[0]
    assert told in banner[0]


def test_an_answer_that_the_banner_does_not_repeat_leaves_it_alone(cast, asked):
    assert not BANNER.search(answered(cast, asked, "height", "171"))


def test_a_number_of_days_is_said_in_words(cast, asked):
    said = answered(cast, asked, "psychotropic_dose_stable_days", "120")
    assert "✓ 120 days, saved" in said


def test_the_range_of_a_score_stands_beside_its_field(cast, asked):
    page = cast.client("cora").get(f"/patients/{asked.uid}/screening/section/trauma/").content.decode()
    field = re.search(r'<input id="a-pcl5_total"[^>]*>([^<]*)', page)
    assert field
    assert field[1].strip() == "0 to 80"


def test_a_guideline_that_was_read_is_not_called_not_seen(cast, asked):
    page = cast.client("cora").get(f"/patients/{asked.uid}/screening/").content.decode()

    def marked(body):
        return re.search(rf"<strong>{re.escape(body)}</strong>\s*<span[^>]*>([^<]*)", page)[1].strip()

    assert marked("FDA") == "with conditions"
    assert marked("NICE TA854 (December 2022)") == "not about PTSD"
    assert marked("WHO mhGAP 2023") == "? not seen"
    assert marked("ACCP") == "! speaks against"


def test_every_position_about_ptsd_has_its_own_words():
    from django.template.loader import render_to_string

    kinds = Position.model_fields["about_ptsd"].annotation.__args__
    notices = [{"body": kind, "position": "x", "about_ptsd": kind} for kind in kinds]
    page = render_to_string("enrolment/notice.html", {"notice": notices})
    assert len(set(re.findall(r'<span class="status[^>]*>([^<]*)', page))) == len(kinds)


def test_only_the_consent_is_missing_once_the_decision_was_shared(cast, patient):
    def page():
        return cast.client("cora").get(f"/patients/{patient.uid}/screening/").content.decode()

    screen(cast, patient)
    assert "Only the consent is missing" not in page()
    share(cast, patient)
    assert "Only the consent is missing" in page()


def test_the_verdict_stands_above_the_decision_that_follows_it(cast, patient):
    screen(cast, patient)
    share(cast, patient)
    consented(cast, patient)
    page = cast.client("ada").get(f"/patients/{patient.uid}/screening/decide/").content.decode()
    assert 0 < page.index("Verdict:") < page.index("Your decision")
    assert "no reason against it" in page


def test_an_assessment_is_dated_in_words_and_belongs_to_the_screening(cast, patient):
    screen(cast, patient)
    share(cast, patient)
    consented(cast, patient)
    decide(cast, patient)
    stored = Assessment.objects.get(decision__isnull=False)
    page = cast.client("ada").get(f"/patients/{patient.uid}/assessments/{stored.uid}/").content.decode()
    assert re.search(r'data-label="Of">23 Nov 2026<', page)
    assert re.search(r'aria-current="true">Screening<', page)
