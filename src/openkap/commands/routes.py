"""``openkap routes``: exposure by route side by side."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import click

from openkap.commands.written import write_file


@click.command()
@click.option("--weight", default="70 kg", show_default=True, help="Such as '94 kg'.")
@click.option(
    "--people", default=200, show_default=True, type=click.IntRange(min=1), help="Number of virtual people."
)
@click.option(
    "--seed", default=1, show_default=True, type=click.IntRange(min=0), help="Seed of everything random."
)
@click.option("--json", "as_json", is_flag=True, help="The answer as JSON.")
@click.option("--plot", type=click.Path(path_type=Path, dir_okay=False), help="Write a figure (SVG).")
def routes(weight: str, people: int, seed: int, as_json: bool, plot: Path | None) -> None:
    """Each route at a usual dose: peak, time to peak, area, confidence; and which routes have no kinetics."""
    from openkap.pharmacology.population import Person
    from openkap.pharmacology.routes import RouteRow, compare, figure

    rows = compare(Person.of(weight=weight), people=people, seed=seed)
    if plot is not None:
        write_file(plot, figure(rows))
    if as_json:
        click.echo(json.dumps([dataclasses.asdict(row) for row in rows], ensure_ascii=False))
        return

    def three(values: tuple[float, float, float] | None) -> str:
        return "-" if values is None else f"{values[1]:.3g} ({values[0]:.3g}-{values[2]:.3g})"

    def line(row: RouteRow) -> str:
        head = f"{row.route:14} {row.drug:17} {row.dose:22}"
        if row.cmax is None:
            return f"{head} refused: {row.reason}"
        body = f"{three(row.cmax):20} {three(row.tmax):17} {three(row.auc):20} {three(row.same_auc_mg):17}"
        return (
            f"{head} {body} {three(row.same_cmax_mg):17} {row.site or '':15} {row.confidence:16} {row.model}"
        )

    exposures = f"{'Cmax ng/mL':20} {'Tmax min':17} {'AUC ng/mL*h':20}"
    head = f"{exposures} {'mg, same AUC':17} {'mg, same Cmax':17} {'blood':15} confidence"
    click.echo(f"{'route':14} {'drug':17} {'dose':22} {head}")
    for row in rows:
        click.echo(line(row))
    click.echo(
        "Same AUC and same Cmax: as the first row, median (5 to 95 % of people). Equal levels of racemic and "
        "S-ketamine, or of arterial and venous blood, are not equal effects."
    )
