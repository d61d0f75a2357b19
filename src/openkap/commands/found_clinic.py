"""``openkap found-clinic``: the first clinic and its administrator, from the server's own console."""

from __future__ import annotations

import click

from openkap.commands.django_door import open_django


@click.command("found-clinic")
@click.argument("name")
@click.option("--admin", "email", required=True, help="E-mail address of the site administrator.")
@click.option("--name", "person", required=True, help="Name of the site administrator.")
@click.option("--time-zone", default="UTC", show_default=True, help="Such as America/Chicago.")
def found_clinic(name: str, email: str, person: str, time_zone: str) -> None:
    """Open the clinic NAME; prints the link by which its administrator chooses a password."""
    open_django()
    from openkap.care.accounts.hiring import found, password_link
    from openkap.commands.serve import prepare_database

    prepare_database()
    administrator = found(clinic_name=name, email=email, name=person, time_zone=time_zone)
    click.echo(password_link(administrator))
