"""How numbers read on the lead's pages: shares, points, intervals, and what stands beside an estimate."""

from __future__ import annotations

from openkap.care.insights.chart import Headline, signed
from openkap.care.insights.small_numbers import FEW, Shown
from openkap.registry.disclosure import THRESHOLD
from openkap.registry.missing import Interval

THIN = "\u202f"
NONE = "not shown"
NO_SCORE = "no score"
COLUMNS = (
    "Estimate, weighted for who answered",
    "Seen of due",
    "Whatever the missing did",
    "Tipping point",
    "Seen only",
)


def percent(value: float | None, decimals: int = 0) -> str:
    """A share in percent; what is not known says so."""
    return "not known" if value is None else f"{100 * value:.{decimals}f}{THIN}%"


def exact_share(value: float, low: float, high: float) -> str:
    """A rare share with its 95 % interval, to a tenth of a percent."""
    return f"{percent(value, 1)} ({100 * low:.1f} to {100 * high:.1f})"


def points(value: float | None) -> str:
    """A change in points with its sign."""
    return "not known" if value is None else f"{signed(value, 1)}{THIN}points"


def number(value: float | None, unit: str) -> str:
    """A value of an estimate in its unit."""
    return percent(value) if unit == "share" else points(value)


def interval(span: Interval, unit: str) -> str:
    """An estimate with its 95 % interval."""
    if span.value is None:
        return NONE
    if unit == "share":
        return f"{percent(span.value)} ({100 * (span.low or 0):.0f} to {100 * (span.high or 0):.0f})"
    return f"{signed(span.value, 1)} ({signed(span.low or 0, 1)} to {signed(span.high or 0, 1)})"


def seen_of_due(shown: Shown, *, with_share: bool = True) -> str:
    """How many were seen of those due, as far as it may be told."""
    if shown.due is None:
        return f"{FEW} due"
    if shown.seen is None:
        few_missing = shown.weighted.value is not None or "missing" in shown.hidden or "all" in shown.hidden
        return f"all but {FEW} of {shown.due}" if few_missing else f"{FEW} of {shown.due}"
    share = f" ({percent(shown.completeness)})" if with_share else ""
    return f"{shown.seen} of {shown.due}{share}"


def completeness(shown: Shown) -> str:
    """The share seen, for a headline; at least so much where few are missing."""
    if shown.completeness is not None:
        return percent(shown.completeness)
    if shown.due and ("missing" in shown.hidden or "all" in shown.hidden):
        return f"over {percent(1 - THRESHOLD / shown.due)}"
    return NONE


def bounds(shown: Shown, unit: str) -> str:
    """The worst and best values the missing leave open."""
    if shown.worst is None or shown.best is None:
        return NONE
    if unit == "share":
        return f"{100 * shown.worst:.0f} to {percent(shown.best)}"
    return f"{signed(shown.worst, 1)} to {signed(shown.best, 1)}"


def tipping(shown: Shown) -> str:
    """How much worse the missing must have done before the conclusion changes."""
    if shown.tipping is None:
        return "none"
    return f"{shown.tipping:.0f} points worse" if shown.can_tip else NO_SCORE


def cells(shown: Shown, unit: str) -> tuple[str, ...]:
    """An estimate and its company as cells of a table, in the order of ``COLUMNS``."""
    if shown.weighted.value is None:
        why = shown.hidden or "too few answers to estimate"
        return why, seen_of_due(shown), bounds(shown, unit), NONE, NONE
    return (
        interval(shown.weighted, unit),
        seen_of_due(shown),
        bounds(shown, unit),
        tipping(shown),
        interval(shown.observed, unit),
    )


def no_tip(shown: Shown) -> str:
    """Why there is no tipping point."""
    if shown.due is not None and shown.due == shown.seen:
        return "nobody is missing"
    return "no conclusion that could tip" if shown.weighted.value is not None else "nothing is concluded"


def tip_words(shown: Shown) -> str:
    """What the tipping point is the tipping point of."""
    if shown.tipping is None:
        return no_tip(shown)
    if not shown.can_tip:
        return (
            "of the missing could change that people improved on average "
            f"(it would take {shown.tipping:.0f} points, the scale has {shown.scale_span:.0f})"
        )
    return "what the missing must have done before people no longer improved on average"


def headlines(shown: Shown, unit: str, label: str) -> tuple[Headline, ...]:
    """The estimate and, in the same size, its completeness, its bounds, and when it tips."""
    estimate = (
        Headline(number(shown.weighted.value, unit), label)
        if shown.weighted.value is not None
        else Headline(NONE, f"{label}: {shown.hidden or 'too few answers'}", "unknown")
    )
    share = shown.completeness
    tone = "watch" if share is not None and share < 0.5 else "plain"
    return (
        estimate,
        Headline(completeness(shown), f"seen of those due ({seen_of_due(shown, with_share=False)})", tone),
        Headline(bounds(shown, unit), "whatever the missing did"),
        Headline(tipping(shown), tip_words(shown)),
    )


def stratum_words(words: str) -> str:
    """What people are grouped by, without the remark after it."""
    return words.partition(";")[0]


def band_order(group: str) -> tuple[int, float, str]:
    """Groups in the order of their numbers, those without one by name, what is not known last."""
    digits = "".join(sign if sign.isdecimal() or sign == "." else " " for sign in group).split()
    if digits:
        return 0, float(digits[0]) - (0.5 if group.startswith("<") else 0), group
    return (2 if group == "unknown" else 1), 0.0, group


def group_words(group: str) -> str:
    """A group as people say it: ``under 30``, ``30 to under 45``, ``60 or more``."""
    low, dash, high = group.partition("-<")
    if dash:
        return f"{low} to under {high}"
    if group.startswith("<"):
        return f"under {group[1:]}"
    if group.endswith("+"):
        return f"{group[:-1]} or more"
    return "not known" if group == "unknown" else group.replace("_", " ")
