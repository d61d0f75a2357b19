"""``openkap score``: one answered form to scores, and to a change when an earlier form is given."""

from __future__ import annotations

from pathlib import Path

import click

from openkap.commands.printed import as_json as json_text
from openkap.commands.printed import plain as clean
from openkap.core.truth import Truth
from openkap.instruments.answers import read_answers
from openkap.instruments.change import Change, change
from openkap.instruments.load import instrument as read_instrument
from openkap.instruments.model import Instrument
from openkap.instruments.score import Score, plain
from openkap.instruments.score import score as score_form


@click.command()
@click.argument("instrument")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--before", type=click.Path(path_type=Path), help="An earlier form: report the change.")
@click.option("--definition", help="The definition of change to use for its kind.")
@click.option("--json", "as_json", is_flag=True, help="The answer as JSON.")
def score(instrument: str, file: Path, before: Path | None, definition: str | None, as_json: bool) -> None:
    """Score the form in FILE (item: number as JSON or YAML, or a FHIR QuestionnaireResponse).

    Exit code 1 when the main scale cannot be scored; safety answers are reported all the same.
    """
    scale = read_instrument(instrument)
    given = read_answers(file, scale)
    now = score_form(scale, given.values)
    changed = None
    if before is not None:
        earlier = score_form(scale, read_answers(before, scale).values)
        changed = change(scale, earlier, now, definition=definition)
    if as_json:
        answer = now.as_dict()
        answer["unmatched"] = list(given.unmatched)
        if changed is not None:
            answer["change"] = changed.as_dict()
        click.echo(json_text(answer, indent=2))
    else:
        _print_score(scale, now, given.unmatched)
        if changed is not None:
            _print_change(changed)
    if now.main is not None and now.total is None:
        raise SystemExit(1)


def _print_score(scale: Instrument, now: Score, unmatched: tuple[str, ...]) -> None:
    click.echo(f"{scale.name}  (version {now.version}, {now.fingerprint[:12]})")
    for alarm in now.safety:
        if alarm.met is Truth.YES:
            click.echo(f"  SAFETY  item {', '.join(alarm.items)}: {alarm.say}")
    for each in now.scales:
        low, high = scale.scale(each.id).range
        if each.value is not None:
            mean = "  (missing items at the mean of the others)" if each.is_imputed else ""
            click.echo(f"  {plain(each.value)!s:>8}  of {low}-{high}  {each.name}{mean}")
        else:
            click.echo(f"  no score  {each.name}: {each.why_not}")
    for band in now.bands:
        if band.band is not None:
            click.echo(f"  {band.name}: {band.label or 'no label in the source'} ({band.band})")
    for cutoff in now.cutoffs:
        who = f", {cutoff.who}" if cutoff.who else ""
        click.echo(f"  {_word(cutoff.met):>8}  {cutoff.name}: {cutoff.scale} {cutoff.limit}{who}")
    for rule in now.rules:
        counts = "; ".join(f"{name} {count}" for name, count, _ in rule.counts)
        click.echo(f"  {_word(rule.met):>8}  {rule.name} ({counts})")
    for alarm in now.safety:
        if alarm.met is Truth.UNKNOWN:
            click.echo(f"  not answered: a safety question ({alarm.id})")
    if now.missing:
        click.echo(f"  not answered: {', '.join(now.missing)}")
    for line in unmatched:
        click.echo(clean(f"  not understood: {line}"))


def _print_change(changed: Change) -> None:
    percent = "" if changed.percent is None else f" ({round(float(changed.percent), 1)}%)"
    click.echo(
        f"  change: {plain(changed.before)} to {plain(changed.after)}, {plain(changed.points)}{percent}"
    )
    for each in changed.findings:
        mark = "used" if each.is_used else "also"
        click.echo(
            f"  {_word(each.met):>8}  {each.of.replace('_', ' ')}, {mark}: {each.name}"
            f" [{each.id}; {', '.join(each.sources)}; {each.grade}]"
        )


def _word(met: Truth) -> str:
    return {Truth.YES: "yes", Truth.NO: "no", Truth.UNKNOWN: "unknown"}[met]
