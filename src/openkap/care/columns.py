"""What a person wrote and its column: too long is refused in words, never cut and never an error page."""

from __future__ import annotations

from django.db.models import Model

from openkap.core.errors import InputError


def longest_in(model: type[Model], name: str) -> int | None:
    """How many characters a column takes; ``None`` for as many as one likes."""
    return getattr(model._meta.get_field(name), "max_length", None)


def refuse_long(model: type[Model], /, **written: str) -> None:
    """Refuse a text longer than the column of its name."""
    for name, text in written.items():
        longest = longest_in(model, name)
        if longest is not None and len(text.strip()) > longest:
            raise InputError(
                f"this is too long by {len(text.strip()) - longest} characters",
                value=text,
                limit=f"{longest} characters",
                remedy="say it in fewer words",
                where=name,
            )
