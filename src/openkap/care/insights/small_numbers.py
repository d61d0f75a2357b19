"""Small numbers hidden before anything is shown: the lead sees how the clinic does, never who it is.

The threshold and the rules for groups are the registry's own (``openkap.registry.disclosure``). Whole-clinic
numbers of one to nine are shown as *fewer than 10*; where few are missing, the bounds are widened to what
the most that can be missing would leave open, so that they stay true without telling how many it were.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from openkap.registry.disclosure import DUE, SEEN, THRESHOLD, TOTAL, Counts, hidden_groups
from openkap.registry.missing import Estimate, Interval

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
        return max(THRESHOLD, self.due - (THRESHOLD - 1))

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


def protect(estimate: Estimate, *, span: float) -> Shown:
    """A whole-clinic estimate. ``span``: how far one person can move the sum, 1 or the score's range."""
    due, seen, missing = estimate.due, estimate.seen, estimate.missing
    if is_small(due):
        return _hide(f"{FEW} people were due")
    if is_small(seen):
        return _hide(f"{FEW} of {due} were seen", due=due)
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
        shown = _widen(shown, missing, span)
    hits = hits_of(estimate)
    if hits is not None and seen and (is_small(hits) or is_small(seen - hits) or hits in (0, seen)):
        return _one_side(shown, few_did=hits < THRESHOLD)
    return shown


def _one_side(shown: Shown, *, few_did: bool) -> Shown:
    """Where fewer than ten, or all but so many, met the rule: no share, and bounds that hold for each count.

    Without bounds, who got worse would never be seen: they are few.
    """
    assert shown.due is not None
    assert shown.least_seen is not None
    missing = shown.due - shown.least_seen
    low, high = (
        (0.0, min((THRESHOLD - 1 + missing) / shown.due, 1.0))
        if few_did
        else (max(shown.least_seen - (THRESHOLD - 1), 0) / shown.due, 1.0)
    )
    turned = shown.worst is not None and shown.best is not None and shown.worst > shown.best
    return Shown(
        **{
            **vars(shown),
            "weighted": NOBODY,
            "observed": NOBODY,
            "worst": high if turned else low,
            "best": low if turned else high,
            "tipping": None,
            "hidden": f"{FEW if few_did else f'all but {FEW}'} did of those seen",
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


def _widen(shown: Shown, missing: int, span: float) -> Shown:
    """Bounds as the most that can be missing would leave them, and no count of who is missing."""
    assert shown.due is not None
    # As ten at least were seen, no more than this can be missing, whoever reads it.
    most = min(THRESHOLD - 1, shown.due - THRESHOLD)
    room = (most - missing) * span / shown.due
    worst, best = shown.worst, shown.best
    if worst is not None and best is not None:
        way = 1 if best >= worst else -1
        low, high = sorted((worst, best))
        # More missing could only add to a share; a mean they could pull either way.
        low, high = (low, min(high + room, 1.0)) if span == 1 else (low - room, high + room)
        worst, best = (low, high) if way == 1 else (high, low)
    # With the most that can be missing it would tip sooner than it does: at least so much.
    tipping = None if shown.tipping is None else shown.tipping * missing / most
    return Shown(
        **{
            **vars(shown),
            "seen": None,
            "completeness": None,
            "worst": worst,
            "best": best,
            "tipping": tipping,
            "hidden": f"{FEW} missing; bounds widened",
            "few_missing": True,
        },
    )


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
