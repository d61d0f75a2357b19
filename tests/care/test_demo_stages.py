"""The demo shows every stage of a journey, its ends among them."""

from __future__ import annotations

from random import Random

import pytest

from openkap.care.demo.fill import SEED, fill
from openkap.care.patients.models import Closing, Patient


@pytest.mark.slow
@pytest.mark.django_db
def test_the_demo_has_somebody_at_every_stage_and_records_closed_for_every_reason():
    fill(Random(SEED), patients=60)
    stages = set(Patient.objects.values_list("status", flat=True))
    assert stages == {*Patient.Status.values} - {Patient.Status.MERGED}
    assert set(Closing.objects.values_list("reason", flat=True)) == {*Closing.Reason.values}
