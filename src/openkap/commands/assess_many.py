"""Many referrals: each read, assessed, told in a line and forgotten, on as many processors as there are.

Ten thousand cost no more memory than one, and lines come in the order of the files however they are shared.
"""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import click

from openkap.commands.printed import as_json as json_text
from openkap.commands.printed import plain
from openkap.core.errors import DomainError
from openkap.interop.fhir.concepts import CodeIndex
from openkap.interop.referral import Referral, read_referral
from openkap.protocol.assess import Assessment, assess
from openkap.protocol.elements import Dictionary
from openkap.protocol.model import Protocol

# Fewer files are done before another process has started.
WORTH_SHARING = 400
FILES_AT_A_TIME = 32


@dataclass(frozen=True)
class Answer:
    """What became of one file: an assessment with the referral it was made from, or why it was refused."""

    path: Path
    referral: Referral | None = None
    assessment: Assessment | None = None
    refused: DomainError | None = None

    def as_data(self) -> dict[str, Any]:
        """As plain data, for JSON."""
        if self.assessment is None or self.referral is None:
            return {"file": str(self.path), "error": self.refused.as_dict() if self.refused else {}}
        return {
            "file": str(self.path),
            **self.assessment.as_dict(),
            "to_read": self.referral.to_read,
            **({"intake": self.referral.intake.as_dict()} if self.referral.intake else {}),
        }


@dataclass(frozen=True)
class Desk:
    """All that an assessment needs beside the file."""

    protocol: Protocol
    as_of: datetime
    elements: Dictionary
    index: CodeIndex

    def answer(self, path: Path) -> Answer:
        """Read and assess one file; a refusal is an answer too."""
        try:
            referral = read_referral(path, as_of=self.as_of, elements=self.elements, index=self.index)
            return Answer(path, referral, assess(referral.facts, self.protocol, self.elements))
        except DomainError as refused:
            return Answer(path, refused=refused)


class Told(NamedTuple):
    """One file as it is printed."""

    verdict: str
    text: str


NOT_READ = "not read"
Tell = Callable[[Answer], Told]


def print_array(found: list[Path], desk: Desk) -> bool:
    """One element a line, written as it is made; true when a file could not be read."""
    failed, separator = False, "["
    for told in _told(found, desk, _as_element):
        failed |= told.verdict == NOT_READ
        click.echo(separator + "\n" + told.text, nl=False)
        separator = ","
    click.echo("\n]" if separator == "," else "[]")
    return failed


def print_table(found: list[Path], desk: Desk) -> bool:
    """A line a file, written as it is made; true when a file could not be read."""
    protocol, counts = desk.protocol, dict[str, int]()
    click.echo(f"Protocol {protocol.id} {protocol.version} ({protocol.fingerprint[:12]})")
    click.echo(_row("file", "verdict", "reasons", "to ask", "to read", "first reason or error"))
    for told in _told(found, desk, _as_row):
        counts[told.verdict] = counts.get(told.verdict, 0) + 1
        click.echo(told.text)
    total = ", ".join(f"{number} {verdict}" for verdict, number in sorted(counts.items()))
    click.echo(f"{sum(counts.values())} files: {total}")
    return NOT_READ in counts


def _told(found: list[Path], desk: Desk, tell: Tell) -> Iterator[Told]:
    """Every file in its order; other processes take a share where they can inherit what was read already."""
    processors = os.cpu_count() or 1
    if len(found) < WORTH_SHARING or processors < 2 or "fork" not in multiprocessing.get_all_start_methods():
        yield from (tell(desk.answer(path)) for path in found)
        return
    with multiprocessing.get_context("fork").Pool(processors, _sit_down, (desk, tell)) as pool:
        yield from pool.imap(_tell, found, FILES_AT_A_TIME)


# Where a process of the pool sits; set once when it starts.
_SEAT: list[tuple[Desk, Tell]] = []


def _sit_down(desk: Desk, tell: Tell) -> None:
    _SEAT[:] = [(desk, tell)]


def _tell(path: Path) -> Told:
    desk, tell = _SEAT[0]
    return tell(desk.answer(path))


def _as_element(answer: Answer) -> Told:
    verdict = answer.assessment.verdict.value if answer.assessment else NOT_READ
    return Told(verdict, json_text(answer.as_data()))


def _as_row(answer: Answer) -> Told:
    assessment, referral = answer.assessment, answer.referral
    if assessment is None or referral is None:
        verdict, row = NOT_READ, ("", "", "", str(answer.refused))
    else:
        verdict = assessment.verdict.value
        reasons, missing = str(len(assessment.reasons)), str(len(assessment.missing))
        row = (reasons, missing, str(referral.to_read), _first(assessment, referral))
    return Told(verdict, _row(_short(answer.path.name), verdict, *row))


def _row(file: str, verdict: str, reasons: str, to_ask: str, to_read: str, first: str) -> str:
    return plain(f"{file:34} {verdict:24} {reasons:>7} {to_ask:>6} {to_read:>7}  {first}")


def _short(name: str) -> str:
    return name if len(name) <= 34 else f"{name[:20]}…{name[-13:]}"


def _first(assessment: Assessment, referral: Referral) -> str:
    if assessment.reasons:
        reason = assessment.reasons[0]
        return f"{reason.rule.id} {reason.rule.title}"
    if assessment.missing:
        return f"ask first: {assessment.missing[0].label}"
    if referral.intake and referral.intake.not_understood:
        return f"read first: {referral.intake.not_understood[0]}"
    return ""
