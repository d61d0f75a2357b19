"""Reading fields of a resource: the type that R4 says, or a refusal that names the field."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from openkap.core.errors import InputError, quote

Resource = dict[str, Any]


def text(holder: Resource, name: str) -> str:
    """The field as text, or ``""`` when it is not there; ``InputError`` for any other type."""
    value = holder.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise _wrong_type(name, value, "text")
    return value.strip()


def flag(holder: Resource, name: str) -> bool | None:
    """The field as true or false, or ``None`` when it is not there."""
    value = holder.get(name)
    if value is not None and not isinstance(value, bool):
        raise _wrong_type(name, value, "true or false")
    return value


def part(holder: Resource, name: str) -> Resource:
    """The field as an object; an empty one when it is not there."""
    value = holder.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise _wrong_type(name, value, "an object")
    return value


def parts(holder: Resource, name: str) -> Iterator[Resource]:
    """The objects of a repeating field, in order."""
    value = holder.get(name)
    if value is None:
        return
    if not isinstance(value, list):
        raise _wrong_type(name, value, "a list")
    for index, each in enumerate(value):
        if not isinstance(each, dict):
            raise _wrong_type(f"{name}[{index}]", each, "an object")
        yield each


def choice(holder: Resource, stem: str) -> tuple[str, Any]:
    """The one field of a choice such as ``value[x]``: its type name and value, or ``("", None)``."""
    found = [name for name in holder if name.startswith(stem) and name[len(stem) : len(stem) + 1].isupper()]
    if len(found) > 1:
        raise InputError(
            f"{stem}[x] stands more than once",
            value=", ".join(sorted(found)),
            limit=f"one of {stem}[x]",
            remedy="ask the sender which one is meant",
        )
    return (found[0][len(stem) :], holder[found[0]]) if found else ("", None)


def name_of(resource: Resource, place: str) -> str:
    """``Condition/abc``, or the type and its place in the bundle when it has no id."""
    kind, given = resource.get("resourceType"), resource.get("id")
    kind = quote(kind) if isinstance(kind, str) else "resource"
    return f"{kind}/{quote(given)}" if isinstance(given, str) and given.strip() else f"{kind} at {place}"


def _wrong_type(name: str, value: object, expected: str) -> InputError:
    kinds = {dict: "an object", list: "a list", str: "text", bool: "true or false"}
    return InputError(
        f"{name} is {kinds.get(type(value), 'a number')}",
        value=None if isinstance(value, dict | list) else value,
        limit=expected,
        remedy="ask the sender to correct it",
    )
