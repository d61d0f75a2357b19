"""Marks drawn as SVG that stands alone: a title and a description to read aloud, colours for both themes."""

from __future__ import annotations

from html import escape

from openkap.evidence.report.maps import FlowBox, GapMap
from openkap.evidence.report.marks import Forest, ForestRow, Funnel, TimeCourse, axis_ticks, nice_ticks
from openkap.evidence.wording import number

STYLE = (
    "text{font:13px system-ui,sans-serif;fill:var(--ink,#1c2326)}"
    ".muted{fill:var(--muted,#5b676c)}.axis{stroke:var(--rule,#b9c2c4);fill:none}.zero{stroke:var(--muted,#5b676c);fill:none}"
    ".line{stroke:var(--ink,#1c2326);stroke-width:1.6;fill:none}.mark{fill:var(--ink,#1c2326)}"
    ".pool{fill:var(--accent,#0b6e6e)}.poolline{stroke:var(--accent,#0b6e6e);stroke-width:2;fill:none}"
    ".prediction{stroke:var(--accent,#0b6e6e);stroke-width:2;stroke-dasharray:3 3;fill:none}"
    ".spread{stroke:var(--muted,#5b676c);stroke-opacity:.45;fill:none}"
    ".warn{fill:var(--warn,#9a3412)}.warnline{stroke:var(--warn,#9a3412);stroke-width:1.6;fill:none}"
    ".band{fill:var(--band,#eef2f1)}"
    "@media "
    "(prefers-color-scheme:dark){svg.alone{--ink:#e7ecec;--muted:#a3b0b3;--rule:#3d4a4e;--accent:#5cc7c2;"
    "--warn:#f0a878;--band:#1b2427;background:#11181a}}"
)


def document(inner: str, width: int, height: int, title: str, description: str) -> str:
    """A whole SVG file."""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="alone" viewBox="0 0 {width} {height}" role="img" '
        f'aria-labelledby="t d"><title id="t">{escape(title)}</title><desc '
        f'id="d">{escape(description)}</desc>'
        f"<style>{STYLE}</style>{inner}</svg>\n"
    )


def place(value: float, low: float, high: float, left: float, width: float) -> float:
    """Where a value stands on an axis; held at the edges."""
    share = (min(max(value, low), high) - low) / (high - low)
    return round(left + share * width, 2)


def forest(marks: Forest) -> str:
    """A forest plot as a file of its own."""
    left, width, step = 300.0, 300.0, 34
    top = 34
    height = top + step * len(marks.rows) + 60
    parts = [f'<text x="10" y="20" font-weight="600">{escape(marks.title)}</text>']
    zero = place(marks.no_effect, marks.low, marks.high, left, width)
    bottom = top + step * len(marks.rows)
    parts.append(f'<path class="zero" d="M{zero} {top - 6}V{bottom}"/>')
    for at, row in enumerate(marks.rows):
        parts.append(_forest_row(row, marks, top + step * at + 12, left, width))
    parts.append(f'<path class="axis" d="M{left} {bottom}H{left + width}"/>')
    for tick in axis_ticks(marks):
        x = place(tick, marks.low, marks.high, left, width)
        parts.append(f'<path class="axis" d="M{x} {bottom}v5"/>')
        parts.append(
            f'<text class="muted" x="{x}" y="{bottom + 19}" '
            f'text-anchor="middle">{tick_label(tick, marks)}</text>'
        )
    parts.append(f'<text class="muted" x="{left}" y="{bottom + 40}">← {escape(marks.left)}</text>')
    parts.append(
        f'<text class="muted" x="{left + width}" y="{bottom + 40}" text-anchor="end">{escape(marks.right)} '
        "→</text>"
    )
    described = "; ".join(f"{row.label}: {value_text(row, marks)}" for row in marks.rows)
    return document("".join(parts), 760, height, marks.title, described)


def tick_label(tick: float, marks: Forest) -> str:
    """The value as a reader sees it: ratios back from their logarithm."""
    from math import exp

    return f"{exp(tick):.3g}" if marks.ratio else f"{tick:g}".replace("-", "−")


def value_text(row: ForestRow, marks: Forest) -> str:
    """Estimate with interval, or that there is no number."""
    from math import exp

    if row.estimate is None or row.low is None or row.high is None:
        return "no usable number"
    shown = [exp(x) if marks.ratio else x for x in (row.estimate, row.low, row.high)]
    return f"{number(shown[0])} ({number(shown[1])} to {number(shown[2])})"


def _forest_row(row: ForestRow, marks: Forest, y: float, left: float, width: float) -> str:
    name = row.label if len(row.label) <= 40 else row.label[:39] + "…"
    label = f'<text x="10" y="{y + 2}">{escape(name)}</text>'
    note = row.note if len(row.note) <= 48 else row.note[:47] + "…"
    label += f'<text class="muted" x="10" y="{y + 16}" style="font-size:11px">{escape(note)}</text>'
    text = f'<text x="{left + width + 12}" y="{y + 6}">{escape(value_text(row, marks))}</text>'
    if row.estimate is None or row.low is None or row.high is None:
        return label + text
    x, a, b = (place(v, marks.low, marks.high, left, width) for v in (row.estimate, row.low, row.high))
    if row.kind in ("pool", "part"):
        drawn = f'<path class="poolline" d="M{a} {y + 4}H{b}"/>'
        drawn += f'<path class="pool" d="M{x} {y - 4}l7 8l-7 8l-7 -8z"/>'
        if row.prediction:
            p, q = (place(v, marks.low, marks.high, left, width) for v in row.prediction)
            drawn += f'<path class="prediction" d="M{p} {y + 16}H{q}"/>'
        return label + text + drawn
    half = 3 + 5 * (row.weight or 0.2)
    mark = "warn" if row.kind == "flagged" else "mark"
    line = "warnline" if row.kind == "flagged" else "line"
    drawn = f'<path class="{line}" d="M{a} {y + 4}H{b}"/>'
    drawn += (
        f'<rect class="{mark}" x="{round(x - half, 2)}" y="{round(y + 4 - half, 2)}" '
        f'width="{round(2 * half, 2)}" height="{round(2 * half, 2)}"/>'
    )
    return label + text + drawn


def funnel(marks: Funnel) -> str:
    """A funnel plot with its pseudo 95% limits."""
    width, height, left, top = 420, 300, 46, 20
    w, h = width - left - 16, height - top - 62
    deepest = marks.largest_se * 1.15
    reach = 1.96 * deepest
    low, high = marks.centre - reach, marks.centre + reach
    low, high = min([low, *(p.x for p in marks.points)]), max([high, *(p.x for p in marks.points)])

    def at(x: float, se: float) -> tuple[float, float]:
        return place(x, low, high, left, w), round(top + se / deepest * h, 2)

    (cx, cy), (lx, ly), (rx, _ry) = (
        at(marks.centre, 0),
        at(marks.centre - reach, deepest),
        at(marks.centre + reach, deepest),
    )
    parts = [
        f'<path class="band" d="M{cx} {cy}L{lx} {ly}H{rx}Z"/>',
        f'<path class="axis" d="M{cx} {top}V{top + h}M{left} {top}V{top + h}H{left + w}"/>',
    ]
    for point in marks.points:
        x, y = at(point.x, point.se)
        end = x > left + w * 0.6
        shift, anchor = (-9, "end") if end else (9, "start")
        parts.append(f'<circle class="mark" cx="{x}" cy="{y}" r="5"/>')
        parts.append(f'<text x="{x + shift}" y="{y + 4}" text-anchor="{anchor}">{escape(point.label)}</text>')
    for tick in nice_ticks(low, high, 5):
        x = place(tick, low, high, left, w)
        parts.append(
            f'<text class="muted" x="{x}" y="{top + h + 18}" '
            f'text-anchor="middle">{f"{tick:g}".replace("-", "−")}</text>'
        )
    parts.append(
        f'<text class="muted" x="{left + w / 2}" y="{top + h + 38}" text-anchor="middle">effect; right '
        "favours ketamine</text>"
    )
    parts.append(
        f'<text class="muted" transform="translate(14 {top + h / 2}) rotate(-90)" '
        'text-anchor="middle">standard error</text>'
    )
    told = "; ".join(f"{p.label}: effect {number(p.x)}, standard error {number(p.se)}" for p in marks.points)
    return document("".join(parts), width, height, marks.title, f"{told}. {marks.caution}")


def time_course(marks: TimeCourse) -> str:
    """Standardised differences over days, one line a trial, with intervals."""
    width, height, left, top = 420, 320, 46, 16
    w, h = width - left - 22, height - top - 66
    points = [point for _, line in marks.lines for point in line]
    low = min([0.0, *(p.low for p in points)]) - 0.1
    high = max([0.0, *(p.high for p in points)]) + 0.1
    last = max([30.0, *(p.day for p in points)])

    # A square-root axis: the first days are where trials differ most, and day 90 still fits.
    def spot(day: float, value: float) -> tuple[float, float]:
        return round(left + (day / last) ** 0.5 * w, 2), round(top + (high - value) / (high - low) * h, 2)

    zero = spot(0, 0)[1]
    parts = [f'<path class="axis" d="M{left} {top}V{top + h}H{left + w}M{left} {zero}H{left + w}"/>']
    for at, (name, line) in enumerate(marks.lines):
        shift = 4 * at
        dash = "" if at == 0 else ' stroke-dasharray="5 3"'
        spots = [spot(p.day, p.estimate) for p in line]
        parts.append(
            f'<path class="line"{dash} d="M' + "L".join(f"{x + shift} {y}" for x, y in spots) + '"/>'
        )
        for p, (x, y) in zip(line, spots, strict=True):
            parts.append(
                f'<path class="axis" d="M{x + shift} {spot(p.day, p.low)[1]}V{spot(p.day, p.high)[1]}"/>'
            )
            parts.append(f'<circle class="mark" cx="{x + shift}" cy="{y}" r="4.5"/>')
        x, y = spots[-1]
        anchor = "end" if x > left + w * 0.7 else "start"
        # Above a line that rises to its end, below one that falls: never on it.
        falls = len(spots) > 1 and spots[-2][1] < y
        parts.append(
            f'<text x="{x + shift + (-8 if anchor == "end" else 9)}" y="{y + (20 if falls else -9)}" '
            f'text-anchor="{anchor}">{escape(name)}</text>'
        )
    for day in (0, 1, 7, 14, 30, 90, 180):
        if day <= last:
            parts.append(
                f'<text class="muted" x="{spot(day, 0)[0]}" y="{top + h + 18}" '
                f'text-anchor="middle">{day}</text>'
            )
    for tick in nice_ticks(low, high, 5):
        parts.append(
            f'<text class="muted" x="{left - 6}" y="{spot(0, tick)[1] + 4}" '
            f'text-anchor="end">{f"{tick:g}".replace("-", "−")}</text>'
        )
    parts.append(
        f'<text class="muted" x="{left + w / 2}" y="{top + h + 38}" text-anchor="middle">days from the '
        "first dose (square-root scale)</text>"
    )
    parts.append(f'<text class="muted" x="{left + 6}" y="{top + 10}">g, above 0 favours ketamine</text>')
    told = "; ".join(
        f"{name}: " + ", ".join(f"day {p.day:g} {number(p.estimate)}" for p in line)
        for name, line in marks.lines
    )
    return document("".join(parts), width, height, marks.title, f"{told}. Silent: {', '.join(marks.silent)}")


def gap_map(marks: GapMap) -> str:
    """A grid of bubbles; an empty cell says 0."""
    left, top, cw, ch = 120, 70, 110, 46
    width, height = left + cw * len(marks.columns) + 10, top + ch * len(marks.rows) + 12
    most = max((cell.people for cell in marks.cells), default=1) or 1
    parts = [f'<text x="8" y="20" font-weight="600">{escape(marks.title)}</text>']
    for at, column in enumerate(marks.columns):
        words = column.translate({40: None, 41: None}).split(" ")
        half = (len(words) + 1) // 2
        for line, chunk in enumerate((" ".join(words[:half]), " ".join(words[half:]))):
            parts.append(
                f'<text class="muted" style="font-size:11px" x="{left + cw * at + cw / 2}" '
                f'y="{44 + 13 * line}" text-anchor="middle">{escape(chunk)}</text>'
            )
    for down, row in enumerate(marks.rows):
        y = top + ch * down + ch / 2
        parts.append(
            f'<path class="axis" d="M8 {top + ch * down}H{width - 8}"/><text x="8" '
            f'y="{y + 4}">{escape(row)}</text>'
        )
        for at, column in enumerate(marks.columns):
            x, cell = left + cw * at + cw / 2, marks.cell(row, column)
            if cell is None:
                parts.append(f'<text class="warn" x="{x}" y="{y + 4}" text-anchor="middle">0</text>')
                continue
            r = round(5 + 13 * (cell.people / most) ** 0.5, 1)
            parts.append(
                f'<circle class="pool" opacity=".3" cx="{x}" cy="{y}" r="{r}"/><text x="{x}" y="{y + 4}" '
                f'text-anchor="middle">{len(cell.studies)}</text>'
            )
    told = "; ".join(f"{c.row}, {c.column}: {len(c.studies)} studies, {c.people} people" for c in marks.cells)
    return document("".join(parts), width, height, marks.title, told)


def flow(boxes: tuple[FlowBox, ...]) -> str:
    """The flow of records, one box under another, what left beside it."""
    step, parts = 64, []
    for at, box in enumerate(boxes):
        y = 10 + step * at
        parts.append(
            f'<rect class="band" x="10" y="{y}" width="230" height="40" rx="4"/><text x="22" '
            f'y="{y + 25}"><tspan font-weight="600">{box.count}</tspan> {escape(box.text)}</text>'
        )
        if at + 1 < len(boxes):
            parts.append(f'<path class="axis" d="M60 {y + 40}v{step - 40}"/>')
        if box.aside:
            parts.append(f'<text class="muted" x="256" y="{y + 25}">{escape(box.aside)}</text>')
    told = "; ".join(f"{box.count} {box.text}" + (f" ({box.aside})" if box.aside else "") for box in boxes)
    return document("".join(parts), 720, 10 + step * len(boxes), "Flow of records", told)
