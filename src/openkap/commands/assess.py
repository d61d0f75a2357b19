"""``openkap assess``: referrals in, verdicts with reasons, sources and what is still missing out."""

from __future__ import annotations

from pathlib import Path

import click

from openkap.commands.assess_many import Answer, Desk, print_array, print_table
from openkap.commands.printed import as_json as json_text
from openkap.commands.printed import plain, plain_lines
from openkap.core.clock import parse_moment, system_clock
from openkap.core.content import SHIPPED
from openkap.core.errors import InputError
from openkap.core.quantity import say_units
from openkap.interop.fhir.concepts import build_index, read_codelists
from openkap.interop.fhir.findings import Intake
from openkap.interop.referral import SUFFIXES, Referral, read_referral, referral_files
from openkap.protocol.assess import Assessment, Reason, Verdict
from openkap.protocol.elements import dictionary
from openkap.protocol.read import load_protocol
from openkap.protocol.site import apply_site

DEFAULT_PROTOCOL = "iv-racemic"


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--protocol", "name", default=DEFAULT_PROTOCOL, show_default=True, help="Protocol, or ID@VERSION."
)
@click.option("--as-of", "day", help="Assess as of this date, YYYY-MM-DD; now by default.")
@click.option(
    "--site", type=click.Path(path_type=Path, dir_okay=False), help="A site file with signed limits."
)
@click.option(
    "--content", "root", type=click.Path(path_type=Path, exists=True, file_okay=False), default=SHIPPED
)
@click.option("--json", "as_json", is_flag=True, help="The answer as JSON; an array for several files.")
def assess(
    files: tuple[Path, ...], name: str, day: str | None, site: Path | None, root: Path, as_json: bool
) -> None:
    """Assess FILES (facts in JSON or YAML, FHIR bundles, or folders of them) under a protocol.

    One file prints a full report; several print a table. Exit code 1 when a file could not be read.
    """
    protocol = load_protocol(name, root)
    if site is not None:
        protocol = apply_site(protocol, site)
    as_of = parse_moment(day, where="--as-of", end_of_day=True) if day else system_clock()
    single = len(files) == 1 and not files[0].is_dir()
    elements = dictionary(root)
    index = build_index(elements, read_codelists(root))
    found = referral_files(files)
    if not found:
        raise InputError(
            "no referrals here",
            value=", ".join(str(path) for path in files),
            limit=f"files ending in {', '.join(SUFFIXES)}",
            remedy="name a file or another folder",
        )
    desk = Desk(protocol, as_of, elements, index)
    if single:
        failed = _print_one(desk.answer(found[0]), as_json)
    else:
        failed = print_array(found, desk) if as_json else print_table(found, desk)
    if failed:
        raise SystemExit(1)


def _print_one(answer: Answer, as_json: bool) -> bool:
    referral, assessment, refused = answer.referral, answer.assessment, answer.refused
    if as_json:
        click.echo(json_text(answer.as_data(), indent=2))
    elif refused is not None:
        click.echo(plain(f"openkap: {refused}"), err=True)
    elif assessment is not None and referral is not None:
        click.echo(report(assessment, referral))
    return refused is not None


def _headline(assessment: Assessment, referral: Referral | None) -> str:
    """The verdict, and that it rests on less than the whole record; an exclusion stands all the same."""
    verdict, to_read = assessment.verdict.words.upper(), referral.to_read if referral else 0
    if not to_read or assessment.verdict is Verdict.EXCLUDED:
        return verdict
    entries = "1 entry" if to_read == 1 else f"{to_read} entries"
    return f"{verdict} on what was understood; {entries} must be read first"


def report(assessment: Assessment, referral: Referral | None = None) -> str:
    """The assessment for a reader: verdict, reasons with grounds, to-do list, what was not understood."""
    protocol = assessment.protocol
    lines = [
        _headline(assessment, referral)
        + (f"   ({assessment.facts.patient})" if assessment.facts.patient else ""),
        f"under {protocol.title}",
        f"protocol {protocol.id} {protocol.version}, fingerprint {protocol.fingerprint[:12]}, "
        f"as of {assessment.facts.as_of:%d %b %Y}"
        + (f", as run at {protocol.site}" if protocol.site else ""),
    ]
    if assessment.verdict is not assessment.so_far:
        lines.append(f"What is known so far comes to: {assessment.so_far.words.lower()}.")
    lines += ["", f"Reasons ({len(assessment.reasons)})"]
    for reason in assessment.reasons:
        rule = reason.rule
        lines.append(f"  {rule.id}  {rule.title}: {rule.action.words}")
        lines.append(f"      seen: {reason.value}    limit: {reason.limit}    grade: {rule.grade.value}")
        lines += [f"      from: {told}" for told in _origins(assessment, reason)]
        lines += [f"      {rule.say}"] if rule.say else []
        lines += [f"      sources disagree: {rule.disagreement}"] if rule.disagreement else []
        lines += [f"      - {protocol.sources[name].cite()}" for name in rule.sources]
    lines += ["", f"Still to learn, cheapest first ({len(assessment.missing)})"]
    for each in assessment.missing:
        was = f"  [{each.was}]" if each.was else ""
        note = "" if each.blocks == "verdict" else "  (for the record)"
        lines.append(f"  {each.effort:9} {each.ask}{note}{was}")
    if assessment.inactive:
        lines += ["", f"Inactive until the site sets and signs a value: {', '.join(assessment.inactive)}"]
    lines += ["", "Guideline-conflict notice, shown before consent"]
    lines += [f"  {each.body}: {each.position}." for each in assessment.conflict_notice]
    if referral is not None and referral.intake is not None:
        lines += _intake(referral.intake)
    lines += ["", "This is a proposal with its reasons. A named person decides."]
    return say_units(plain_lines(lines))


def _origins(assessment: Assessment, reason: Reason) -> list[str]:
    """Who or what said so, and when, for each fact a reason rests on."""
    told = []
    for name in reason.facts:
        fact = assessment.facts.known[name]
        when = f" on {fact.at:%d %b %Y}" if fact.at else ""
        if fact.origin or when:
            told.append(f"{fact.origin or 'facts file'}{when}")
    return list(dict.fromkeys(told))


def _intake(intake: Intake) -> list[str]:
    """What became of a record: nothing in it is dropped silently."""
    lines = []
    for title, notes in (
        ("Not understood: a person must read these", intake.not_understood),
        ("Understood, and set aside", intake.set_aside),
        ("Codes that no rule asks about", intake.unlisted),
    ):
        if notes:
            lines += ["", f"{title} ({len(notes)})", *[f"  {note}" for note in notes]]
    if intake.ignored:
        counts = ", ".join(f"{number} {kind}" for kind, number in sorted(intake.ignored.items()))
        lines += ["", f"Resource types that screening does not use: {counts}"]
    return lines


def read_one(path: Path, day: str | None, root: Path) -> Referral:
    """One referral for the other commands; ``InputError`` for a folder."""
    if path.is_dir():
        raise InputError("a file is expected, not a folder", value=str(path), remedy="name one file")
    as_of = parse_moment(day, where="--as-of", end_of_day=True) if day else system_clock()
    return read_referral(path, as_of=as_of, elements=dictionary(root))
