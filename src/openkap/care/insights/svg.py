"""Charts as SVG: drawn for a width, readable without colour, with a title and a summary to read aloud."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

from openkap.care.insights.chart import AnyChart, Axis, Band, Bar, Point, RowChart, Series, TimeChart

WIDE, NARROW = 760, 340
RANGE = "worst and best case of missing scores"
# On paper and in files there is no stylesheet beside the drawing.
PAPER_STYLE = (
    "text{font-family:sans-serif;font-size:13px;fill:#000}.soft{fill:#333}.grid{stroke:#ccc;fill:none}"
    ".level{stroke:#666;stroke-width:1.5;fill:none}.band{fill:#e2e2e2;stroke:#999;stroke-dasharray:2 3}"
    ".line{fill:none;stroke:#000;stroke-width:2}.dashed{stroke-dasharray:7 5}.dotted{stroke-dasharray:2 4}"
    ".span{stroke:#000;stroke-width:2;fill:none}"
    ".range{stroke:#777;stroke-width:1.25;stroke-dasharray:2 3;fill:none}"
    ".mark{fill:#000;stroke:#fff;stroke-width:1.5}.open{fill:#fff;stroke:#000;stroke-width:2}.bar{fill:#888}"
)


@dataclass(frozen=True)
class Frame:
    """The drawing's inner box and how values become places."""

    left: float
    right: float
    top: float
    floor: float
    x: Axis
    y: Axis | None = None

    def at_x(self, value: float) -> float:
        return _place(value, self.x, self.left, self.right)

    def at_y(self, value: float) -> float:
        assert self.y is not None
        return _place(value, self.y, self.floor, self.top)


def _place(value: float, axis: Axis, start: float, end: float) -> float:
    share = (min(max(value, axis.low), axis.high) - axis.low) / ((axis.high - axis.low) or 1)
    return round(start + share * (end - start), 1)


def draw(chart: AnyChart, name: str, width: int = WIDE, *, paper: bool = False) -> str:
    """The chart as one ``svg`` element; ``name`` keeps ids apart, ``paper`` brings the style along."""
    inner, height = _time(chart, width) if isinstance(chart, TimeChart) else _rows(chart, width)
    style = f"<style>{PAPER_STYLE}</style>" if paper else ""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="chart" role="img" '
        f'viewBox="0 0 {width} {height:.0f}" aria-labelledby="{name}-t {name}-d">'
        f'<title id="{name}-t">{escape(chart.title)}</title>'
        f'<desc id="{name}-d">{escape(chart.summary)}</desc>{style}{inner}</svg>'
    )


def _time(chart: TimeChart, width: int) -> tuple[str, float]:
    key, key_height = _key(chart, width)
    height = (350 if width >= WIDE else 310) + key_height
    frame = Frame(52, width - 18, 40 + key_height, height - 46, chart.x, chart.y)
    parts = [key, *_grid(frame, chart)]
    parts += [_band(band, frame) for band in chart.bands]
    if chart.level is not None:
        parts.append(f'<path class="level" d="M{frame.left} {frame.at_y(chart.level)}H{frame.right}"/>')
    parts += [_series(series, frame) for series in chart.series]
    return "".join(parts), height


def _grid(frame: Frame, chart: TimeChart) -> list[str]:
    parts = [f'<text class="soft" x="4" y="{frame.top - 14}">{escape(chart.y.title)}</text>']
    for value, words in chart.y.ticks:
        y = frame.at_y(value)
        parts.append(f'<path class="grid" d="M{frame.left} {y}H{frame.right}"/>')
        parts.append(
            f'<text class="soft" x="{frame.left - 8}" y="{y + 4}" text-anchor="end">{escape(words)}</text>'
        )
    used = -100.0
    for value, words in chart.x.ticks:
        x = frame.at_x(value)
        parts.append(f'<path class="grid" d="M{x} {frame.floor}v6"/>')
        if x - used < 7.5 * len(words) + 8:
            continue
        used = x
        parts.append(
            f'<text class="soft" x="{x}" y="{frame.floor + 21}" text-anchor="middle">{escape(words)}</text>'
        )
    middle = (frame.left + frame.right) / 2
    parts.append(
        f'<text class="soft" x="{middle}" y="{frame.floor + 40}" text-anchor="middle">'
        f"{escape(chart.x.title)}</text>"
    )
    return parts


def _key(chart: TimeChart, width: int) -> tuple[str, float]:
    """What each mark means, in as many lines as the width needs."""
    parts, x, y = [], 6.0, 12.0
    entries: list[tuple[str, Series | None]] = [(band.name, None) for band in chart.bands]
    entries += [(series.name, series) for series in chart.series]
    if any(point.least is not None for series in chart.series for point in series.points):
        entries.append((RANGE, None))
    for words, series in entries:
        room = 34 + 6.9 * len(words)
        if x > 6 and x + room > width:
            x, y = 6.0, y + 22
        if words == RANGE:
            parts.append(
                f'<path class="range" d="M{x + 12} {y - 8}v16M{x + 7} {y - 8}h10M{x + 7} {y + 8}h10"/>'
            )
        elif series is None:
            parts.append(f'<rect class="band" x="{x}" y="{y - 7}" width="24" height="14"/>')
        else:
            if series.line != "none":
                parts.append(f'<path class="line {series.line} {series.tone}" d="M{x} {y}h24"/>')
            parts.append(_mark(series, x + 12, y))
        parts.append(f'<text x="{x + 30}" y="{y + 4}">{escape(words)}</text>')
        x += room + 14
    return "".join(parts), y


def _band(band: Band, frame: Frame) -> str:
    spans = sorted(band.spans)
    if not spans:
        return ""
    if len(spans) > 1 and band.is_joined:
        upper = [f"{frame.at_x(x)} {frame.at_y(high)}" for x, _, high in spans]
        lower = [f"{frame.at_x(x)} {frame.at_y(low)}" for x, low, _ in reversed(spans)]
        return f'<path class="band" d="M{"L".join(upper + lower)}Z"/>'
    return "".join(
        f'<rect class="band" x="{frame.at_x(x) - 15}" y="{frame.at_y(high)}" width="30" '
        f'height="{frame.at_y(low) - frame.at_y(high):.1f}"/>'
        for x, low, high in spans
    )


def _series(series: Series, frame: Frame) -> str:
    parts = [_spans(point, series, frame) for point in series.points]
    shown = [(frame.at_x(point.x), frame.at_y(point.y)) for point in series.points if point.y is not None]
    if series.line == "step" and shown:
        path = f"M{shown[0][0]} {shown[0][1]}" + "".join(f"H{x}V{y}" for x, y in shown[1:])
        parts.append(f'<path class="line {series.tone}" d="{path}"/>')
    elif series.line != "none":
        # A time without a value is a gap, never a line across it.
        gaps = "".join("x" if point.y is None else "." for point in series.points)
        at = 0
        for run in gaps.split("x"):
            path = "L".join(f"{x} {y}" for x, y in shown[at : at + len(run)])
            at += len(run)
            if len(run) > 1:
                parts.append(f'<path class="line {series.line} {series.tone}" d="M{path}"/>')
    parts += [
        f"<g><title>{escape(point.words)}</title>"
        f"{_mark(series, frame.at_x(point.x), frame.at_y(point.y))}</g>"
        for point in series.points
        if point.y is not None and series.mark != "none"
    ]
    return "".join(parts)


def _spans(point: Point, series: Series, frame: Frame) -> str:
    x, parts = frame.at_x(point.x), []
    if point.least is not None and point.most is not None:
        low, high = frame.at_y(point.least), frame.at_y(point.most)
        parts.append(f'<path class="range" d="M{x - 5} {low}h10M{x} {low}V{high}M{x - 5} {high}h10"/>')
    if point.low is not None and point.high is not None:
        low, high = frame.at_y(point.low), frame.at_y(point.high)
        # Intervals of every curve that competes would hide one another: those of the event are drawn.
        if series.line == "step" and series.tone != "ours":
            return ""
        parts.append(f'<path class="span {series.tone}" d="M{x} {low}V{high}"/>')
    return "".join(parts)


def _mark(series: Series, x: float, y: float) -> str:
    tone = f"mark {series.tone}"
    match series.mark:
        case "disc":
            return f'<circle class="{tone}" cx="{x}" cy="{y}" r="6"/>'
        case "ring":
            return f'<circle class="open {series.tone}" cx="{x}" cy="{y}" r="5"/>'
        case "square":
            return f'<rect class="open {series.tone}" x="{x - 5}" y="{y - 5}" width="10" height="10"/>'
        case "triangle":
            return f'<path class="open {series.tone}" d="M{x} {y - 6}l6 11h-12z"/>'
        case "cross":
            return f'<path class="line {series.tone}" d="M{x - 5} {y - 5}l10 10m0 -10l-10 10"/>'
        case "diamond":
            return f'<path class="{tone}" d="M{x} {y - 7}l7 7l-7 7l-7 -7z"/>'
        case _:
            return ""


def _rows(chart: RowChart, width: int) -> tuple[str, float]:
    narrow = width < WIDE
    step, side = (46, 12.0) if narrow else (30, 250.0)
    height = 12 + step * len(chart.rows) + 46
    frame = Frame(side, width - (40 if narrow else 120), 8, height - 46, chart.x)
    parts = []
    for value, words in chart.x.ticks:
        x = frame.at_x(value)
        parts.append(f'<path class="grid" d="M{x} {frame.top}V{frame.floor}"/>')
        parts.append(
            f'<text class="soft" x="{x}" y="{frame.floor + 18}" text-anchor="middle">{escape(words)}</text>'
        )
    if chart.level is not None:
        x = frame.at_x(chart.level)
        parts.append(f'<path class="level" d="M{x} {frame.top}V{frame.floor}"/>')
    for number, row in enumerate(chart.rows):
        parts.append(_row(row, chart, frame, 12 + step * number, narrow=narrow))
    middle = (frame.left + frame.right) / 2
    parts.append(
        f'<text class="soft" x="{middle}" y="{frame.floor + 38}" text-anchor="middle">'
        f"{escape(chart.x.title)}</text>"
    )
    return "".join(parts), height


def _row(row: Bar, chart: RowChart, frame: Frame, top: float, *, narrow: bool) -> str:
    weight = ' font-weight="600"' if row.is_head else ""
    y = top + (30 if narrow else 13)
    where = (
        f'x="{frame.left}" y="{top + 13}"'
        if narrow
        else f'x="{frame.left - 12}" y="{y + 4}" text-anchor="end"'
    )
    parts = [f"<text {where}{weight}>{escape(row.label)}</text>"]
    if row.value is None:
        if row.words:
            parts.append(f'<text class="soft" x="{frame.left + 6}" y="{y + 4}">{escape(row.words)}</text>')
        return "".join(parts)
    x = frame.at_x(row.value)
    if chart.is_bars:
        start = frame.at_x(max(chart.x.low, 0.0))
        parts.append(
            f'<rect class="bar" x="{min(start, x)}" y="{y - 8}" width="{abs(x - start):.1f}" height="16">'
            f"<title>{escape(row.words)}</title></rect>"
        )
    elif row.low is not None and row.high is not None:
        parts.append(f'<path class="span" d="M{frame.at_x(row.low)} {y}H{frame.at_x(row.high)}"/>')
    if not chart.is_bars:
        series = Series("", (), mark=row.mark)
        parts.append(f"<g><title>{escape(row.words)}</title>{_mark(series, x, y)}</g>")
    end = frame.right + 8 if not narrow else None
    if end is not None and row.words:
        parts.append(f'<text class="soft" x="{end}" y="{y + 4}">{escape(row.words)}</text>')
    elif row.words:
        parts.append(
            f'<text class="soft" x="{frame.right + 36}" y="{top + 13}" text-anchor="end">'
            f"{escape(row.words)}</text>"
        )
    return "".join(parts)
