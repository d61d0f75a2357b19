"""``openkap backup``, ``verify-backup``, ``restore``: what the clinic wrote, kept and put back."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from openkap.commands.django_door import open_django


@click.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="The answer as JSON.")
def backup(folder: Path, as_json: bool) -> None:
    """Write a backup into FOLDER while people work, and check it."""
    open_django()
    from openkap.care.keeping import check_backup, make_backup

    path = make_backup(folder)
    checked = check_backup(path)
    _answer(path, checked.problems, checked.events, as_json)


@click.command("verify-backup")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="The answer as JSON.")
def verify_backup(file: Path, as_json: bool) -> None:
    """Check a backup FILE: its digest, the database in it, and every audit chain; exit 1 if damaged."""
    open_django()
    from openkap.care.keeping import check_backup

    checked = check_backup(file)
    _answer(file, checked.problems, checked.events, as_json)


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--replace", is_flag=True, help="Overwrite a database that is not empty. Stop the server first."
)
def restore(file: Path, replace: bool) -> None:
    """Put a backup FILE in the place of this installation's database."""
    open_django()
    from openkap.care.keeping import restore_backup, secret_mark

    checked = restore_backup(file, replace=replace)
    click.echo(f"restored: {checked.events} audit events, made {checked.manifest['made_at']}")
    if checked.manifest["secret"] != secret_mark():
        click.echo(
            "The secret of this installation is another one than at the time of the backup: second factors "
            "and links of before cannot be read. Put the old OPENKAP_SECRET_KEY (or var/secret_key) back.",
            err=True,
        )


def _answer(path: Path, problems: list[str], events: int, as_json: bool) -> None:
    if as_json:
        click.echo(
            json.dumps({"file": str(path), "good": not problems, "events": events, "problems": problems})
        )
    elif problems:
        click.echo(f"{path} is NOT whole:\n" + "\n".join(problems))
    else:
        click.echo(f"{path} is whole: {events} audit events checked")
    sys.exit(1 if problems else 0)
