"""Two reports compared: which sentences, verdicts and numbers changed, said in sentences."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from openkap.core.errors import InputError


@dataclass(frozen=True)
class Change:
    """One change: where, of what kind, the sentence that says it, and both sides."""

    kind: str
    where: str
    sentence: str
    old: Any = None
    new: Any = None

    def as_dict(self) -> dict[str, Any]:
        """For ``--json``."""
        return asdict(self)


def read_report(path: Path) -> dict[str, Any]:
    """A report's data: ``report.json``, or the folder that holds it."""
    file = path / "report.json" if path.is_dir() else path
    try:
        data = json.loads(file.read_text(encoding="utf-8"))
    except OSError as failed:
        raise InputError(
            f"cannot read the report: {failed.strerror}",
            where=str(file),
            remedy="write one with `openkap evidence report`",
        ) from None
    except json.JSONDecodeError as failed:
        raise InputError(
            "the report is not JSON", where=f"{file}:{failed.lineno}", remedy="write it again"
        ) from None
    missing = {"claims", "answers", "studies"} - set(data if isinstance(data, dict) else ())
    if missing:
        raise InputError(
            "not a report of ours",
            value=", ".join(sorted(missing)),
            where=str(file),
            remedy="give the report.json that `openkap evidence report` wrote",
        )
    result: dict[str, Any] = data
    return result


def compare(old: dict[str, Any], new: dict[str, Any]) -> list[Change]:
    """Every change, in the order a reader needs: records, answers, verdicts, sentences, findings."""
    return [
        *_records(old, new),
        *_answers(old, new),
        *_claims(old, new),
        *_sentences(old, new),
        *_findings(old, new),
    ]


def _by(rows: list[dict[str, Any]], key: str = "id") -> dict[str, dict[str, Any]]:
    return {row[key]: row for row in rows}


def _records(old: dict[str, Any], new: dict[str, Any]) -> list[Change]:
    before, after = _by(old["studies"]), _by(new["studies"])
    changes = [
        Change(
            "record added",
            key,
            f"{after[key]['name']} was added ({after[key]['group'].replace('_', ' ')}, "
            f"{after[key]['people'] if after[key]['people'] is not None else 'an unknown number of'} "
            "people).",
        )
        for key in after
        if key not in before
    ]
    changes += [
        Change("record removed", key, f"{before[key]['name']} was removed.")
        for key in before
        if key not in after
    ]
    for key in sorted(set(before) & set(after)):
        fields = [name for name in after[key] if before[key].get(name) != after[key][name]]
        if fields:
            changes.append(
                Change(
                    "record changed",
                    key,
                    f"{after[key]['name']}: {', '.join(fields)} changed.",
                    {f: before[key].get(f) for f in fields},
                    {f: after[key][f] for f in fields},
                )
            )
    return changes


def _answers(old: dict[str, Any], new: dict[str, Any]) -> list[Change]:
    changes = []
    for key, after in new["answers"].items():
        before = old["answers"].get(key)
        if before is None:
            changes.append(
                Change("question added", key, f"New question: {after['question']}: {after['says']}.")
            )
            continue
        changes += _one_answer(key, before, after)
    changes += [
        Change("question removed", key, f"No longer asked: {before['question']}.")
        for key, before in old["answers"].items()
        if key not in new["answers"]
    ]
    return changes


def _one_answer(key: str, before: dict[str, Any], after: dict[str, Any]) -> list[Change]:
    question, changes = after["question"], []
    came = [
        e["study"]
        for e in after["effects"]
        if e["study_id"] not in {x["study_id"] for x in before["effects"]}
    ]
    left = [
        e["study"]
        for e in before["effects"]
        if e["study_id"] not in {x["study_id"] for x in after["effects"]}
    ]
    if came:
        changes.append(Change("study now in", key, f"{question}: {', '.join(came)} now gives a number."))
    if left:
        changes.append(
            Change("study no longer in", key, f"{question}: {', '.join(left)} no longer gives a number.")
        )
    if before["says"] != after["says"]:
        text = f"{question}: was {before['says']}; is {after['says']}."
        changes.append(Change("number", key, text, before["estimate"], after["estimate"]))
        side = _side(before["interval"], before["measure"]), _side(after["interval"], after["measure"])
        if side[0] != side[1]:
            changes.append(
                Change("conclusion", key, f"{question}: the interval {side[0]}; now it {side[1]}.")
            )
    heard = [
        x["study"] for x in before["silent"] if x["study_id"] not in {s["study_id"] for s in after["silent"]}
    ]
    if heard:
        changes.append(
            Change("no longer silent", key, f"{question}: {', '.join(heard)} no longer lacks a number.")
        )
    if before["certainty"] != after["certainty"]:
        changes.append(
            Change(
                "certainty", key, f"{question}: certainty was {before['certainty']}, is {after['certainty']}."
            )
        )
    domains = _by(before["domains"], "name")
    for domain in after["domains"]:
        old = domains.get(domain["name"])
        if old and (old["level"], old["judged_by"]) != (domain["level"], domain["judged_by"]):
            text = (
                f"{question}: {domain['name']} went from {old['level']} to {domain['level']}: "
                f"{domain['reason']}."
            )
            changes.append(Change("certainty domain", key, text, old["level"], domain["level"]))
    return changes


def _side(interval: list[float] | None, measure: str) -> str:
    if interval is None:
        return "did not exist"
    zero = 1.0 if measure == "RR" else 0.0
    if interval[0] <= zero <= interval[1]:
        return "includes no effect"
    return "lies above no effect" if interval[0] > zero else "lies below no effect"


def _claims(old: dict[str, Any], new: dict[str, Any]) -> list[Change]:
    before, changes = _by(old["claims"]), []
    for claim in new["claims"]:
        was = before.get(claim["id"])
        if was is None:
            changes.append(
                Change("claim added", claim["id"], f"New claim {claim['id']}: {claim['verdict']}.")
            )
        elif was["verdict"] != claim["verdict"]:
            text = f"{claim['id']} ({claim['claim']}): was {was['verdict']}, is {claim['verdict']}."
            changes.append(Change("verdict", claim["id"], text, was["verdict"], claim["verdict"]))
    kept = {claim["id"] for claim in new["claims"]}
    changes += [Change("claim removed", key, f"Claim {key} is gone.") for key in before if key not in kept]
    return changes


def _sentences(old: dict[str, Any], new: dict[str, Any]) -> list[Change]:
    changes = []
    before = _by(old["claims"])
    for claim in new["claims"]:
        was = before.get(claim["id"])
        if was and was["sentence"] != claim["sentence"]:
            changes.append(
                Change(
                    "sentence",
                    claim["id"],
                    f"{claim['id']} now reads: {claim['sentence']}",
                    was["sentence"],
                    claim["sentence"],
                )
            )
    told = [(place, old.get(place, []), new.get(place, [])) for place in ("headline", "methods")] + [
        ("robustness", *((data.get("robustness") or {}).get("sentences", []) for data in (old, new)))
    ]
    for place, lines, now in told:
        changes += [
            Change("sentence", place, f"New in {place}: {line}", None, line)
            for line in now
            if line not in lines
        ]
        changes += [
            Change("sentence", place, f"Gone from {place}: {line}", line, None)
            for line in lines
            if line not in now
        ]
    if bool(old.get("joined")) != bool(new.get("joined")):
        gained = new["joined"]["sentence"] if new.get("joined") else "the indirect comparison is gone."
        changes.append(Change("network", "joined", f"Beside other treatments: {gained}"))
    if old.get("connection") != new.get("connection"):
        changes.append(Change("network", "beside", f"Beside other treatments: {new['connection']}"))
    return changes


def _findings(old: dict[str, Any], new: dict[str, Any]) -> list[Change]:
    def keyed(data: dict[str, Any]) -> dict[tuple[str, str], str]:
        return {(each["check"], each["subject"]): each["sentence"] for each in data.get("findings", [])}

    before, after = keyed(old), keyed(new)
    changes = [
        Change("finding", subject, f"New finding, {check}, {subject}: {text}.")
        for (check, subject), text in after.items()
        if (check, subject) not in before
    ]
    changes += [
        Change("finding", subject, f"No longer found: {check}, {subject}.")
        for check, subject in before
        if (check, subject) not in after
    ]
    return changes
