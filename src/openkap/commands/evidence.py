"""``openkap evidence``: the verbs of the evidence room, each loaded when it is called."""

from __future__ import annotations

import click

from openkap.commands.lazy import LazyVerbs

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


@click.group(cls=LazyVerbs, verbs=VERBS)
def evidence() -> None:
    """Meta-analysis, and the evidence base for ketamine in PTSD."""
