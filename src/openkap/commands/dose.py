"""``openkap dose``: the proposed dose and every line of its arithmetic."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from openkap.commands.printed import as_json as json_text
from openkap.commands.printed import plain_lines
from openkap.core.clock import system_clock
from openkap.core.content import SHIPPED
from openkap.core.quantity import Quantity
from openkap.protocol.dosing import DoseProposal, propose
from openkap.protocol.elements import dictionary
from openkap.protocol.facts import Facts, parse_facts
from openkap.protocol.read import load_protocol
from openkap.protocol.site import apply_site


@click.command()
@click.option("--protocol", "name", default="iv-racemic", show_default=True, help="Protocol, or ID@VERSION.")
@click.option("--facts", "file", type=click.Path(path_type=Path), help="A facts file or FHIR bundle.")
@click.option("--weight", help='Body weight with its unit, such as "94 kg" or "207 lb".')
@click.option("--height", help='Height with its unit, such as "170 cm".')
@click.option("--age", help='Age with its unit, such as "70 years".')
@click.option("--step", help="A dosing step of the protocol; its starting step by default.")
@click.option("--over", help='Another infusion time, such as "60 min".')
@click.option("--ideal-weight", help="Ideal body weight by the site's named formula.")
@click.option("--confirm", "confirmed", is_flag=True, help="Unusual values on this line are meant.")
@click.option("--given-before", is_flag=True, help="Not the first dose: show what earlier doses change.")
@click.option(
    "--site", type=click.Path(path_type=Path, dir_okay=False), help="A site file with signed limits."
)
@click.option("--json", "as_json", is_flag=True, help="The answer as JSON.")
def dose(
    name: str,
    file: Path | None,
    weight: str | None,
    height: str | None,
    age: str | None,
    step: str | None,
    over: str | None,
    ideal_weight: str | None,
    confirmed: bool,
    given_before: bool,
    site: Path | None,
    as_json: bool,
) -> None:
    """Propose a dose with its arithmetic. A named prescriber decides."""
    protocol = load_protocol(name)
    if site is not None:
        protocol = apply_site(protocol, site)
    facts, to_read = _facts(file, {"body_weight": weight, "height": height, "age": age}, confirmed)
    proposal = propose(
        facts,
        protocol,
        step=step,
        over=Quantity.parse(over) if over else None,
        ideal_weight=Quantity.parse(ideal_weight) if ideal_weight else None,
        given_before=given_before,
    )
    if as_json:
        click.echo(json_text({**proposal.as_dict(), "to_read": to_read}, indent=2))
    else:
        click.echo(report(proposal))
        if to_read:
            click.echo(
                f"Not understood in the record: {to_read}. Read them first: openkap assess lists them."
            )


def _facts(file: Path | None, given: dict[str, Any], confirmed: bool) -> tuple[Facts, int]:
    """Facts of the file, then what the options say, and how much of the file must be read first."""
    now = system_clock()
    facts, to_read = Facts(now), 0
    if file is not None:
        from openkap.commands.assess import read_one

        referral = read_one(file, None, SHIPPED)
        facts, to_read = referral.facts, referral.to_read
    options = {
        key: {"value": value, "origin": "command line", "confirmed": confirmed}
        for key, value in given.items()
        if value is not None
    }
    for fact in parse_facts({"facts": options}, dictionary(), as_of=now, where="options"):
        facts = facts.with_fact(fact)
    return facts, to_read


def report(proposal: DoseProposal) -> str:
    """The proposal for a reader."""
    protocol, step = proposal.protocol, proposal.step
    over = f" over {proposal.over}" if proposal.over else ""
    lines = [
        f"{step.title}: {protocol.dosing.drug} {step.dose}{over}, {protocol.dosing.route}",
        f"ground for this dose, not for its effect: {step.grade.words}",
        f"protocol {protocol.id} {protocol.version}, fingerprint {protocol.fingerprint[:12]}",
    ]
    for amount in proposal.amounts:
        per_kg = f" ({amount.per_kg_of_actual} of actual weight)" if amount.per_kg_of_actual else ""
        lines += ["", f"On {amount.basis}: {amount.dose}{per_kg}"]
        lines += [f"  {line.text} = {line.result}" for line in amount.arithmetic]
        for draw in amount.draws:
            lines.append(f"  {draw.product.name}: {draw.text}")
            lines += [f"    WARNING: {draw.warning}"] if draw.warning else []
    if proposal.suggested_step:
        lines += ["", f"Consider the step '{proposal.suggested_step}' instead, for the reason below."]
    lines += ["", *[f"- {notice}" for notice in proposal.notices], ""]
    lines += [f"source: {protocol.sources[name].cite()}" for name in step.sources]
    lines += ["", "This is a proposal. A named prescriber decides."]
    return plain_lines(lines)
