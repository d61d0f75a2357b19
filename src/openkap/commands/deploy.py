"""``openkap check --deploy``: is this installation fit to serve real people."""

from __future__ import annotations

import json
import sys

import click

from openkap.commands.django_door import open_django


def check_deploy(as_json: bool) -> None:
    """Run Django's and our own checks of the settings; exit 1 unless all hold."""
    open_django()
    from django.core.checks import Error, run_checks

    from openkap.care.enrolment.protocols import site_problem

    found = run_checks(include_deployment_checks=True)
    if problem := site_problem():
        hint = "correct the file that OPENKAP_SITE_FILE names (docs/protocol.md)"
        found.append(Error(f"the site's own limits cannot be used: {problem}", hint=hint, id="openkap.E001"))
    if as_json:
        rows = [{"id": each.id, "what": each.msg, "remedy": each.hint} for each in found]
        click.echo(json.dumps({"ready": not found, "findings": rows}, indent=2))
    else:
        for each in found:
            click.echo(f"{each.id}: {each.msg}" + (f"\n    {each.hint}" if each.hint else ""))
        click.echo("ready to serve" if not found else f"not ready: {len(found)} findings")
    sys.exit(1 if found else 0)
