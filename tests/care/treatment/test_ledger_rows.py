"""Every movement and every count of the drug is a row of its own; only the same again is not."""

from __future__ import annotations

from decimal import Decimal

import pytest
import treated

from openkap.care.treatment.drug import actions as drug_actions
from openkap.care.treatment.models import LedgerEntry
from openkap.core.errors import InputError


@pytest.fixture
def lot(cast):
    return treated.stocked(cast)


def moved(cast, lot, mg=100, **more):
    return drug_actions.move(
        by=cast.actor("ben"), lot=lot, kind="received", amount_ug=mg * 1000, client_id="once", **more
    )


def test_a_count_that_agrees_is_a_row_with_its_witness(cast, lot):
    row = drug_actions.count_stock(
        by=cast.actor("ben"), lot=lot.uid, counted_mg=Decimal(1000), note="", witness=treated.witness(cast)
    )
    assert (row.kind, row.amount_ug, row.change_ug, row.balance_ug) == ("counted", 0, 0, 1_000_000)
    assert row.witness == cast.staff("ada")
    assert row.signature.meaning == "I saw lot LOT7 counted: 1000 mg."
    assert row.note == "the count agrees with the ledger"
    assert "the count agrees with the ledger" in cast.client("ben").get("/drug/").content.decode()


def test_the_same_movement_sent_again_is_one_row(cast, lot):
    assert moved(cast, lot) == moved(cast, lot)
    assert LedgerEntry.objects.filter(client_id="once").count() == 1


def test_another_amount_under_an_id_that_was_used_is_refused(cast, lot):
    moved(cast, lot)
    with pytest.raises(InputError, match="has the id of another one") as refused:
        moved(cast, lot, mg=35)
    assert refused.value.value == "35 mg"
    assert refused.value.limit.startswith("100 mg, entered")


def test_the_same_amount_for_another_session_under_that_id_is_refused(cast, lot, patient):
    moved(cast, lot)
    session = treated.first_session(treated.planned(cast, patient))
    with pytest.raises(InputError, match="has the id of another one"):
        moved(cast, lot, session=session)
