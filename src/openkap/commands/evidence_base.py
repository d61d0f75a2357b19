"""``openkap evidence claims | report | diff | import | check``: the evidence base and its living report."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import click

from openkap.core.clock import parse_moment, system_clock
from openkap.core.content import SHIPPED
from openkap.core.errors import InputError

FORMS = ("auto", "ctgov", "pubmed", "ris", "metapsy", "revman", "csv")
_extra = click.option(
    "--trials",
    "extra",
    multiple=True,
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Folder of further study files, as import writes them; may be given more than once.",
)
_content = click.option(
    "--content",
    "root",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    default=SHIPPED,
    help="Folder of content files; the shipped one by default.",
)
_json = click.option("--json", "as_json", is_flag=True, help="The answer as JSON.")


def _say(answer: Any) -> None:
    click.echo(json.dumps(answer, indent=2, ensure_ascii=False, default=str))


@click.command(epilog="\b\nExample:\n  openkap evidence claims E3 S1")
@click.argument("ids", nargs=-1)
@_extra
@_content
@_json
def claims(ids: tuple[str, ...], extra: tuple[Path, ...], root: Path, as_json: bool) -> None:
    """Answer every claim of the founding summary, or those with the given IDS."""
    from openkap.evidence.report.assemble import build, headline

    report = build(as_of=date(1970, 1, 1), extra=extra, root=root)
    known = {entry.claim.id for entry in report.entries}
    unknown = [each for each in ids if each.upper() not in known]
    if unknown:
        raise InputError("no such claim", value=", ".join(unknown), limit=", ".join(sorted(known)))
    wanted = {each.upper() for each in ids} or known
    chosen = [entry for entry in report.entries if entry.claim.id in wanted]
    if as_json:
        data = {each["id"]: each for each in report.data()["claims"]}
        _say({"headline": headline(report), "claims": [data[entry.claim.id] for entry in chosen]})
        return
    if not ids:
        for sentence in headline(report):
            click.echo(sentence)
        click.echo()
    for entry in chosen:
        click.echo(
            click.style(f"{entry.claim.id:3} {entry.verdict.upper()}", bold=True) + f"  {entry.claim.claim}"
        )
        certainty = f" [certainty {entry.certainty}]" if entry.certainty else ""
        click.echo(f"    {entry.sentence}{certainty}")
        for review, estimate in entry.published:
            flag = report.flag(estimate.id)
            click.echo(
                f"    Published: {review.name}, {review.sentence(estimate)}"
                + (f" [flagged: {flag}]" if flag else "")
            )
        click.echo()


@click.command(
    epilog="\b\nExamples:\n  openkap evidence report --out report\n"
    "  openkap evidence report --out report --trials imported --as-of 2026-11-28"
)
@click.option(
    "--out", type=click.Path(path_type=Path, file_okay=False), required=True, help="Folder to write to."
)
@click.option("--as-of", "as_of", help="The day the report speaks of; today (UTC) by default.")
@_extra
@_content
@_json
def report(out: Path, as_of: str | None, extra: tuple[Path, ...], root: Path, as_json: bool) -> None:
    """Write the living report: one page, data, tables and figures. Same inputs and day, same bytes."""
    from openkap.evidence.report.assemble import build
    from openkap.evidence.report.files import write_report

    day = (parse_moment(as_of, where="--as-of") if as_of else system_clock()).date()
    built = build(as_of=day, extra=extra, root=root)
    written = write_report(built, out)
    if as_json:
        _say(
            {
                "files": [str(path) for path in written],
                "fingerprint": built.fingerprint,
                "as_of": day.isoformat(),
            }
        )
    else:
        click.echo(f"{len(written)} files in {out}; open {out / 'report.html'} (inputs {built.fingerprint})")


@click.command(epilog="\b\nExample:\n  openkap evidence diff report-before report-after")
@click.argument("old", type=click.Path(path_type=Path))
@click.argument("new", type=click.Path(path_type=Path))
@_json
def diff(old: Path, new: Path, as_json: bool) -> None:
    """Say which sentences and numbers changed between two reports (folders or report.json files)."""
    from openkap.evidence.diff import compare, read_report

    changes = compare(read_report(old), read_report(new))
    if as_json:
        _say({"changed": bool(changes), "changes": [change.as_dict() for change in changes]})
    elif not changes:
        click.echo("Nothing changed.")
    for change in () if as_json else changes:
        click.echo(f"[{change.kind}] {change.sentence}")


@click.command(
    epilog="\b\nExamples:\n  openkap evidence check --trials imported\n"
    "  openkap evidence check --against second/duek2023.yaml"
)
@_extra
@_content
@click.option(
    "--against",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    multiple=True,
    help="A second extraction of a study: every field in which the two differ is named.",
)
@_json
def check(extra: tuple[Path, ...], root: Path, against: tuple[Path, ...], as_json: bool) -> None:
    """Run the integrity gate over trials and published pools; exit 1 on a contradiction in a trial."""
    from openkap.evidence.base import read_base, read_study
    from openkap.evidence.integrity import check_base
    from openkap.evidence.integrity_pools import check_syntheses, compare_extractions
    from openkap.evidence.scales import read_scales
    from openkap.evidence.syntheses import read_syntheses

    scales = read_scales(root / "outcome_scales.yaml")
    base = read_base(root / "trials", *extra, scales=scales)
    trials = check_base(base, scales)
    for path in against:
        second = read_study(path)
        trials += compare_extractions(base.get(second.id), second)
    pools = check_syntheses(read_syntheses(root / "syntheses.yaml"), base, scales)
    if as_json:
        _say({"trials": [each.as_dict() for each in trials], "published": [each.as_dict() for each in pools]})
    else:
        click.echo(
            f"{len(base.records)} records: {len(trials)} findings; published pools: {len(pools)} findings"
        )
        for each in (*trials, *pools):
            click.echo(f"[{each.severity}] {each.check}: {each.subject}: {each.sentence}; {each.remedy}")
    if any(each.severity == "contradiction" for each in trials):
        raise SystemExit(1)


@click.command(
    name="import",
    epilog="\b\nExamples:\n  openkap evidence import NCT02655692 --into imported\n"
    "  openkap evidence import saved/*.json articles.nbib --into imported",
)
@click.argument("inputs", nargs=-1, required=True)
@click.option(
    "--form", type=click.Choice(FORMS), default="auto", help="What the files are; told by their content."
)
@click.option(
    "--into", type=click.Path(path_type=Path, file_okay=False), help="Folder to write study files to."
)
@_content
@_json
def import_(inputs: tuple[str, ...], form: str, into: Path | None, root: Path, as_json: bool) -> None:
    """Read registry records, references or tables: files, or numbers (NCT..., pmid:...) to fetch.

    Studies become files below --into, ready for review and for `report --trials`; references are joined to
    the studies held, and retracted reports are named.
    """
    from openkap.commands.evidence_import import import_all

    answer = import_all(inputs, form, into, root)
    if as_json:
        _say(answer.as_dict())
    else:
        for line in answer.lines():
            click.echo(line)
    if answer.errors:
        raise SystemExit(1)
