"""The demo's first page says of the chairs only what is so."""

from __future__ import annotations

import pytest
from django.urls import reverse
from treated import dosing, first_session, planned

from openkap.care.demo.queries import is_full_morning


@pytest.fixture(autouse=True)
def demo(settings):
    settings.DEMO = True


def test_an_empty_clinic_is_not_called_a_full_morning(cast, client):
    page = client.get(reverse("demo_start")).content.decode()
    assert "full morning" not in page
    assert "stands on the board" in page


def test_one_chair_is_no_full_morning(cast, patient, watch):
    dosing(cast, first_session(planned(cast, patient)), watch)
    assert not is_full_morning()
