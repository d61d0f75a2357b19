"""Whatever a file holds, a reader answers or refuses in words; nothing else ever leaves it."""

from __future__ import annotations

import contextlib
import copy
import json
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from openkap.core.errors import DomainError
from openkap.evidence.importers.clinicaltrials_gov import read_clinicaltrials_gov
from openkap.evidence.importers.metapsy import read_metapsy
from openkap.evidence.importers.own_csv import REQUIRED, read_own_csv
from openkap.evidence.importers.pubmed import read_nbib, read_pubmed_xml
from openkap.evidence.importers.revman import read_revman
from openkap.evidence.importers.ris import read_ris
from openkap.evidence.importers.timeframe import read_time
from openkap.evidence.scales import read_scales

SCALES = read_scales()
RECORD = json.loads((Path(__file__).parents[2] / "unit/evidence/files/three_arms.json").read_text())
JUNK = st.one_of(
    st.none(),
    st.integers(),
    st.floats(),
    st.text(max_size=8),
    st.lists(st.integers(), max_size=2),
    st.just({}),
)


def places(node, path=()):
    """Every place in a tree."""
    yield path
    items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, value in items:
        yield from places(value, (*path, key))


PLACES = [path for path in places(RECORD) if path]


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.lists(st.tuples(st.sampled_from(PLACES), JUNK), min_size=1, max_size=3))
def test_a_registry_record_with_any_part_replaced_is_read_or_refused(changes):
    record = copy.deepcopy(RECORD)
    for path, junk in changes:
        node = record
        with contextlib.suppress(KeyError, IndexError, TypeError):
            for step in path[:-1]:
                node = node[step]
            node[path[-1]] = junk
    with contextlib.suppress(DomainError):
        read_clinicaltrials_gov(json.dumps(record), SCALES)


LINES = st.lists(
    st.one_of(
        st.sampled_from(
            ["TY  - JOUR", "ER  - ", "TI  - a", "PMID- 1", "RIN - PMID: 2", "      more", "", "AU  - x"]
        ),
        st.text(max_size=20),
    ),
    max_size=8,
)


@settings(max_examples=50, deadline=None, derandomize=True)
@given(LINES)
def test_reference_text_is_read_or_refused(lines):
    text = "\n".join(lines)
    for read in (read_ris, read_nbib, read_pubmed_xml, read_metapsy, read_revman):
        with contextlib.suppress(DomainError):
            read(text)


CELL = st.one_of(
    st.sampled_from(["1", "2.5", "-1", "1,5", "PCL-5", "day_1", "intervention", "efficacy_rct", "A", ""]),
    st.text(max_size=6),
)


@settings(max_examples=50, deadline=None, derandomize=True)
@given(st.lists(st.lists(CELL, min_size=len(REQUIRED), max_size=len(REQUIRED)), min_size=1, max_size=3))
def test_our_own_table_is_read_or_refused(rows):
    text = "\n".join([",".join(REQUIRED), *(",".join(row) for row in rows)])
    with contextlib.suppress(DomainError):
        read_own_csv(text, SCALES)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.text(alphabet="0123456789 -,/.andtoweksyhurminfl", max_size=40))
def test_a_time_is_read_or_unclear(text):
    time = read_time(text)
    assert time.days is None or time.days >= 0
