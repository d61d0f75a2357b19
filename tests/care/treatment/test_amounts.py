"""A mistyped amount of the drug is corrected before a witness; the ledger shows both and adds up."""

from __future__ import annotations

from decimal import Decimal

import pytest
import treated
from django.db import DatabaseError, transaction
from pdf_text import text_of

from openkap.care.demo.cast import PASSWORD
from openkap.care.treatment.dose import actions as dose_actions
from openkap.care.treatment.dose.amount_actions import correct_amount
from openkap.care.treatment.drug.drawn import in_use_ug
from openkap.care.treatment.models import DoseEvent, LedgerEntry
from openkap.core.errors import InputError


@pytest.fixture
def session(cast, patient, watch):
    """40 mg drawn; 30 mg were given, and 35 mg were typed."""
    return treated.recovering(
        cast, treated.first_session(treated.planned(cast, patient)), watch, mg="40", given="35"
    )


def entry_of(session, kind):
    return LedgerEntry.objects.filter(session=session, kind=kind).latest("id")


def corrected(cast, session, kind="given", mg="30", **changes):
    fields = {"reason": "read the wrong line of the pump", "witness": treated.witness(cast)}
    correct_amount(
        by=cast.actor("ben"),
        patient=session.patient.uid,
        uid=session.uid,
        entry=entry_of(session, kind).uid,
        amount_mg=Decimal(mg),
        **(fields | changes),
    )


def form(cast, session, **changes):
    fields = {
        "entry": entry_of(session, "given").uid,
        "amount_mg": "30",
        "reason": "read the wrong line of the pump",
        "second": cast.staff("ada").uid,
        "password": PASSWORD,
        "client_id": "once",
    }
    where = f"/patients/{session.patient.uid}/sessions/{session.uid}/amounts/"
    return cast.client("ben").post(where, fields | changes)


def test_a_mistyped_amount_is_crossed_out_and_entered_again_and_the_balance_stays_right(cast, session):
    assert in_use_ug(session) == 5_000
    assert form(cast, session).status_code == 302
    rows = LedgerEntry.objects.filter(session=session).order_by("id")
    assert [(row.kind, row.amount_ug, row.balance_ug) for row in rows] == [
        ("drawn", 40_000, 960_000),
        ("given", 35_000, 960_000),
        ("reversed", 35_000, 960_000),
        ("given", 30_000, 960_000),
    ]
    assert rows[2].reverses == rows[1]
    assert {row.witness for row in rows[2:]} == {cast.staff("ada")}
    assert rows[2].signature.meaning == "I checked that the entry of 35 mg of lot LOT7 as given is wrong."
    assert in_use_ug(session) == 10_000


def test_the_dose_as_given_follows_the_corrected_amount_and_keeps_its_time(cast, session):
    before = DoseEvent.objects.get(session=session, kind="stop")
    corrected(cast, session)
    after = DoseEvent.objects.get(corrects=before)
    assert (after.given_ug, after.observed_at) == (30_000, before.observed_at)
    assert after.reason == "read the wrong line of the pump"


def test_what_is_expected_of_the_patient_follows_the_corrected_amount(cast, session):
    def told():
        where = f"/patients/{session.patient.uid}/sessions/{session.uid}/live/state/"
        cast.client("ben").get(f"/patients/{session.patient.uid}/sessions/{session.uid}/live/")
        state = cast.client("ben").get(where).json()["state"]
        return state["dose"]["given_mg"], max(state["expected"]["bands"]["sbp"]["middle"])

    given, highest = told()
    corrected(cast, session, mg="20")
    given_now, highest_now = told()
    assert (given, given_now) == (35.0, 20.0)
    assert highest_now < highest


def test_the_page_the_ledger_and_the_paper_show_both_entries_with_the_reason(cast, session):
    corrected(cast, session)
    ben = cast.client("ben")
    page = ben.get(f"/patients/{session.patient.uid}/sessions/{session.uid}/").content.decode()
    paper = text_of(ben.get(f"/patients/{session.patient.uid}/sessions/{session.uid}/record.pdf").content)
    for said in (page, ben.get("/drug/").content.decode(), paper):
        assert "read the wrong line of the pump" in said.replace("\n", " ")
        assert "instead of 35 mg" in said.replace("\n", " ")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"password": "wrong"}, "password"),
        ({"second": "nobody"}, "second person is missing"),
        ({"reason": " "}, "needs its reason"),
        ({"amount_mg": "41"}, "40 mg: what was drawn"),
        ({"amount_mg": "35"}, "says this amount already"),
        ({"entry": "another"}, "nothing to correct"),
    ],
)
def test_without_witness_reason_or_a_possible_amount_nothing_is_corrected(cast, session, change, said):
    answer = form(cast, session, **change)
    assert answer.status_code == 422
    assert said in answer.content.decode()
    assert not LedgerEntry.objects.filter(kind="reversed").exists()


def test_one_s_own_witness_nobody_is(cast, session):
    answer = form(cast, session, second=cast.staff("ben").uid)
    assert answer.status_code == 422
    assert not LedgerEntry.objects.filter(kind="reversed").exists()


def test_the_same_correction_sent_twice_is_one(cast, session):
    first = entry_of(session, "given").uid
    assert form(cast, session).status_code == 302
    assert form(cast, session, entry=first).status_code == 302
    assert LedgerEntry.objects.filter(kind="reversed").count() == 1


def test_a_corrected_amount_can_be_corrected_again_but_the_crossed_out_one_cannot(cast, session):
    first = entry_of(session, "given")
    corrected(cast, session)
    with pytest.raises(InputError, match="nothing to correct"):
        correct_amount(
            by=cast.actor("ben"),
            patient=session.patient.uid,
            uid=session.uid,
            entry=first.uid,
            amount_mg=Decimal(20),
            reason="again",
            witness=treated.witness(cast),
        )
    corrected(cast, session, mg="31")
    assert in_use_ug(session) == 9_000


def test_a_mistyped_waste_is_corrected_first_where_both_were_wrong(cast, session):
    where = {"by": cast.actor("ben"), "patient": session.patient.uid, "uid": session.uid}
    dose_actions.waste(**where, amount_mg=Decimal(5), witness=treated.witness(cast))
    with pytest.raises(InputError, match="not that much can have been given"):
        corrected(cast, session, mg="38")
    corrected(cast, session, kind="wasted", mg="2")
    corrected(cast, session, mg="38")
    assert in_use_ug(session) == 0


def test_waste_that_did_not_happen_is_crossed_out_without_another_entry(cast, session):
    where = {"by": cast.actor("ben"), "patient": session.patient.uid, "uid": session.uid}
    dose_actions.waste(**where, amount_mg=Decimal(5), witness=treated.witness(cast))
    corrected(cast, session, kind="wasted", mg="0")
    assert [row.kind for row in LedgerEntry.objects.order_by("id")][-2:] == ["wasted", "reversed"]
    assert in_use_ug(session) == 5_000


def test_the_database_refuses_a_crossing_out_that_names_nothing(cast, session):
    row = entry_of(session, "given")
    row.pk, row.uid, row.client_id, row.signature = None, "4" * 12, "z", None
    row.kind, row.sequence, row.note = "reversed", row.sequence + 1, "why"
    row.witness = cast.staff("ada")
    with pytest.raises(DatabaseError), transaction.atomic():
        row.save(force_insert=True)


def test_a_mistyped_rate_is_corrected_by_a_new_row(cast, session):
    from openkap.care.treatment.dose.delivery_actions import dose_event
    from openkap.care.treatment.rows.stamps import Stamp

    start = DoseEvent.objects.get(session=session, kind="start")
    stamp = Stamp(observed_at=start.observed_at, corrects=start.uid, reason="typed 5.3 for 3.5")
    row = dose_event(
        by=cast.actor("ben"),
        patient=session.patient.uid,
        uid=session.uid,
        kind="start",
        rate_ml_h=Decimal("3.5"),
        stamp=stamp,
    )
    assert (row.rate_ml_h, row.corrects) == (Decimal("3.5"), start)
