"""The mechanism map: claims with evidence for and against, species, onset and duration; and its drawing."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Literal

from pydantic import Field

from openkap.core.content import SHIPPED, Schema, read_document
from openkap.pharmacology.figure import document, text, wrapped
from openkap.pharmacology.schema import Name, Sourced, Text


class Evidence(Sourced):
    """One finding in one species."""

    species: Text
    design: Text
    finding: Text


class Node(Schema):
    """One claim on how ketamine works."""

    id: Name
    claim: Text
    onset: str | None
    duration: str | None
    human_support: Literal["none", "weak", "moderate"]
    simulate: Text
    gaps: str | None
    evidence_for: tuple[Evidence, ...] = Field(min_length=1)
    evidence_against: tuple[Evidence, ...]


class Fact(Sourced):
    """An observation that several claims must respect."""

    fact: Text


class MechanismMap(Schema):
    """All claims. A claim without a source does not load, so no arrow is drawn without one."""

    nodes: tuple[Node, ...]
    cross_cutting: tuple[Fact, ...]
    not_seen: tuple[Text, ...]


@lru_cache(maxsize=4)
def mechanism_map(root: Path = SHIPPED) -> MechanismMap:
    """The map of the content below ``root``."""
    return read_document(root / "mechanism" / "mechanism.yaml").parse(MechanismMap)


def in_words(found: MechanismMap) -> str:
    """The whole map as text, with every finding and its source."""
    lines: list[str] = []
    for node in found.nodes:
        times = f"onset: {node.onset or 'not found'}; duration: {node.duration or 'not found'}"
        lines += [f"{node.id}: {node.claim}", f"  support in people: {node.human_support}; {times}"]
        for mark, rows in (("+", node.evidence_for), ("-", node.evidence_against)):
            lines += [
                f"  {mark} {row.species}, {row.design}: {row.finding} [{', '.join(row.source)}]"
                for row in rows
            ]
        lines += [f"  use in a simulation: {node.simulate}", f"  gaps: {node.gaps or 'none noted'}", ""]
    lines += ["Facts that every claim must respect:"]
    lines += [f"  {row.fact} [{', '.join(row.source)}]" for row in found.cross_cutting]
    lines += ["Asked for and not seen:", *(f"  {each}" for each in found.not_seen)]
    return "\n".join(lines)


def drawing(found: MechanismMap) -> str:
    """The map as SVG: a claim in the middle, arrows from the evidence for it (left) and against it (right).

    An arrow's thickness counts findings and its label names their sources; a dashed arrow holds none from
    people.
    """
    width, row, middle, box = 1080.0, 112.0, 540.0, 330.0
    height = 92 + row * len(found.nodes) + 40
    parts = [
        text(
            24, 28, "How ketamine may work: claims, and what speaks for and against", size=16, weight="bold"
        ),
        text(24, 58, "Evidence for (species; sources)", size=12, weight="bold"),
        text(width - 24, 58, "Evidence against (species; sources)", size=12, anchor="end", weight="bold"),
    ]
    for i, node in enumerate(found.nodes):
        top = 74 + row * i
        left, centre = middle - box / 2, top + row / 2 - 6
        edge = {"moderate": 3.0, "weak": 1.6, "none": 1.0}[node.human_support]
        parts.append(
            f"<rect x='{left}' y='{top}' width='{box}' height='{row - 16}' rx='5' fill='#fff' stroke='#000' "
            f"stroke-width='{edge}'/>"
        )
        parts.append(text(middle, top + 18, node.id.replace("_", " "), anchor="middle", weight="bold"))
        for j, line in enumerate(wrapped(node.claim, box - 20, 11)[:3]):
            parts.append(text(middle, top + 36 + 14 * j, line, size=11, anchor="middle"))
        support = f"support in people: {node.human_support}; onset: {node.onset or 'not found'}"
        for j, line in enumerate(wrapped(support, box - 14, 10)[:2]):
            parts.append(text(middle, top + 74 + 11 * j, line, size=10, anchor="middle"))
        parts += _arrow(node.evidence_for, 24, left - 4, centre, left_side=True)
        parts += _arrow(node.evidence_against, width - 24, left + box + 4, centre, left_side=False)
    note = (
        "Thick frame: moderate support in people; thin: weak or none. Arrow width: number of findings; "
        "dashed: none of them in people. Symptom response is not simulated from any of these."
    )
    parts.append(text(24, height - 18, note, size=11))
    return document(parts, "Mechanism map of ketamine", width, height)


def _arrow(rows: tuple[Evidence, ...], outer: float, inner: float, y: float, *, left_side: bool) -> list[str]:
    anchor = "start" if left_side else "end"
    if not rows:
        return [text(outer, y + 4, "none found in what was read", size=10, anchor=anchor)]
    human = any(row.species.startswith("human") or "PTSD" in row.species for row in rows)
    dash = "" if human else " stroke-dasharray='5 3'"
    towards = -9 if left_side else 9
    species = ", ".join(dict.fromkeys(row.species.split(" (")[0] for row in rows))
    names = ", ".join(dict.fromkeys(name for row in rows for name in row.source))
    words = [
        *wrapped(species, abs(inner - outer) - 40, 11)[:2],
        *wrapped(names, abs(inner - outer) - 40, 10)[:3],
    ]
    thick = f"stroke='#000' stroke-width='{0.8 + 0.7 * len(rows):.1f}'{dash}"
    parts = [
        f"<path d='M{outer} {y} H{inner + towards}' {thick} fill='none'/>",
        f"<path d='M{inner} {y} l{towards} -5 v10 z' fill='#000'/>",
    ]
    above = len(wrapped(species, abs(inner - outer) - 40, 11)[:2])
    for i, line in enumerate(words):
        if i < above:
            parts.append(text(outer, y - 7 - 13 * (above - 1 - i), line, size=11, anchor=anchor))
        else:
            parts.append(text(outer, y + 15 + 12 * (i - above), line, size=10, anchor=anchor))
    return parts
