"""``openkap audit``: export the chain, check the rows, verify an exported file offline."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path

import click

from openkap.care.audit.verify import report_on, summary
from openkap.core.errors import InputError


@click.group()
def audit() -> None:
    """Export the audit chain and prove that nobody changed it."""


@audit.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False))
@click.option("--anchor", "anchors", multiple=True, help="NUMBER:DIGEST noted elsewhere at the time.")
@click.option("--json", "as_json", is_flag=True, help="The answer as JSON.")
def verify(file: str, anchors: tuple[str, ...], as_json: bool) -> None:
    """Find every edit, deletion, move, cut and addition in an exported FILE; exit 1 if there is one."""
    try:
        report = report_on(file, anchors)
    except ValueError as failed:
        raise InputError(str(failed), remedy="copy the anchor as the audit page shows it") from None
    click.echo(json.dumps(asdict(report), indent=2) if as_json else summary(report))
    sys.exit(0 if report.is_whole else 1)


@audit.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
def export(folder: Path) -> None:
    """Write every chain of this installation into FOLDER, one file each."""
    from openkap.commands.django_door import open_django

    open_django()
    from openkap.care.audit.queries import chains, export_lines

    folder.mkdir(parents=True, exist_ok=True)
    for chain in chains():
        path = folder / f"audit-{chain}.jsonl"
        with path.open("w", encoding="utf-8", newline="\n") as file:
            file.writelines(export_lines(chain))
        click.echo(path)


@audit.command("check")
def check_rows() -> None:
    """Check the rows of this installation's database; exit 1 where one was changed."""
    from openkap.commands.django_door import open_django

    open_django()
    from openkap.care.audit.queries import chains, disagreeing_rows, export_lines
    from openkap.care.audit.verify import verify_lines

    whole = True
    for chain in chains():
        report = verify_lines(export_lines(chain))
        wrong = disagreeing_rows(chain)
        whole = whole and report.is_whole and not wrong
        click.echo(summary(report))
        if wrong:
            click.echo(f"columns differ from the text of events {wrong[:20]}")
    sys.exit(0 if whole else 1)
