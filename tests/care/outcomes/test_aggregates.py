"""The lead's numbers: they name nobody, and small ones are held back."""

from __future__ import annotations

import pytest
from django.urls import reverse

from openkap.care.outcomes.aggregates import counted


@pytest.mark.parametrize(
    ("number", "whole", "said"),
    [
        (0, None, "0"),
        (9, None, "fewer than 10"),
        (10, None, "10"),
        (0, 20, "0 of 20 (0 %)"),
        (9, 20, "fewer than 10"),
        (10, 20, "10 of 20 (50 %)"),
        (11, 20, "more than 10 of 20"),
        # Ten or more of eleven, not all, is ten: nothing of the kind is said of few in all.
        (10, 11, "some of 11"),
        (1, 11, "some of 11"),
        (10, 18, "some of 18"),
        (20, 20, "20 of 20 (100 %)"),
    ],
)
def test_small_numbers_are_held_back_and_cannot_be_worked_out(number, whole, said):
    assert counted(number, whole) == said


def test_the_lead_sees_numbers_and_no_names(cast, register):
    for number in range(12):
        register(f"Zephyr{number}")
    page = cast.client("dov").get(reverse("home")).content.decode()
    assert "Patients by phase" in page
    assert "zephyr" not in page.lower()
    assert ">12<" in page


def test_nobody_else_gets_the_lead_page(cast):
    assert "Patients by phase" not in cast.client("ada").get(reverse("home")).content.decode()


@pytest.mark.parametrize(
    ("numbers", "also"),
    [
        ({"referred": 12, "eligible": 30}, set()),
        ({"referred": 12, "eligible": 2, "closed": 71}, {"referred"}),
        ({"referred": 8, "eligible": 2, "closed": 71}, set()),
        # Of eleven in three groups none can be nine.
        ({"referred": 8, "eligible": 1, "screened": 1, "closed": 71}, {"closed"}),
        ({"referred": 1, "eligible": 1, "in_course": 12, "closed": 71}, {"in_course"}),
        ({"eligible": 2}, set()),
    ],
)
def test_a_held_back_phase_does_not_follow_from_the_total(numbers, also):
    from openkap.care.outcomes.aggregates import also_hidden

    assert also_hidden(numbers) == also


def test_the_lead_reads_held_back_where_a_number_would_give_a_small_one_away(cast, register):
    from openkap.care.patients.models import Patient

    people = [register(f"Example{number}") for number in range(13)]
    Patient.objects.filter(pk__in=[each.pk for each in people[:2]]).update(status="eligible")
    page = cast.client("dov").get(reverse("home")).content.decode()
    # Both look alike: that one is fewer than ten would, with the total, narrow down the other.
    assert page.count("held back") == 2
    assert "held back" in page
    assert ">11<" not in page
