"""What holds for every record: no traceback, no order, no effect of what is not asked about."""

from __future__ import annotations

import copy
import json
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fhir_records import ANEURYSM, AS_OF, Json, about, codeable, condition, read, reading
from hostile import ATOMS, as_file, damaged, spoiled
from openkap.core.errors import DomainError
from openkap.core.quantity import Quantity
from openkap.interop.fhir.findings import Intake
from openkap.interop.referral import read_referral
from openkap.interop.synthetic import NOT_READ, Case, referrals
from openkap.protocol.assess import assess
from openkap.protocol.elements import dictionary
from openkap.protocol.read import load_protocol

CASES = [case for case in referrals(AS_OF) if case.verdict != NOT_READ]
RECORDS = [json.loads(case.content) for case in CASES if b'"Bundle"' in case.content]
FACTS = next(json.loads(case.content) for case in CASES if case.name == "eligible-facts.json")
PROTOCOL = load_protocol("iv-racemic")
CHANCE = st.randoms(use_true_random=False, note_method_calls=False)


def told(found: Intake) -> tuple[Any, ...]:
    facts = {name: (fact.shown(), fact.at, fact.origin) for name, fact in found.facts.known.items()}
    return facts, found.set_aside, found.not_understood, found.unlisted, found.ignored


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(RECORDS), CHANCE)
def test_a_damaged_record_is_read_or_refused_in_words(record: Json, chance: Random) -> None:
    try:
        found = read(damaged(record, chance))
    except DomainError as refused:
        said = str(refused)
        assert said
    else:
        assess(found.facts, PROTOCOL)


@settings(max_examples=150, deadline=None)
@given(chance=CHANCE)
def test_a_damaged_facts_file_is_read_or_refused_at_its_place(
    chance: Random, tmp_path_factory: pytest.TempPathFactory
) -> None:
    content = as_file(damaged(FACTS, chance))
    path = tmp_path_factory.getbasetemp() / "facts.json"
    path.write_bytes(spoiled(content, chance) if chance.random() < 0.5 else content)
    try:
        assess(read_referral(path, as_of=AS_OF).facts, PROTOCOL)
    except DomainError as refused:
        said = str(refused)
        assert str(path) in said


@settings(max_examples=60, deadline=None)
@given(case=st.sampled_from(CASES), chance=CHANCE)
def test_spoiled_bytes_are_read_or_refused_at_their_place(
    case: Case, chance: Random, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.getbasetemp() / case.name
    path.write_bytes(spoiled(case.content, chance))
    try:
        assess(read_referral(path, as_of=AS_OF).facts, PROTOCOL)
    except DomainError as refused:
        said = str(refused)
        assert str(path) in said


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(RECORDS), CHANCE)
def test_the_order_of_entries_means_nothing(record: Json, chance: Random) -> None:
    shuffled = copy.deepcopy(record)
    chance.shuffle(shuffled["entry"])
    assert told(read(shuffled)) == told(read(record))


@settings(max_examples=30, deadline=None)
@given(
    st.sampled_from(RECORDS), st.sampled_from(["Device", "ImagingStudy", "x-Unknown"]), st.sampled_from(ATOMS)
)
def test_resources_that_screening_does_not_use_change_only_their_count(
    record: Json, kind: str, content: Any
) -> None:
    more = copy.deepcopy(record)
    more["entry"].append({"resource": {"resourceType": kind, "content": content}})
    before, after = read(record), read(more)
    assert told(after)[:4] == told(before)[:4]
    assert after.ignored == {**before.ignored, kind: 1}


@settings(max_examples=20, deadline=None)
@given(st.sampled_from(RECORDS))
def test_a_record_sent_twice_over_says_the_same(record: Json) -> None:
    doubled = {**record, "entry": [*record["entry"], *copy.deepcopy(record["entry"])]}
    found = read(doubled)
    assert {name: fact.value for name, fact in found.facts.known.items()} == {
        name: fact.value for name, fact in read(record).facts.known.items()
    }


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(RECORDS), CHANCE)
def test_less_record_never_says_more(record: Json, chance: Random) -> None:
    """Without some of its entries a record may leave more open; it never answers no where it said yes."""
    less = {**record, "entry": [each for each in record["entry"] if chance.random() < 0.7]}
    full = read(record).facts.known
    answered = {
        each["linkId"]
        for entry in record["entry"]
        for each in entry["resource"].get("item", ())
        if entry["resource"]["resourceType"] == "QuestionnaireResponse"
    }
    for name, fact in read(less).facts.known.items():
        assert name in full
        if fact.value is False:
            assert name in answered


DATES_AND_STATUSES = [
    *("onsetDateTime", "recordedDate", "authoredOn", "effectiveDateTime", "meta", "note"),
    *("clinicalStatus", "verificationStatus", "subject", "patient", "id"),
]
WELL = next(json.loads(each.content) for each in CASES if each.name == "eligible-search-result.json")
PERSON = next(each["resource"]["subject"] for each in WELL["entry"] if "subject" in each["resource"])
TAKEN = {"status": "active", "intent": "order"}
HOLDS_BACK = [
    condition(ANEURYSM, onsetDateTime="2019-05-01"),
    condition("F20.9", system="icd10cm", recordedDate="2019-05-01"),
    condition("72892002", onsetDateTime="2026-10-01"),
    about("AllergyIntolerance", code=codeable("6130", "rxnorm")),
    about("MedicationRequest", medicationCodeableConcept=codeable("10438", "rxnorm"), **TAKEN),
    about("MedicationStatement", medicationCodeableConcept=codeable("8123", "rxnorm"), **TAKEN),
    reading("8480-6", 185, "mm[Hg]", day="2026-11-23"),
]


@settings(max_examples=250, deadline=None)
@given(st.sampled_from(HOLDS_BACK), st.sampled_from(DATES_AND_STATUSES), st.sampled_from(ATOMS))
def test_a_date_or_status_that_cannot_be_read_makes_nobody_eligible(
    entry: Json, field: str, spoilt: Any
) -> None:
    """An eligible person with one more entry that holds them back, spoilt in what is not its code."""
    mine = {key: PERSON if key in ("subject", "patient") else each for key, each in entry.items()}
    mine[field] = copy.deepcopy(spoilt)
    try:
        found = read({**WELL, "entry": [*WELL["entry"], {"resource": mine}]})
    except DomainError:
        return
    assert assess(found.facts, PROTOCOL).verdict != "eligible"


@settings(max_examples=100, deadline=None)
@given(st.decimals(min_value=0, max_value=700, allow_nan=False, allow_infinity=False, places=3))
def test_a_number_is_read_as_written_or_not_at_all(number: Any) -> None:
    element = dictionary()["body_weight"]
    try:
        weight = element.parse(f"{number} kg")
    except DomainError:
        assert not 1 <= number <= 650
    else:
        assert isinstance(weight, Quantity)
        assert weight.value == number
