"""The list of published protocols: what each was when it was signed, and which have been retired.

A published protocol never changes. When an element it asks must change, a new version is published and the
old one is retired, with a reason: it can still be read, printed and followed to the end of a course, but no
longer assess anybody, because it would answer otherwise than when it was signed.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from openkap.core.content import SHIPPED, Document, Schema, read_document
from openkap.core.errors import ContentError, DomainError
from openkap.protocol.model import Protocol

UNDO = "undo the change, or make it in new version files"
RETIRE = (
    "undo the change, or publish a new version and retire this one: add 'retired: REASON' to this entry, "
    "so that it can be read and printed, and no longer assesses"
)


class Published(Schema):
    """One published version. ``files`` is the fingerprint of its files alone."""

    protocol: str
    version: str
    fingerprint: str
    files: str
    published_on: str
    signed_by: str
    retired: str = ""


class PublishedText(Schema):
    """One consent text, by its place below ``consent``."""

    text: str
    fingerprint: str
    published_on: str


def read_published(root: Path = SHIPPED) -> tuple[Document, list[Published]]:
    """The list, and the document it stands in (for errors)."""
    document = read_document(root / "published.yaml")
    count = range(len(document.data["published"] or ()))
    return document, [document.parse(Published, ("published", index)) for index in count]


def retired_versions(root: Path = SHIPPED) -> dict[tuple[str, str], str]:
    """Why each retired version was retired; a folder without a list has none."""
    if not (root / "published.yaml").exists():
        return {}
    return {(each.protocol, each.version): each.retired for each in read_published(root)[1] if each.retired}


def check_published(protocols: Iterable[Protocol], root: Path = SHIPPED) -> list[DomainError]:
    """A published protocol must still be what was published."""
    document, listed = read_published(root)
    by_name = {(each.protocol, each.version): (index, each) for index, each in enumerate(listed)}
    errors: list[DomainError] = []
    for protocol in protocols:
        index, entry = by_name.pop((protocol.id, protocol.version), (None, None))
        if entry is not None and index is not None:
            if fault := _changed(protocol, entry, document, index):
                errors.append(fault)
        elif protocol.status != "draft":
            errors.append(
                ContentError(
                    "a protocol says it is published but is not on the list",
                    value=f"{protocol.id} {protocol.version}",
                    remedy="set its status to draft, or publish it with openkap protocol publish",
                    where=str(document.path),
                )
            )
    return errors + [_gone(document, index, entry) for index, entry in by_name.values()]


def _changed(protocol: Protocol, entry: Published, document: Document, index: int) -> ContentError | None:
    if entry.files != protocol.files:
        what, remedy = "this protocol has changed", UNDO
        now, then = protocol.files, entry.files
    elif entry.fingerprint != protocol.fingerprint and not entry.retired:
        what = "something this protocol asks, or how much of a source was seen, has changed"
        now, then, remedy = protocol.fingerprint, entry.fingerprint, RETIRE
    else:
        return None
    return document.error(
        f"published content is immutable, and {what}",
        ("published", index),
        value=f"{protocol.id} {protocol.version} is now {now[:12]}",
        limit=f"published as {then[:12]}",
        remedy=remedy,
    )


def _gone(document: Document, index: int, entry: Published) -> ContentError:
    return document.error(
        "a published protocol is not here any more",
        ("published", index),
        value=f"{entry.protocol} {entry.version}",
        remedy="bring its file back: what was decided under it must stay readable",
    )


def check_texts(found: dict[str, str], root: Path = SHIPPED) -> list[DomainError]:
    """Every consent text (place below ``consent`` to fingerprint) is listed, and is still what was listed."""
    document = read_document(root / "published.yaml")
    rows = document.data.get("consent_texts") or ()
    listed = [document.parse(PublishedText, ("consent_texts", index)) for index, _ in enumerate(rows)]
    errors: list[DomainError] = []
    for index, entry in enumerate(listed):
        now = found.get(entry.text)
        if now != entry.fingerprint:
            errors.append(
                document.error(
                    "patients signed these words, and they are "
                    + ("not the same any more" if now else "not here any more"),
                    ("consent_texts", index),
                    value=entry.text,
                    limit=f"published as {entry.fingerprint[:12]}",
                    remedy="undo the change, or make it in a new version of the text",
                )
            )
    for text in sorted(found.keys() - {entry.text for entry in listed}):
        errors.append(
            ContentError(
                "a consent text in this folder is offered to patients, and this one is not published",
                value=text,
                limit="the consent_texts of published.yaml",
                remedy=f"when it has been reviewed, list it there with fingerprint {found[text]}",
                where=str(root / "consent" / text),
            )
        )
    return errors
