"""The whole report: every measure of a release, with its definition in words, its n and its missing."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from openkap.core.errors import InputError
from openkap.evidence.base import Base
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
    FLOW_STEPS,
    PEOPLE_DIMENSIONS,
    PERIOD_DIMENSIONS,
    SITE_DIMENSIONS,
    THERAPIST_DIMENSIONS,
    Cells,
    Engine,
    Events,
    Flow,
    Moments,
    Rows,
    Spells,
    TallyOf,
    severity_cuts,
)
from openkap.registry.repeated import Trajectory, fit_trajectory
from openkap.registry.runchart import RunChart, run_chart
from openkap.registry.sites import SiteResult, compare_sites
from openkap.registry.survival import Curves, aalen_johansen, count_by_day, kaplan_meier, turnbull

PRIMARY = Panel(scale="pcl5", cluster="total")
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
    asker = Asker(engine, definitions)
    outcomes: list[OutcomeRow] = []
    rates: list[RateRow] = []
    durability: list[Durability] = []
    flow: list[dict[str, Any]] = []
    tallies: dict[str, Rows] = {}
    for measure in definitions.measures:
        progress(measure.title)
        match measure:
            case OutcomeMeasure():
                outcomes += asker.outcomes(measure)
            case EventsMeasure():
                rates += asker.rates(measure)
            case SurvivalMeasure():
                durability += [each for each in [asker.durability(measure)] if each]
            case FlowMeasure():
                flow += asker.flow(measure)
            case TallyMeasure():
                tallies[measure.id] = engine.run(TallyOf(measure))
    progress("Trajectory, sites, time")
    trajectory = asker.trajectory()
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
        sites=tuple(asker.units(SITE_DIMENSIONS)),
        therapists=tuple(asker.units(THERAPIST_DIMENSIONS)),
        over_time=asker.over_time(),
        benchmarks=tuple(asker.benchmarks(trajectory, base, plan, dataset)) if base and plan else (),
        words={each.id: words_of(each) for each in definitions.measures},
    )


def words_of(measure: AnyMeasure) -> dict[str, str]:
    """What a page must print beside a measure."""
    return {
        "title": measure.title,
        "words": measure.words,
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
        self._windows: dict[Panel, tuple[Window, ...]] = {}
        for measure in definitions.measures:
            if isinstance(measure, OutcomeMeasure):
                for panel in measure.panels:
                    known = self._windows.get(panel, ())
                    self._windows[panel] = (*known, *(each for each in measure.times if each not in known))

    def table(self, panel: Panel, dimensions: Sequence[str] = PEOPLE_DIMENSIONS) -> CellTable:
        """The cells of a panel at every time any measure asks for."""
        key = (panel, tuple(dimensions))
        if key not in self._tables:
            rows = self.engine.run(Cells(panel, self._windows[panel], tuple(dimensions)))
            scale = self.definitions.scales.scale(panel.scale)
            cuts = severity_cuts(self.definitions, panel)
            self._tables[key] = CellTable.of(rows, dimensions, scale.clusters[panel.cluster], cuts)
        return self._tables[key]

    def model(self, panel: Panel, window: str) -> AnswerModel:
        """Who answers this panel at this time."""
        key = (panel, window)
        if key not in self._models:
            self._models[key] = model_answers(self.table(panel), window)
        return self._models[key]

    def estimate(self, panel: Panel, window: str, rule: str, within: Any = None) -> Estimate:
        """One number with its company."""
        table, model = self.table(panel), self.model(panel, window)
        if rule in ("change", "observed"):
            return estimate_change(table, window, model, within)
        return estimate_rate(table, window, rule, model, within)

    def outcomes(self, measure: OutcomeMeasure, *, strata: bool | None = None) -> list[OutcomeRow]:
        """Every panel and time; groups for the primary score, or for all when ``strata`` is true."""
        rows = []
        for panel in measure.panels:
            table = self.table(panel)
            groups: list[tuple[str, str, Any]] = [("all", "all", None)]
            if strata or (strata is None and panel == PRIMARY and measure.rule != "observed"):
                for stratum in measure.strata:
                    values = table.columns.get(stratum, np.array([]))
                    groups += [(stratum, str(level), values == level) for level in sorted(set(values))]
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
                        self.estimate(panel, window.id, measure.rule, within),
                    )
                    for stratum, group, within in groups
                ]
        return rows

    def rates(self, measure: EventsMeasure) -> list[RateRow]:
        """Sessions and people, for all and by each stratum."""
        rows = self.engine.run(Events(measure))
        names = ("units", "seen", "hit", "events", "people", "people_seen", "people_hit")

        def add(stratum: str, group: str, chosen: Iterable[dict[str, Any]]) -> RateRow:
            picked = list(chosen)
            sums = {name: sum(int(row[name]) for row in picked) for name in names}
            return RateRow(measure.id, measure.title, stratum, group, **sums)

        result = [add("all", "all", rows)]
        for stratum in measure.strata:
            for level in sorted({row[stratum] for row in rows}):
                result.append(add(stratum, str(level), (row for row in rows if row[stratum] == level)))
        return result

    def flow(self, measure: FlowMeasure) -> list[dict[str, Any]]:
        """People at each step, for all and by each stratum."""
        rows = self.engine.run(Flow(measure))
        result = [_steps("all", "all", rows)]
        for stratum in measure.strata:
            for level in sorted({row[stratum] for row in rows}):
                result.append(_steps(stratum, str(level), [row for row in rows if row[stratum] == level]))
        return result

    def durability(self, measure: SurvivalMeasure) -> Durability | None:
        """Incidence of each cause, the range the visits leave open, and a curve for each site."""
        rows = self.engine.run(Spells(measure))
        if not rows:
            return None
        site_ids = np.array([row["site_id"] for row in rows])
        sites, group = np.unique(site_ids, return_inverse=True)
        cause = np.array([row["cause"] for row in rows])
        lower = np.array([row["lower"] for row in rows], float)
        upper = np.array([np.nan if row["upper"] is None else row["upper"] for row in rows], float)
        people = np.array([row["people"] for row in rows], float)
        day = np.where(np.isnan(upper), lower, upper).astype(np.int64)
        causes = (measure.event, *measure.competing)
        h = measure.horizon_days
        everybody = np.zeros(len(rows), np.int64)
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
        windows = self.daily_windows(panel)
        try:
            return fit_trajectory(self.engine.run(Moments(panel, windows)), len(windows) + 1, tolerance=1e-9)
        except InputError:
            return None

    def daily_windows(self, panel: Panel = PRIMARY) -> tuple[Window, ...]:
        """The windows of a panel that are counted in days."""
        return tuple(each for each in self._windows[panel] if each.unit == "d")

    def units(
        self, dimensions: tuple[str, ...], window: str = "w12", rule: str = "response"
    ) -> list[SiteResult]:
        """Sites or therapists beside their expectation."""
        return compare_sites(self.table(PRIMARY, dimensions), window, rule, unit=dimensions[0])

    def over_time(self, window: str = "w4", rule: str = "response") -> RunChart | None:
        """Share of those seen by quarter of the first dose, from the quarters with an outcome."""
        rows = self.table(PRIMARY, PERIOD_DIMENSIONS)
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
        order = [window.id for window in self.daily_windows()]
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


def _steps(stratum: str, group: str, rows: Rows) -> dict[str, Any]:
    return {
        "stratum": stratum,
        "group": group,
        **{step: sum(int(row[step]) for row in rows) for step in FLOW_STEPS},
    }


def _range(
    measure: SurvivalMeasure, cause: Any, lower: Any, upper: Any, people: Any
) -> tuple[tuple[float, ...], tuple[float, ...], tuple[float, ...]]:
    """Event-free share between visits (Turnbull); competing events end the watch, as for a
    cause-specific curve.
    """
    happened = cause == measure.event
    left = np.where(happened, lower, np.where(np.isnan(upper), lower, upper))
    right = np.where(happened, upper, np.inf)
    if len(np.unique(np.column_stack([left, right]), axis=0)) > MOST_INTERVALS:
        # A whole week is the least step then; intervals only grow, so the range stays true.
        left, right = np.floor(left / 7) * 7, np.ceil(right / 7) * 7
    fit = turnbull(left, right, people, tolerance=1e-7)
    times = tuple(float(day) for day in MARKS_DAYS if day <= measure.horizon_days)
    low, high = fit.survival(times)
    return times, tuple(low.tolist()), tuple(high.tolist())
