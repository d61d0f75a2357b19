"""The whole report: every measure of a release, with its definition in words, its n and its missing."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from openkap.core.errors import InputError
from openkap.evidence.base import Base
from openkap.registry.ahead import asked_ahead
from openkap.registry.benchmark import Benchmark, Plan, benchmark
from openkap.registry.dataset import Dataset
from openkap.registry.definition import (
    AnyMeasure,
    Definitions,
    EventsMeasure,
    FlowMeasure,
    OutcomeMeasure,
    Panel,
    SurvivalMeasure,
    TallyMeasure,
    Window,
)
from openkap.registry.missing import (
    AnswerModel,
    CellTable,
    Estimate,
    estimate_change,
    estimate_rate,
    model_answers,
    wilson,
)
from openkap.registry.query import (
    COUNTED,
    COUNTED_PEOPLE,
    FLOW_STEPS,
    PEOPLE_DIMENSIONS,
    PERIOD_DIMENSIONS,
    SITE_DIMENSIONS,
    THERAPIST_DIMENSIONS,
    Cells,
    Columns,
    Engine,
    Events,
    Flow,
    Moments,
    Query,
    Rows,
    Spells,
    TallyOf,
    level_codes,
    rows_of,
    severity_cuts,
)
from openkap.registry.repeated import Trajectory, fit_trajectory
from openkap.registry.runchart import RunChart, run_chart
from openkap.registry.sites import SiteResult, compare_sites
from openkap.registry.survival import (
    Curves,
    aalen_johansen,
    count_by_day,
    distinct_pairs,
    kaplan_meier,
    turnbull,
)

NotOfScores = EventsMeasure | SurvivalMeasure | FlowMeasure | TallyMeasure
PRIMARY = Panel(scale="pcl5", cluster="total")
# The times at which sites are compared and results are followed by quarter.
COMPARED_AT, CHARTED_AT = "w12", "w4"
# Beyond this many different intervals the days are rounded up to weeks before Turnbull's iterations.
MOST_INTERVALS = 1500
MARKS_DAYS = (30, 90, 180, 365, 730)


@dataclass(frozen=True)
class OutcomeRow:
    """One outcome of one score at one time, for all or for one group."""

    measure: str
    title: str
    scale: str
    cluster: str
    window: str
    time: str
    stratum: str
    group: str
    rule: str
    estimate: Estimate

    def as_dict(self) -> dict[str, Any]:
        """For ``--json`` and CSV."""
        return {**{k: v for k, v in vars(self).items() if k != "estimate"}, **self.estimate.as_dict()}


@dataclass(frozen=True)
class RateRow:
    """Sessions and people with something, by group, with denominators and what was not seen."""

    measure: str
    title: str
    stratum: str
    group: str
    units: int
    seen: int
    hit: int
    events: int
    people: int
    people_seen: int
    people_hit: int

    @property
    def per_session(self) -> tuple[float, float, float] | None:
        """Share of sessions seen with a hit, with its Wilson interval."""
        return (self.hit / self.seen, *wilson(self.hit, self.seen)) if self.seen else None

    @property
    def per_person(self) -> tuple[float, float, float] | None:
        """Share of people seen with at least one, with its Wilson interval."""
        return (
            (self.people_hit / self.people_seen, *wilson(self.people_hit, self.people_seen))
            if self.people_seen
            else None
        )

    @property
    def bounds(self) -> tuple[float, float] | None:
        """Least and greatest share of all sessions, whatever happened in those not seen."""
        missing = self.units - self.seen
        return (self.hit / self.units, (self.hit + missing) / self.units) if self.units else None

    def as_dict(self) -> dict[str, Any]:
        """For ``--json`` and CSV."""
        return {
            **asdict(self),
            "completeness": self.seen / self.units if self.units else None,
            "per_session": self.per_session,
            "per_person": self.per_person,
            "bounds": self.bounds,
        }


@dataclass(frozen=True)
class Durability:
    """Times to an event: what each cause takes, by the Aalen-Johansen method; for losses the honest range."""

    measure: str
    title: str
    people: int
    censored: int
    causes: tuple[str, ...]
    incidence: tuple[Curves, ...]
    range_times: tuple[float, ...]
    range_low: tuple[float, ...]
    range_high: tuple[float, ...]
    by_site: Curves
    sites: tuple[int, ...]

    def marks(self) -> list[dict[str, Any]]:
        """Cumulative incidence of each cause at the marks, with limits and people at risk."""
        return [
            {
                "day": day,
                "cause": cause,
                "share": float(curve.value[0, day]),
                "low": float(curve.low[0, day]),
                "high": float(curve.high[0, day]),
                "at_risk": float(curve.at_risk[0, day]),
            }
            for cause, curve in zip(self.causes, self.incidence, strict=True)
            for day in MARKS_DAYS
            if day < curve.value.shape[1]
        ]

    def as_dict(self) -> dict[str, Any]:
        """For ``--json``: marks and the range, not every day of every site."""
        return {
            "measure": self.measure,
            "title": self.title,
            "people": self.people,
            "censored": self.censored,
            "marks": self.marks(),
            "event_free_between": [
                {"day": day, "low": low, "high": high}
                for day, low, high in zip(self.range_times, self.range_low, self.range_high, strict=True)
            ],
            "sites": len(self.sites),
        }


@dataclass(frozen=True)
class Report:
    """Everything of one release, with what it was made from."""

    data_fingerprint: str
    definitions_fingerprint: str
    as_of: str
    extracted_at: str
    engine: str
    outcomes: tuple[OutcomeRow, ...]
    rates: tuple[RateRow, ...]
    durability: tuple[Durability, ...]
    flow: tuple[dict[str, Any], ...]
    tallies: dict[str, Rows]
    trajectory: Trajectory | None
    sites: tuple[SiteResult, ...]
    therapists: tuple[SiteResult, ...]
    over_time: RunChart | None
    benchmarks: tuple[Benchmark, ...]
    words: dict[str, dict[str, str]]

    def as_dict(self) -> dict[str, Any]:
        """For ``--json``."""
        trajectory = self.trajectory
        return {
            "data_fingerprint": self.data_fingerprint,
            "definitions_fingerprint": self.definitions_fingerprint,
            "as_of": self.as_of,
            "extracted_at": self.extracted_at,
            "engine": self.engine,
            "outcomes": [row.as_dict() for row in self.outcomes],
            "rates": [row.as_dict() for row in self.rates],
            "durability": [each.as_dict() for each in self.durability],
            "flow": list(self.flow),
            "tallies": self.tallies,
            "trajectory": None
            if trajectory is None
            else {
                "mean": trajectory.mean.tolist(),
                "people": trajectory.people,
                "changes": [trajectory.change(i) for i in range(1, len(trajectory.mean))],
            },
            "sites": [{**asdict(each), "signal": each.signal} for each in self.sites],
            "therapists": [{**asdict(each), "signal": each.signal} for each in self.therapists],
            "over_time": None
            if self.over_time is None
            else {**asdict(self.over_time), "signals": self.over_time.signals},
            "benchmarks": [each.as_dict() for each in self.benchmarks],
            "words": self.words,
        }


def definitions_fingerprint(definitions: Definitions) -> str:
    """One SHA-256 over every measure, the scales and the strata."""
    marks = [f"{each.id} {each.fingerprint}" for each in definitions.measures]
    marks += [definitions.scales.fingerprint, definitions.strata.fingerprint]
    return hashlib.sha256("\n".join(marks).encode()).hexdigest()


def make_report(
    engine: Engine,
    dataset: Dataset,
    definitions: Definitions,
    *,
    base: Base | None = None,
    plan: Plan | None = None,
    progress: Callable[[str], None] = lambda step: None,
) -> Report:
    """Ask every measure and put the answers together.

    Parameters
    ----------
    base, plan : the trials and the benchmark's plan; without them the benchmark is left out.
    progress : called with the title of each step before it starts.
    """
    with asked_ahead(engine, report_queries(definitions)) as ahead:
        asker = Asker(ahead, definitions)
        outcomes: list[OutcomeRow] = []
        rates: list[RateRow] = []
        durability: list[Durability] = []
        flow: list[dict[str, Any]] = []
        tallies: dict[str, Rows] = {}
        for outcome in _of_scores(definitions):
            progress(outcome.title)
            outcomes += asker.outcomes(outcome)
        progress("Trajectory, sites, time")
        trajectory = asker.trajectory()
        sites, therapists = asker.units(SITE_DIMENSIONS), asker.units(THERAPIST_DIMENSIONS)
        over_time = asker.over_time()
        benchmarks = tuple(asker.benchmarks(trajectory, base, plan, dataset)) if base and plan else ()
        for measure in _of_the_rest(definitions):
            progress(measure.title)
            match measure:
                case EventsMeasure():
                    rates += asker.rates(measure)
                case SurvivalMeasure():
                    durability += [each for each in [asker.durability(measure)] if each]
                case FlowMeasure():
                    flow += asker.flow(measure)
                case TallyMeasure():
                    tallies[measure.id] = ahead.run(TallyOf(measure))
        return Report(
            data_fingerprint=dataset.fingerprint,
            definitions_fingerprint=definitions_fingerprint(definitions),
            as_of=dataset.as_of.isoformat(),
            extracted_at=dataset.extracted_at.isoformat(),
            engine=engine.name,
            outcomes=tuple(outcomes),
            rates=tuple(rates),
            durability=tuple(durability),
            flow=tuple(flow),
            tallies=tallies,
            trajectory=trajectory,
            sites=tuple(sites),
            therapists=tuple(therapists),
            over_time=over_time,
            benchmarks=benchmarks,
            words={each.id: words_of(each) for each in definitions.measures},
        )


def _of_scores(definitions: Definitions) -> list[OutcomeMeasure]:
    """Asked first: they leave most to reckon while the engine goes on."""
    return [each for each in definitions.measures if isinstance(each, OutcomeMeasure)]


def _of_the_rest(definitions: Definitions) -> list[NotOfScores]:
    """The sessions last: theirs is the longest question, and the least is left to reckon after it."""
    rest = [each for each in definitions.measures if not isinstance(each, OutcomeMeasure)]
    return sorted(rest, key=lambda each: isinstance(each, EventsMeasure))


def report_queries(definitions: Definitions) -> list[Query]:
    """Every question of the report, in the order in which the answers are needed."""
    panels = dict.fromkeys(panel for measure in _of_scores(definitions) for panel in measure.panels)
    queries: dict[Any, Query] = {panel: cells_query(definitions, panel) for panel in panels}
    queries[Moments] = Moments(PRIMARY, daily_windows(definitions))
    for dimensions, window in (
        (SITE_DIMENSIONS, COMPARED_AT),
        (THERAPIST_DIMENSIONS, COMPARED_AT),
        (PERIOD_DIMENSIONS, CHARTED_AT),
    ):
        queries[dimensions] = cells_query(definitions, PRIMARY, dimensions, window)
    for measure in _of_the_rest(definitions):
        match measure:
            case EventsMeasure():
                queries[Events] = events_query(definitions)
            case SurvivalMeasure():
                queries[measure.id] = Spells(measure)
            case FlowMeasure():
                queries[measure.id] = Flow(measure)
            case TallyMeasure():
                queries[measure.id] = TallyOf(measure)
    return list(queries.values())


def cells_query(
    definitions: Definitions,
    panel: Panel,
    dimensions: Sequence[str] = PEOPLE_DIMENSIONS,
    window: str | None = None,
) -> Cells:
    """The cells of a panel at one time, or at every time any measure asks for."""
    windows = definitions.windows(panel)
    if window:
        windows = tuple(each for each in windows if each.id == window)
    return Cells(panel, windows, tuple(dimensions))


def events_query(definitions: Definitions) -> Events:
    """All measures of sessions at once."""
    return Events(tuple(each for each in definitions.measures if isinstance(each, EventsMeasure)))


def daily_windows(definitions: Definitions, panel: Panel = PRIMARY) -> tuple[Window, ...]:
    """The windows of a panel that are counted in days."""
    return tuple(each for each in definitions.windows(panel) if each.unit == "d")


def words_of(measure: AnyMeasure) -> dict[str, str]:
    """What a page must print beside a measure."""
    return {
        "title": measure.title,
        "words": measure.words,
        "time_zero": measure.time_zero,
        "numerator": measure.numerator,
        "denominator": measure.denominator,
        "owner": measure.owner,
        "review_by": measure.review_by.isoformat(),
        "status": measure.status,
        "grade": measure.grade.value,
    }


class Asker:
    """Turns measures into queries and answers into estimates; each answer is asked for once."""

    def __init__(self, engine: Engine, definitions: Definitions) -> None:
        self.engine, self.definitions = engine, definitions
        self._tables: dict[Any, CellTable] = {}
        self._models: dict[Any, AnswerModel] = {}
        self._changes: dict[Any, Estimate] = {}
        self._events: Columns | None = None

    def table(
        self, panel: Panel, dimensions: Sequence[str] = PEOPLE_DIMENSIONS, window: str | None = None
    ) -> CellTable:
        """The cells of a panel at one time, or at every time any measure asks for."""
        key = (panel, tuple(dimensions), window)
        if key not in self._tables:
            scale = self.definitions.scales.scale(panel.scale)
            self._tables[key] = CellTable(
                self.engine.columns(cells_query(self.definitions, panel, dimensions, window)),
                tuple(dimensions),
                scale.clusters[panel.cluster],
                severity_cuts(self.definitions, panel),
            )
        return self._tables[key]

    def model(self, panel: Panel, window: str) -> AnswerModel:
        """Who answers this panel at this time."""
        key = (panel, window)
        if key not in self._models:
            self._models[key] = model_answers(self.table(panel), window)
        return self._models[key]

    def estimate(
        self, panel: Panel, window: str, rule: str, stratum: str = "all", group: str = "all"
    ) -> Estimate:
        """One number with its company, for all or for one group."""
        table, model = self.table(panel), self.model(panel, window)
        within = None if stratum == "all" else table.within(stratum, group)
        key = (panel, window, stratum, group)
        if key not in self._changes:
            self._changes[key] = estimate_change(table, window, model, within)
        if rule in ("change", "observed"):
            return self._changes[key]
        return estimate_rate(table, window, rule, model, within, change=self._changes[key])

    def outcomes(self, measure: OutcomeMeasure, *, strata: bool | None = None) -> list[OutcomeRow]:
        """Every panel and time; groups for the primary score, or for all when ``strata`` is true."""
        rows = []
        for panel in measure.panels:
            table = self.table(panel)
            groups = [("all", "all")]
            if strata or (strata is None and panel == PRIMARY and measure.rule != "observed"):
                groups += [
                    (stratum, level) for stratum in measure.strata for level in table.levels(stratum)[0]
                ]
            for window in measure.times:
                rows += [
                    OutcomeRow(
                        measure.id,
                        measure.title,
                        panel.scale,
                        panel.cluster,
                        window.id,
                        window.title,
                        stratum,
                        group,
                        measure.rule,
                        self.estimate(panel, window.id, measure.rule, stratum, group),
                    )
                    for stratum, group in groups
                ]
        return rows

    def rates(self, measure: EventsMeasure) -> list[RateRow]:
        """Sessions and people, for all and by each stratum; all measures of sessions are asked at once."""
        if self._events is None:
            self._events = self.engine.columns(events_query(self.definitions))
        names = (*COUNTED, *COUNTED_PEOPLE)
        groups = {name: self._events.get(name, ()) for name in measure.strata}
        counts = {name: self._events.get(f"{name}_{measure.column}", ()) for name in names}
        return [
            RateRow(measure.id, measure.title, stratum, group, **sums)
            for stratum, group, sums in _by_group({**groups, **counts}, names, measure.strata)
        ]

    def flow(self, measure: FlowMeasure) -> list[dict[str, Any]]:
        """People at each step, for all and by each stratum."""
        columns = self.engine.columns(Flow(measure))
        return [
            {"stratum": stratum, "group": group, **sums}
            for stratum, group, sums in _by_group(columns, FLOW_STEPS, measure.strata)
        ]

    def durability(self, measure: SurvivalMeasure) -> Durability | None:
        """Incidence of each cause, the range the visits leave open, and a curve for each site."""
        columns = self.engine.columns(Spells(measure))
        if not columns or not len(columns["cause"]):
            return None
        sites, group = np.unique(columns["site_id"], return_inverse=True)
        cause = columns["cause"]
        lower, upper, people = (np.asarray(columns[name], float) for name in ("lower", "upper", "people"))
        day = np.where(np.isnan(upper), lower, upper).astype(np.int64)
        causes = (measure.event, *measure.competing)
        h = measure.horizon_days
        everybody = np.zeros(len(day), np.int64)
        counted = [count_by_day(everybody, day, cause == each, people, 1, h) for each in causes]
        curves = aalen_johansen(np.stack([events for events, _ in counted]), counted[0][1])
        events, at_risk = count_by_day(group, day, cause == measure.event, people, len(sites), h)
        times, low, high = _range(measure, cause, lower, upper, people)
        return Durability(
            measure.id,
            measure.title,
            int(people.sum()),
            int(people[cause == "censored"].sum()),
            causes,
            tuple(curves),
            times,
            low,
            high,
            kaplan_meier(events, at_risk),
            tuple(int(site) for site in sites),
        )

    def trajectory(self, panel: Panel = PRIMARY) -> Trajectory | None:
        """The repeated-measures model over all times in days; ``None`` with too few scores."""
        windows = daily_windows(self.definitions, panel)
        rows = rows_of(self.engine.columns(Moments(panel, windows)))
        try:
            return fit_trajectory(rows, len(windows) + 1, tolerance=1e-9)
        except InputError:
            return None

    def units(
        self, dimensions: tuple[str, ...], window: str = COMPARED_AT, rule: str = "response"
    ) -> list[SiteResult]:
        """Sites or therapists beside their expectation."""
        return compare_sites(self.table(PRIMARY, dimensions, window), window, rule, unit=dimensions[0])

    def over_time(self, window: str = CHARTED_AT, rule: str = "response") -> RunChart | None:
        """Share of those seen by quarter of the first dose, from the quarters with an outcome."""
        rows = self.table(PRIMARY, PERIOD_DIMENSIONS, window)
        if not len(rows):
            return None
        seen, hits = rows.get("seen", window), rows.get(rule, window)
        periods = [
            (int(p), h / s) for p, s, h in zip(rows.columns["period"], seen, hits, strict=True) if s > 0
        ]
        periods.sort()
        if not periods:
            return None
        labels = [f"{period // 4} Q{period % 4 + 1}" for period, _ in periods]
        return run_chart(labels, [share for _, share in periods])

    def benchmarks(
        self, trajectory: Trajectory | None, base: Base, plan: Plan, dataset: Dataset
    ) -> Iterable[Benchmark]:
        """The clinic beside the trials at each time of the plan."""
        if trajectory is None:
            return
        order = [window.id for window in daily_windows(self.definitions)]
        panel = Panel(scale=plan.scale, cluster=plan.cluster)
        for pair in plan.pairs:
            yield benchmark(
                self.estimate(panel, pair.window, "change"),
                trajectory,
                order.index(pair.window) + 1,
                pair,
                base,
                plan,
                data_fingerprint=dataset.fingerprint,
            )


def _by_group(
    columns: Columns, names: Sequence[str], strata: Sequence[str]
) -> Iterable[tuple[str, str, dict[str, int]]]:
    """Sums of the named columns for all, then for each level of each stratum."""
    counts = {name: np.asarray(columns.get(name, ()), float) for name in names}
    yield "all", "all", {name: int(count.sum()) for name, count in counts.items()}
    for stratum in strata:
        levels, code = level_codes(columns.get(stratum, ()))
        sums = {name: np.bincount(code, count, len(levels)) for name, count in counts.items()}
        for place, level in enumerate(levels):
            yield stratum, level, {name: int(column[place]) for name, column in sums.items()}


def _range(
    measure: SurvivalMeasure, cause: Any, lower: Any, upper: Any, people: Any
) -> tuple[tuple[float, ...], tuple[float, ...], tuple[float, ...]]:
    """Event-free share between visits (Turnbull); competing events end the watch, as for a
    cause-specific curve.
    """
    happened = cause == measure.event
    left = np.where(happened, lower, np.where(np.isnan(upper), lower, upper))
    right = np.where(happened, upper, np.inf)
    if len(distinct_pairs(left, right, people)[0]) > MOST_INTERVALS:
        # A whole week is the least step then; intervals only grow, so the range stays true.
        left, right = np.floor(left / 7) * 7, np.ceil(right / 7) * 7
    fit = turnbull(left, right, people, tolerance=1e-7)
    times = tuple(float(day) for day in MARKS_DAYS if day <= measure.horizon_days)
    low, high = fit.survival(times)
    return times, tuple(low.tolist()), tuple(high.tolist())
