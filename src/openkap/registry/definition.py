"""Measures, scales and strata as reviewed files: who counts, who succeeded, when, by which groups."""

from __future__ import annotations

from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from openkap.core.content import SHIPPED, Schema, Tally, content_files, read_document
from openkap.core.errors import DomainError
from openkap.core.source import Grade
from openkap.registry.schema import SourceLine, read_schema

Rule = Literal["response", "remission", "deterioration", "change", "observed"]
Competing = Literal["death", "other_treatment", "withdrawal"]


class Window(Schema):
    """When an outcome counts: from and to (included) after the first dose, and the moment aimed at."""

    id: str = Field(pattern=r"^[a-z][a-z0-9]*$")
    title: str
    unit: Literal["d", "h"]
    start: Annotated[int, Field(alias="from", ge=0)]
    end: Annotated[int, Field(alias="to", ge=0)]
    target: int

    @model_validator(mode="after")
    def _in_order(self) -> Window:
        if not self.start <= self.target <= self.end:
            raise ValueError("the target of a window lies between its start and its end")
        return self

    @property
    def first_day(self) -> int:
        """Day after the first dose on which the window opens."""
        return self.start if self.unit == "d" else self.start // 24

    @property
    def last_day(self) -> int:
        """Day after the first dose on which the window has surely closed."""
        return self.end if self.unit == "d" else -(-self.end // 24)


class Panel(Schema):
    """One score: a scale and one of its clusters, or its total."""

    scale: str
    cluster: str = "total"

    def __hash__(self) -> int:
        return hash((self.scale, self.cluster))


class Condition(Schema):
    """A condition on one column of one row."""

    column: str
    at_least: int | None = None
    equals: str | None = None

    @model_validator(mode="after")
    def _says_one_thing(self) -> Condition:
        if (self.at_least is None) == (self.equals is None):
            raise ValueError("a condition has either at_least or equals")
        return self


class Measure(Schema):
    """What every measure file says, whatever its kind."""

    id: str = Field(pattern=r"^[a-z][a-z0-9-]*$")
    version: str
    title: str
    owner: str
    review_by: date
    status: str
    grade: Grade
    sources: dict[str, SourceLine] = Field(min_length=1)
    words: str
    numerator: str
    denominator: str
    strata: tuple[str, ...] = ()
    fingerprint: str = ""

    def is_overdue(self, today: date) -> bool:
        """True when its review date has passed."""
        return today > self.review_by


class OutcomeMeasure(Measure):
    """A share of people, or a mean change, at times after the first dose."""

    kind: Literal["outcome"]
    rule: Rule
    panels: tuple[Panel, ...] = Field(min_length=1)
    times: tuple[Window, ...] = Field(min_length=1)


class SurvivalMeasure(Measure):
    """Time to an event, with what competes."""

    kind: Literal["survival"]
    start: Literal["first_response", "index"]
    event: Literal["loss", "retreatment"]
    competing: tuple[Competing, ...]
    horizon_days: int = Field(gt=0)
    scale: str = "pcl5"
    cluster: str = "total"

    @model_validator(mode="after")
    def _start_fits(self) -> SurvivalMeasure:
        if (self.event == "loss") != (self.start == "first_response"):
            raise ValueError("a loss starts at the first response, a re-treatment at the index")
        return self


class EventsMeasure(Measure):
    """How many sessions, and how many people, had something."""

    kind: Literal["events"]
    among: tuple[Literal["completed", "stopped", "cancelled"], ...] = Field(min_length=1)
    table: Literal["vital", "adverse_event", "session", "therapy", "override"]
    any_of: tuple[Condition, ...] = ()
    requires: tuple[str, ...] = ()
    after_h: tuple[int, int] | None = None

    @property
    def column(self) -> str:
        """The measure's id as the end of a column's name."""
        return self.id.replace("-", "_")

    @model_validator(mode="after")
    def _columns_exist(self) -> EventsMeasure:
        table = read_schema().table(self.table)
        names = {column.name for column in table.columns}
        asked = {test.column for test in self.any_of} | set(self.requires)
        if asked - names:
            raise ValueError(f"{self.table} has no column {', '.join(sorted(asked - names))}")
        if len({table.column(name).type for name in self.requires}) > 1:
            raise ValueError("the columns a measure requires have one type")
        if (self.table == "therapy") != (self.after_h is not None):
            raise ValueError("after_h belongs to therapy, and therapy needs it")
        if self.after_h and not 0 <= self.after_h[0] < self.after_h[1]:
            raise ValueError("after_h goes from an earlier to a later hour")
        return self


class TallyMeasure(Measure):
    """Counts of rows by what they say."""

    kind: Literal["tally"]
    table: Literal["override", "adverse_event"]
    by: tuple[str, ...] = Field(min_length=1)


class FlowMeasure(Measure):
    """How many people made each step from referral to follow-up."""

    kind: Literal["flow"]
    scale: str
    cluster: str
    followed: Window


AnyMeasure = OutcomeMeasure | SurvivalMeasure | EventsMeasure | TallyMeasure | FlowMeasure
KINDS: dict[str, type[AnyMeasure]] = {
    "outcome": OutcomeMeasure,
    "survival": SurvivalMeasure,
    "events": EventsMeasure,
    "tally": TallyMeasure,
    "flow": FlowMeasure,
}


class ScaleRule(Schema):
    """One rule of a scale: exactly one limit."""

    rule: Literal["response", "remission", "deterioration"]
    clusters: tuple[str, ...] = Field(min_length=1)
    grade: Grade
    source: tuple[str, ...] = Field(min_length=1)
    fall_points: int | None = None
    fall_percent: int | None = None
    rise_points: int | None = None
    rise_percent: int | None = None
    at_most: int | None = None

    @model_validator(mode="after")
    def _one_limit(self) -> ScaleRule:
        limits = (self.fall_points, self.fall_percent, self.rise_points, self.rise_percent, self.at_most)
        if sum(limit is not None for limit in limits) != 1:
            raise ValueError("a rule has exactly one limit")
        return self

    @property
    def words(self) -> str:
        """The rule as a phrase."""
        for field, phrase in (
            ("fall_points", "a fall of {} points or more"),
            ("fall_percent", "a fall of {} % or more"),
            ("rise_points", "a rise of {} points or more"),
            ("rise_percent", "a rise of {} % or more"),
            ("at_most", "a score of {} or below"),
        ):
            if getattr(self, field) is not None:
                return phrase.format(getattr(self, field))
        raise AssertionError("a rule has a limit")


class Scale(Schema):
    """A scale: its clusters with their ranges, and its rules."""

    id: str
    name: str
    source: tuple[str, ...]
    grade: Grade
    clusters: dict[str, tuple[int, int]]
    rules: tuple[ScaleRule, ...]

    def rule(self, rule: str, cluster: str) -> ScaleRule | None:
        """The rule for a cluster, or ``None`` where none is defined."""
        return next((each for each in self.rules if each.rule == rule and cluster in each.clusters), None)


class Baseline(Schema):
    """How far before the first dose a score may lie to count as baseline."""

    days: int = Field(gt=0)
    words: str
    grade: Grade
    source: tuple[str, ...]


class Scales(Schema):
    """The file of scales."""

    version: str
    owner: str
    review_by: date
    baseline: Baseline
    sources: dict[str, SourceLine]
    scales: tuple[Scale, ...]
    fingerprint: str = ""

    @model_validator(mode="after")
    def _sources_are_listed(self) -> Scales:
        for scale in self.scales:
            for name in (*scale.source, *(name for rule in scale.rules for name in rule.source)):
                if name not in self.sources:
                    raise ValueError(f"the source {name} is not listed")
        return self

    def scale(self, name: str) -> Scale:
        """The scale of that id; ``KeyError`` when there is none."""
        return {each.id: each for each in self.scales}[name]


class Stratum(Schema):
    """One way to group people: a column as it stands, or in bands (from included, up to the next)."""

    id: str
    words: str
    column: Literal["age", "sex", "veteran", "language", "distance_km", "coverage"]
    bands: tuple[float, ...] = ()


class Severity(Schema):
    """Baseline bands, as shares of the scale's range."""

    words: str
    bands: tuple[float, ...]


class Strata(Schema):
    """The file of strata."""

    version: str
    owner: str
    review_by: date
    grade: Grade
    source: str
    sources: dict[str, SourceLine]
    strata: tuple[Stratum, ...]
    severity: Severity
    fingerprint: str = ""


class Definitions(Schema):
    """Everything a run needs to know: measures, scales, strata, each with the fingerprint of its file."""

    measures: tuple[AnyMeasure, ...]
    scales: Scales
    strata: Strata

    def measure(self, name: str) -> AnyMeasure:
        """The measure of that id; ``KeyError`` when there is none."""
        return {each.id: each for each in self.measures}[name]

    def all_windows(self) -> tuple[Window, ...]:
        """Every window that any measure names, each once."""
        found: dict[Window, None] = {}
        for measure in self.measures:
            if isinstance(measure, OutcomeMeasure):
                found.update(dict.fromkeys(measure.times))
            if isinstance(measure, FlowMeasure):
                found[measure.followed] = None
        return tuple(found)

    def windows(self, panel: Panel) -> tuple[Window, ...]:
        """Every window in which any measure asks for a panel, each once, in the order of the files."""
        found: dict[Window, None] = {}
        for measure in self.measures:
            if isinstance(measure, OutcomeMeasure) and panel in measure.panels:
                found.update(dict.fromkeys(measure.times))
            if isinstance(measure, FlowMeasure) and (measure.scale, measure.cluster) == (
                panel.scale,
                panel.cluster,
            ):
                found[measure.followed] = None
        return tuple(found)


def read_measure(path: Path) -> AnyMeasure:
    """One measure file; ``ContentError`` names file, line and remedy."""
    document = read_document(path)
    kind = document.data.get("kind") if isinstance(document.data, dict) else None
    if kind not in KINDS:
        raise document.error(
            "unknown kind of measure", ("kind",), value=kind, limit=", ".join(KINDS), remedy="correct it"
        )
    measure = document.parse(KINDS[kind]).model_copy(update={"fingerprint": document.fingerprint})
    if measure.id != path.stem:
        raise document.error("the id is not the file's name", ("id",), value=measure.id, limit=path.stem)
    return measure


def _read_file(root: Path, name: str, schema: type[Scales] | type[Strata]) -> Scales | Strata:
    document = read_document(root / "registry" / name)
    return document.parse(schema).model_copy(update={"fingerprint": document.fingerprint})


@lru_cache(maxsize=4)
def read_definitions(root: Path = SHIPPED) -> Definitions:
    """All measures with the scales and strata they name; ``ContentError`` for the first that fails."""
    scales, strata = _read_file(root, "scales.yaml", Scales), _read_file(root, "strata.yaml", Strata)
    assert isinstance(scales, Scales)
    assert isinstance(strata, Strata)
    measures = []
    for path in content_files("measures", root=root):
        measure = read_measure(path)
        _check_names(measure, scales, strata, path)
        measures.append(measure)
    return Definitions.model_construct(measures=tuple(measures), scales=scales, strata=strata)


def _check_names(measure: AnyMeasure, scales: Scales, strata: Strata, path: Path) -> None:
    document = read_document(path)
    known = {each.id for each in strata.strata} | {"site"}
    for i, name in enumerate(measure.strata):
        if name not in known:
            raise document.error(
                "unknown stratum",
                ("strata", i),
                value=name,
                limit=", ".join(sorted(known)),
                remedy="correct it",
            )
    panels = measure.panels if isinstance(measure, OutcomeMeasure) else ()
    for i, panel in enumerate(panels):
        scale = next((each for each in scales.scales if each.id == panel.scale), None)
        if scale is None or panel.cluster not in scale.clusters:
            raise document.error(
                "unknown scale or cluster",
                ("panels", i),
                value=f"{panel.scale} {panel.cluster}",
                remedy="add it to scales.yaml first",
            )
        needs_rule = measure.rule in ("response", "remission", "deterioration")  # type: ignore[union-attr]
        if needs_rule and scale.rule(measure.rule, panel.cluster) is None:  # type: ignore[union-attr]
            raise document.error(
                f"{panel.scale} {panel.cluster} has no rule for this",
                ("panels", i),
                remedy="add a sourced rule to scales.yaml, or leave the panel out",
            )


def tally(root: Path) -> list[Tally]:
    """What the content check counts for this room: measures, rules of scales, tables."""
    measures, rules, tables = Tally("measures"), Tally("outcome rules"), Tally("registry tables")
    for path in content_files("measures", root=root):
        try:
            measures.add(read_measure(path).grade.value)
        except DomainError as error:
            measures.errors.append(error)
    try:
        for scale in read_definitions(root).scales.scales:
            for rule in scale.rules:
                rules.add(rule.grade.value)
        for _ in read_schema(root).tables:
            tables.add()
    except (DomainError, OSError) as error:
        rules.errors.append(error if isinstance(error, DomainError) else DomainError(str(error)))
    return [measures, rules, tables]
