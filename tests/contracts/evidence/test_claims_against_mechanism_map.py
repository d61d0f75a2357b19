"""What the claims say of mechanisms is what the mechanism map holds: two files, one story."""

from __future__ import annotations

import re

import pytest
import yaml

from openkap.core.content import SHIPPED
from openkap.evidence.claims import read_claims

NODES = {
    node["id"]: node
    for node in yaml.safe_load((SHIPPED / "mechanism" / "mechanism.yaml").read_text(encoding="utf-8"))[
        "nodes"
    ]
}
SOURCES = yaml.safe_load((SHIPPED / "sources" / "pharmacology.yaml").read_text(encoding="utf-8"))
PARTS = [
    pytest.param(claim, part, id=f"{claim.id}: {part.text}")
    for claim in read_claims()
    for part in claim.parts
    if part.rule == "mechanism"
]


def in_people(nodes, side):
    return [
        each
        for node in nodes
        for each in node[side]
        # "non-human primate, healthy, MDD and/or PTSD" counts: people were in it
        if re.search(r"(?<!non-)human|PTSD", each["species"])
    ]


def numbers(text):
    return set(re.findall(r"\d+(?:\.\d+)?", text or ""))


@pytest.mark.parametrize(("claim", "part"), PARTS)
def test_a_part_names_nodes_of_the_map_and_repeats_their_human_support(claim, part):
    assert part.nodes
    assert {NODES[each]["human_support"] for each in part.nodes} == {part.human_support}


@pytest.mark.parametrize(("claim", "part"), PARTS)
def test_human_evidence_is_told_on_each_side_where_the_map_has_some_and_nowhere_else(claim, part):
    nodes = [NODES[each] for each in part.nodes]
    assert bool(part.human_for) == bool(in_people(nodes, "evidence_for"))
    assert bool(part.human_against) == bool(in_people(nodes, "evidence_against"))


@pytest.mark.parametrize(("claim", "part"), PARTS)
def test_every_number_of_a_part_stands_in_its_nodes(claim, part):
    held = numbers(" ".join(str(NODES[each]) for each in part.nodes))
    words = " ".join(filter(None, (part.human_for, part.human_against, part.animal)))
    assert numbers(words.replace("mTORC1", "").replace("SV2A", "")) <= held


@pytest.mark.parametrize(("claim", "part"), PARTS)
def test_a_claim_reads_at_places_that_the_map_cites(claim, part):
    listed = SOURCES["sources"]
    cited = {
        key
        for part in claim.parts
        for node in part.nodes
        for side in ("evidence_for", "evidence_against")
        for each in NODES[node][side]
        for key in each["source"]
    }
    urls = " ".join(str(listed[key]) for key in cited)
    for context in claim.context:
        for url in context.sources:
            assert url.rstrip("/") in urls, url


def test_a_trial_in_depression_is_not_told_as_if_it_were_in_ptsd():
    """PMC7162891, abstract: twenty patients suffering a major depressive episode."""
    told = next(
        part.human_against for claim in read_claims() for part in claim.parts if part.nodes == ("mtorc1",)
    )
    assert "20 people with depression" in told
