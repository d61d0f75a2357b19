"""``openkap check --deploy``: is this installation fit to serve real people."""

from __future__ import annotations

import json
import shutil
import sys
from typing import Any

import click

from openkap.commands.django_door import open_django
from openkap.commands.mendable import of_database


def check_deploy(as_json: bool) -> None:
    """Run Django's and our own checks of the settings; exit 1 unless all hold.

    A caution of our own (``openkap.W...``) is told and does not count: it names a limit to know of, such as
    one writer at a time. Django's warnings do: a debug mode left on is one of them.
    """
    open_django()
    from django.core.checks import Error, run_checks

    from openkap.care.enrolment.protocols import site_problem

    found = run_checks(include_deployment_checks=True)
    found += _database()
    if problem := site_problem():
        hint = "correct the file that OPENKAP_SITE_FILE names (docs/protocol.md)"
        found.append(Error(f"the site's own limits cannot be used: {problem}", hint=hint, id="openkap.E010"))
    missing = [each for each in found if not str(each.id).startswith("openkap.W")]
    if as_json:
        rows = [{"id": each.id, "what": each.msg, "remedy": each.hint} for each in found]
        click.echo(json.dumps({"ready": not missing, "findings": rows}, indent=2))
    else:
        for each in found:
            click.echo(f"{each.id}: {each.msg}" + (f"\n    {each.hint}" if each.hint else ""))
        click.echo("ready to serve" if not missing else f"not ready: {len(missing)} findings")
    sys.exit(1 if missing else 0)


def _database() -> list[Any]:
    """Whether the database answers, and whether a backup of it can be made from here."""
    from django.core.checks import Error
    from django.core.checks import Warning as Caution
    from django.db import DatabaseError, connection

    try:
        connection.ensure_connection()
    except DatabaseError as failed:
        told = of_database(failed)
        what = str(told) if told else f"the database does not answer: {type(failed).__name__}"
        return [Error(what, hint="", id="openkap.E011")]
    lacking = [name for name in ("pg_dump", "pg_restore", "psql") if shutil.which(name) is None]
    if connection.vendor == "postgresql" and lacking:
        hint = "Install PostgreSQL's client programs, or make the backups on a machine that has them."
        return [
            Caution(f"No backup can be made here without {', '.join(lacking)}.", hint=hint, id="openkap.W003")
        ]
    return []
