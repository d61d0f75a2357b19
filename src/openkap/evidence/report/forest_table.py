"""A forest plot as a table that a screen reader can read and a phone can stack."""

from __future__ import annotations

from html import escape

from openkap.evidence.report import svg
from openkap.evidence.report.blocks import link
from openkap.evidence.report.marks import (
    Forest,
    ForestRow,
    axis_ticks,
)
from openkap.evidence.wording import number


def forest_table(marks: Forest) -> str:
    """One row a study, the plot as a column of small drawings."""
    rows = "".join(_forest_row(row, marks) for row in marks.rows)
    ticks = "".join(
        f'<text class="muted" style="font-size:11px" x="{_share(tick, marks)}%" y="12" text-anchor="middle">'
        f"{svg.tick_label(tick, marks)}</text>"
        for tick in axis_ticks(marks)
    )
    return (
        f'<table class="forest"><caption>{escape(marks.title)}</caption><thead><tr><th scope="col">Study</th>'
        f'<th scope="col" class="plot">{escape(marks.axis)}</th><th scope="col">Estimate (95% '
        "interval)</th></tr></thead>"
        f'<tbody>{rows}</tbody><tfoot><tr><td></td><td class="plot"><svg aria-hidden="true" '
        f'style="height:18px">{ticks}'
        f'</svg><span class="fl"><span>← {escape(marks.left)}</span><span>{escape(marks.right)} '
        "→</span></span></td>"
        "<td></td></tr></tfoot></table>"
    )


def _share(value: float, marks: Forest) -> float:
    return svg.place(value, marks.low, marks.high, 0, 100)


def _forest_row(row: ForestRow, marks: Forest) -> str:
    name = link(row.label, row.url)
    value = escape(svg.value_text(row, marks))
    if row.kind == "flagged":
        value += '<span class="note">⚑ flagged by the integrity gate</span>'
    elif row.kind == "study" and row.weight is not None and any(each.kind == "pool" for each in marks.rows):
        value += f'<span class="note">weight {100 * row.weight:.0f}%</span>'
    if row.prediction:
        low, high = (number(svg_shown(each, marks)) for each in row.prediction)
        value += f'<span class="note ext">prediction interval {low} to {high}</span>'
    return (
        f'<tr class="{row.kind}"><td class="who">{name}<span class="note">{escape(row.note)}</span></td>'
        f'<td class="plot">{_mark(row, marks)}</td><td class="val">{value}</td></tr>'
    )


def svg_shown(value: float, marks: Forest) -> float:
    """The reader's value of an axis position: ratios back from their logarithm."""
    from math import exp

    return exp(value) if marks.ratio else value


def _mark(row: ForestRow, marks: Forest) -> str:
    zero = (
        f'<line class="zero" x1="{_share(marks.no_effect, marks)}%" x2="{_share(marks.no_effect, marks)}%" '
        'y1="-9" y2="35"/>'
    )
    if row.estimate is None or row.low is None or row.high is None:
        return f'<svg aria-hidden="true">{zero}</svg>'
    x, a, b = (_share(each, marks) for each in (row.estimate, row.low, row.high))
    arrows = ""
    if row.low < marks.low:
        arrows += (
            f'<svg x="{a}%" y="13" overflow="visible"><path class="ends" d="M0 0l7 -4v8z" '
            'fill="currentColor"/></svg>'
        )
    if row.high > marks.high:
        arrows += (
            f'<svg x="{b}%" y="13" overflow="visible"><path class="ends" d="M0 0l-7 -4v8z" '
            'fill="currentColor"/></svg>'
        )
    pool = row.kind in ("pool", "part")
    line = "poolline" if pool else "warnline" if row.kind == "flagged" else "line"
    drawn = f'<line class="{line}" x1="{a}%" x2="{b}%" y1="13" y2="13"/>'
    if row.prediction:
        p, q = (_share(each, marks) for each in row.prediction)
        drawn += f'<line class="prediction" x1="{p}%" x2="{q}%" y1="22" y2="22"/>'
    if pool:
        mark = '<path class="pool" d="M0 -7l7 7l-7 7l-7 -7z"/>'
    else:
        half = round(3 + 4.5 * (row.weight or 0.2), 1)
        kind = "warn" if row.kind == "flagged" else "mark"
        mark = f'<rect class="{kind}" x="-{half}" y="-{half}" width="{2 * half}" height="{2 * half}"/>'
    return (
        f'<svg aria-hidden="true">{zero}{drawn}{arrows}<svg x="{x}%" y="13" '
        f'overflow="visible">{mark}</svg></svg>'
    )
