"""From a published protocol to the next draft, and from a draft to published, never editing what is out."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from openkap.core.content import SHIPPED
from openkap.core.errors import InputError
from openkap.protocol.model import Protocol
from openkap.protocol.published import read_published
from openkap.protocol.read import PARTS, STAGES, load_protocol


def make_draft(protocol: Protocol, parts: Sequence[str], root: Path = SHIPPED) -> list[Path]:
    """Copy the protocol and the named parts to the next minor version; returns the new files."""
    rule_sets = (*STAGES, *protocol.more_rules)
    unknown = set(parts) - {*rule_sets, *PARTS}
    if unknown:
        raise InputError(
            "no such part",
            value=", ".join(sorted(unknown)),
            limit=", ".join((*rule_sets, *PARTS)),
            remedy="choose from these",
        )
    written = []
    source = root / "protocols" / f"{protocol.id}-{protocol.version}.yaml"
    text = source.read_text(encoding="utf-8")
    version = _next(protocol.version)
    text = _replace_line(text, "version", version)
    text = _replace_line(text, "status", "draft")
    for part in parts:
        folder = root / ("rules" if part in rule_sets else "parts")
        now = {**protocol.parts, **protocol.more_rules}[part]
        new = _next(now)
        target = folder / f"{part}-{new}.yaml"
        body = (folder / f"{part}-{now}.yaml").read_text(encoding="utf-8")
        written.append(_write_new(target, _replace_line(body, "version", new)))
        text = re.sub(rf"((?<![\w-]){re.escape(part)}: )[0-9.]+", rf"\g<1>{new}", text, count=1)
    written.append(_write_new(root / "protocols" / f"{protocol.id}-{version}.yaml", text))
    return written


def publish(name: str, *, by: str, on: str, root: Path = SHIPPED) -> dict[str, str]:
    """Put the protocol's fingerprint on the list of published ones; refuses a second publication."""
    path = root / "published.yaml"
    protocol_id, _, version = name.partition("@")
    file = root / "protocols" / f"{protocol_id}-{version}.yaml"
    if any((each.protocol, each.version) == (protocol_id, version) for each in read_published(root)[1]):
        raise InputError("published already", value=name, remedy="make a new version", where=str(path))
    if file.exists():
        text = file.read_text(encoding="utf-8")
        file.write_text(_replace_line(text, "status", "published"), encoding="utf-8")
    load_protocol.cache_clear()
    protocol = load_protocol(name, root)
    entry = {
        "protocol": protocol.id,
        "version": protocol.version,
        "fingerprint": protocol.fingerprint,
        "files": protocol.files,
        "published_on": on,
        "signed_by": by,
    }
    text = path.read_text(encoding="utf-8").replace("published: []", "published:")
    lines = [f"    {key}: {_quoted(value)}" for key, value in entry.items()]
    lines[0] = "  - " + lines[0].lstrip()
    path.write_text(text.rstrip("\n") + "\n" + "\n".join(lines) + "\n", encoding="utf-8")
    return entry


def _next(version: str) -> str:
    major, minor, *_ = version.split(".")
    return f"{major}.{int(minor) + 1}.0"


def _replace_line(text: str, key: str, value: str) -> str:
    return re.sub(rf"^{key}: .*$", f"{key}: {value}", text, count=1, flags=re.MULTILINE)


def _write_new(path: Path, text: str) -> Path:
    if path.exists():
        raise InputError("this version exists already", value=path.name, remedy="edit it, or remove it first")
    path.write_text(text, encoding="utf-8")
    return path


def _quoted(value: str) -> str:
    return f'"{value}"' if re.search(r"[:#]", value) else value
