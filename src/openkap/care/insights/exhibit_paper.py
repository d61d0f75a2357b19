"""An exhibit on paper: headline numbers, drawing, definition, table, and from what it was made."""

from __future__ import annotations

from math import sqrt

from openkap.care.insights.book import Book
from openkap.care.insights.chart import Exhibit
from openkap.care.insights.queries import about
from openkap.care.insights.svg import WIDE, draw
from openkap.care.paper import compiled, document, literal


def exhibit_pdf(book: Book, exhibit: Exhibit, clinic: str, *, is_synthetic: bool) -> bytes:
    """The exhibit as PDF."""
    lines = [
        document(is_synthetic=is_synthetic),
        '#set text(lang: "en")',
        f"= #{literal(exhibit.title)}",
        f"#para({literal(clinic)})",
    ]
    if exhibit.caution:
        lines.append(f"#para(strong({literal(exhibit.caution)}))")
    lines += [f"#para({literal(text)})" for text in exhibit.plain]
    cells = ", ".join(
        f'[#text(14pt, weight: "bold", {literal(each.value)}) \\ #text(8pt, {literal(each.label)}) \\ '
        f"#text(7pt, {literal(each.exact)})]"
        for each in exhibit.headlines
    )
    if cells:
        lines.append(f"#grid(columns: {len(exhibit.headlines)}, gutter: 10pt, {cells})")
    if exhibit.chart is not None:
        drawing = draw(exhibit.chart, "paper", WIDE, paper=True)
        lines.append(f'#image(bytes({literal(drawing)}), format: "svg", width: 100%)')
    lines += [f"#para({literal(text)})" for text in exhibit.says]
    lines.append("#text(size: 7.5pt)[" + _table(exhibit) + "]")
    lines.append('== #"From what this was made"')
    lines += [
        f"#mark({literal(label)}, {literal(value)})"
        for label, value in about(book, exhibit)[1:]
        if label not in ("note", "caution", "in words")
    ]
    return compiled("\n".join(lines))


def _table(exhibit: Exhibit) -> str:
    if not exhibit.rows:
        return f"#para({literal('No rows.')})"
    cells = [f"strong({literal(column)})" for column in exhibit.columns]
    cells += [literal(cell) for row in exhibit.rows for cell in row]
    widths = ", ".join(["auto", *(f"{_share(exhibit, place)}fr" for place in range(1, len(exhibit.columns)))])
    return f"#table(columns: ({widths}), stroke: 0.4pt + luma(160), inset: 3pt, {', '.join(cells)})"


def _share(exhibit: Exhibit, place: int) -> float:
    """A column's width by the square root of its longest cell: sentences get room, numbers stay in line."""
    longest = max(len(row[place]) for row in (exhibit.columns, *exhibit.rows))
    return round(sqrt(max(longest, 6)), 2)
