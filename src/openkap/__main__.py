"""``openkap``: the commands, each loaded when it is called, so that ``--help`` stays quick."""

from __future__ import annotations

import sys
from typing import Any

import click

from openkap import __version__
from openkap.commands.lazy import LazyVerbs
from openkap.commands.printed import plain
from openkap.core.errors import DomainError

# verb -> (module below openkap.commands, one line for the list)
VERBS: dict[str, tuple[str, str]] = {
    "demo": ("demo", "Assess a small set of invented referrals; nothing to prepare."),
    "assess": ("assess", "Assess referrals (facts files or FHIR bundles) under a protocol."),
    "dose": ("dose", "Propose a dose with its arithmetic, for a person under a protocol."),
    "protocol": ("protocol", "Protocols: list, show, compare, export, draft, publish."),
    "check": ("check", "Check all content; exit 1 with file, line and remedy where it fails."),
    "score": ("score", "Score an answered form; with an earlier one, judge the change."),
    "instruments": ("instruments", "List and show rating scales; import official wording."),
    "serve": ("serve", "Serve the clinic: pages and jobs on this machine."),
    "found-clinic": ("found_clinic", "Open the first clinic with its administrator."),
    "jobs": ("serve", "Run the clinic's jobs alone, once or for good."),
    "backup": ("backup", "Write a backup of the clinic while people work, and check it."),
    "verify-backup": ("backup", "Check a backup: digest, database, audit chains."),
    "restore": ("backup", "Put a backup in the place of this installation's database."),
    "audit": ("audit", "Export the audit chain and prove that nobody changed it."),
    "evidence": ("evidence", "Meta-analysis: pool, regress, network, and the ketamine evidence base."),
    "simulate": ("simulate", "What a dose does, by route, in a person or in a crowd."),
    "routes": ("routes", "Exposure by route, side by side."),
    "models": ("models", "The kinetic models: list, show, check against observations."),
    "mechanism": ("mechanism", "How ketamine may work: claims with evidence for and against."),
    "registry": ("registry", "Many patients at once: extract, measures, benchmark, combine sites."),
}


@click.group(cls=LazyVerbs, verbs=VERBS, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="openkap")
def cli() -> None:
    """OpenKAP: protocol, pharmacology, evidence, registry and clinic for ketamine in PTSD.

    It proposes, with reasons and sources; a named person decides. Not a medical device.
    """


def main(arguments: list[str] | None = None) -> Any:
    """Run a command; what a person can mend ends as one message and exit code 1."""
    try:
        return cli.main(args=arguments, prog_name="openkap", standalone_mode=True)
    except DomainError as error:
        click.echo(plain(f"openkap: {error}"), err=True)
        sys.exit(1)
    except BrokenPipeError:
        sys.exit(1)
    except Exception as error:
        from openkap.commands.mendable import mendable

        told = mendable(error)
        if told is None:
            raise
        click.echo(plain(f"openkap: {told}"), err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
