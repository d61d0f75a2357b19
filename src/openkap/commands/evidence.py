"""``openkap evidence``: the verbs of the evidence room, each loaded when it is called."""

from __future__ import annotations

import importlib
import keyword

import click

# verb -> (module below openkap.commands, one line for the list)
VERBS: dict[str, tuple[str, str]] = {
    "pool": ("evidence_statistics", "Pool one estimate per study."),
    "regress": ("evidence_statistics", "Regress effects on moderators."),
    "multilevel": ("evidence_statistics", "Pool dependent effects in three levels or more."),
    "network": ("evidence_statistics", "Compare many treatments through a network of trials."),
    "dose": ("evidence_statistics", "Fit a dose-response curve across trials."),
    "multiverse": ("evidence_statistics", "Run every defensible analysis and say which choice matters."),
    "claims": ("evidence_base", "Answer every claim of the founding summary, with reasons."),
    "report": ("evidence_base", "Write the living report: page, data, tables and figures."),
    "diff": ("evidence_base", "Say what changed between two reports, in sentences."),
    "import": ("evidence_base", "Read registry records, references and tables into study files."),
    "check": ("evidence_base", "Run the extraction integrity gate."),
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
        module = importlib.import_module(f"openkap.commands.{VERBS[name][0]}")
        # ``import`` is a word of the language, so its function ends in an underscore.
        command: click.Command = getattr(module, f"{name}_" if keyword.iskeyword(name) else name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list of verbs, written from the table without importing any."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in VERBS.items()])


@click.group(cls=EvidenceVerbs)
def evidence() -> None:
    """Meta-analysis, and the evidence base for ketamine in PTSD."""
