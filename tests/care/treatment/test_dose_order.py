"""What was done with the drug, sent by two tablets in any order: nothing is lost, nothing impossible counts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openkap.care.treatment.dose.order import Done, fits, that_fit, why_not

BEGUN = datetime(2026, 11, 30, 10, 0, tzinfo=UTC)


def did(kind: str, minute: float, arrived: int = 0) -> Done:
    at = BEGUN + timedelta(minutes=minute)
    return Done(f"{kind}-{minute}-{arrived}", kind, at, (BEGUN, arrived))


# Written down by hand: what a syringe pump can and cannot have gone through.
POSSIBLE = [
    "start",
    "start stop",
    "start pause resume stop",
    "start rate pause rate resume rate stop",
    "start pause stop",
]
IMPOSSIBLE = [
    "pause",
    "start start",
    "start resume",
    "start pause pause",
    "start stop resume",
    "start stop stop",
]


@pytest.mark.parametrize("words", POSSIBLE)
def test_a_chain_a_pump_can_have_gone_through_fits_however_it_arrives(words):
    chain = [did(kind, minute) for minute, kind in enumerate(words.split())]
    assert all(fits(order) for order in permutations(chain))


@pytest.mark.parametrize("words", IMPOSSIBLE)
def test_what_no_pump_can_have_gone_through_does_not_fit(words):
    assert not fits([did(kind, minute) for minute, kind in enumerate(words.split())])


def test_why_it_does_not_fit_is_said_in_words():
    record = [did("start", 0), did("stop", 20)]
    assert why_not(record, did("pause", 25)) == "the dose was stopped by then"
    assert why_not(record, did("resume", 10)) == "the dose was not paused then"
    assert why_not(record, did("stop", 10)) == "the stop that comes after it could not follow"


def test_of_two_that_exclude_each_other_the_earlier_arrival_is_let_in():
    record = [did("start", 0), did("pause", 5)]
    one, other = did("resume", 8, arrived=2), did("resume", 7, arrived=9)
    assert that_fit(record, [one, other]) == {one.key}


@st.composite
def chains(draw) -> list[Done]:
    """A true story of one pump, with times that ascend."""
    kinds, pump = ["start"], "running"
    for _ in range(draw(st.integers(0, 7))):
        kinds.append(
            draw(st.sampled_from({"running": ["pause", "rate"], "paused": ["resume", "rate"]}[pump]))
        )
        pump = {"pause": "paused", "resume": "running"}.get(kinds[-1], pump)
    kinds += ["stop"] * draw(st.integers(0, 1))
    return [did(kind, minute) for minute, kind in enumerate(kinds)]


@given(chain=chains(), order=st.randoms(use_true_random=False))
def test_a_true_story_ends_without_doubt_in_whatever_order_it_arrives(chain, order):
    record, doubts = chain[:1], []
    rest = chain[1:]
    order.shuffle(rest)
    for act in rest:
        (record if fits([*record, act]) else doubts).append(act)
        found = that_fit(record, doubts)
        record += [each for each in doubts if each.key in found]
        doubts = [each for each in doubts if each.key not in found]
        assert fits(record)
    assert doubts == []
    assert {act.key for act in record} == {act.key for act in chain}
