"""Files that commands write: a folder that is not there is a person's slip, told without a traceback."""

from __future__ import annotations

from pathlib import Path

from openkap.core.errors import InputError


def write_file(path: Path, text: str) -> None:
    """Write ``text``; ``InputError`` where folder or rights do not let us."""
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as failed:
        raise InputError(
            f"cannot write the file: {failed.strerror}", value=str(path), remedy="check folder and rights"
        ) from None
