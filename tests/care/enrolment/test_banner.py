"""The banner names the allergy to the drug: an answer that is not there is not a no."""

from __future__ import annotations

import pytest

from openkap.care.enrolment.banner import ALLERGY, banner_items
from openkap.care.enrolment.models import Answer
from openkap.care.moment import now

pytestmark = pytest.mark.django_db


def test_the_newest_answer_about_the_allergy_stands_in_the_banner(cast, patient):
    said = lambda: {each.label: each for each in banner_items(patient)}["Ketamine allergy"]  # noqa: E731
    assert (said().value, said().tone) == ("not asked yet", "unknown")
    for value, known, words, tone in (
        ("no", True, "none known", "plain"),
        ("yes", True, "YES", "alarm"),
        ("yes", False, "not asked yet", "unknown"),
    ):
        Answer.objects.create(
            patient=patient,
            element=ALLERGY,
            value=value,
            is_known=known,
            observed_at=now(),
            answered_at=now(),
            answered_by=cast.staff("cora"),
            origin="asked",
        )
        assert (said().value, said().tone) == (words, tone)
