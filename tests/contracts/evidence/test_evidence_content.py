"""Every number in the room's content has its places and a grade, and the files carried along stay whole."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import pytest

from openkap.core.content import SHIPPED
from openkap.evidence.base import read_base
from openkap.evidence.claims import read_claims
from openkap.evidence.importers.reference import REGISTRATION
from openkap.evidence.study import Outcome, Tier
from openkap.evidence.syntheses import read_syntheses
from openkap.evidence.tally import tally


@pytest.fixture(scope="module")
def records():
    return read_base().records


def has_number(outcome: Outcome) -> bool:
    return outcome.kind != "qualitative"


def test_the_content_check_finds_the_room_whole():
    tallies = {each.kind: each for each in tally(SHIPPED)}
    assert [error for each in tallies.values() for error in each.errors] == []
    assert tallies["claims"].count == 31
    assert tallies["comparator studies"].count == 108
    assert sum(tallies["trial outcomes"].grades.values()) == tallies["trial outcomes"].count == 106


def test_every_outcome_with_a_number_has_a_place_a_tier_and_where_it_stands(records):
    for record in records:
        for outcome in filter(has_number, record.outcomes):
            assert outcome.sources, outcome.id
            assert record.tier_of(outcome.sources) is not Tier.NONE, outcome.id
            assert outcome.where, outcome.id


def test_every_computed_value_names_its_formula(records):
    for record in records:
        for outcome in record.outcomes:
            assert all(each["formula"].strip() for each in outcome.computed)


def test_outcome_ids_are_unique_over_the_base(records):
    ids = [outcome.id for record in records for outcome in record.outcomes]
    assert len(ids) == len(set(ids))


def test_registration_numbers_are_written_as_registries_write_them(records):
    for record in records:
        for number in record.citation.registrations:
            assert REGISTRATION.fullmatch(number), number


def test_no_study_has_a_judgement_of_bias_that_nobody_made(records):
    for record in records:
        assert record.risk_of_bias is None or record.risk_of_bias.judged_by.strip()


def test_every_published_pool_has_a_place():
    for review in read_syntheses().reviews:
        assert all(set(estimate.sources) <= set(review.places) for estimate in review.estimates)


def test_no_two_published_pools_read_alike():
    for review in read_syntheses().reviews:
        about = [estimate.sentence().rsplit(":", 1)[0] for estimate in review.estimates]
        assert len(about) == len(set(about)), review.id


def test_what_a_claim_says_of_documents_and_mechanisms_names_its_sources():
    for claim in read_claims():
        for part in claim.parts:
            if part.rule in ("documents", "mechanism"):
                assert claim.context, claim.id
        for context in claim.context:
            assert context.grade
            assert all(re.match(r"https?://", url) for url in context.sources)


# SHA-256 of the files as they were carried in, unmodified; a change here breaks the licence note's promise.
CARRIED = {
    "metapsy-ptsd-psyctr/data.csv": "adb091325b1af991b99cdbc8ded7f0341b8038fb6706334f02dfdd8e26df0bec",
    "metapsy-ptsd-mdmactr/data.csv": "a3fdddf2b199e32b10292954ac92c3b74f9f432ec86473f999f38b5ed8aa5f6d",
}


@pytest.mark.parametrize("name", CARRIED)
def test_carried_data_are_unmodified_and_keep_licence_and_attribution(name):
    path: Path = SHIPPED / "comparators" / name
    assert hashlib.sha256(path.read_bytes()).hexdigest() == CARRIED[name]
    assert "Open Data Commons Attribution" in (path.parent / "license").read_text(encoding="utf-8")
    assert "doi" in (path.parent / "LICENCE-NOTE.md").read_text(encoding="utf-8").lower()
