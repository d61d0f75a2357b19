"""Small numbers hidden before anything is shown: the lead sees how the clinic does, never who it is.

The threshold and the rules for groups are the registry's own (``openkap.registry.disclosure``). Whole-clinic
numbers of one to nine are shown as *fewer than 10*, and only where each of the nine is possible: of eleven
people "ten or more" would say that one is missing. Where few are missing, everything else that is shown
(share, interval, bounds) is worked out from a rounded share as the most that can be missing would leave it,
so that it stays true and is the same for each number of missing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from openkap.registry.disclosure import DUE, SEEN, THRESHOLD, TOTAL, Counts, hidden_groups
from openkap.registry.missing import Estimate, Interval, wilson

# Of fewer people than this, one to nine on the one side and ten or more on the other cannot both be told:
# the smaller side could be counted.
TELLS_A_SIDE = 2 * THRESHOLD - 1
# The same with a third answer between them, an exact share.
TELLS_A_SHARE = 2 * THRESHOLD
# Shares of people of whom few are missing, rounded so far that each number of missing has a count for each.
STEPS = ((100, 0.01), (50, 0.02), (0, 0.05))
FEW = f"fewer than {THRESHOLD}"
NOBODY = Interval(None, None, None)


@dataclass(frozen=True)
class Shown:
    """An estimate as it may be shown; ``hidden`` says in words what is held back, empty when nothing is."""

    due: int | None
    seen: int | None
    completeness: float | None
    weighted: Interval
    observed: Interval
    worst: float | None
    best: float | None
    tipping: float | None
    hidden: str = ""
    warnings: tuple[str, ...] = ()
    # How far apart two scores can be; none for a share.
    scale_span: float | None = None
    # One to nine of those due were not seen, so that neither they nor those seen are counted.
    few_missing: bool = False
    # Whether fewer than ten of those seen met the rule, or all but so many; none where the share is told.
    few_did: bool | None = None

    @property
    def can_tip(self) -> bool:
        """Whether scores exist at which the conclusion would change, as far as the scale alone can tell."""
        return self.tipping is not None and (self.scale_span is None or self.tipping <= self.scale_span)

    @property
    def least_seen(self) -> int | None:
        """How many were seen at the least where the count is held back; it follows from what is shown."""
        if not self.few_missing or self.due is None:
            return self.seen
        return self.due - (THRESHOLD - 1)

    @property
    def range(self) -> tuple[float | None, float | None]:
        """The bounds, the lower first."""
        if self.worst is None or self.best is None:
            return None, None
        return min(self.worst, self.best), max(self.worst, self.best)


NOTHING = Shown(None, None, None, NOBODY, NOBODY, None, None, None)


def is_small(number: int) -> bool:
    """One to nine people."""
    return 0 < number < THRESHOLD


def count(number: int) -> str:
    """A count of people or of their acts for the page."""
    return FEW if is_small(number) else f"{number}"


def rounded(number: int) -> int | None:
    """A count to the nearest five, ``None`` when small: steps of a flow must not differ by one person."""
    return None if is_small(number) else 5 * round(number / 5)


def part(number: int, whole: int) -> str:
    """How many of a whole that is told, so that neither they nor the others are counted when few."""
    if not 0 < number < whole or not (is_small(number) or is_small(whole - number)):
        return f"{number} of {whole}"
    if whole < TELLS_A_SIDE:
        return f"some of {whole}"
    return f"{FEW} of {whole}" if is_small(number) else f"all but {FEW} of {whole}"


def protect(estimate: Estimate, *, span: float) -> Shown:
    """A whole-clinic estimate. ``span``: how far one person can move the sum, 1 or the score's range."""
    due, seen, missing = estimate.due, estimate.seen, estimate.missing
    if is_small(due):
        return _hide(f"{FEW} people were due")
    if is_small(seen) or (is_small(missing) and due < TELLS_A_SIDE):
        return _hide(f"{part(seen, due)} were seen", due=due)
    shown = Shown(
        due,
        seen,
        estimate.completeness,
        estimate.weighted,
        estimate.observed,
        estimate.worst,
        estimate.best,
        estimate.tipping,
        warnings=_without_counts(estimate.warnings),
        scale_span=span if estimate.unit == "points" else None,
    )
    if is_small(missing):
        shown = _without_missing(shown, missing, span)
    hits = hits_of(estimate)
    if hits is None or not seen or _is_told(shown, hits, seen):
        return shown
    return _without_share(shown, hits, seen)


def _is_told(shown: Shown, hits: int, seen: int) -> bool:
    """Whether as many as may be shown met the rule and as many did not, however many are missing."""
    least = shown.least_seen or 0
    if not shown.few_missing:
        return THRESHOLD <= hits <= seen - THRESHOLD
    step = _step(least)
    share = _to(hits / seen, step)
    return least * (min(share, 1 - share) - step / 2) >= THRESHOLD


def _without_share(shown: Shown, hits: int, seen: int) -> Shown:
    """Where few, or all but few, met the rule: no share, and bounds that hold for each count.

    Without bounds, who got worse would never be seen: they are few. Of fewer than twenty, not even on which
    side the few are is said.
    """
    assert shown.due is not None
    assert shown.least_seen is not None
    missing = shown.due - shown.least_seen
    low, high, words, few_did = 0.0, 1.0, "the share would tell of few", None
    if shown.least_seen >= TELLS_A_SHARE and hits < THRESHOLD:
        high = min((THRESHOLD - 1 + missing) / shown.due, 1.0)
        words, few_did = f"{FEW} did of those seen", True
    elif shown.least_seen >= TELLS_A_SHARE and seen - hits < THRESHOLD:
        low = max(shown.least_seen - (THRESHOLD - 1), 0) / shown.due
        words, few_did = f"all but {FEW} did of those seen", False
    turned = shown.worst is not None and shown.best is not None and shown.worst > shown.best
    return Shown(
        **{
            **vars(shown),
            "weighted": NOBODY,
            "observed": NOBODY,
            "worst": high if turned else low,
            "best": low if turned else high,
            "tipping": None,
            "hidden": words,
            "few_did": few_did,
        }
    )


def _without_counts(warnings: tuple[str, ...]) -> tuple[str, ...]:
    """Doubts of the model of who answers name small groups with their numbers: said once, without them."""
    about_groups = [text for text in warnings if "weighted like" in text]
    said = ("some groups had too few answers and were weighted like the commonest",) if about_groups else ()
    return said + tuple(text for text in warnings if text not in about_groups)


def _hide(words: str, **known: int) -> Shown:
    return Shown(**{**vars(NOTHING), **known, "hidden": words})


def _without_missing(shown: Shown, missing: int, span: float) -> Shown:
    """What holds for each number of missing from one to nine, and no count of them."""
    assert shown.due is not None
    most = THRESHOLD - 1
    least = shown.due - most
    worst, best = shown.worst, shown.best
    if shown.observed.value is not None and worst is not None and best is not None:
        way = 1 if best >= worst else -1
        step = _step(least) if span == 1 else 0.1
        value = _to(shown.observed.value, step)
        low, high = value - step / 2, value + step / 2
        if span == 1:
            low = max(low * least / shown.due, 0.0)
            high = min((high * least + most) / shown.due, 1.0)
        else:
            low, high = (
                (low * least - most * span) / shown.due,
                (high * least + most * span) / shown.due,
            )
        worst, best = (low, high) if way == 1 else (high, low)
    weighted, observed = shown.weighted, shown.observed
    if span == 1:
        weighted, observed = (_coarse(each, least) for each in (weighted, observed))
    return Shown(
        **{
            **vars(shown),
            "seen": None,
            "completeness": None,
            "weighted": weighted,
            "observed": observed,
            "worst": worst,
            "best": best,
            # With the most that can be missing it would tip sooner than it does: at least so much.
            "tipping": None if shown.tipping is None else shown.tipping * missing / most,
            "hidden": f"{FEW} missing; shares rounded, bounds widened",
            "few_missing": True,
        },
    )


def _step(least_seen: int) -> float:
    return next(step for least, step in STEPS if least_seen >= least)


def _to(value: float, step: float) -> float:
    return step * round(value / step)


def _coarse(found: Interval, least_seen: int) -> Interval:
    """A share to the step, with the interval of as few people as can have been seen."""
    if found.value is None:
        return found
    step = _step(least_seen)
    value = _to(found.value, step)
    low, _ = wilson(max(value - step / 2, 0.0) * least_seen, least_seen)
    _, high = wilson(min(value + step / 2, 1.0) * least_seen, least_seen)
    return Interval(value, low, high)


def hits_of(estimate: Estimate) -> int | None:
    """How many of those seen met the rule; ``None`` for a mean."""
    if estimate.unit != "share" or estimate.observed.value is None:
        return None
    return round(estimate.observed.value * estimate.seen)


def visible_groups(groups: Mapping[str, Estimate]) -> dict[str, bool]:
    """Which groups of a stratum may be shown, so that what is hidden does not follow from the total."""
    counts = {name: _counts(each) for name, each in groups.items()}
    hidden = hidden_groups(counts)
    everywhere = set().union(*hidden.values()) if hidden else set()
    whole = TOTAL in hidden.get(DUE, ()) or TOTAL in hidden.get(SEEN, ())
    return {name: not whole and name not in everywhere for name in groups}


def _counts(estimate: Estimate) -> Counts:
    hits = hits_of(estimate)
    return Counts(estimate.due, estimate.seen, {} if estimate.unit != "share" else {"hits": hits or 0})
