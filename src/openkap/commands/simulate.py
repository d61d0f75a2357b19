"""``openkap simulate``: what a dose does in a person or in a crowd."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from openkap.commands.written import write_file
from openkap.core.errors import InputError

if TYPE_CHECKING:
    from openkap.pharmacology.report import Answer

# Three years of daily sessions; beyond, one answer takes minutes.
SESSIONS = click.IntRange(1, 1000)
PEOPLE = click.IntRange(1, 10_000_000)
SEED = click.IntRange(min=0)


@click.command()
@click.option("--route", required=True, help="iv, intranasal, oral, sublingual, buccal, intramuscular ...")
@click.option("--dose", required=True, help="With its unit, such as '0.5 mg/kg' or '84 mg'.")
@click.option("--over", default=None, help="Duration of an infusion, such as '40 min'.")
@click.option("--repeat", default=1, show_default=True, type=SESSIONS, help="Number of sessions.")
@click.option("--every", default=None, help="Time between sessions, such as '3.5 d'.")
@click.option(
    "--drug", default=None, help="racemic_ketamine or esketamine; the route's usual one if left out."
)
@click.option("--site", default=None, help="arterial or venous, where the route has a model for each.")
@click.option("--weight", default=None, help="Such as '70 kg'.")
@click.option("--height", default=None, help="Such as '170 cm'.")
@click.option("--age", default=None, help="Such as '45 a' (years).")
@click.option("--sex", default=None, help="female or male.")
@click.option("--ancestry", default=None, help="asian, japanese or other, where a model has it.")
@click.option("--hepatic", default=None, help="normal, mild, moderate or severe impairment.")
@click.option("--with", "interacting", multiple=True, help="Another drug on board, such as rifampicin.")
@click.option("--model", "model_id", default=None, help="A model by its id instead of the default.")
@click.option("--model-file", default=None, help="Your own model file.")
@click.option("--assume", multiple=True, help="A parameter that was not found, such as 'hill=1'.")
@click.option("--ke0", default=None, help="Rate of an effect site, such as '0.1 /min'.")
@click.option("--people", default=1, show_default=True, type=PEOPLE, help="Number of virtual people.")
@click.option("--crowd", is_flag=True, help="People with bodies of their own, not copies of one.")
@click.option("--seed", default=1, show_default=True, type=SEED, help="Seed of everything random.")
@click.option("--uncertainty", is_flag=True, help="Add the standard errors of the parameters to the band.")
@click.option("--above", default=None, help="Report the time above a level, such as '100 ng/mL'.")
@click.option("--until", default="24 h", show_default=True, help="How long to simulate.")
@click.option("--confirm-dose", is_flag=True, help="The unusual dose is meant.")
@click.option("--json", "as_json_text", is_flag=True, help="The answer as JSON.")
@click.option("--csv", "csv_file", type=click.Path(path_type=Path, dir_okay=False), help="Write the curves.")
@click.option("--plot", type=click.Path(path_type=Path, dir_okay=False), help="Write a figure (SVG).")
def simulate(**given: Any) -> None:
    """What a dose does, by route, in this person or in a crowd."""
    from openkap.pharmacology import report

    found = _answer(given)
    if given["csv_file"]:
        write_file(given["csv_file"], report.as_csv(found))
    if given["plot"]:
        write_file(given["plot"], report.as_figure(found))
    if given["as_json_text"]:
        click.echo(json.dumps(report.as_json(found), ensure_ascii=False))
    else:
        click.echo(_words(found))


def _answer(given: dict[str, Any]) -> Answer:
    from openkap.core.quantity import Quantity
    from openkap.pharmacology.absorption import assumptions
    from openkap.pharmacology.model import load_model
    from openkap.pharmacology.population import Person
    from openkap.pharmacology.regimen import Regimen, minutes
    from openkap.pharmacology.report import answer

    regimen = Regimen.single(route=given["route"], dose=given["dose"], over=given["over"] or 0.0)
    if given["repeat"] != 1:
        if given["every"] is None:
            raise InputError("several sessions need the time between them", remedy="give --every '3.5 d'")
        regimen = regimen.repeated(given["repeat"], every=given["every"])
    named = given["model_file"] or given["model_id"]
    if given["assume"] and not named:
        raise InputError(
            "an assumption belongs to a model",
            value=", ".join(given["assume"]),
            remedy="name the model with --model or --model-file",
        )
    model = load_model(named).assume(assumptions(given["assume"])) if named else None
    drug = given["drug"] or (model.file.drug if model else _usual_drug(given["route"]))
    body = {k: given[k] for k in ("weight", "height", "age", "sex", "ancestry", "hepatic") if given[k]}
    return answer(
        model,
        regimen,
        Person.of(**body),
        drug=drug,
        site=given["site"],
        people=given["people"],
        crowd=given["crowd"],
        seed=given["seed"],
        until_min=minutes(given["until"]),
        ke0=given["ke0"],
        level_ng_ml=None if given["above"] is None else Quantity.parse(given["above"]).number("ng/mL"),
        interacting=given["interacting"],
        uncertainty=given["uncertainty"],
        confirmed=given["confirm_dose"],
    )


def _usual_drug(route: str) -> str:
    """Esketamine where only it has a model of its own (nasal spray, film, inhaled), else racemic."""
    return "esketamine" if route in ("intranasal", "buccal", "inhaled") else "racemic_ketamine"


def _words(found: Answer) -> str:
    from openkap.pharmacology.report import as_json

    data = as_json(found)
    lines = [f"{data['drug'].replace('_', ' ')}, {data['regimen']}: {data['model']}, {data['site']} blood"]
    for name in ("cmax", "tmax", "auc", "auc_infinite", "half_life", "time_above"):
        if name in data:
            lines.append(f"  {name:13} {_number(data[name])}")
    if found.vitals is not None:
        for sign, band in found.vitals.bands.items():
            at = int(band.high.argmax())
            lines.append(
                f"  {sign.replace('_', ' ') + ' rise':21} {band.middle[at]:.0f} {band.unit} at "
                f"{found.vitals.time_min[at]:.0f} min "
                f"(90 % of people {band.low[at]:.0f} to {band.high[at]:.0f})"
            )
    for row in data["dissociation"]["observed"]:
        dose = f" at {row['dose_mg']:g} mg" if row["dose_mg"] else ""
        lines.append(f"  {row['meaning']}{dose}: {row['percent']} % ({row['source']})")
    notes = [*found.warnings, *(found.vitals.warnings if found.vitals else ()), *found.dissociation.warnings]
    lines += [f"  ! {note}" for note in dict.fromkeys(notes)]
    lines += [f"  source {name}: {cite}" for name, cite in data["sources"].items()]
    return "\n".join(lines)


def _number(row: dict[str, Any]) -> str:
    if row["value"] is None:
        return str(row["note"])
    spread = f" ({row['p5']:.4g} to {row['p95']:.4g} in 90 % of people)" if "p5" in row else ""
    return f"{row['value']:.4g} {row['unit']}{spread}"
