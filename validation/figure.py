"""A line chart as SVG, for the figures of the validation studies; numbers stay in the CSV beside it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

WIDTH, HEIGHT, LEFT, TOP, PLOT_WIDTH, PLOT_HEIGHT = 720, 420, 64, 48, 430, 310
# distinguishable without colour by dash and marker as well
COLOURS = ("#1b5e9b", "#b3531b", "#2a7d4f", "#7b3f8c", "#555555", "#a0304f")
DASHES = ("", "7 3", "2 3", "9 3 2 3", "4 4", "1 4")


def chart(
    path: Path,
    title: str,
    xs: Sequence[float],
    lines: dict[str, Sequence[float]],
    *,
    x_name: str,
    y_name: str,
    y_range: tuple[float, float],
    reference: float,
) -> None:
    """Write the chart; ``reference`` is drawn as a thin rule with its value."""
    low, high = y_range

    def at(i: int, y: float) -> tuple[float, float]:
        x = LEFT + PLOT_WIDTH * (i + 0.5) / len(xs)
        return x, TOP + PLOT_HEIGHT * (1 - (min(max(y, low), high) - low) / (high - low))

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img"',
        f'aria-label="{title}" font-family="system-ui, sans-serif" font-size="13">',
        f"<title>{title}</title>",
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>',
        f'<text x="{LEFT}" y="24" font-size="15" font-weight="600">{title}</text>',
    ]
    for tick in range(6):
        value = low + (high - low) * tick / 5
        y = at(0, value)[1]
        parts.append(
            f'<line x1="{LEFT}" x2="{LEFT + PLOT_WIDTH}" y1="{y:.1f}" y2="{y:.1f}" stroke="#e3e3e3"/>'
        )
        parts.append(f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{value:.2f}</text>')
    y = at(0, reference)[1]
    parts.append(f'<line x1="{LEFT}" x2="{LEFT + PLOT_WIDTH}" y1="{y:.1f}" y2="{y:.1f}" stroke="#222"/>')
    for i, x in enumerate(xs):
        parts.append(
            f'<text x="{at(i, low)[0]:.1f}" y="{TOP + PLOT_HEIGHT + 20}" text-anchor="middle">{x:g}</text>'
        )
    for j, (name, values) in enumerate(lines.items()):
        colour, dash = COLOURS[j % len(COLOURS)], DASHES[j % len(DASHES)]
        points = [at(i, value) for i, value in enumerate(values)]
        path_text = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        parts.append(
            f'<polyline points="{path_text}" fill="none" stroke="{colour}" stroke-width="2"'
            f' stroke-dasharray="{dash}"/>'
        )
        parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.2" fill="{colour}"/>' for x, y in points]
        row = TOP + 14 + 24 * j
        start = LEFT + PLOT_WIDTH + 16
        parts.append(
            f'<line x1="{start}" x2="{start + 28}" y1="{row - 4}" y2="{row - 4}" stroke="{colour}"'
            f' stroke-width="2" stroke-dasharray="{dash}"/><text x="{start + 36}" y="{row}">{name}</text>'
        )
    parts.append(
        f'<text x="{LEFT + PLOT_WIDTH / 2}" y="{HEIGHT - 14}" text-anchor="middle">{x_name}</text>'
        f'<text transform="translate(16 {TOP + PLOT_HEIGHT / 2}) rotate(-90)" text-anchor="middle">'
        f"{y_name}</text></svg>"
    )
    path.write_text("\n".join(parts) + "\n")
