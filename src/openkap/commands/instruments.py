"""``openkap instruments``: list the rating scales, show one, import its official wording."""

from __future__ import annotations

import json
from pathlib import Path

import click

from openkap.core.source import Source
from openkap.instruments import load, wording
from openkap.instruments.model import Instrument, Sourced


@click.group()
def instruments() -> None:
    """Rating scales: what is known of each, from where, and how they are scored."""


@instruments.command("list")
@click.option("--json", "as_json", is_flag=True, help="The answer as JSON.")
def list_(as_json: bool) -> None:
    """List the instruments."""
    found = list(load.instruments())
    if as_json:
        rows = [
            {
                "id": each.id,
                "name": each.name,
                "measures": each.measures,
                "kind": each.kind,
                "depth": each.depth,
                "items": len(each.items_by_id),
                "version": each.version,
                "fingerprint": each.fingerprint,
            }
            for each in found
        ]
        click.echo(json.dumps(rows, indent=2, ensure_ascii=False))
        return
    for each in found:
        known = {"items": f"{len(each.items_by_id)} items", "total": "total only", "outline": "outline"}
        click.echo(f"{each.id:16} {known[each.depth]:11} {each.measures:32.32} {each.name}")


@instruments.command()
@click.argument("name")
@click.option("--wording", "folder", type=click.Path(path_type=Path), help="Folder of imported wordings.")
@click.option("--language", default="en", show_default=True, help="Language of the imported wording.")
@click.option("--json", "as_json", is_flag=True, help="The answer as JSON.")
def show(name: str, folder: Path | None, language: str, as_json: bool) -> None:
    """Show one instrument with its rules and sources."""
    found = load.instrument(name)
    texts = {}
    if folder is not None:
        texts = dict(wording.load(folder / f"{found.id}.{language}.json").items)
    if as_json:
        answer = found.model_dump(mode="json", by_alias=True, exclude_none=True)
        if texts:
            answer["wording"] = texts
        click.echo(json.dumps(answer, indent=2, ensure_ascii=False))
        return
    _print(found, texts, load.sources())


@instruments.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--as", "name", required=True, help="The instrument the form belongs to.")
@click.option("--to", "folder", type=click.Path(path_type=Path), required=True, help="The clinic's folder.")
@click.option("--by-order", is_flag=True, help="Match the questions by their order.")
@click.option("--replace", is_flag=True, help="Put it in the place of an earlier import, which is kept.")
@click.option("--json", "as_json", is_flag=True, help="The answer as JSON.")
def import_(file: Path, name: str, folder: Path, by_order: bool, replace: bool, as_json: bool) -> None:
    """Import the official wording from a FHIR R4 Questionnaire FILE into the clinic's folder."""
    found = load.instrument(name)
    text = wording.read_questionnaire(file, found, by_order=by_order)
    path = wording.save(text, folder, replace=replace)
    if as_json:
        answer = {
            "file": str(path),
            "items": len(text.items),
            "language": text.language,
            "copyright": text.copyright,
            "source_fingerprint": text.source_fingerprint,
        }
        click.echo(json.dumps(answer, indent=2, ensure_ascii=False))
        return
    click.echo(f"{len(text.items)} items of {found.short} ({text.language}) written to {path}")
    click.echo(f"  licence, as far as it was read: {found.licence.terms or 'not found'}")
    click.echo(f"  copyright line of the form: {text.copyright or 'none'}")


def _print(found: Instrument, texts: dict[str, str], known: dict[str, Source]) -> None:
    click.echo(f"{found.name} ({found.short}), version {found.version}, {found.fingerprint[:12]}")
    click.echo(
        f"  measures {found.measures}; {found.kind.replace('_', ' ')}; recall: {found.recall or 'not found'}"
    )
    click.echo(f"  licence: {found.licence.terms or 'not found'}")
    for item in found.items_by_id.values():
        answers = f"{item.answers[0]}-{item.answers[-1]}"
        recoded = "" if item.recode is None else ", counts " + "/".join(map(str, item.recode.values()))
        click.echo(f"  {item.id:>10}  {texts.get(item.id, item.label)}  ({answers}{recoded})")
    for scale in found.scales:
        parts = f"items {', '.join(scale.items)}" if scale.items else f"scales {', '.join(scale.scales)}"
        low, high = scale.range
        click.echo(
            f"  scale {scale.id}: {scale.name}, {scale.combine} of {parts}, {low}-{high}{_from(scale)}"
        )
    if found.missing is not None:
        rule = found.missing.method.replace("_", " ")
        most = f", at most {found.missing.at_most} in a scale" if found.missing.at_most else ""
        click.echo(f"  missing items: {rule}{most}{_from(found.missing)}")
    for bands in found.bands:
        rows = "; ".join(f"{least}-{most} {label or '-'}" for least, most, label in bands.limits())
        click.echo(f"  bands: {rows}{_from(bands)}")
    for cutoff in found.cutoffs:
        who = f" ({cutoff.who})" if cutoff.who else ""
        click.echo(f"  cut-off: {cutoff.scale} {cutoff.limit}, {cutoff.name}{who}{_from(cutoff)}")
    for each in found.rules:
        needs = "; ".join(f"{part.name}: {_needs(part.at_least, part.at_most)}" for part in each.requires)
        click.echo(f"  rule: {each.name}: {needs}{_from(each)}")
    for alarm in found.safety:
        click.echo(
            f"  safety: item {', '.join(alarm.items)} from {alarm.from_answer}: {alarm.say}{_from(alarm)}"
        )
    for definition in found.change:
        limits = ", ".join(
            f"{name.replace('_', ' ')} {value}" for name, value in definition.conditions.items()
        )
        default = ", default" if definition.default else ""
        click.echo(
            f"  {definition.of}: {definition.name} [{definition.id}]: {limits}{default}{_from(definition)}"
        )
    for code in found.codes:
        click.echo(f"  LOINC {code.loinc}: {code.of} [{', '.join(code.sources)}] {code.note or ''}".rstrip())
    for note in found.notes:
        click.echo(f"  note: {note}")
    click.echo("  sources:")
    for name in found.sources:
        click.echo(f"    {name}: {known[name].cite()}")


def _needs(at_least: int | None, at_most: int | None) -> str:
    parts = [f"{at_least} or more" if at_least is not None else "", f"at most {at_most}" if at_most else ""]
    return ", ".join(part for part in parts if part)


def _from(part: Sourced) -> str:
    note = f"; {part.note}" if part.note else ""
    return f" [{', '.join(part.sources)}; {part.grade.value}{note}]"
