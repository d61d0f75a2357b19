"""Names as people search for them, and as two records of one person are compared."""

from __future__ import annotations

import unicodedata


def search_form(*parts: str) -> str:
    """The parts without accents, capitals and doubled spaces."""
    text = unicodedata.normalize("NFKD", " ".join(parts)).casefold()
    plain = "".join(sign for sign in text if not unicodedata.combining(sign))
    return " ".join(plain.replace("-", " ").replace("'", "").split())
