"""Documents on paper: typst source to PDF. Text of people goes in as string literals, never as markup."""

from __future__ import annotations

import json

from django.conf import settings

_HEAD = """
#set page(paper: "a4", margin: (x: 18mm, y: 16mm), numbering: "1 / 1")
#set text(size: 10pt)
#set par(justify: false, leading: 0.6em)
#show heading.where(level: 1): set text(size: 16pt)
#show heading.where(level: 2): it => block(above: 1.1em, below: 0.5em, text(size: 11pt, weight: "bold", it.body))
#let para(body) = block(below: 0.6em, body)
#let mark(label, value) = block(below: 0.5em, inset: (left: 6pt), stroke: (left: 1.5pt + luma(140)), [#text(fill: luma(80), label): #strong(value)])
"""  # noqa: E501


# On every page, whatever header the document sets.
_SYNTHETIC = """#set page(foreground: place(top + center, dy: 6mm, text(
  size: 8pt, weight: "bold", fill: rgb("#8a1c1c"), "Synthetic: invented people, no real patient")))"""


def document(*, is_synthetic: bool) -> str:
    """How every document begins; a paper leaves the screen, so one of invented people says so itself."""
    return f"{_HEAD}{_SYNTHETIC}\n" if is_synthetic or settings.DEMO else _HEAD


def literal(text: object) -> str:
    """A typst string: quotes and escapes only, so that no sign of it can become markup."""
    plain = "".join(sign if sign >= " " or sign == "\n" else " " for sign in str(text))
    return json.dumps(plain, ensure_ascii=False)


def compiled(source: str) -> bytes:
    """The PDF of a typst source."""
    import typst  # loads in half a second: only where paper is asked for

    made: bytes = typst.compile(source.encode())
    return made
