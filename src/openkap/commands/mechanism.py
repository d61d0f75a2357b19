"""``openkap mechanism``: how ketamine may work, with the evidence for and against."""

from __future__ import annotations

import json
from pathlib import Path

import click

from openkap.commands.written import write_file


@click.command()
@click.option("--json", "as_json", is_flag=True, help="The answer as JSON.")
@click.option("--plot", type=click.Path(path_type=Path, dir_okay=False), help="Write the drawing (SVG).")
def mechanism(as_json: bool, plot: Path | None) -> None:
    """Claims on how ketamine works: evidence for and against, species, onset, duration, sources."""
    from openkap.pharmacology.mechanism import drawing, in_words, mechanism_map

    found = mechanism_map()
    if plot is not None:
        write_file(plot, drawing(found))
    click.echo(json.dumps(found.model_dump(mode="json"), ensure_ascii=False) if as_json else in_words(found))
