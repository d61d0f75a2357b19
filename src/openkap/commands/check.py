"""``openkap check``: is all content valid, and how much is there of which grade."""

from __future__ import annotations

import importlib
import json
from pathlib import Path

import click

from openkap.core.content import SHIPPED, Tally

# module and function ``(root) -> list[Tally]`` of every room that has content
ROOMS: list[tuple[str, str]] = [
    ("openkap.protocol.read", "tally"),
    ("openkap.care.accounts.requirements", "tally"),
    ("openkap.instruments.load", "tally"),
    ("openkap.interop.fhir.concepts", "tally"),
    ("openkap.pharmacology.tally", "tally"),
    ("openkap.evidence.tally", "tally"),
    ("openkap.registry.definition", "tally"),
    ("openkap.care.outcomes.follow_up", "tally"),
    ("openkap.care.outcomes.patient_words", "tally"),
    ("openkap.protocol.consent_text", "tally"),
    ("openkap.protocol.before_signing", "tally"),
    ("openkap.protocol.clinic_words", "tally"),
    ("openkap.protocol.screening_order", "tally"),
    ("openkap.protocol.session_words", "tally"),
    ("openkap.protocol.dosing_day", "tally"),
    ("openkap.protocol.windows", "tally"),
    ("openkap.protocol.reporting", "tally"),
    ("openkap.protocol.site", "tally"),
    ("openkap.care.live.scenario", "tally"),
    ("openkap.care.live.assumptions", "tally"),
]


def tally_all(root: Path) -> list[Tally]:
    """The tallies of every room's content below ``root``."""
    return [
        tally
        for module, function in ROOMS
        for tally in getattr(importlib.import_module(module), function)(root)
    ]


@click.command()
@click.option(
    "--content",
    "root",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    default=SHIPPED,
    help="Folder of content files; the shipped one by default.",
)
@click.option("--json", "as_json", is_flag=True, help="The answer as JSON.")
@click.option("--deploy", is_flag=True, help="Check the settings of a clinic that serves real people.")
def check(root: Path, as_json: bool, deploy: bool) -> None:
    """Check all content; exit 1 with file, line and remedy where it fails."""
    if deploy:
        from openkap.commands.deploy import check_deploy

        check_deploy(as_json)
        return
    tallies = tally_all(root)
    errors = [error for tally in tallies for error in tally.errors]
    if as_json:
        answer = {
            "valid": not errors,
            "kinds": [{"kind": each.kind, "count": each.count, "grades": each.grades} for each in tallies],
            "errors": [error.as_dict() for error in errors],
        }
        click.echo(json.dumps(answer, indent=2, ensure_ascii=False))
    else:
        for each in tallies:
            grades = ", ".join(f"{number} {grade}" for grade, number in sorted(each.grades.items()))
            click.echo(f"{each.count:5}  {each.kind}" + (f"  ({grades})" if grades else ""))
        for error in errors:
            click.echo(str(error), err=True)
    if errors:
        raise SystemExit(1)
