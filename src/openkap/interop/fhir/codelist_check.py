"""What a row of a codelist cannot be: a code its system never gives, or one that stands twice.

The shape of a code is told by its system; a SNOMED CT identifier ends in a check digit (Verhoeff's dihedral
check, SNOMED International Release File Specification, appendix on check-digit computation).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from openkap.core.coding import Codelist, Coding
from openkap.core.errors import ContentError

SHAPES = {
    "icd10": r"[A-Z][0-9][0-9](\.?[0-9]{1,2})?",
    "icd10cm": r"[A-Z][0-9][0-9A-Z](\.?[0-9A-Z]{1,4})?",
    "rxnorm": r"[1-9][0-9]{0,7}",
    "atc": r"[A-Z]([0-9]{2}([A-Z]([A-Z]([0-9]{2})?)?)?)?",
    "loinc": r"(LA)?[1-9][0-9]{0,6}-[0-9]",
    "sct": r"[1-9][0-9]{5,17}",
}
_TURN = (
    *("0123456789", "1234067895", "2340178956", "3401289567", "4012395678"),
    *("5987604321", "6598710432", "7659821043", "8765932104", "9876543210"),
)
_SHIFT = (
    *("0123456789", "1576283094", "5803796142", "8916043527"),
    *("9453126870", "4286573901", "2793806415", "7046913258"),
)


def check_codelist(codelist: Codelist, where: str) -> Iterator[ContentError]:
    """Every row that cannot be meant, each with its line below ``where``."""
    seen: set[tuple[str, str]] = set()
    for line, coding in enumerate(codelist.codings, start=2):
        place, key = f"{where}:{line}", (coding.system, coding.code.replace(".", ""))
        if key in seen:
            yield ContentError(
                "a code stands twice in one list", value=coding.code, remedy="keep one row", where=place
            )
        seen.add(key)
        if not _is_possible(coding):
            yield ContentError(
                f"no code of {coding.system} looks like this",
                value=coding.code,
                limit=_limit(coding.system),
                remedy="correct it from the source named in its row",
                where=place,
            )


def _is_possible(coding: Coding) -> bool:
    if not re.fullmatch(SHAPES.get(coding.system, "(?!)"), coding.code):
        return False
    return coding.system != "sct" or _has_check_digit(coding.code)


def _has_check_digit(code: str) -> bool:
    check = 0
    for place, digit in enumerate(reversed(code)):
        check = int(_TURN[check][int(_SHIFT[place % len(_SHIFT)][int(digit)])])
    return check == 0


def _limit(system: str) -> str:
    if system == "sct":
        return "6 to 18 digits, the last a check digit"
    return SHAPES.get(system, "a system of codes for records")
