"""``openkap registry``: make, check, measure, benchmark, summarise and combine registries."""

from __future__ import annotations

import csv
import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path
from typing import Any

import click

from openkap.core.clock import system_clock
from openkap.core.errors import InputError

# The matrices here are small: threads of the linear algebra would only wait for one another.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

ROOT = click.argument("root", type=click.Path(path_type=Path, file_okay=False))
JSON = click.option("--json", "as_json", is_flag=True, help="The answer as JSON.")
ENGINE = click.option(
    "--engine",
    "url",
    default="duckdb",
    show_default=True,
    help="duckdb, reference, spark (this machine), or spark://host:port.",
)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def registry() -> None:
    """Many patients at once: extract, measures, benchmark, and what leaves the site."""


@contextmanager
def _progress(title: str, as_json: bool, total: int | None = None) -> Iterator[Callable[..., None]]:
    """A bar on standard error for long work; quiet for JSON and where nobody watches.

    What it gives is called with the name of a step, and with how much is done where that is counted; without
    it each call is one step of ``total``. Without a total the bar only moves.
    """
    if as_json or not sys.stderr.isatty():
        yield lambda step, done=None: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(title, total=total)
        begun = False

        def say(step: str, done: int | None = None) -> None:
            nonlocal begun
            # A step is named when it begins, so the first call has nothing behind it.
            if done is not None:
                bar.update(task, completed=done)
            elif begun:
                bar.advance(task)
            begun = True
            bar.update(task, description=f"{title}: {step}")

        yield say


def _answer(value: Any, as_json: bool, lines: Callable[[], Iterator[str]]) -> None:
    if as_json:
        click.echo(json.dumps(value, indent=1, default=str, ensure_ascii=False))
    else:
        for line in lines():
            click.echo(line)


@registry.command()
@ROOT
@click.option("--patients", default=400, show_default=True, help="People treated.")
@click.option(
    "--sessions", type=int, help="Sessions in all; by default as many a person as in the largest programme."
)
@click.option("--sites", default=8, show_default=True)
@click.option("--seed", default=1, show_default=True)
@click.option(
    "--missing", "mechanism", type=click.Choice(["mcar", "mar", "mnar"]), default="mar", show_default=True
)
@click.option("--completeness", default=0.6, show_default=True, help="Mean share of outcomes answered.")
@click.option("--items/--no-items", default=False, help="Also write every item answered.")
@JSON
def synth(root: Path, as_json: bool, **world: Any) -> None:
    """Write a synthetic registry with known truth (all people are invented)."""
    from openkap.registry.synth import World, synthesise

    asked = World(**world)
    with _progress("Synthetic registry", as_json, asked.patients) as say:
        dataset, truth = synthesise(root, asked, progress=lambda n: say(f"{n} people", n))
    counts = {table: dataset.rows(table) for table in dataset.parts}
    value = {
        "release": str(dataset.path),
        "fingerprint": dataset.fingerprint,
        "rows": counts,
        "truth": vars(truth),
    }

    def lines() -> Iterator[str]:
        yield f"{dataset.path}: {truth.people} people, {counts['session']} sessions"
        yield f"truth: {root / 'truth.json'}"

    _answer(value, as_json, lines)


@registry.command()
@click.argument("root", required=False, type=click.Path(path_type=Path, file_okay=False))
@click.option(
    "--from",
    "source",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Folder with one JSON-lines file per table, clinic's identifiers and all.",
)
@click.option(
    "--key-file", type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="The clinic's secret for pseudonyms (at least 16 bytes).",
)  # fmt: skip
@click.option(
    "--as-of", type=click.DateTime(["%Y-%m-%d"]), help="Last day that counts; yesterday by default."
)
@click.option("--incremental", is_flag=True, help="Only new and changed rows are in the folder.")
@click.option("--clinic", default="", help="One clinic of this installation by its id; all by default.")
@click.option("--whole", is_flag=True, help="Everything anew, not only who was touched since the last one.")
@click.option("--run", default="", hidden=True)
@JSON
def extract(
    root: Path | None,
    source: Path | None,
    key_file: Path | None,
    as_of: datetime | None,
    incremental: bool,
    clinic: str,
    whole: bool,
    run: str,
    as_json: bool,
) -> None:
    """Write a release: of this clinic's database, or to ROOT from rows exported as JSON lines (--from)."""
    if root is None:
        _extract_clinics(clinic, run, whole, as_json)
        return
    if source is None or key_file is None:
        raise InputError(
            "a folder for the release needs rows and a key",
            value=root,
            remedy="give --from and --key-file, or leave the folder out to extract this clinic",
        )
    _extract_rows(root, source, key_file, as_of, incremental, as_json)


def _extract_clinics(clinic: str, run: str, whole: bool, as_json: bool) -> None:
    from openkap.commands.clinic_extract import Wish, extract_clinics

    with _progress("Extract", as_json) as say:
        told = extract_clinics(Wish(clinic, run, whole), progress=say)

    def lines() -> Iterator[str]:
        for each in told:
            kind = "whole" if each["whole"] else "what was touched"
            yield f"clinic {each['clinic']}: {each['release']} ({kind}), {each['people']} people"
            yield f"{each['without_consent']} left out without consent, {each['withdrawn']} withdrew"

    _answer(told, as_json, lines)


def _extract_rows(
    root: Path, source: Path, key_file: Path, as_of: datetime | None, incremental: bool, as_json: bool
) -> None:
    from openkap.registry.extract import extract as write
    from openkap.registry.rows import read_rows
    from openkap.registry.schema import read_schema

    now = system_clock()
    day = as_of.date() if as_of else date.fromordinal(now.date().toordinal() - 1)
    with _progress("Extract", as_json, len(read_schema().tables)) as say:
        outcome = write(
            root,
            read_rows(source),
            key=key_file.read_bytes().strip(),
            now=now,
            as_of=day,
            incremental=incremental,
            progress=say,
        )
    value = {
        "release": str(outcome.dataset.path),
        "fingerprint": outcome.dataset.fingerprint,
        "rows_written": outcome.rows,
        "without_consent": outcome.without_consent,
        "withdrawn": outcome.withdrawn,
    }

    def lines() -> Iterator[str]:
        yield f"{outcome.dataset.path}: {sum(outcome.rows.values())} rows written"
        yield f"{outcome.without_consent} people left out without consent, {outcome.withdrawn} withdrew"

    _answer(value, as_json, lines)


@registry.command()
@ROOT
@JSON
def check(root: Path, as_json: bool) -> None:
    """Check a release: every byte, every rule of the schema, and what a clinician would ask; exit 1
    on errors.
    """
    from openkap.registry.dataset import open_dataset
    from openkap.registry.definition import read_definitions
    from openkap.registry.quality import all_checks, run_checks
    from openkap.registry.schema import read_schema

    dataset, definitions = open_dataset(root), read_definitions()
    number = len(all_checks(read_schema(), definitions, dataset))
    with _progress("Checks", as_json, number) as say:
        findings = run_checks(dataset, definitions, progress=say)
    failing = [each for each in findings if not each.passed]
    errors = [each for each in failing if each.check.level == "error"]
    value = {
        "checks": len(findings),
        "errors": len(errors),
        "warnings": len(failing) - len(errors),
        "failing": [
            {**vars(each.check), "failing": each.failing, "rows": each.rows, "examples": each.examples}
            for each in failing
        ],
    }

    def lines() -> Iterator[str]:
        for each in failing:
            count = f"{each.failing:8} of {each.rows}"
            yield f"{each.check.level:8} {count}  not so: {each.check.words} ({each.check.id})"
        yield f"{len(findings)} checks, {len(errors)} errors, {len(failing) - len(errors)} warnings"

    _answer(value, as_json, lines)
    if errors:
        raise SystemExit(1)


@registry.command()
@ROOT
@click.argument("measure", required=False)
@ENGINE
@click.option("--strata", is_flag=True, help="Also by every group.")
@JSON
def measure(root: Path, measure: str | None, url: str, strata: bool, as_json: bool) -> None:
    """Answer one measure, or list all of them."""
    from openkap.registry.definition import read_definitions
    from openkap.registry.report import words_of

    definitions = read_definitions()
    if measure is None:
        _answer(
            [{"id": each.id, **words_of(each)} for each in definitions.measures],
            as_json,
            lambda: (f"{each.id:24} {each.title}" for each in definitions.measures),
        )
        return
    known = [each.id for each in definitions.measures]
    if measure not in known:
        raise InputError(
            "no such measure", value=measure, limit=", ".join(known), remedy="choose one of these"
        )
    with _progress("Measure", as_json) as say:
        say(definitions.measure(measure).title)
        rows = _measure_rows(root, definitions.measure(measure), definitions, url, strata)
    _answer(
        {"measure": measure, **words_of(definitions.measure(measure)), "rows": rows},
        as_json,
        lambda: (json.dumps(row, default=str, ensure_ascii=False) for row in rows),
    )


def _measure_rows(root: Path, measure: Any, definitions: Any, url: str, strata: bool) -> list[dict[str, Any]]:
    from openkap.registry.dataset import open_dataset
    from openkap.registry.engine import connect
    from openkap.registry.query import TallyOf
    from openkap.registry.report import Asker

    asker = Asker(connect(url, open_dataset(root), definitions), definitions)
    if measure.kind == "outcome":
        return [row.as_dict() for row in asker.outcomes(measure, strata=strata)]
    if measure.kind == "events":
        return [row.as_dict() for row in asker.rates(measure) if strata or row.stratum == "all"]
    if measure.kind == "survival":
        found = asker.durability(measure)
        return [found.as_dict()] if found else []
    if measure.kind == "flow":
        return [row for row in asker.flow(measure) if strata or row["stratum"] == "all"]
    return asker.engine.run(TallyOf(measure))


@registry.command()
@ROOT
@ENGINE
@click.option(
    "--csv", "csv_file", type=click.Path(path_type=Path, dir_okay=False), help="Outcomes as CSV as well."
)
@JSON
def report(root: Path, url: str, csv_file: Path | None, as_json: bool) -> None:
    """The whole report: outcomes with their missing, durability, safety, equity, sites, benchmark."""
    made = _make_report(root, url, as_json)
    if csv_file is not None:
        _write_csv(csv_file, [row.as_dict() for row in made.outcomes])

    def lines() -> Iterator[str]:
        yield f"data {made.data_fingerprint[:12]}, cut {made.as_of}"
        yield f"definitions {made.definitions_fingerprint[:12]}"
        for row in made.outcomes:
            if row.stratum == "all":
                name = f"{row.title}, {row.scale} {row.cluster}, {row.time.lower()}"
                yield f"{name}: {row.estimate.sentence()}"
        for rate in made.rates:
            if rate.stratum == "all" and rate.per_session:
                share, low, high = rate.per_session
                yield (
                    f"{rate.title}: {100 * share:.2f} % ({100 * low:.2f} to {100 * high:.2f}) of "
                    f"{rate.seen} sessions "
                    f"seen of {rate.units}; {rate.people_hit} of {rate.people_seen} people"
                )
        for each in made.durability:
            for mark in each.marks():
                yield f"{each.title}, {mark['cause']} by day {mark['day']}: {100 * mark['share']:.0f} %"
        for bench in made.benchmarks:
            yield f"Benchmark, {bench.title}: " + " ".join(bench.sentences)

    _answer(made.as_dict(), as_json, lines)


def _make_report(root: Path, url: str, as_json: bool) -> Any:
    from openkap.evidence.base import read_base
    from openkap.registry.benchmark import read_plan
    from openkap.registry.dataset import open_dataset
    from openkap.registry.definition import read_definitions
    from openkap.registry.engine import connect
    from openkap.registry.report import make_report

    definitions, dataset = read_definitions(), open_dataset(root)
    # One step for each measure, and one for what is made of all of them.
    with _progress("Report", as_json, len(definitions.measures) + 1) as say:
        engine = connect(url, dataset, definitions)
        return make_report(engine, dataset, definitions, base=read_base(), plan=read_plan(), progress=say)


@registry.command()
@ROOT
@ENGINE
@JSON
def benchmark(root: Path, url: str, as_json: bool) -> None:
    """Our trajectory beside the active arms of the trials, with what this can and cannot say."""
    made = _make_report(root, url, as_json)

    def lines() -> Iterator[str]:
        for each in made.benchmarks:
            yield f"{each.title}: {each.verdict}"
            yield from (f"  {sentence}" for sentence in each.sentences)
            for arm in (*each.arms, *each.real_world):
                shown = "?" if arm.adjusted is None else f"{arm.adjusted:+.1f}"
                who = f"{arm.design:11} {arm.study}, {arm.arm}"
                yield f"  {who}: {shown} at our baseline (n {arm.n}; {arm.how})"
            for contrast in each.contrasts:
                yield (
                    f"  randomised  {contrast.study}, {contrast.instrument}: {contrast.estimate:+.1f} "
                    f"(SE {contrast.se:.1f}; positive favours ketamine)"
                )

    _answer([each.as_dict() for each in made.benchmarks], as_json, lines)


@registry.command()
@click.argument("private", type=click.Path(path_type=Path, dir_okay=False))
@JSON
def key(private: Path, as_json: bool) -> None:
    """Make a site's signing key; prints the public half for those who combine."""
    from openkap.registry.aggregate import make_key, public_key

    if private.exists():
        raise InputError("the file exists already", value=private, remedy="choose another name")
    pem = make_key()
    with os.fdopen(os.open(private, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(pem)
    public = public_key(pem)
    _answer({"private": str(private), "public": public}, as_json, lambda: iter([public]))


@registry.command()
@ROOT
@click.option("--site", required=True, help="The name under which this site is known to the others.")
@click.option(
    "--key", "key_file", type=click.Path(path_type=Path, exists=True, dir_okay=False), required=True
)
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), required=True)
@click.option("--threshold", default=10, show_default=True, help="Fewest people a number may tell of.")
@click.option("--first", is_flag=True, help="Nothing has left this site before, so there is no ledger yet.")
@ENGINE
@JSON
def summarise(
    root: Path, site: str, key_file: Path, out: Path, threshold: int, first: bool, url: str, as_json: bool
) -> None:
    """Write a signed file of counts with small numbers hidden; patients stay here."""
    from openkap.registry import aggregate
    from openkap.registry.dataset import one_writer, open_dataset
    from openkap.registry.definition import read_definitions
    from openkap.registry.disclosure import Ledger
    from openkap.registry.engine import connect

    definitions, dataset = read_definitions(), open_dataset(root)
    with one_writer(root):
        place = root / "ledger.json"
        if place.exists():
            ledger = aggregate.ledger_from_json(place.read_text(encoding="utf-8"))
        else:
            _confirm_first(place, first=first, may_ask=not as_json and sys.stdin.isatty())
            ledger = Ledger()
        with _progress("Summary", as_json) as say:
            summary = aggregate.summarise(
                connect(url, dataset, definitions),
                dataset,
                definitions,
                site=site,
                ledger=ledger,
                threshold=threshold,
                progress=say,
            )
        signed = aggregate.sign(summary.body, key_file.read_bytes())
        # The ledger first: a release that is not in it must never exist.
        beside = root / ".ledger.json"
        beside.write_text(aggregate.ledger_to_json(summary.ledger), encoding="utf-8")
        beside.replace(place)
        out.write_text(json.dumps(signed), encoding="utf-8")
    value = {"file": str(out), "new_tables": summary.renewed, "repeated_tables": summary.repeated}
    _answer(
        value, as_json, lambda: iter([f"{out}: {summary.renewed} tables new, {summary.repeated} repeated"])
    )


def _confirm_first(ledger: Path, *, first: bool, may_ask: bool) -> None:
    """A lost ledger must not pass for a first release: two releases could then be subtracted."""
    question = f"There is no {ledger}. Has nothing ever left this site?"
    if first or (may_ask and click.confirm(question, default=False, err=True)):
        return
    raise InputError(
        "there is no ledger of what was sent before",
        where=str(ledger),
        remedy="put the ledger back; only if nothing has ever left this site, say --first",
    )


@registry.command()
@click.argument(
    "files", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True, dir_okay=False)
)
@click.option(
    "--trust", multiple=True, required=True, help="Public key of a site, in hexadecimal; one for each."
)
@JSON
def combine(files: tuple[Path, ...], trust: tuple[str, ...], as_json: bool) -> None:
    """Pool the signed files of many sites by the two-stage model; no patient is needed."""
    from dataclasses import asdict

    from openkap.registry import aggregate

    with _progress("Sites together", as_json) as say:
        bodies = [aggregate.read_signed(path, trust) for path in files]
        results = aggregate.combine(bodies, progress=say)
    _answer(
        [{**asdict(each), "sentence": each.sentence()} for each in results],
        as_json,
        lambda: (each.sentence() for each in results),
    )


def _write_csv(path: Path, rows: list[dict[str, Any]]) -> None:
    flat = [
        {
            (f"{name}_{inner}" if isinstance(value, dict) else name): part
            for name, value in row.items()
            for inner, part in (value.items() if isinstance(value, dict) else [("", value)])
        }
        for row in rows
    ]
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(flat[0]) if flat else [])
        writer.writeheader()
        writer.writerows(flat)
