"""Figures as SVG: concentration over time with a named band, bars side by side, the map of claims.

Black, white and greys only, with dashes and direct labels, so that a figure survives a copier. No script,
no external font, no style sheet; every text is a text element that can be searched and read aloud.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from math import ceil, floor, log10

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

WIDTH, HEIGHT = 760.0, 500.0
_LEFT, _RIGHT, _TOP = 74.0, 24.0, 46.0
_LINE = 15.0
_FONT = "font-family='Helvetica, Arial, sans-serif'"
_DASHES = ("", "7 4", "2 3", "9 3 2 3")


@dataclass(frozen=True)
class Line:
    """A curve with its name; ``dash`` picks one of four patterns."""

    x: Array
    y: Array
    name: str
    dash: int = 0


@dataclass(frozen=True)
class Shade:
    """A band between two curves with its name."""

    x: Array
    low: Array
    high: Array
    name: str


def text(
    x: float, y: float, words: str, *, size: int = 13, anchor: str = "start", weight: str = "normal"
) -> str:
    """One line of text."""
    return (
        f"<text x='{x:.1f}' y='{y:.1f}' {_FONT} font-size='{size}' text-anchor='{anchor}' "
        f"font-weight='{weight}' fill='#000'>{escape(words)}</text>"
    )


def wrapped(words: str, width: float, size: int = 12) -> list[str]:
    """Words as lines that fit ``width`` pixels, by the mean width of Helvetica's letters."""
    most = max(8, int(width / (size * 0.52)))
    lines: list[str] = []
    line = ""
    for word in words.split():
        if line and len(line) + 1 + len(word) > most:
            lines.append(line)
            line = word
        else:
            line = f"{line} {word}".strip()
    return [*lines, line] if line else lines


def nice_ticks(highest: float, most: int = 6) -> list[float]:
    """Round numbers from 0 to at least ``highest``: steps of 1, 2 or 5 times a power of ten."""
    if not highest > 0:
        return [0.0, 1.0]
    raw = highest / most
    power = 10.0 ** floor(log10(raw))
    step = next(power * m for m in (1, 2, 5, 10) if power * m >= raw * 0.999)
    return [step * i for i in range(ceil(highest / step - 1e-9) + 1)]


def hour_ticks(until_min: float) -> tuple[list[float], str]:
    """Ticks in minutes up to three hours, else in hours or days; and the axis label."""
    if until_min <= 180:
        step, unit, label = (10 if until_min <= 90 else 20), 1.0, "Time (min)"
    elif until_min <= 48 * 60:
        step, unit, label = (1 if until_min <= 600 else 2 if until_min <= 1440 else 6), 60.0, "Time (h)"
    else:
        days = until_min / 1440
        step, unit, label = max(1, ceil(days / 12)), 1440.0, "Time (days)"
    count = floor(until_min / unit / step + 1e-9)
    return [i * step * unit for i in range(count + 1)], label


def curves(
    *,
    title: str,
    y_label: str,
    lines: Sequence[Line],
    shades: Sequence[Shade] = (),
    caption: str,
    mark: tuple[float, float] | None = None,
) -> str:
    """A figure of concentration (or effect) over time in minutes.

    ``mark`` draws the time of giving as a bar below the curves. Returns the SVG text.
    """
    notes = wrapped(caption, WIDTH - _LEFT - _RIGHT, 11)
    bottom = HEIGHT - 78 - _LINE * len(notes)
    until = max(float(line.x[-1]) for line in lines)
    highest = max([float(line.y.max()) for line in lines] + [float(s.high.max()) for s in shades])
    y_ticks = nice_ticks(highest * 1.04)
    x_ticks, x_label = hour_ticks(until)
    across, down = (WIDTH - _LEFT - _RIGHT) / until, (bottom - _TOP) / y_ticks[-1]

    def at(x: Array, y: Array) -> str:
        return " ".join(
            f"{_LEFT + a * across:.1f},{bottom - b * down:.1f}" for a, b in zip(x, y, strict=True)
        )

    parts = [text(_LEFT, 24, title, size=15, weight="bold")]
    for i, shade in enumerate(shades):
        points = at(np.concatenate([shade.x, shade.x[::-1]]), np.concatenate([shade.low, shade.high[::-1]]))
        parts.append(f"<polygon points='{points}' fill='#{'d4d4d4' if i == 0 else 'b0b0b0'}' stroke='none'/>")
    parts += _axes(x_ticks, x_label, y_ticks, y_label, bottom, across, down, until)
    for line in lines:
        dash = f" stroke-dasharray='{_DASHES[line.dash % 4]}'" if line.dash % 4 else ""
        parts.append(
            f"<polyline points='{at(line.x, line.y)}' fill='none' stroke='#000' stroke-width='1.8'{dash}/>"
        )
    if mark is not None and mark[1] > mark[0]:
        x = _LEFT + mark[0] * across
        parts.append(
            f"<rect x='{x:.1f}' y='{bottom - 5:.1f}' width='{(mark[1] - mark[0]) * across:.1f}' height='5' "
            "fill='#555'/>"
        )
    parts += _legend(lines, shades, given=mark is not None and mark[1] > mark[0])
    start = bottom + 56
    parts += [text(_LEFT, start + i * _LINE, note, size=11) for i, note in enumerate(notes)]
    return document(parts, title, WIDTH, HEIGHT)


def _axes(
    x_ticks: Sequence[float],
    x_label: str,
    y_ticks: Sequence[float],
    y_label: str,
    bottom: float,
    across: float,
    down: float,
    until: float,
) -> list[str]:
    unit = {"Time (min)": 1.0, "Time (h)": 60.0, "Time (days)": 1440.0}[x_label]
    right = _LEFT + until * across
    parts = [
        f"<path d='M{_LEFT} {_TOP} V{bottom:.1f} H{right:.1f}' fill='none' stroke='#000' stroke-width='1.2'/>"
    ]
    for tick in x_ticks:
        x = _LEFT + tick * across
        parts.append(f"<path d='M{x:.1f} {bottom:.1f} v5' stroke='#000'/>")
        parts.append(text(x, bottom + 19, f"{tick / unit:g}", size=12, anchor="middle"))
    for tick in y_ticks:
        y = bottom - tick * down
        parts.append(f"<path d='M{_LEFT - 5} {y:.1f} h5' stroke='#000'/>")
        parts.append(text(_LEFT - 9, y + 4, f"{tick:g}", size=12, anchor="end"))
    middle = (_TOP + bottom) / 2
    parts.append(text((_LEFT + right) / 2, bottom + 37, x_label, anchor="middle"))
    parts.append(
        f"<g transform='rotate(-90 20 {middle:.1f})'>{text(20, middle, y_label, anchor='middle')}</g>"
    )
    return parts


def _legend(lines: Sequence[Line], shades: Sequence[Shade], *, given: bool) -> list[str]:
    names = [*(line.name for line in lines), *(shade.name for shade in shades)]
    names += ["dose being given"] if given else []
    left = WIDTH - _RIGHT - 30 - max(len(name) for name in names) * 6.4
    parts = []
    y = _TOP + 10
    for line in lines:
        dash = f" stroke-dasharray='{_DASHES[line.dash % 4]}'" if line.dash % 4 else ""
        parts.append(f"<path d='M{left:.1f} {y - 4:.1f} h26' stroke='#000' stroke-width='1.8'{dash}/>")
        parts.append(text(left + 33, y, line.name, size=12))
        y += 18
    for i, shade in enumerate(shades):
        fill = "d4d4d4" if i == 0 else "b0b0b0"
        parts.append(f"<rect x='{left:.1f}' y='{y - 10:.1f}' width='26' height='11' fill='#{fill}'/>")
        parts.append(text(left + 33, y, shade.name, size=12))
        y += 18
    if given:
        parts.append(f"<rect x='{left:.1f}' y='{y - 7:.1f}' width='26' height='5' fill='#555'/>")
        parts.append(text(left + 33, y, "dose being given", size=12))
    return parts


@dataclass(frozen=True)
class Bar:
    """A point with its range and a label, for a figure of rows."""

    label: str
    value: float
    low: float | None
    high: float | None
    note: str = ""


def ranges(*, title: str, x_label: str, bars: Sequence[Bar], caption: str) -> str:
    """Rows with a point and, where known, its range; the number stands beside it."""
    notes = wrapped(caption, WIDTH - 2 * _RIGHT, 11)
    left, right, row = 280.0, WIDTH - 100.0, 36.0
    bottom = _TOP + row * len(bars) + 6
    height = bottom + 62 + _LINE * len(notes)
    highest = max(max(bar.value, bar.high or 0) for bar in bars)
    ticks = nice_ticks(highest * 1.02)
    across = (right - left) / ticks[-1]
    parts = [text(_RIGHT, 24, title, size=15, weight="bold")]
    for tick in ticks:
        x = left + tick * across
        parts.append(f"<path d='M{x:.1f} {_TOP:.1f} V{bottom:.1f}' stroke='#ddd'/>")
        parts.append(text(x, bottom + 18, f"{tick:g}", size=12, anchor="middle"))
    parts.append(f"<path d='M{left} {bottom:.1f} H{right:.1f}' stroke='#000'/>")
    parts.append(text((left + right) / 2, bottom + 36, x_label, anchor="middle"))
    for i, bar in enumerate(bars):
        y = _TOP + row * (i + 0.5)
        parts.append(text(left - 12, y, bar.label, size=12, anchor="end"))
        if bar.note:
            parts.append(text(left - 12, y + 13, bar.note, size=10, anchor="end"))
        label_x = left + bar.value * across
        if bar.low is not None and bar.high is not None:
            x0, x1 = left + bar.low * across, left + bar.high * across
            parts.append(
                f"<path d='M{x0:.1f} {y:.1f} H{x1:.1f} M{x0:.1f} {y - 5:.1f} v10 M{x1:.1f} {y - 5:.1f} v10' "
                "stroke='#000' stroke-width='1.4'/>"
            )
            label_x = max(label_x, x1)
        centre = left + bar.value * across
        parts.append(f"<circle cx='{centre:.1f}' cy='{y:.1f}' r='4.5' fill='#000'/>")
        parts.append(text(label_x + 10, y + 4, f"{bar.value:.3g}", size=12))
    start = bottom + 58
    parts += [text(_RIGHT, start + i * _LINE, note, size=11) for i, note in enumerate(notes)]
    return document(parts, title, WIDTH, height)


def document(parts: Sequence[str], title: str, width: float, height: float) -> str:
    """The parts as one SVG document on white, with a title for readers and screen readers."""
    body = "\n".join(parts)
    return (
        f"<svg xmlns='http://www.w3.org/2000/svg' width='{width:.0f}' height='{height:.0f}' "
        f"viewBox='0 0 {width:.0f} {height:.0f}' role='img'>\n<title>{escape(title)}</title>\n"
        f"<rect width='{width:.0f}' height='{height:.0f}' fill='#fff'/>\n{body}\n</svg>\n"
    )
