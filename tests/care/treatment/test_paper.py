"""The session's record on paper says what the database holds: every sign of every reading."""

from __future__ import annotations

import re
from datetime import timedelta

import treated
from pdf_text import text_of

from openkap.care.treatment.models import Entry
from openkap.care.treatment.rows.stamps import Stamp

COLUMNS = ("heart_rate", "spo2", "respiratory_rate", "moaas")


def test_pressure_pulse_saturation_breaths_and_alertness_on_paper_are_the_database_s(
    cast, patient, watch, settings
):
    settings.LOCK_AFTER_MINUTES = 600
    session = treated.dosing(cast, treated.first_session(treated.planned(cast, patient)), watch)
    begun = watch.moment
    for step in range(5):
        watch.moment = begun + timedelta(minutes=10 * step)
        signs = (120 + step, 70 + step, 80 + step, 94 + step, 12 + step, 5 - step % 2)
        values = dict(zip(treated.VITALS, map(str, signs), strict=True))
        treated.enter(cast, session, "vitals", values, stamp=Stamp(client_id=f"r{step}"))
    where = f"/patients/{patient.uid}/sessions/{session.uid}/record.pdf"
    paper = text_of(cast.client("ben").get(where).content)
    readings = Entry.objects.filter(session=session, kind="vitals")
    assert readings.count() == 5
    for entry in readings:
        held = {value.element: f"{float(value.number):g}" for value in entry.values.all()}
        row = [f"{held['sbp']}/{held['dbp']}", *(held[name] for name in COLUMNS)]
        assert re.search(r"\s+".join(row) + r"\s", paper), row
