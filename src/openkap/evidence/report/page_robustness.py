"""The section that asks the main question again in other ways, with its specification curve."""

from __future__ import annotations

from html import escape

import numpy as np

from openkap.evidence.report.assemble import Report
from openkap.evidence.report.blocks import figure, inline, paragraph, table
from openkap.evidence.report.marks import nice_ticks
from openkap.evidence.report.sections import section
from openkap.evidence.report.svg import document, place
from openkap.evidence.robustness import Robustness
from openkap.evidence.robustness_words import sentences
from openkap.evidence.wording import number

# Intervals with one degree of freedom leave any axis: they are cut here, and the caption says so.
_AXIS = (-1.6, 2.2)


def another_way(report: Report) -> str:
    """Choices varied, priors varied, looks counted, and what each way comes to."""
    held = report.robustness
    thin, *rest = sentences(held) if held.is_thin else ("", *sentences(held))
    drawn = ""
    if held.multiverse:
        drawn = figure(
            f'<div class="wide curve">{inline(specification_curve(held))}</div>',
            "Every analysis, from the lowest to the highest estimate; lines are 95% intervals, cut at "
            f"{number(_AXIS[0], 1)} and {number(_AXIS[1], 1)}. All numbers are in multiverse.csv.",
        )
    return section(
        "robustness",
        f'<p class="loud" role="note"><b>Few trials.</b> {escape(thin)}</p>' if thin else "",
        *(paragraph(each) for each in rest),
        drawn,
        table(
            ("Way of asking", "Effect (g)", "95% interval", "A further trial"),
            _rows(report),
            "The same trials, one interval for each way of asking",
            raw=(),
        ),
    )


def _rows(report: Report) -> list[tuple[str, ...]]:
    held, answer = report.robustness, report.answers.get(report.robustness.analysis.id)
    rows: list[tuple[str, ...]] = []
    for label, fit in (("Knapp-Hartung", answer.pooled), ("normal theory (too narrow)", answer.normal)):
        if fit:
            # From two trials a frequentist prediction interval has nothing to stand on.
            ahead = _span(fit.prediction_low, fit.prediction_high) if fit.k > 2 else "not estimable"
            rows.append((label, number(fit.estimate), _span(fit.ci_low, fit.ci_high), ahead))
    rows += [
        (
            f"Bayesian, {each.prior} prior of tau",
            number(each.median),
            _span(each.ci_low, each.ci_high),
            _span(each.prediction_low, each.prediction_high),
        )
        for each in held.posteriors
    ]
    if held.sequence is not None:
        seen = held.sequence
        span = _span(float(seen.low[-1]), float(seen.high[-1]))
        rows.append(("valid at every look", number(float(seen.estimate[-1])), span, "not asked"))
    return rows


def _span(low: float, high: float) -> str:
    return f"{number(low)} to {number(high)}"


def specification_curve(held: Robustness) -> str:
    """Every fit as a dot with its interval, in the order of the estimates."""
    fits = held.multiverse
    assert fits is not None
    width, height, left, top = 720, 300, 46, 16
    w, h = width - left - 16, height - top - 46
    order = np.lexsort((fits.ci_high, fits.ci_low, fits.estimate))
    low, high = _AXIS

    def down(value: float) -> float:
        return round(top + h - (place(value, low, high, 0, h)), 1)

    step = w / fits.size
    lines, dots = [], []
    for at, fit in enumerate(order):
        x = round(left + step * (at + 0.5), 1)
        lines.append(f"M{x} {down(float(fits.ci_low[fit]))}V{down(float(fits.ci_high[fit]))}")
        dots.append(f"M{x} {down(float(fits.estimate[fit]))}h.01")
    parts = [
        f'<path class="spread" d="{"".join(lines)}"/>',
        f'<path class="line" style="stroke-width:4;stroke-linecap:round" d="{"".join(dots)}"/>',
        f'<path class="axis" d="M{left} {top}V{top + h}"/>',
        f'<path class="warnline" stroke-dasharray="5 4" d="M{left} {down(0)}H{left + w}"/>',
    ]
    for tick in nice_ticks(low, high, 5):
        label = f"{tick:g}".replace("-", "\N{MINUS SIGN}")
        parts.append(
            f'<text class="muted" x="{left - 8}" y="{down(tick) + 4}" text-anchor="end">{label}</text>'
        )
    parts.append(
        f'<text class="muted" x="{left + w / 2}" y="{height - 14}" text-anchor="middle">'
        f"{fits.size} analyses; dashed: no effect; up favours ketamine</text>"
    )
    summary = fits.summary()
    told = (
        f"Estimates from {number(summary['lowest'])} to {number(summary['highest'])}, median "
        f"{number(summary['median'])}; {100 * summary['share_significant']:.0f}% with p below 0.05."
    )
    return document("".join(parts), width, height, "Every analysis of the main question", told)
