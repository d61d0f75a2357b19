"""How numbers read on the lead's pages: shares, points, intervals, and what stands beside an estimate."""

from __future__ import annotations

from math import ceil, floor

from openkap.care.insights.chart import Headline, signed
from openkap.care.insights.small_numbers import FEW, Shown, part
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
CHANCE = "room that chance alone leaves"
INTERVAL = "95 % interval"


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


def room(span: Interval, unit: str) -> str:
    """The 95 % interval in words that need no name for it."""
    assert span.low is not None
    assert span.high is not None
    if unit == "share":
        return f"{100 * span.low:.0f} to {percent(span.high)}"
    return f"{signed(span.low, 1)} to {signed(span.high, 1)}{THIN}points"


def seen_of_due(shown: Shown, *, with_share: bool = True) -> str:
    """How many were seen of those due, as far as it may be told."""
    if shown.due is None:
        return f"{FEW} due"
    if shown.seen is None:
        return f"all but {FEW} of {shown.due}" if shown.few_missing else part(1, shown.due)
    share = f" ({percent(shown.completeness)})" if with_share else ""
    return f"{shown.seen} of {shown.due}{share}"


def limit(shown: Shown) -> str:
    """What can be said of a share that is held back because few, or all but few, met the rule."""
    if shown.few_did is None or not shown.least_seen:
        return NONE
    # Of fewer seen than there were: the limit holds.
    part = min(THRESHOLD / shown.least_seen, 1.0)
    if part == 1.0:
        return NONE
    return (
        f"under {percent(ceil(100 * part) / 100)}"
        if shown.few_did
        else f"over {percent(floor(100 - 100 * part) / 100)}"
    )


def completeness(shown: Shown) -> str:
    """The share seen, for a headline; at least so much where few are missing."""
    if shown.completeness is not None:
        return percent(shown.completeness)
    if shown.due and shown.least_seen is not None:
        # Rounded down: at least so much is true.
        return f"at least {percent(floor(100 * shown.least_seen / shown.due) / 100)}"
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
            "of those without a score could change that patients got better on average "
            f"(it would take {shown.tipping:.0f} points, the scale has {shown.scale_span:.0f})"
        )
    return (
        "than others like them: so badly must those without a score have done before patients no longer got "
        "better on average"
    )


def headlines(shown: Shown, unit: str, label: str) -> tuple[Headline, ...]:
    """The estimate and, in the same size, how sure it is, its completeness, its bounds, and when it tips."""
    kind = "share" if unit == "share" else "mean"
    known = shown.weighted.value is not None
    estimate = (
        Headline(number(shown.weighted.value, unit), label, exact=f"{kind}, weighted for who answered")
        if known
        else Headline(limit(shown), f"{label}: {shown.hidden or 'too few answers'}", "unknown")
    )
    share = shown.completeness
    tone = "watch" if share is not None and share < 0.5 else "plain"
    return (
        estimate,
        *([Headline(room(shown.weighted, unit), CHANCE, exact=INTERVAL)] if known else []),
        Headline(
            completeness(shown),
            f"of those due have a score ({seen_of_due(shown, with_share=False)})",
            tone,
            "completeness",
        ),
        Headline(
            bounds(shown, unit),
            "at the worst and at the best, whatever those without a score would have said",
            exact="bounds",
        ),
        Headline(tipping(shown), tip_words(shown), exact="tipping point"),
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
