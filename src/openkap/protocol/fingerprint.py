"""What a protocol's answer rests on, as one fingerprint: its files, what its rules ask, how much was seen.

The same facts and the same fingerprint always give the same answer. That needs more than the protocol's own
files: how long a value counts stands with the element, and how far a source was read stands with the source.
The wording of a question, the codes that find it in a record and the answer that there is nothing to count
are left out: they decide what becomes a fact, never what a fact comes to.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from openkap.core.content import Document
from openkap.core.source import Source
from openkap.protocol.condition import facts_of, parse_condition
from openkap.protocol.elements import Dictionary, Element
from openkap.protocol.facts import DERIVED_FROM
from openkap.protocol.model import Dosing
from openkap.protocol.rules import Rule

WORDING = frozenset({"label", "ask", "help", "test", "group", "codes", "none"})


def files_fingerprint(files: Iterable[Document], root: Path) -> str:
    """SHA-256 of every file the protocol is made of."""
    digest = hashlib.sha256()
    for document in files:
        digest.update(f"{document.path.relative_to(root).as_posix()} {document.fingerprint}\n".encode())
    return digest.hexdigest()


def fingerprint(
    files: Iterable[Document], root: Path, elements: Iterable[Element], sources: Iterable[Source]
) -> str:
    """SHA-256 of the files, of what decides in each element (in the order asked), and of each source."""
    digest = hashlib.sha256(files_fingerprint(files, root).encode())
    for element in elements:
        digest.update(_line(element.model_dump(mode="json", exclude=set(WORDING))))
    for source in sorted(sources, key=lambda each: each.id):
        digest.update(_line({"source": source.id, "kind": source.kind, "seen": source.seen.value}))
    return digest.hexdigest()


def _line(data: dict[str, Any]) -> bytes:
    return (json.dumps(data, sort_keys=True, ensure_ascii=False) + "\n").encode()


def elements_asked(rules: Iterable[Rule], dosing: Dosing, elements: Dictionary) -> list[Element]:
    """Every element an answer can depend on, in the dictionary's order: it is the order of the to-do list."""
    waiting = [name for rule in rules for name in facts_of(rule.condition)]
    for text in _conditions(dosing):
        waiting += facts_of(parse_condition(text, elements))
    asked: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name in asked:
            continue
        asked.add(name)
        waiting += DERIVED_FROM.get(name, ())
        if follows := elements[name].follows:
            waiting.append(follows)
    return [element for name, element in elements.elements.items() if name in asked]


def _conditions(dosing: Dosing) -> Iterator[str]:
    if dosing.weight.show_ideal_when is not None:
        yield dosing.weight.show_ideal_when
    for adjustment in dosing.adjustments:
        if adjustment.when is not None:
            yield adjustment.when
