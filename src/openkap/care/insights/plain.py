"""What a lead reads first: how many got better, how sure that is, what is missing, compared with what.

No term of statistics stands here; the exact one is in small print under each number (``Headline.exact``).
That nothing changed, or that people got worse, is said in the same place and as plainly as that they got
better.
"""

from __future__ import annotations

from openkap.care.insights import telling
from openkap.care.insights.chart import signed
from openkap.care.insights.small_numbers import FEW, Shown, part

# What a share is the share of, by measure; a measure that is not here is named by its title.
DID = {
    "response": "had got better",
    "onset": "had got better",
    "remission": "had few symptoms left",
    "deterioration": "had got worse",
}
# The same as a title, with the field's word in brackets.
TITLES = {
    "change": "How much symptoms changed",
    "response": "Who got better",
    "onset": "Who got better within two days",
    "remission": "Who has few symptoms left",
    "deterioration": "Who got worse",
    "completeness": "Who has a score",
    "loss-of-response": "Who lost their improvement again",
    "time-to-retreatment": "Who was treated again",
}
COMPARED = (
    "Compared with: the same patients before their first dose. No untreated patients stand beside them, so "
    "this does not say what the treatment did."
)


def titled(measure: str, term: str) -> str:
    """A title in plain words with the field's term in brackets."""
    return f"{TITLES[measure]} ({term[:1].lower()}{term[1:]})" if measure in TITLES else term


def did_words(measure: str, title: str) -> str:
    """What the people did whom a share counts."""
    return DID.get(measure, f"count for “{title.lower()}”")


def outcome(shown: Shown, unit: str, did: str, when: str, rule: str = "") -> tuple[str, ...]:
    """An outcome at one time, for somebody who has never heard of an interval."""
    return _nothing(shown, did, when) or (
        _share(shown, did, when, rule) if unit == "share" else _change(shown, when)
    )


def _nothing(shown: Shown, did: str, when: str) -> tuple[str, ...]:
    """Why no number is shown, and that this is no result of its own."""
    if shown.weighted.value is not None:
        return ()
    if shown.due is None:
        return (f"Nothing can be shown yet: {FEW} patients were due at {when}.",)
    if shown.seen == 0:
        return (f"Nothing is known: none of the {shown.due} patients due at {when} has a score.",)
    if shown.few_did is not None:
        which = FEW if shown.few_did else f"all but {FEW}"
        limit = telling.limit(shown)
        share = f" ({limit})" if limit != telling.NONE else ""
        held_back = (
            f"At {when} {which} of the patients with a score {did}{share}: the exact share is held back, as "
            "it would tell of single patients."
        )
        return held_back, _missing(shown) + _at_most(shown, "share")
    if shown.seen is not None or shown.few_missing:
        words = f"At {when} the share of those who {did} is held back, as it would tell of single patients."
        return words, _missing(shown) + _at_most(shown, "share")
    return (f"Nothing can be shown yet: of patients due at {when} {part(1, shown.due)} have a score.",)


def _share(shown: Shown, did: str, when: str, rule: str) -> tuple[str, ...]:
    found = f"About {telling.percent(shown.weighted.value)} of patients {did} at {when}"
    room = telling.room(shown.weighted, "share")
    return (
        found + (f": {rule}." if rule else "."),
        f"How sure: with so many patients, chance alone leaves room for {room}.",
        _missing(shown) + _at_most(shown, "share"),
    )


def _change(shown: Shown, when: str) -> tuple[str, ...]:
    value, low, high = shown.weighted.value, shown.weighted.low, shown.weighted.high
    assert value is not None
    assert low is not None
    assert high is not None
    size = f"{signed(abs(value), 1).lstrip('+')}{telling.THIN}points"
    if high < 0:
        found = f"Better: at {when} the score was {size} lower on average than before the first dose."
    elif low > 0:
        found = f"Worse: at {when} the score was {size} higher on average than before the first dose."
    else:
        found = (
            f"No clear change: at {when} the score was {size} {'lower' if value < 0 else 'higher'} on "
            "average than before the first dose, no more than chance alone can do. This shows neither that "
            "patients got better nor that they did not."
        )
    room = telling.room(shown.weighted, "points")
    return (
        found,
        f"How sure: with so many patients, chance alone leaves room for {room} (below zero is better).",
        _missing(shown) + _at_most(shown, "points") + _overturned(shown),
    )


def _missing(shown: Shown) -> str:
    if shown.due is not None and shown.due == shown.seen:
        return f"Nobody is missing: all {shown.due} patients due have a score."
    if shown.seen is None:
        return f"Missing: {FEW} of the {shown.due} patients due have no score."
    assert shown.due is not None
    return f"Missing: {shown.due - shown.seen} of the {shown.due} patients due have no score."


def _at_most(shown: Shown, unit: str) -> str:
    if shown.worst is None or shown.due == shown.seen:
        return ""
    low, high = shown.range
    assert low is not None
    assert high is not None
    words = (
        f"{100 * low:.0f} and {telling.percent(high)}"
        if unit == "share"
        else f"{signed(low, 1)} and {signed(high, 1)}{telling.THIN}points"
    )
    return f" Whatever they would have said, the true number for everybody due lies between {words}."


def _overturned(shown: Shown) -> str:
    if shown.tipping is None or shown.due == shown.seen:
        return ""
    if not shown.can_tip:
        return " That patients got better on average stands whatever they would have said."
    return (
        f" That patients got better on average stands unless they did at least "
        f"{shown.tipping:.0f}{telling.THIN}points worse than others like them."
    )
