"""An older database with rows in it comes to this version, on both engines, and nothing a person said is lost."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from keeping.conftest import make_installation, server

pytestmark = pytest.mark.xdist_group("older-database")

SCRIPT = str(Path(__file__).with_name("filled_migration.py"))


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """What stands in a database that was filled before withdrawals had their own table, after migrating."""
    made = make_installation(tmp_path_factory.mktemp("older"))
    for step in ("before", "now"):
        made.run(SCRIPT, step)
    told = json.loads(made.run(SCRIPT, "tell").stdout)
    told["on the way back"] = json.loads(made.run(SCRIPT, "back").stdout)
    made.run(SCRIPT, "now")
    told["forward again"] = json.loads(made.run(SCRIPT, "tell").stdout)
    yield told
    if made.database:
        server(f'DROP DATABASE "{made.database}" WITH (FORCE)')


def test_a_withdrawal_stands_word_for_word_in_its_new_table(told):
    said = "Ya no quiero más: «basta» — 'no'"
    at = "2026-11-23T11:00:00+00:00"
    assert told["withdrawals"] == [["withdrawn001", said, at, "withdrawn", "ada@example.org"]]
    assert told["older table"] is False


def test_a_withdrawal_that_was_moved_can_be_neither_changed_nor_deleted(told):
    assert (told["changed"], told["deleted"]) == (False, False)


def test_after_the_move_no_dose_goes_on_for_who_withdrew_or_never_signed(told):
    assert "no dose without valid consent" in told["goes on"]["1"]
    assert "no dose without valid consent" in told["goes on"]["3"]


def test_after_the_move_the_consent_that_stands_lets_a_dose_go_on(told):
    assert told["goes on"]["2"] == ""


def test_the_way_back_over_the_clinic_s_own_words_keeps_rows_and_can_be_gone_forward_again(told):
    assert told["on the way back"] == {"deleted": False}
    # Whose dose goes on is asked once: what was given for the answer stays in the database.
    for kept in ("withdrawals", "older table", "changed", "deleted"):
        assert told["forward again"][kept] == told[kept]
