"""How hard an English text is to read: the school grade in which it is understood."""

from __future__ import annotations

import re

_ENDS = re.compile(r"[.!?]+(?=\s|$)|\n+")
_WORD = re.compile(r"[A-Za-z']+")
_VOWELS = re.compile(r"[aeiouy]+")


def school_grade(text: str) -> float | None:
    """US school grade of an English text; ``None`` where it has no word.

    Source: Kincaid et al. 1975, Research Branch Report 8-75, the Flesch-Kincaid grade. Syllables are counted
    by groups of vowels, so a name or a drug may count as harder than it is. Numbers are not words.
    """
    words = _WORD.findall(text)
    if not words:
        return None
    sentences = sum(1 for each in _ENDS.split(text) if _WORD.search(each))
    syllables = sum(_syllables(each.lower()) for each in words)
    return 0.39 * len(words) / sentences + 11.8 * syllables / len(words) - 15.59


def _syllables(word: str) -> int:
    count = len(_VOWELS.findall(word))
    is_silent = word.endswith("e") and not word.endswith("le") and count > 1
    return max(1, count - is_silent)
