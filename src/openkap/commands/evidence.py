"""``openkap evidence``: the verbs of the evidence room, each loaded when it is called."""

from __future__ import annotations

import importlib

import click

# verb -> (module below openkap.commands, one line for the list)
VERBS: dict[str, tuple[str, str]] = {
    "pool": ("evidence_statistics", "Pool one estimate per study."),
    "regress": ("evidence_statistics", "Regress effects on moderators."),
    "multilevel": ("evidence_statistics", "Pool dependent effects in three levels or more."),
    "network": ("evidence_statistics", "Compare many treatments through a network of trials."),
    "dose": ("evidence_statistics", "Fit a dose-response curve across trials."),
    "multiverse": ("evidence_statistics", "Run every defensible analysis and say which choice matters."),
}


class EvidenceVerbs(click.Group):
    """The room's verbs by name and help line; one is imported only to run it."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The verbs in the order they are listed."""
        return list(VERBS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """The verb's command, imported now."""
        if name not in VERBS:
            return None
        command: click.Command = getattr(importlib.import_module(f"openkap.commands.{VERBS[name][0]}"), name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list of verbs, written from the table without importing any."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in VERBS.items()])


@click.group(cls=EvidenceVerbs)
def evidence() -> None:
    """Meta-analysis, and the evidence base for ketamine in PTSD."""
