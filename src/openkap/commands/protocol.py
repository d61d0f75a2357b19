"""``openkap protocol``: list, show, compare, export, draft and publish; what the rules ask about."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from openkap.core.clock import system_clock
from openkap.core.content import SHIPPED
from openkap.core.errors import InputError
from openkap.protocol.document import as_markdown, difference
from openkap.protocol.elements import dictionary
from openkap.protocol.model import Protocol
from openkap.protocol.read import load_protocol, read_protocols
from openkap.protocol.site import apply_site

_CONTENT = click.option(
    "--content",
    "root",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    default=SHIPPED,
    help="Folder of content files; the shipped one by default.",
)
_JSON = click.option("--json", "as_json", is_flag=True, help="The answer as JSON.")
_SITE = click.option(
    "--site",
    type=click.Path(path_type=Path, dir_okay=False),
    help="A site file: signed limits and reclassified rules.",
)


@click.group()
def protocol() -> None:
    """Protocols: list, show, compare, export, draft, publish."""


def load(name: str, root: Path, site: Path | None = None) -> Protocol:
    """The protocol of that name, as the site runs it where a site file is given."""
    loaded = load_protocol(name, root)
    return apply_site(loaded, site) if site else loaded


@protocol.command("list")
@_CONTENT
@_JSON
def list_(root: Path, as_json: bool) -> None:
    """Every protocol with its version, route, rules and grades."""
    rows = [_summary(each) for each in read_protocols(root)]
    if as_json:
        click.echo(json.dumps(rows, indent=2, ensure_ascii=False))
        return
    for row in rows:
        inactive = f", {row['inactive']} inactive until signed" if row["inactive"] else ""
        click.echo(f"{row['id']}@{row['version']}  ({row['status']})  {row['title']}")
        click.echo(
            f"    {row['drug']}, {row['route']}; {row['rules']} rules{inactive}; {row['fingerprint'][:12]}"
        )


def _summary(each: Protocol) -> dict[str, Any]:
    return {
        "id": each.id,
        "version": each.version,
        "status": each.status,
        "title": each.title,
        "drug": each.dosing.drug,
        "route": each.dosing.route,
        "rules": len(each.rules),
        "inactive": sum(not rule.is_active for rule in each.rules),
        "fingerprint": each.fingerprint,
    }


@protocol.command()
@click.argument("name")
@click.option("--rule", "rule_id", help="One rule only.")
@click.option("--no-examples", is_flag=True, help="Leave the tables of examples out.")
@_SITE
@_CONTENT
@_JSON
def show(
    name: str, rule_id: str | None, no_examples: bool, site: Path | None, root: Path, as_json: bool
) -> None:
    """The protocol NAME (or NAME@VERSION) as a document a clinician can sign."""
    loaded = load(name, root, site)
    elements = dictionary(root)
    if rule_id is not None:
        rule = loaded.rule(rule_id)
        click.echo(f"{rule.id} {rule.title} [{rule.grade.value}: {', '.join(rule.sources)}]")
        click.echo(rule.sentence(elements))
        for source in rule.sources:
            click.echo(f"  {source}: {loaded.sources[source].cite()}")
    elif as_json:
        answer = _summary(loaded) | {"rules": [_rule_row(rule, elements) for rule in loaded.rules]}
        click.echo(json.dumps(answer, indent=2, ensure_ascii=False))
    else:
        click.echo(as_markdown(loaded, elements, examples=not no_examples), nl=False)


def _rule_row(rule: Any, elements: Any) -> dict[str, Any]:
    return {
        "id": rule.id,
        "stage": rule.stage.value,
        "title": rule.title,
        "condition": rule.condition_text,
        "fires_when": rule.fires_when.value,
        "action": rule.action.value,
        "active": rule.is_active,
        "sentence": rule.sentence(elements),
        "grade": rule.grade.value,
        "sources": list(rule.sources),
    }


@protocol.command()
@click.argument("old")
@click.argument("new")
@_CONTENT
@_JSON
def diff(old: str, new: str, root: Path, as_json: bool) -> None:
    """What changes from protocol OLD to protocol NEW, in words."""
    lines = difference(load_protocol(old, root), load_protocol(new, root), dictionary(root))
    if as_json:
        click.echo(json.dumps({"old": old, "new": new, "changes": lines}, indent=2, ensure_ascii=False))
    else:
        click.echo("\n".join(lines) or "no difference")


@protocol.command()
@click.argument("name")
@_SITE
@_CONTENT
def export(name: str, site: Path | None, root: Path) -> None:
    """The protocol as a FHIR R4 PlanDefinition whose conditions are CQL text."""
    from openkap.interop.fhir.plan_definition import plan_definition

    click.echo(
        json.dumps(plan_definition(load(name, root, site), dictionary(root)), indent=2, ensure_ascii=False)
    )


@protocol.command()
@click.option("--group", help="One group only, such as cardiovascular.")
@_CONTENT
@_JSON
def facts(group: str | None, root: Path, as_json: bool) -> None:
    """What the rules ask about: the names a facts file may use, with unit and choices."""
    elements = [each for each in dictionary(root).elements.values() if group in (None, each.group)]
    if as_json:
        rows = [each.model_dump(mode="json", exclude_defaults=True) for each in elements]
        click.echo(json.dumps(rows, indent=2, ensure_ascii=False))
        return
    for each in elements:
        kind = each.unit or ", ".join(each.choices) or each.kind.replace("_", "/")
        click.echo(f"{each.id:58} {kind:24.24}  {each.label}")


@protocol.command()
@click.argument("name")
@click.option(
    "--part", "parts", multiple=True, help="Rule set or part to copy for changing; may be repeated."
)
@_CONTENT
def draft(name: str, parts: tuple[str, ...], root: Path) -> None:
    """Copy the published protocol NAME, and the parts you will change, as the next version in draft."""
    from openkap.protocol.publish import make_draft

    for path in make_draft(load_protocol(name, root), parts, root):
        click.echo(str(path))


@protocol.command()
@click.argument("name")
@click.option("--by", required=True, help="Who releases it, with role.")
@click.option("--on", "day", default=None, help="Release date, YYYY-MM-DD; today by default.")
@_CONTENT
def publish(name: str, by: str, day: str | None, root: Path) -> None:
    """Freeze protocol NAME@VERSION: its fingerprint goes on the list and may never change."""
    from openkap.protocol.publish import publish as publish_protocol

    if "@" not in name:
        raise InputError(
            "say which version to publish", value=name, remedy="write it as iv-racemic@1.1.0", where="publish"
        )
    entry = publish_protocol(name, by=by, on=day or system_clock().date().isoformat(), root=root)
    click.echo(f"published {entry['protocol']}@{entry['version']} {entry['fingerprint']}")
