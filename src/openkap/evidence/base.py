"""The evidence base: every study file below a folder, companions folded into their study."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from openkap.core.content import SHIPPED, Document, content_files, read_document
from openkap.core.errors import InputError
from openkap.evidence.gate import hold_back
from openkap.evidence.scales import Scales, read_scales
from openkap.evidence.study import Sourced, Study


@dataclass(frozen=True)
class Base:
    """All records together, companions folded into their study.

    ``records`` are as read; ``studies`` are what analyses see.
    """

    records: tuple[Study, ...]
    fingerprints: dict[str, str]

    @cached_property
    def studies(self) -> tuple[Study, ...]:
        """Records that are studies of their own, each with the outcomes of its companions added."""
        by_parent: dict[str, list[Study]] = {}
        for record in self.records:
            if record.companion_of:
                by_parent.setdefault(record.companion_of, []).append(record)
        return tuple(
            _with_companions(record, by_parent.get(record.id, []))
            for record in self.records
            if not record.companion_of
        )

    def get(self, study_id: str) -> Study:
        """The study with this id; ``InputError`` lists none that exists."""
        for study in self.studies:
            if study.id == study_id:
                return study
        raise InputError("no such study in the base", value=study_id, remedy="see `openkap evidence check`")


def _with_companions(study: Study, companions: list[Study]) -> Study:
    """The study with its companions' outcomes, harms and places; place keys get the companion's id."""
    for companion in companions:
        renamed = {f"{companion.id}.{key}": place for key, place in companion.places.items()}

        def moved(block: Any, prefix: str = companion.id) -> Any:
            return block.model_copy(update={"sources": tuple(f"{prefix}.{key}" for key in block.sources)})

        known = {arm.id for arm in study.arms}
        study = study.model_copy(
            update={
                "outcomes": study.outcomes + tuple(moved(each) for each in companion.outcomes),
                "adverse_events": study.adverse_events
                + tuple(moved(each) for each in companion.adverse_events),
                "arms": study.arms + tuple(moved(arm) for arm in companion.arms if arm.id not in known),
                "places": {**study.places, **renamed},
                "risk_of_bias": study.risk_of_bias or companion.risk_of_bias,
                "retracted": study.retracted or companion.retracted,
            }
        )
        if study.record == "registration" and companion.outcomes:
            # Results have arrived for what was only registered: it is a study from now on.
            study = study.model_copy(
                update={
                    "record": "study",
                    "group": companion.group,
                    "sample": companion.sample,
                    "design": moved(companion.design) if companion.design.type else study.design,
                    "missing": (),
                }
            )
    return study


def read_study(path: Path) -> Study:
    """One study file; ``ContentError`` names file and line of what is wrong."""
    return _checked(read_document(path))


def _checked(document: Document) -> Study:
    study = document.parse(Study)
    if study.id != document.path.stem:
        raise document.error(
            "the id is not the file's name", ("id",), value=study.id, limit=document.path.stem
        )
    arms = {arm.id for arm in study.arms}
    blocks: list[tuple[tuple[str | int, ...], Sourced]] = [
        (("citation",), study.citation),
        (("design",), study.design),
        (("sample",), study.sample),
        (("population",), study.population),
        *([(("retracted",), study.retracted)] if study.retracted else []),
        *((("arms", at), arm) for at, arm in enumerate(study.arms)),
        *((("outcomes", at), outcome) for at, outcome in enumerate(study.outcomes)),
        *((("adverse_events", at), event) for at, event in enumerate(study.adverse_events)),
    ]
    for place, block in blocks:
        for key in block.sources:
            if key not in study.places:
                raise document.error(
                    "a source that the file does not list", place, value=key, remedy="add it under places"
                )
        if place[0] in ("arms", "outcomes", "adverse_events") and not block.sources:
            raise document.error("a value without a source", place, remedy="name where it was read")
    for at, outcome in enumerate(study.outcomes):
        used = {value.arm_id for value in outcome.values}
        if outcome.contrast:
            used |= {outcome.contrast.intervention, outcome.contrast.comparator}
        if arms and used - arms:
            raise document.error(
                "an outcome of an arm that does not exist",
                ("outcomes", at),
                value=", ".join(sorted(used - arms)),
                limit=", ".join(sorted(arms)),
            )
    return study


def read_base(*folders: Path, scales: Scales | None = None) -> Base:
    """Every study below the folders, the shipped ones when none is named, after the integrity gate.

    Raises ``ContentError`` for a study that stands twice or a companion without its study.
    """
    records: dict[str, Study] = {}
    prints: dict[str, str] = {}
    for folder in folders or (SHIPPED / "trials",):
        paths = list(content_files(root=folder))
        if not paths:
            raise InputError(
                "no study files in this folder",
                value=folder,
                remedy="name the folder that `openkap evidence import --into` wrote",
            )
        for path in paths:
            document = read_document(path)
            study = _checked(document)
            if study.id in records:
                raise document.error(
                    "this study stands twice", ("id",), value=study.id, remedy="give the newer one another id"
                )
            records[study.id] = study
            prints[study.id] = document.fingerprint
    for study in records.values():
        if study.companion_of and study.companion_of not in records:
            raise InputError(
                "a companion whose study is not in the base",
                value=study.companion_of,
                remedy="add the study, or remove companion_of",
                where=study.id,
            )
    ordered = tuple(records[key] for key in sorted(records))
    return Base(hold_back(ordered, scales or read_scales()), {key: prints[key] for key in sorted(prints)})
