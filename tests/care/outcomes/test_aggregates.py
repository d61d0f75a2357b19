"""The lead's numbers: they name nobody, and small ones are held back."""

from __future__ import annotations

import pytest
from django.urls import reverse

from openkap.care.outcomes.aggregates import counted


@pytest.mark.parametrize(
    ("number", "whole", "said"),
    [
        (0, None, "0"),
        (4, None, "fewer than 5"),
        (5, None, "5"),
        (0, 10, "0 of 10 (0 %)"),
        (4, 10, "fewer than 5"),
        (5, 10, "5 of 10 (50 %)"),
        (6, 10, "more than 5 of 10"),
        (10, 10, "10 of 10 (100 %)"),
    ],
)
def test_small_numbers_are_held_back_and_cannot_be_worked_out(number, whole, said):
    assert counted(number, whole) == said


def test_the_lead_sees_numbers_and_no_names(cast, register):
    for number in range(6):
        register(f"Zephyr{number}")
    page = cast.client("dov").get(reverse("home")).content.decode()
    assert "Patients by phase" in page
    assert "zephyr" not in page.lower()
    assert ">6<" in page


def test_nobody_else_gets_the_lead_page(cast):
    assert "Patients by phase" not in cast.client("ada").get(reverse("home")).content.decode()
