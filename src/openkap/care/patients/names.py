"""Names as people search for them, and as two records of one person are compared."""

from __future__ import annotations

import unicodedata

# Letters that no decomposition takes apart, and the apostrophes of keyboards and telephones.
_PLAIN = str.maketrans(
    {"ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe", "ı": "i", "-": " ", "‐": " "}
    | dict.fromkeys("'’‘`ʼ´", "")
)
# Müller is Mueller where the keyboard has no ü, and Sørensen is Soerensen.
_SPELT = (("ae", "a"), ("oe", "o"), ("ue", "u"))


def search_form(*parts: str) -> str:
    """The parts without accents, capitals and doubled spaces, whichever way a letter is spelt."""
    text = unicodedata.normalize("NFKD", " ".join(parts).casefold().translate(_PLAIN))
    plain = "".join(sign for sign in text if not unicodedata.combining(sign))
    for spelt, sign in _SPELT:
        plain = plain.replace(spelt, sign)
    return " ".join(plain.split())


def is_name_of(typed: str, *, family: str, given: str, preferred: str = "") -> bool:
    """Whether somebody typed this person's name: the family name whole, and one of the first names."""
    said = search_form(typed.replace(",", " ")).split()
    firsts = search_form(given, preferred).split()
    return set(search_form(family).split()) <= set(said) and any(first in said for first in firsts)
