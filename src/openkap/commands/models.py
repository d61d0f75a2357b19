"""``openkap models``: the kinetic models, their values and sources, and what they get right and wrong."""

from __future__ import annotations

import json

import click


@click.group()
def models() -> None:
    """The kinetic models: list, show one, or check all against observations."""


@models.command("list")
@click.option("--json", "as_json", is_flag=True, help="The answer as JSON.")
def list_models(as_json: bool) -> None:
    """All models: drug, routes, sampling site, and whether they can be simulated."""
    from openkap.pharmacology.catalogue import listing

    rows = listing()
    if as_json:
        click.echo(json.dumps(rows, ensure_ascii=False))
        return
    for row in rows:
        runs = "runs" if row["runs"] else "summary"
        click.echo(
            f"{row['id']:33} {row['drug']:17} {row['site']:15} {runs:8} {row['variability']:9} "
            f"{', '.join(row['routes']) or '-'}"
        )


@models.command()
@click.argument("model_id")
@click.option("--json", "as_json", is_flag=True, help="The answer as JSON.")
def show(model_id: str, as_json: bool) -> None:
    """One model: every value with unit, meaning, source and grade; warnings."""
    from openkap.pharmacology.catalogue import describe, described

    click.echo(json.dumps(describe(model_id), ensure_ascii=False) if as_json else described(model_id))


@models.command()
@click.option("--json", "as_json", is_flag=True, help="The answer as JSON.")
def check(as_json: bool) -> None:
    """Every predicted-versus-observed row with its fold error; which miss the 1.25-fold window, and why."""
    from openkap.pharmacology.catalogue import report_lines
    from openkap.pharmacology.published import outcomes

    found = outcomes()
    if as_json:
        rows = [
            {
                "id": row.id,
                "what": row.what,
                "model": row.model,
                "kind": row.kind,
                "predicted": row.predicted,
                "observed": row.observed,
                "unit": row.unit,
                "fold": row.fold,
                "inside": row.inside,
                "why": row.why,
                "source": row.source,
            }
            for row in found
        ]
        click.echo(json.dumps(rows, ensure_ascii=False))
        return
    for line in report_lines(found):
        click.echo(line)
