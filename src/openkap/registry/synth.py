"""A synthetic registry of any size with known truth: effects, relapse, sites and missingness are parameters.

Every person's full trajectory is drawn first; the truth is counted on it; only then outcomes go missing by
the mechanism that was asked for. All people are invented; the figures are not clinical estimates.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from openkap.core.errors import InputError
from openkap.registry.dataset import Dataset, ReleaseWriter, one_writer

if TYPE_CHECKING:
    pass

Ints = np.ndarray[Any, np.dtype[np.int64]]
Floats = np.ndarray[Any, np.dtype[np.float64]]
Bools = np.ndarray[Any, np.dtype[np.bool_]]
Mechanism = Literal["mcar", "mar", "mnar"]

# The largest real programme: 58,483 patients and 1,486,213 sessions (REMS, see the facts on registries).
REMS_PATIENTS, REMS_SESSIONS = 58_483, 1_486_213
PEOPLE_A_CHUNK = 20_000
TIMES_DAYS = (0, 1, 7, 14, 28, 84, 182, 364)
CLUSTERS = {"intrusion": 5, "avoidance": 2, "negative_cognition_mood": 7, "arousal": 6}
_ZONES = ("America/New_York", "America/Los_Angeles", "Europe/Berlin", "Australia/Sydney")
_DAY_US = 86_400_000_000
_KINDS = (
    "site",
    "patient",
    "referral",
    "consent",
    "course",
    "course_event",
    "session",
    "dose",
    "vital",
    "score",
    "adverse_event",
    "therapy",
    "override",
    "therapist",
)


@dataclass(frozen=True)
class World:
    """What is true in the synthetic world.

    ``improvement`` is the mean fall of PCL-5 (points) once the course works; ``relapse_per_year`` the hazard
    of losing it; ``completeness`` the mean share of outcomes answered. Under ``mar`` the odds of answering
    depend on baseline, age and cover; under ``mnar`` also on the unseen outcome itself.
    """

    patients: int = 400
    sessions: int | None = None
    sites: int = 8
    seed: int = 1
    improvement: float = 20.0
    person_sd: float = 12.0
    site_sd: float = 2.0
    relapse_per_year: float = 0.8
    completeness: float = 0.6
    mechanism: Mechanism = "mar"
    corrections: float = 0.005
    duplicates: float = 0.003
    items: bool = False
    first_day: date = date(2023, 1, 2)
    as_of: date = date(2026, 6, 30)

    def __post_init__(self) -> None:
        for name, low, high in (
            ("patients", 1, 100_000_000),
            ("sites", 1, 100_000),
            ("completeness", 0.01, 1),
            ("relapse_per_year", 0, 100),
        ):
            value = getattr(self, name)
            if not low <= value <= high:
                raise InputError(
                    f"{name} is out of range", value=value, limit=f"{low} to {high}", remedy="correct it"
                )
        if self.sessions is not None and self.sessions < self.patients:
            raise InputError(
                "fewer sessions than patients",
                value=self.sessions,
                limit=f"at least {self.patients}",
                remedy="give each patient a session",
            )


@dataclass
class Truth:
    """Counts over every person, before anything went missing; keyed by the day of assessment."""

    people: int = 0
    response: dict[int, int] = field(default_factory=dict)
    remission: dict[int, int] = field(default_factory=dict)
    change: dict[int, float] = field(default_factory=dict)

    def add(self, scores: Floats, alive: Bools) -> None:
        """Count one chunk: PCL-5 totals by time, and who was alive at each time (both people x times)."""
        self.people += len(scores)
        base = scores[:, 0]
        for i, day in enumerate(TIMES_DAYS[1:], start=1):
            here = alive[:, i]
            now = scores[here, i]
            fall = base[here] - now
            key = int(day)
            self.response[key] = self.response.get(key, 0) + int(np.sum(fall >= 15))
            self.remission[key] = self.remission.get(key, 0) + int(np.sum(now <= 28))
            self.change[key] = self.change.get(key, 0.0) - float(fall.sum())


def synthesise(
    root: Path,
    world: World,
    *,
    now: datetime | None = None,
    progress: Callable[[int], None] = lambda people: None,
) -> tuple[Dataset, Truth]:
    """Write a synthetic release below ``root`` in chunks, with ``truth.json`` beside it.

    ``progress`` is called with the number of people written so far. Same world, same bytes.
    """
    moment = now or datetime.combine(world.as_of, datetime.min.time(), UTC) + timedelta(hours=26)
    truth = Truth()
    counts = _session_counts(world)
    with one_writer(root), ReleaseWriter(root, now=moment, as_of=world.as_of) as writer:
        chunk = _Chunks(world, writer, truth)
        chunk.sites()
        for start in range(0, world.patients, PEOPLE_A_CHUNK):
            chunk.people(start, counts[start : start + PEOPLE_A_CHUNK])
            progress(min(start + PEOPLE_A_CHUNK, world.patients))
        dataset = writer.finish()
    (root / "truth.json").write_text(
        json.dumps({"world": asdict(world), "truth": asdict(truth)}, default=str, indent=1), encoding="utf-8"
    )
    return dataset, truth


def _session_counts(world: World) -> Ints:
    """Sessions per person: at least one, skewed, adding up exactly to the total asked for."""
    rng = np.random.default_rng((world.seed, 7))
    total = world.sessions or round(world.patients * REMS_SESSIONS / REMS_PATIENTS)
    share = rng.gamma(1.6, size=world.patients)
    counts = 1 + np.floor(share / share.sum() * (total - world.patients)).astype(np.int64)
    short = total - int(counts.sum())
    counts[rng.choice(world.patients, size=short % world.patients, replace=False)] += 1
    return np.asarray(counts + short // world.patients)


def _names(kind: str, first: int, number: int) -> Ints:
    """Identifiers that look like pseudonyms: SplitMix64 of a counter (a bijection), 63 bits kept.

    Source: Steele, Lea and Flood, Fast splittable pseudorandom number generators (2014), figure 16.
    """
    with np.errstate(over="ignore"):
        z = np.arange(first, first + number, dtype=np.uint64) + np.uint64((_KINDS.index(kind) + 1) << 48)
        z = z * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z ^= z >> np.uint64(31)
    return (z >> np.uint64(1)).astype(np.int64)


def _highest(scale: str, cluster: str) -> int:
    return 4 * CLUSTERS[cluster] if cluster in CLUSTERS else {"phq9": 27}.get(scale, 80)


class _Chunks:
    """Draws and writes the registry chunk by chunk; counters run on so that names never repeat."""

    def __init__(self, world: World, writer: ReleaseWriter, truth: Truth) -> None:
        self.world, self.writer, self.truth = world, writer, truth
        rng = np.random.default_rng((world.seed, 3))
        self.site_ids = _names("site", 0, world.sites)
        self.site_zone = np.arange(world.sites) % len(_ZONES)
        self.site_effect = rng.normal(0, world.site_sd, world.sites)
        self.counters: dict[str, int] = {}
        self.rng = rng

    def sites(self) -> None:
        """The table of sites."""
        country = ("US", "US", "DE", "AU")
        self._write(
            "site",
            site_id=self.site_ids,
            zone=[_ZONES[z] for z in self.site_zone],
            country=[country[z] for z in self.site_zone],
        )

    def people(self, start: int, sessions: Ints) -> None:
        """One chunk: the treated people, those referred but not treated, and all their rows."""
        self.rng = np.random.default_rng((self.world.seed, 11, start))
        n = len(sessions)
        who = self._persons(n)
        self._referred_only(int(n * 0.35))
        index_us = self._course(who, sessions)
        self._events(who)
        session_ids, session_course, started = self._sessions(who, sessions, index_us)
        self._session_rows(who, session_ids, session_course, started)
        self._scores(who, index_us)

    def _next(self, kind: str, number: int) -> Ints:
        first = self.counters.get(kind, 0)
        self.counters[kind] = first + number
        return _names(kind, first, number)

    def _sequence(self, table: str, number: int) -> Ints:
        first = self.counters.get(f"sequence {table}", 0)
        self.counters[f"sequence {table}"] = first + number
        return np.arange(first, first + number)

    def _write(self, table: str, **columns: Any) -> None:
        import pyarrow as pa

        schema = self.writer.schema.table(table).arrow()
        arrays = [
            pa.array(columns.get(name), type=schema.field(name).type)
            if columns.get(name) is not None
            else pa.nulls(len(next(iter(columns.values()))), schema.field(name).type)
            for name in schema.names
        ]
        self.writer.write(table, pa.Table.from_arrays(arrays, schema=schema))

    def _patient_rows(self, n: int) -> dict[str, Any]:
        rng = self.rng
        return {
            "patient_id": self._next("patient", n),
            "site": rng.integers(0, self.world.sites, n),
            "birth_year": rng.integers(1945, 2005, n),
            "sex": rng.choice(
                np.array(["female", "male", "other", "unknown"]), n, p=[0.52, 0.45, 0.01, 0.02]
            ),
            "veteran": rng.choice(np.array(["yes", "no", "unknown"]), n, p=[0.35, 0.6, 0.05]),
            "language": rng.choice(np.array(["en", "es", "de"]), n, p=[0.8, 0.12, 0.08]),
            "distance_km": np.round(rng.gamma(1.2, 30, n), 1),
            "coverage": rng.choice(
                np.array(["insurance", "public", "self_pay", "unknown"]), n, p=[0.5, 0.25, 0.2, 0.05]
            ),
        }

    def _persons(self, n: int) -> dict[str, Any]:
        rng, world = self.rng, self.world
        who = self._patient_rows(n)
        # Two years of follow-up lie within the data for the early, less for the late: censoring by calendar.
        span = (world.as_of - world.first_day).days - 30
        who["index_day"] = np.datetime64(world.first_day) + rng.integers(0, max(span, 1), n)
        # Evening starts in one zone are the next day in another: the day is counted by the clinic's zone.
        minute = rng.integers(8 * 60, 24 * 60, n)
        who["index_us"] = who["index_day"].astype("datetime64[us]").astype(np.int64) + minute * 60_000_000
        who["index_on"] = self._local_day(who["index_us"], who["site"])
        died = who["index_on"] + np.floor(rng.exponential(60 * 365.0, n)).astype(np.int64)
        who["died_on"] = np.where(died <= np.datetime64(world.as_of), died, np.datetime64("NaT"))
        self._finish_patients(who, n)
        return who

    def _referred_only(self, n: int) -> None:
        who = self._patient_rows(n)
        span = (self.world.as_of - self.world.first_day).days - 30
        who["index_day"] = np.datetime64(self.world.first_day) + self.rng.integers(0, max(span, 1), n)
        who["died_on"] = np.full(n, np.datetime64("NaT"), "datetime64[D]")
        self._finish_patients(who, n, treated=False)

    def _finish_patients(self, who: dict[str, Any], n: int, treated: bool = True) -> None:
        rng = self.rng
        shown = (
            "patient_id",
            "birth_year",
            "sex",
            "veteran",
            "language",
            "distance_km",
            "coverage",
            "died_on",
        )
        self._write("patient", site_id=self.site_ids[who["site"]], **{name: who[name] for name in shown})
        screened = np.ones(n, bool) if treated else rng.random(n) < 0.75
        eligible = (
            np.full(n, "yes")
            if treated
            else rng.choice(np.array(["no", "yes", "unknown"]), n, p=[0.6, 0.3, 0.1])
        )
        consented = screened & (eligible == "yes") & (treated | (rng.random(n) < 0.4))
        referred = who["index_day"] - rng.integers(15, 60, n)
        nowhere = np.datetime64("NaT")
        self._write(
            "referral",
            referral_id=self._next("referral", n),
            patient_id=who["patient_id"],
            referred_on=referred,
            screened_on=np.where(screened, referred + 7, nowhere),
            eligible=np.where(screened, eligible, "unknown"),
            consented_on=np.where(consented, referred + 12, nowhere),
        )
        self._write(
            "consent",
            consent_id=self._next("consent", n),
            patient_id=who["patient_id"],
            purpose=np.full(n, "registry"),
            decision=np.full(n, "given"),
            decided_at=referred.astype("datetime64[us]"),
        )

    def _course(self, who: dict[str, Any], sessions: Ints) -> Ints:
        rng, n = self.rng, len(sessions)
        index_us = who["index_us"]
        who["course_id"] = self._next("course", n)
        length = np.maximum(sessions * 14, 14)
        ended = who["index_on"] + length
        finished = ended <= np.datetime64(self.world.as_of)
        reason = rng.choice(np.array(["completed", "withdrawn", "lost"]), n, p=[0.72, 0.12, 0.16])
        self._write(
            "course",
            course_id=who["course_id"],
            patient_id=who["patient_id"],
            site_id=self.site_ids[who["site"]],
            therapist_id=_names("therapist", 0, self.world.sites * 4)[
                who["site"] * 4 + rng.integers(0, 4, n)
            ],
            index_at=index_us,
            index_on=who["index_on"],
            drug=np.full(n, "ketamine"),
            route=rng.choice(np.array(["iv", "im", "nasal"]), n, p=[0.7, 0.1, 0.2]),
            planned_sessions=np.maximum(6, sessions),
            ended_on=np.where(finished, ended, np.datetime64("NaT")),
            end_reason=np.where(finished, reason, "ongoing"),
        )
        return np.asarray(index_us)

    def _events(self, who: dict[str, Any]) -> None:
        rng, n = self.rng, len(who["course_id"])
        course, kind, day = [], [], []
        for name, per_year in (("retreatment", 0.6), ("withdrawal", 0.25), ("other_treatment", 0.15)):
            gap = 30 + np.floor(rng.exponential(365 / per_year, n)).astype(np.int64)
            when = who["index_on"] + gap
            before_death = np.isnat(who["died_on"]) | (when <= who["died_on"])
            here = (when <= np.datetime64(self.world.as_of)) & before_death
            course.append(who["course_id"][here])
            kind.append(np.full(int(here.sum()), name))
            day.append(when[here])
        dead = ~np.isnat(who["died_on"])
        course.append(who["course_id"][dead])
        kind.append(np.full(int(dead.sum()), "death"))
        day.append(who["died_on"][dead])
        courses = np.concatenate(course)
        self._write(
            "course_event",
            event_id=self._next("course_event", len(courses)),
            course_id=courses,
            kind=np.concatenate(kind),
            occurred_on=np.concatenate(day),
        )

    def _sessions(self, who: dict[str, Any], sessions: Ints, index_us: Ints) -> tuple[Ints, Ints, Ints]:
        rng, total = self.rng, int(sessions.sum())
        of = np.repeat(np.arange(len(sessions)), sessions)
        first = np.repeat(np.cumsum(sessions) - sessions, sessions)
        number = np.arange(total) - first + 1
        gap = np.where(
            number == 1, 0, np.where(number <= 6, rng.integers(2, 5, total), rng.integers(7, 29, total))
        )
        day = np.cumsum(gap)
        day -= np.repeat(day[np.cumsum(sessions) - sessions], sessions)
        # A plan that would run past the data cut is given closer together, so that every session has come.
        room = (np.datetime64(self.world.as_of) - who["index_on"]).astype(np.int64) - 1
        longest = np.maximum.reduceat(day, np.cumsum(sessions) - sessions)
        day = np.floor(day * np.minimum(1.0, room / np.maximum(longest, 1))[of]).astype(np.int64)
        started = index_us[of] + day * _DAY_US
        died = who["died_on"][of]
        started_on = self._local_day(started, who["site"][of])
        keep = np.isnat(died) | (started_on <= died) | (number == 1)
        # A dead person's later sessions move to the day of the first: the total stays what was asked for.
        started = np.where(keep, started, index_us[of])
        started_on = np.where(keep, started_on, who["index_on"][of])
        names = self._next("session", total)
        status = rng.choice(np.array(["completed", "stopped", "cancelled"]), total, p=[0.95, 0.01, 0.04])
        status = np.where(number == 1, "completed", np.where(keep, status, "cancelled"))
        self._write(
            "session",
            session_id=names,
            course_id=who["course_id"][of],
            number=number,
            started_at=started,
            started_on=started_on,
            status=status,
        )
        begun = np.flatnonzero(status != "cancelled")
        return names[begun], of[begun], started[begun]

    def _session_rows(self, who: dict[str, Any], sessions: Ints, of: Ints, started: Ints) -> None:
        rng, total = self.rng, len(sessions)
        mg = np.round(rng.normal(38, 7, total).clip(15, 80), 1)
        self._write(
            "dose",
            dose_id=self._next("dose", total),
            session_id=sessions,
            drug=np.full(total, "ketamine"),
            route=np.full(total, "iv"),
            dose_mg=mg,
            started_at=started + 10 * 60_000_000,
            ended_at=started + 50 * 60_000_000,
            sequence=self._sequence("dose", total),
            status=np.full(total, "final"),
        )
        self._vitals(sessions)
        harmed = np.flatnonzero(rng.random(total) < 0.12)
        serious = rng.random(len(harmed)) < 0.01
        self._write(
            "adverse_event",
            event_id=self._next("adverse_event", len(harmed)),
            course_id=who["course_id"][of[harmed]],
            session_id=sessions[harmed],
            occurred_on=self._local_day(started[harmed], who["site"][of[harmed]]),
            term=rng.choice(np.array(["nausea", "dizziness", "headache", "anxiety"]), len(harmed)),
            grade=np.where(serious, 3, 1),
            serious=np.where(serious, "yes", "no"),
            sequence=self._sequence("adverse_event", len(harmed)),
            status=np.full(len(harmed), "final"),
        )
        cared = np.flatnonzero(rng.random(total) < 0.6)
        self._write(
            "therapy",
            contact_id=self._next("therapy", len(cared)),
            course_id=who["course_id"][of[cared]],
            kind=np.full(len(cared), "integration"),
            started_at=started[cared] + rng.integers(20 * 60, 120 * 60, len(cared)) * 60_000_000,
            minutes=rng.choice(np.array([30, 45, 60]), len(cared)),
        )
        decided = np.flatnonzero(rng.random(total) < 0.02)
        self._write(
            "override",
            override_id=self._next("override", len(decided)),
            course_id=who["course_id"][of[decided]],
            session_id=sessions[decided],
            rule=rng.choice(np.array(["hold-high-systolic", "dose-cap", "fasting"]), len(decided)),
            decided_at=started[decided],
            reason=rng.choice(np.array(["clinical judgement", "patient preference"]), len(decided)),
        )

    def _vitals(self, sessions: Ints) -> None:
        rng, total = self.rng, len(sessions)
        base = rng.normal(126, 13, total)
        parts: list[dict[str, Any]] = []
        for minute, rise in ((-5, 0.0), (40, 16.0), (120, 4.0)):
            systolic = np.rint(base + rise + rng.normal(0, 9, total)).clip(70, 240).astype(np.int32)
            taken = np.flatnonzero(rng.random(total) < 0.97)
            heart = np.rint(rng.normal(76, 10, len(taken))).astype(np.int32).clip(40, 180)
            parts.append(
                {
                    "of": taken,
                    "minute": np.full(len(taken), minute),
                    "systolic": systolic[taken],
                    "heart": heart,
                }
            )
        drawn = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
        # In the order in which a clinic records: one session after the other.
        order = np.argsort(drawn["of"], kind="stable")
        rows = {name: column[order] for name, column in drawn.items()}
        self._write(
            "vital",
            vital_id=self._next("vital", len(order)),
            session_id=sessions[rows["of"]],
            minute=rows["minute"].astype(np.int32),
            systolic=rows["systolic"],
            diastolic=np.rint(rows["systolic"] * 0.62).astype(np.int32),
            heart_rate=rows["heart"],
            spo2=np.full(len(order), 98, np.int32),
            sequence=self._sequence("vital", len(order)),
            status=np.full(len(order), "final"),
        )

    def _latent(self, who: dict[str, Any]) -> Floats:
        """Expected PCL-5 by person and time: improvement with onset over days, relapse, site, person."""
        rng, world, n = self.rng, self.world, len(who["course_id"])
        base = rng.normal(52, 11, n).clip(25, 76)
        own = rng.normal(0, world.person_sd, n) + self.site_effect[who["site"]]
        # The worse at the start, the further to fall: a slope that case-mix adjustment must find.
        fall = world.improvement - own + 0.3 * (base - 52)
        times = np.array(TIMES_DAYS, float)
        gain = fall[:, None] * (1 - np.exp(-times / 5.0))
        lost_at = rng.exponential(365 / max(world.relapse_per_year, 1e-9), n)
        gone = np.clip((times[None, :] - lost_at[:, None]) / 60.0, 0, 1)
        return np.asarray((base[:, None] - gain * (1 - 0.8 * gone)).clip(1, 79))

    def _scores(self, who: dict[str, Any], index_us: Ints) -> None:
        rng, world, n = self.rng, self.world, len(who["course_id"])
        p = self._latent(who) / 80
        items = rng.binomial(4, np.repeat(p[:, :, None], 20, axis=2)).astype(np.int8) if world.items else None
        cluster, first = {}, 0
        for name, number in CLUSTERS.items():
            if items is not None:
                cluster[name] = items[:, :, first : first + number].sum(axis=2).astype(float)
            else:
                cluster[name] = rng.binomial(4 * number, p).astype(float)
            first += number
        total = np.sum(list(cluster.values()), axis=0)
        phq = rng.binomial(27, (p * 0.8).clip(0, 1)).astype(float)
        caps = rng.binomial(80, p * 0.8).astype(float)
        jitter = rng.integers(-2, 3, (n, len(TIMES_DAYS)))
        jitter[:, 0], jitter[:, 1] = -rng.integers(0, 5, n), 0
        jitter[:, 2] = jitter[:, 2].clip(-1, 1)
        day = np.array(TIMES_DAYS)[None, :] + jitter
        hours = np.where(
            np.arange(len(TIMES_DAYS))[None, :] == 1, rng.integers(0, 23, (n, len(TIMES_DAYS))), 0
        )
        at = index_us[:, None] + day * _DAY_US + hours * 3_600_000_000
        at[:, 0] -= 3_600_000_000
        on = np.stack([self._local_day(at[:, i], who["site"]) for i in range(len(TIMES_DAYS))], axis=1)
        died = who["died_on"][:, None]
        # A window opens on its first day; the day-1 window is the one a death on the index day closes.
        alive = np.isnat(died) | (on <= died)
        alive[:, 0] = True
        past = on <= np.datetime64(world.as_of)
        self.truth.add(total, alive)
        seen = self._answered(who, total) & alive & past
        for scale, values, of in (
            ("pcl5", {**cluster, "total": total}, seen),
            ("phq9", {"total": phq}, seen),
            ("caps5", {"total": caps}, seen & self._interviewed()),
        ):
            for name, value in values.items():
                self._score_rows(who, scale, name, value, at, on, of, items if name == "total" else None)

    def _interviewed(self) -> Bools:
        return np.isin(np.array(TIMES_DAYS), (0, 28, 84))[None, :]

    def _answered(self, who: dict[str, Any], total: Floats) -> Bools:
        """Who answers when, by the mechanism; the intercept is set so that the mean share is as asked."""
        rng, world = self.rng, self.world
        push = np.zeros_like(total)
        if world.mechanism in ("mar", "mnar"):
            push += -0.04 * (total[:, :1] - 52) + 0.5 * (who["birth_year"][:, None] < 1970)
            push += -0.7 * (who["coverage"] == "self_pay")[:, None]
        if world.mechanism == "mnar":
            push += -0.06 * (total - 36)
        low, high = -12.0, 12.0
        for _ in range(50):
            middle = (low + high) / 2
            share = float(np.mean(1 / (1 + np.exp(-(middle + push)))))
            low, high = (middle, high) if share < world.completeness else (low, middle)
        answered = rng.random(total.shape) < 1 / (1 + np.exp(-(low + push)))
        answered[:, 0] = rng.random(len(total)) < max(world.completeness, 0.95)
        return np.asarray(answered)

    def _score_rows(
        self,
        who: dict[str, Any],
        scale: str,
        cluster: str,
        value: Floats,
        at: Ints,
        on: Any,
        seen: Bools,
        items: Any,
    ) -> None:
        rng = self.rng
        person, time = np.nonzero(seen)
        n = len(person)
        names = self._next("score", n)
        wrong = np.flatnonzero(rng.random(n) < self.world.corrections)
        twice = np.flatnonzero(rng.random(n) < self.world.duplicates)
        pick = np.concatenate([wrong, np.arange(n), twice])
        own = np.concatenate([self._next("score", len(wrong)), names, self._next("score", len(twice))])
        values = value[person, time][pick]
        # A slip at the keyboard, put right by the row that replaces it.
        values[: len(wrong)] = np.minimum(values[: len(wrong)] + 9, _highest(scale, cluster))
        replaces = np.full(len(pick), -1, np.int64)
        replaces[len(wrong) + wrong] = own[: len(wrong)]
        import pyarrow as pa

        status = np.full(len(pick), "final", dtype="U7")
        status[len(wrong) + wrong] = "amended"
        self._write(
            "score",
            score_id=own,
            course_id=who["course_id"][person[pick]],
            scale=np.full(len(pick), scale),
            cluster=np.full(len(pick), cluster),
            assessed_at=at[person, time][pick],
            assessed_on=on[person, time][pick],
            value=values,
            sequence=self._sequence("score", len(pick)),
            replaces=pa.array(replaces, mask=replaces < 0),
            status=status,
        )
        if items is not None and n:
            answers = items[person, time]
            self._write(
                "item",
                score_id=np.repeat(names, 20),
                item=np.tile(np.arange(1, 21, dtype=np.int32), n),
                answer=answers.reshape(-1).astype(np.int32),
            )

    def _local_day(self, instants: Ints, site: Ints) -> Any:
        """The calendar day of each instant (microseconds, UTC) in the zone of its site."""
        import pyarrow as pa
        import pyarrow.compute as pc

        days = np.empty(len(instants), "datetime64[D]")
        zone = self.site_zone[site]
        for number, name in enumerate(_ZONES):
            here = zone == number
            if here.any():
                local = pc.local_timestamp(pa.array(instants[here], pa.timestamp("us", tz=name)))
                days[here] = local.to_numpy(zero_copy_only=False).astype("datetime64[D]")
        return days
