"""The sections of the page, in order, and how one is framed."""

from __future__ import annotations

from html import escape

SECTIONS = (
    ("claims", "Every claim, and its verdict"),
    ("controlled", "Randomised trials: severity"),
    ("published", "Published pools beside ours"),
    ("robustness", "Would another choice say otherwise?"),
    ("course", "Over time, and by size"),
    ("other", "Response and staying in the study"),
    ("certainty", "How certain"),
    ("bias", "Risk of bias"),
    ("uncontrolled", "Without a control group"),
    ("beside", "Beside psychotherapy and MDMA"),
    ("maps", "What has been studied"),
    ("harms", "Harms"),
    ("prevention", "Prevention, kept apart"),
    ("integrity", "Numbers that do not add up"),
    ("flow", "Flow of records"),
    ("studies", "Every record"),
    ("methods", "Methods"),
    ("sources", "Where each number was read"),
)


def section(key: str, *parts: str) -> str:
    """A section under its title."""
    title = dict(SECTIONS)[key]
    return f'<section aria-labelledby="{key}"><h2 id="{key}">{escape(title)}</h2>{"".join(parts)}</section>'
