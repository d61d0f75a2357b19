"""Reading protocols: a file, the rule sets and parts it names, their sources, and whether it is published.

Its fingerprint says exactly what an answer came from; see ``fingerprint``.
"""

from __future__ import annotations

from collections.abc import Container, Iterable
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from openkap.core.content import SHIPPED, Document, Schema, Tally, content_files, read_document
from openkap.core.errors import ContentError, DomainError, InputError
from openkap.core.source import Seen, Source
from openkap.protocol.condition import parse_condition
from openkap.protocol.elements import Dictionary, dictionary, read_dictionary
from openkap.protocol.fingerprint import elements_asked, files_fingerprint, fingerprint
from openkap.protocol.model import (
    Adjustment,
    Collect,
    ConsentElement,
    Course,
    CourseRule,
    Dosing,
    Indication,
    Measures,
    Position,
    Protocol,
    RuleChange,
    ScaleTimes,
    StaffRole,
    Statement,
    TherapyPlan,
    VitalsSchedule,
)
from openkap.protocol.published import check_published, retired_versions
from openkap.protocol.rules import ACTIONS_OF, Rule, Sourced, Stage, read_rule

STAGES = ("eligibility", "before-dose", "in-session", "discharge")
PARTS = ("guidelines", "baseline", "consent", "therapy", "course-rules", "safety", "measures")


class _SourceText(Schema):
    id: str
    title: str
    url: str
    kind: str
    seen: Seen
    note: str | None = None


class _ProtocolText(Schema):
    id: str
    version: str
    status: Literal["draft", "published"]
    title: str
    summary: str
    rules: dict[str, str]
    # rule sets of this protocol alone, beside those of the four stages
    more_rules: dict[str, str] = Field(default_factory=dict)
    parts: dict[str, str]
    changes: tuple[RuleChange, ...] = ()
    indication: Indication
    dosing: Dosing
    courses: tuple[Course, ...]
    vitals: VitalsSchedule
    scales: tuple[ScaleTimes, ...]


def read_sources(root: Path = SHIPPED, name: str = "protocol") -> dict[str, Source]:
    """The sources of one room by id."""
    document = read_document(root / "sources" / f"{name}.yaml")
    sources = {}
    for index, _ in enumerate(document.data["sources"]):
        text = document.parse(_SourceText, ("sources", index))
        if text.id in sources:
            raise document.error(
                "a source stands twice", ("sources", index), value=text.id, remedy="keep one"
            )
        sources[text.id] = Source(text.id, text.title, text.url, text.kind, text.seen, text.note)
    return sources


def read_protocol(path: Path, root: Path = SHIPPED) -> Protocol:
    """One protocol file, joined with all it names; ``ContentError`` at the line of anything refused."""
    return _read(path, root, read_dictionary(root), read_sources(root))


def _read(path: Path, root: Path, elements: Dictionary, sources: dict[str, Source]) -> Protocol:
    document = read_document(path)
    text = document.parse(_ProtocolText)
    if path.stem != f"{text.id}-{text.version}":
        raise document.error(
            "the file is named otherwise than the protocol",
            ("id",),
            value=path.stem,
            limit=f"{text.id}-{text.version}",
            remedy="rename the file or correct id and version",
        )
    files = [document]
    rules: list[Rule] = []
    named_rules = [("rules", text.rules, name) for name in STAGES]
    named_rules += [("more_rules", text.more_rules, name) for name in text.more_rules]
    for key, versions, name in named_rules:
        rule_file = _part(document, root / "rules", name, versions, key)
        files.append(rule_file)
        rules += _read_rules(rule_file, elements)
    _refuse_twins(document, rules)
    parts = {name: _part(document, root / "parts", name, text.parts, "parts") for name in PARTS}
    files += parts.values()
    named = [sources[name] for name in _named_sources(files, sources)]
    _check_adjustments(document, text.dosing.adjustments, text.dosing, elements)
    safety = parts["safety"]
    asked = elements_asked(rules, text.dosing, elements)
    retired = retired_versions(root).get((text.id, text.version), "")
    return Protocol(
        id=text.id,
        version=text.version,
        title=text.title,
        status="retired" if retired else text.status,
        retired=retired,
        summary=text.summary,
        fingerprint=fingerprint(files, root, asked, named),
        files=files_fingerprint(files, root),
        indication=text.indication,
        positions=_list(parts["guidelines"], "positions", Position),
        rules=_apply_changes(document, rules, text.changes),
        collect=_list(parts["baseline"], "collect", Collect),
        consent=_list(parts["consent"], "consent", ConsentElement),
        dosing=text.dosing,
        courses=text.courses,
        therapy=_read_therapy(parts["therapy"]),
        vitals=text.vitals,
        scales=text.scales,
        measures=_list(parts["measures"], "measures", Measures),
        course_rules=_list(parts["course-rules"], "course_rules", CourseRule),
        staffing=_list(safety, "staffing", StaffRole),
        equipment=_list(safety, "equipment", Statement),
        emergencies=_list(safety, "emergencies", Statement),
        contacts=_list(safety, "contacts", Statement),
        changes=text.changes,
        sources=sources,
        parts={**text.rules, **text.parts},
        more_rules=text.more_rules,
    )


def _part(document: Document, folder: Path, name: str, versions: dict[str, str], key: str) -> Document:
    if name not in versions:
        raise document.error(f"{key}: {name} is not named", (key,), remedy=f"add {name}: VERSION")
    path = folder / f"{name}-{versions[name]}.yaml"
    if not path.exists():
        raise document.error(
            f"there is no such version of {name}",
            (key, name),
            value=versions[name],
            limit=", ".join(each.stem for each in sorted(folder.glob(f"{name}-*.yaml"))) or "none",
            remedy="name a version that exists",
        )
    return _document(path)


def _document(path: Path) -> Document:
    """Rule sets and parts are shared by protocols: each is read once as long as the file stays the same."""
    stat = path.stat()
    return _cached_document(path, stat.st_mtime_ns, stat.st_size)


@lru_cache(maxsize=64)
def _cached_document(path: Path, _changed: int, _size: int) -> Document:
    return read_document(path)


def _read_rules(document: Document, elements: Dictionary) -> list[Rule]:
    stage = Stage(document.data["stage"])
    rules: dict[str, Rule] = {}
    for index, _ in enumerate(document.data["rules"]):
        rule = read_rule(document, ("rules", index), stage, elements)
        if rule.id in rules:
            raise document.error("a rule stands twice", ("rules", index), value=rule.id, remedy="keep one")
        rules[rule.id] = rule
    return list(rules.values())


def _refuse_twins(document: Document, rules: list[Rule]) -> None:
    names = [rule.id for rule in rules]
    if twins := sorted({name for name in names if names.count(name) > 1}):
        raise document.error(
            "two rule sets of this protocol have a rule of one id",
            ("more_rules",),
            value=", ".join(twins),
            remedy="rename one of the two",
        )


def _list(document: Document, key: str, schema: Any) -> tuple[Any, ...]:
    if key not in document.data:
        raise document.error(f"{key} is missing", remedy=f"add {key}")
    return tuple(document.parse(schema, (key, index)) for index, _ in enumerate(document.data[key]))


def _read_therapy(document: Document) -> TherapyPlan:
    keys = ("principle", "preparation", "integration", "trauma_focused", "timing", "rules")
    inner = Document(document.path, {key: document.data.get(key) for key in keys}, "", document.lines)
    return inner.parse(TherapyPlan)


def _named_sources(files: Iterable[Document], sources: dict[str, Source]) -> set[str]:
    """Every source named anywhere in the files; each must exist."""
    named: set[str] = set()
    for document in files:
        waiting: list[tuple[Any, tuple[str | int, ...]]] = [(document.data, ())]
        while waiting:
            node, place = waiting.pop()
            if isinstance(node, dict):
                for name in node.get("sources") or ():
                    if name not in sources:
                        raise document.error(
                            "no such source",
                            (*place, "sources"),
                            value=name,
                            remedy="add it to content/sources/protocol.yaml, with how much was seen",
                        )
                    named.add(name)
                waiting += [(value, (*place, key)) for key, value in node.items()]
            elif isinstance(node, list):
                waiting += [(value, (*place, index)) for index, value in enumerate(node)]
    return named


def _check_adjustments(
    document: Document, adjustments: tuple[Adjustment, ...], dosing: Dosing, elements: Dictionary
) -> None:
    for index, adjustment in enumerate(adjustments):
        place = ("dosing", "adjustments", index)
        try:
            if adjustment.when is not None:
                parse_condition(adjustment.when, elements)
            if adjustment.use_step is not None:
                dosing.step(adjustment.use_step)
        except InputError as refused:
            raise document.error(refused.what, place, value=refused.value, remedy=refused.remedy) from None


def _apply_changes(document: Document, rules: list[Rule], changes: Iterable[RuleChange]) -> tuple[Rule, ...]:
    by_id = {rule.id: rule for rule in rules}
    for index, change in enumerate(changes):
        rule = by_id.get(change.rule)
        if rule is None or (change.action and change.action not in ACTIONS_OF[rule.stage]):
            raise document.error(
                "a change names no rule, or an action its stage does not have",
                ("changes", index),
                value=change.rule,
                remedy="correct the rule id or the action",
            )
        by_id[rule.id] = replace(
            rule,
            action=change.action or rule.action,
            if_missing=change.if_missing,
            changed_by=change.reason,
        )
    return tuple(by_id.values())


# --- finding protocols --------------------------------------------------------------------------------


def read_protocols(root: Path = SHIPPED) -> list[Protocol]:
    """All protocols below ``root/protocols``, in name and version order."""
    elements, sources = read_dictionary(root), read_sources(root)
    return [_read(path, root, elements, sources) for path in content_files("protocols", root=root)]


@lru_cache(maxsize=1)
def shipped_protocols() -> tuple[Protocol, ...]:
    """``read_protocols`` of the shipped content, once a process."""
    return tuple(read_protocols())


@lru_cache(maxsize=32)
def load_protocol(name: str, root: Path = SHIPPED) -> Protocol:
    """The protocol ``id`` (its newest published version) or ``id@version``.

    A bare name never means a draft or a retired version. ``InputError`` lists what there is.
    """
    wanted, _, version = name.partition("@")
    retired = retired_versions(root)
    found = {path.stem: path for path in content_files("protocols", root=root)}
    matches = sorted(
        (_version_key(stem.rpartition("-")[2]), path)
        for stem, path in found.items()
        if stem.rpartition("-")[0] == wanted
        and (version == stem.rpartition("-")[2] or (not version and _is_published(path, retired)))
    )
    if not matches:
        raise InputError(
            "no such protocol",
            value=name,
            limit=", ".join(f"{stem.rpartition('-')[0]}@{stem.rpartition('-')[2]}" for stem in found),
            remedy="choose one of these",
        )
    return _read(matches[-1][1], root, dictionary(root), read_sources(root))


def published_ids(root: Path = SHIPPED) -> tuple[str, ...]:
    """Every protocol that has a version to assess under: published and not retired."""
    retired, paths = retired_versions(root), content_files("protocols", root=root)
    return tuple(
        dict.fromkeys(path.stem.rpartition("-")[0] for path in paths if _is_published(path, retired))
    )


def strays(protocols: Iterable[Protocol], root: Path = SHIPPED) -> list[DomainError]:
    """Files among the rules, parts and protocols that no protocol is made of: nobody has checked them."""
    used = {root / "protocols" / f"{each.id}-{each.version}.yaml" for each in protocols}
    for protocol in protocols:
        used |= {root / "rules" / f"{name}-{version}.yaml" for name, version in protocol.more_rules.items()}
        for name, version in protocol.parts.items():
            used.add(root / ("rules" if name in STAGES else "parts") / f"{name}-{version}.yaml")
    return [
        ContentError(
            "no protocol is made of this file, so nothing checks it",
            value=path.name,
            remedy="name it in a protocol, or remove it",
            where=str(path),
        )
        for folder in ("rules", "parts", "protocols")
        for path in sorted((root / folder).rglob("*"))
        if path.is_file() and path not in used and not path.name.startswith(".")
    ]


def _is_published(path: Path, retired: Container[tuple[str, str]]) -> bool:
    name, _, version = path.stem.rpartition("-")
    return _document(path).data.get("status") == "published" and (name, version) not in retired


def _version_key(version: str) -> tuple[int, ...]:
    return tuple(int(part) if part.isdigit() else 0 for part in version.split("."))


def tally(root: Path) -> list[Tally]:
    """Counts by grade and every refusal of elements, sources, rules and protocols, for ``openkap check``."""
    found = {
        kind: Tally(kind) for kind in ("elements", "protocol sources", "rules", "statements", "protocols")
    }
    protocols: list[Protocol] = []
    try:
        elements, sources = read_dictionary(root), read_sources(root)
    except DomainError as refused:
        found["elements"].errors.append(refused)
        return list(found.values())
    found["elements"].count = len(elements.elements)
    for source in sources.values():
        found["protocol sources"].add(source.seen.value)
    seen_errors = set()
    for path in content_files("protocols", root=root):
        try:
            protocols.append(_read(path, root, elements, sources))
            found["protocols"].add()
        except DomainError as refused:
            if str(refused) not in seen_errors:  # rule sets are shared
                seen_errors.add(str(refused))
                found["protocols"].errors.append(refused)
    for rule in {rule.id: rule for protocol in protocols for rule in protocol.rules}.values():
        found["rules"].add(rule.grade.value)
    for statement in _statements(protocols):
        found["statements"].add(statement.grade.value)
    if not found["protocols"].errors:
        found["protocols"].errors += strays(protocols, root)
        try:
            found["protocols"].errors += check_published(protocols, root)
        except DomainError as refused:
            found["protocols"].errors.append(refused)
    return list(found.values())


def _statements(protocols: Iterable[Protocol]) -> list[Sourced]:
    """Every sourced statement outside the rules, shared ones once."""
    found: dict[str, Sourced] = {}
    for protocol in protocols:
        dosing = protocol.dosing
        own = (protocol.indication, dosing.weight, dosing.range, dosing.cap, *dosing.steps, *dosing.products)
        shared = (
            *protocol.positions,
            *protocol.collect,
            *protocol.consent,
            *protocol.measures,
            *protocol.course_rules,
            *protocol.staffing,
            *protocol.equipment,
            *protocol.emergencies,
            *protocol.contacts,
            *protocol.therapy.trauma_focused,
            *protocol.therapy.timing,
            *protocol.therapy.rules,
        )
        for index, statement in enumerate((*own, *dosing.adjustments, *protocol.courses, protocol.vitals)):
            found[f"{protocol.id} {index}"] = statement
        for statement in shared:
            found[statement.model_dump_json()] = statement
    return list(found.values())
