"""Checks an exported audit file; needs Python alone: ``python verify.py FILE [--anchor 120:ab12...]``.

The file has one JSON object a line: a head that names the chain and the digest before the first event, the
events, and an end that names the last. Each event's digest is the SHA-256 of the digest before it, a line
feed, and the event's text; so a change anywhere breaks a link, and the break is where the change is.
Whoever can write the whole file can make a new chain from the change on: against that stand anchors, digests
noted elsewhere at the time (on paper, in a mail, in the anchors file of the server).
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

FORMAT = 1
EVENT_KEYS = {"sequence", "previous", "digest", "body"}


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong, and where."""

    line: int
    sequence: int | None
    kind: str
    words: str

    def __str__(self) -> str:
        place = f"line {self.line}" + (f", event {self.sequence}" if self.sequence is not None else "")
        return f"{place}: {self.kind}: {self.words}"


@dataclass
class Report:
    """What a check found: the chain, how many events it holds, its last digest, and what is wrong."""

    chain: str = ""
    events: int = 0
    last_sequence: int = 0
    last_digest: str = ""
    # The last event whose digest was noted elsewhere and agrees; 0 where none was given.
    anchored: int = 0
    findings: list[Finding] = field(default_factory=list)

    @property
    def is_whole(self) -> bool:
        """True when nothing was edited, deleted, moved, cut off or added."""
        return not self.findings

    def add(self, line: int, sequence: int | None, kind: str, words: str) -> None:
        """Note one finding."""
        self.findings.append(Finding(line, sequence, kind, words))


def verify_lines(lines: Iterable[str], anchors: dict[int, str] | None = None) -> Report:
    """Check the lines of an export; ``anchors`` are digests known from elsewhere, by sequence number."""
    report = Report()
    entries = list(_entries(lines, report))
    if not entries:
        report.add(1, None, "empty", "there is nothing in the file")
        return report
    head_line, head = entries.pop(0)
    expected, previous = 1, "0" * 64
    if set(head) == {"openkap_audit", "chain", "first", "previous"} and head["openkap_audit"] == FORMAT:
        report.chain = str(head["chain"])
        if _number(head["first"]) != expected or head["previous"] != previous:
            # An export always begins at the beginning.
            words = f"the file says that it begins with event {head['first']}: earlier ones are not in it"
            report.add(head_line, _number(head["first"]), "cut off", words)
            expected, previous = _number(head["first"]), str(head["previous"])
    else:
        report.add(head_line, None, "cut off", "the first line is not the head of an audit export")
        entries.insert(0, (head_line, head))
    report.last_sequence, report.last_digest = expected - 1, previous
    end = entries.pop() if entries and "end" in entries[-1][1] else None
    _check_chain(entries, expected, previous, report)
    _check_end(end, entries, report)
    _check_anchors(entries, anchors or {}, report)
    return report


def _entries(lines: Iterable[str], report: Report) -> Iterator[tuple[int, dict[str, Any]]]:
    """Each line as an object; a line that is none, or names a key twice, is a finding."""
    for number, line in enumerate(lines, start=1):
        try:
            entry = json.loads(line, object_pairs_hook=_without_repeats)
            if not isinstance(entry, dict):
                raise ValueError("not an object")
        except (ValueError, RecursionError) as failed:
            report.add(number, None, "edited", f"the line cannot be read ({failed})")
        else:
            yield number, entry


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    entry = dict(pairs)
    if len(entry) != len(pairs):
        raise ValueError("a key stands twice")
    return entry


def _check_chain(
    entries: list[tuple[int, dict[str, Any]]], expected: int, previous: str, report: Report
) -> None:
    present = {_number(entry.get("sequence")) for _, entry in entries}
    seen: set[int] = set()
    for line, entry in entries:
        if set(entry) != EVENT_KEYS:
            report.add(line, None, "added", "the line is not an event of this format")
            continue
        sequence = _number(entry["sequence"])
        if sequence in seen:
            report.add(line, sequence, "added", "this number stands twice")
        elif sequence != expected:
            _misplaced(line, sequence, expected, present, report)
        elif entry["previous"] != previous:
            report.add(
                line,
                sequence,
                "edited",
                "it does not follow from the event before it: one of the two was changed",
            )
        if _digest(str(entry["previous"]), str(entry["body"])) != entry["digest"]:
            report.add(line, sequence, "edited", "its text does not match its digest")
        elif not _body_agrees(str(entry["body"]), sequence, report.chain):
            report.add(line, sequence, "edited", "its text names another chain or number")
        seen.add(sequence)
        expected, previous = sequence + 1, str(entry["digest"])
        report.events += 1
        report.last_sequence, report.last_digest = sequence, previous


def _misplaced(line: int, sequence: int, expected: int, present: set[int], report: Report) -> None:
    if sequence > expected:
        missing = [
            number for number in range(expected, min(sequence, expected + 10_000)) if number not in present
        ]
        if missing:
            words = f"event {missing[0]} is"
            if len(missing) > 1:
                words = f"events {missing[0]} to {missing[-1]} are"
            report.add(line, sequence, "deleted", f"before it {words} missing")
        else:
            report.add(line, sequence, "moved", f"event {expected} should stand here")
    else:
        report.add(line, sequence, "moved", f"event {expected} should stand here")


def _check_end(
    end: tuple[int, dict[str, Any]] | None, entries: list[tuple[int, dict[str, Any]]], report: Report
) -> None:
    last_line = entries[-1][0] if entries else 1
    if end is None:
        report.add(
            last_line, report.last_sequence, "cut off", "the end line is missing: later events may be gone"
        )
        return
    line, entry = end
    if entry.get("end") != report.last_sequence or entry.get("digest", "") != report.last_digest:
        report.add(
            line, report.last_sequence, "cut off", f"the file says it ends with event {entry.get('end')}"
        )


def _check_anchors(
    entries: list[tuple[int, dict[str, Any]]], anchors: dict[int, str], report: Report
) -> None:
    by_sequence = {_number(entry.get("sequence")): (line, entry) for line, entry in entries}
    for sequence, digest in sorted(anchors.items()):
        if sequence in by_sequence:
            line, entry = by_sequence[sequence]
            if entry.get("digest") != digest:
                report.add(
                    line, sequence, "rewritten", "its digest is not the one noted elsewhere at the time"
                )
            else:
                report.anchored = sequence
        else:
            last_line = entries[-1][0] if entries else 1
            report.add(last_line, sequence, "cut off", "an event noted elsewhere is not in the file")


def _digest(previous: str, body: str) -> str:
    return hashlib.sha256(f"{previous}\n{body}".encode(errors="surrogatepass")).hexdigest()


def _body_agrees(body: str, sequence: int, chain: str) -> bool:
    try:
        content = json.loads(body)
        return bool(content["sequence"] == sequence and (not chain or content["chain"] == chain))
    except (ValueError, KeyError, TypeError, RecursionError):
        return False


def _number(value: object) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else -1


def read_anchor(text: str) -> tuple[int, str]:
    """``120:ab12...`` as sequence number and digest."""
    sequence, _, digest = text.partition(":")
    if not sequence.isdigit() or len(digest) != 64:
        raise ValueError(f"an anchor is written NUMBER:DIGEST with 64 hexadecimal digits, not {text!r}")
    return int(sequence), digest


def report_on(path: str, anchors: Iterable[str] = ()) -> Report:
    """Check a file; what is not UTF-8 in it counts as edited."""
    with open(path, encoding="utf-8", errors="surrogateescape", newline="\n") as file:
        return verify_lines(file, dict(read_anchor(anchor) for anchor in anchors))


def main(arguments: list[str] | None = None) -> int:
    """Run as a program: 0 whole, 1 not whole, 2 not readable."""
    parser = argparse.ArgumentParser(description="Check an exported audit file.")
    parser.add_argument("file")
    parser.add_argument("--anchor", action="append", default=[], metavar="NUMBER:DIGEST")
    given = parser.parse_args(arguments)
    try:
        report = report_on(given.file, given.anchor)
    except (OSError, ValueError) as failed:
        print(f"cannot check: {failed}", file=sys.stderr)  # noqa: T201 - runs without the rest of the project
        return 2
    print(summary(report))  # noqa: T201
    return 0 if report.is_whole else 1


def summary(report: Report) -> str:
    """The report for a person."""
    if report.is_whole:
        # Who can write the whole file can cut its end and write a new last line: no file shows that itself.
        sure = (
            f"up to event {report.anchored} also nothing written anew: its digest is the one noted elsewhere"
            if report.anchored
            else "not checked: whether its end was cut and written anew; compare the last line with one "
            "noted elsewhere, or give it with --anchor"
        )
        return (
            f"whole: {report.events} events of chain {report.chain}; "
            "nothing edited, deleted, moved, cut off or added\n"
            f"{sure}\n"
            f"last: {report.last_sequence}:{report.last_digest}"
        )
    count = len(report.findings)
    lines = [f"NOT whole: {count} finding{'s' if count > 1 else ''} in {report.events} events"]
    return "\n".join([*lines, *map(str, report.findings)])


if __name__ == "__main__":
    sys.exit(main())
