"""``openkap demo``: invented referrals, each assessed, and one full report."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click

from openkap.commands.assess import DEFAULT_PROTOCOL, report
from openkap.core.clock import parse_moment, system_clock
from openkap.core.errors import DomainError, InputError
from openkap.interop.referral import Referral, read_referral
from openkap.interop.synthetic import NOT_READ, Case, referrals
from openkap.protocol.assess import Assessment, assess
from openkap.protocol.model import Protocol
from openkap.protocol.read import load_protocol

SHOWN_IN_FULL = "excluded-aneurysm-denied.json"
SEED = click.option("--seed", default=1, show_default=True, help="Another seed, other invented people.")
DAY = click.option("--as-of", "day", help="Write and assess as of this date, YYYY-MM-DD; now by default.")


@click.group(invoke_without_command=True)
@SEED
@DAY
@click.option(
    "--protocol", "name", default=DEFAULT_PROTOCOL, show_default=True, help="Protocol, or ID@VERSION."
)
@click.option("--json", "as_json", is_flag=True, help="The answer as JSON.")
@click.pass_context
def demo(context: click.Context, seed: int, day: str | None, name: str, as_json: bool) -> None:
    """Assess a small set of invented referrals: FHIR bundles, facts files, and files that must be refused."""
    if context.invoked_subcommand is not None:
        return
    protocol, as_of = load_protocol(name), _moment(day)
    with TemporaryDirectory(prefix="openkap-demo-") as folder:
        rows = list(_assessed(Path(folder), referrals(as_of, seed), protocol, as_of))
    if as_json:
        click.echo(json.dumps([_as_data(*row) for row in rows], indent=2, ensure_ascii=False))
        return
    click.echo(
        f"{len(rows)} invented referrals under {protocol.id} {protocol.version}, as of {as_of:%d %b %Y}"
    )
    click.echo(f"\n{'file':38} {'verdict':22} {'to ask':>6}  shows")
    for case, _, assessment, refused in rows:
        verdict = assessment.verdict.value if assessment else NOT_READ
        to_ask = str(len(assessment.missing)) if assessment else ""
        click.echo(f"{case.name:38} {verdict:22} {to_ask:>6}  {case.shows}")
        if refused:
            click.echo(f"{'':38}   {refused}")
    for case, referral, assessment, _ in rows:
        if case.name == SHOWN_IN_FULL and assessment:
            click.echo(f"\n{case.name} in full\n\n{report(assessment, referral)}")
    click.echo(
        "\nKeep the files: openkap demo referrals --out FOLDER    Assess your own: openkap assess FILE..."
    )


@demo.command("referrals")
@click.option(
    "--out",
    "folder",
    required=True,
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder to write to; made when it is not there.",
)
@SEED
@DAY
def write_referrals(folder: Path, seed: int, day: str | None) -> None:
    """Write the invented referrals to a folder."""
    cases = referrals(_moment(day), seed)
    _write(folder, cases)
    click.echo(f"{len(cases)} files in {folder}. Assess them: openkap assess {folder}")


Row = tuple[Case, Referral | None, Assessment | None, DomainError | None]


def _assessed(folder: Path, cases: list[Case], protocol: Protocol, as_of: datetime) -> Iterator[Row]:
    _write(folder, cases)
    for case in cases:
        try:
            referral = read_referral(folder / case.name, as_of=as_of)
            yield case, referral, assess(referral.facts, protocol), None
        except DomainError as refused:
            where = (refused.where or "").replace(f"{folder}/", "")
            yield (
                case,
                None,
                None,
                type(refused)(
                    refused.what, value=refused.value, limit=refused.limit, remedy=refused.remedy, where=where
                ),
            )


def _write(folder: Path, cases: list[Case]) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for case in cases:
            (folder / case.name).write_bytes(case.content)
    except OSError as failed:
        raise InputError(
            f"cannot write there: {failed.strerror}",
            remedy="give a folder that can be written",
            where=str(folder),
        ) from None


def _as_data(
    case: Case, referral: Referral | None, assessment: Assessment | None, refused: DomainError | None
) -> dict[str, Any]:
    intake = referral.intake if referral else None
    return {
        "file": case.name,
        "shows": case.shows,
        "expected": case.verdict,
        **(assessment.as_dict() if assessment else {"verdict": NOT_READ}),
        **({"intake": intake.as_dict()} if intake else {}),
        **({"error": refused.as_dict()} if refused else {}),
    }


def _moment(day: str | None) -> datetime:
    return parse_moment(day, where="--as-of") if day else system_clock()
