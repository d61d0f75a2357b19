"""The demo that is served shows every stage of a journey, its ends among them."""

from __future__ import annotations

import sqlite3

import pytest

from openkap.care.patients.models import Closing, Patient

# Made once, and looked at by the tests of its pages too.
pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.xdist_group("clinic-pages")]


def test_the_demo_has_somebody_at_every_stage_and_records_closed_for_every_reason(served):
    database = sqlite3.connect(f"{served.database.as_uri()}?mode=ro", uri=True)

    def found(column: str, table: str) -> set[str]:
        return {value for (value,) in database.execute(f"SELECT DISTINCT {column} FROM {table}")}

    # Two records become one only where somebody finds them.
    stages = found("status", Patient._meta.db_table) - {Patient.Status.MERGED}
    assert stages == {*Patient.Status.values} - {Patient.Status.MERGED}
    assert found("reason", Closing._meta.db_table) == {*Closing.Reason.values}
    database.close()
