"""Nobody below the threshold can be seen, in one release or by differencing two.

A table is one score at one time split by one stratum: people due, people seen, and hits of each rule. A
number
is shown only when the people it counts, and those it leaves out, are enough: ``due`` at least the threshold;
``seen`` with none or at least as many missing; ``hits`` with at least as many on either side, so that
"nobody"
and "everybody" are not shown. What is hidden must not follow from the total: in each column at least two
groups
are hidden, together they are enough, and beside the largest the others have room for enough. Which
groups are hidden goes by people due alone where more must be
hidden than is small, so that tables of the same people never hide different groups of the same numbers.

A later release shows a table anew only when every number in it, and the sum of what it hides, differs from
each earlier release by nothing or by at least the threshold; until then the old table is repeated.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

# Proposed by this project; a site may ask for more, never for less.
THRESHOLD = 10
DUE, SEEN, TOTAL = "due", "seen", "total"
Parts = tuple[int, ...]


@dataclass(frozen=True)
class Counts:
    """One group: people due, seen, and hits by rule; ``None`` where hidden."""

    due: int | None
    seen: int | None
    hits: dict[str, int | None] = field(default_factory=dict)

    def parts(self, column: str) -> Parts:
        """What a column tells: people counted and, beside due, people left out."""
        assert self.due is not None
        assert self.seen is not None
        if column == DUE:
            return (self.due,)
        if column == SEEN:
            return self.seen, self.due - self.seen
        hits = self.hits[column]
        assert hits is not None
        return hits, self.seen - hits

    def as_dict(self) -> dict[str, Any]:
        """For the file."""
        return {"due": self.due, "seen": self.seen, "hits": self.hits}


Groups = Mapping[str, Counts]


@dataclass(frozen=True)
class ReleasedTable:
    """A table as it may leave: total and groups, and the day of the data it shows."""

    panel: str
    window: str
    stratum: str
    as_of: str
    total: Counts
    groups: dict[str, Counts]

    @property
    def key(self) -> str:
        """Panel, window and stratum as one name."""
        return f"{self.panel}/{self.window}/{self.stratum}"

    def as_dict(self) -> dict[str, Any]:
        """For the file."""
        return {
            "panel": self.panel,
            "window": self.window,
            "stratum": self.stratum,
            "as_of": self.as_of,
            "total": self.total.as_dict(),
            "groups": {name: counts.as_dict() for name, counts in self.groups.items()},
        }


def hidden_groups(groups: Groups, threshold: int = THRESHOLD) -> dict[str, set[str]]:
    """For each column the groups to hide; ``total`` among them where even the total must go."""
    order = sorted(groups, key=lambda name: (groups[name].due or 0, name))
    hidden: dict[str, set[str]] = {}
    already: set[str] = set()
    for column in _columns(groups):
        if TOTAL in already:
            hidden[column] = {*groups, TOTAL}
            continue
        small = {name for name in groups if not _may_show(column, groups[name].parts(column), threshold)}
        names = already | small
        waiting = [name for name in order if name not in names]
        while names and not _is_safe(column, [groups[name] for name in names], threshold):
            if not waiting:
                names = {*groups, TOTAL}
                break
            names.add(waiting.pop(0))
        if not _may_show(column, sum_parts(groups.values(), column), threshold):
            names = {*groups, TOTAL}
        hidden[column] = names
        # What hides people due hides what is known of them; rules do not bind one another.
        already = names if column in (DUE, SEEN) else already
    return hidden


def suppress(groups: Groups, threshold: int = THRESHOLD) -> tuple[Counts, dict[str, Counts]]:
    """The total and the groups with everything hidden that must be; ``groups`` are complete counts."""
    hidden = hidden_groups(groups, threshold)
    rules = [column for column in hidden if column not in (DUE, SEEN)]

    def show(name: str, counts: Counts) -> Counts:
        return Counts(
            None if name in hidden[DUE] else counts.due,
            None if name in hidden[SEEN] else counts.seen,
            {rule: None if name in hidden[rule] else counts.hits[rule] for rule in rules},
        )

    return show(TOTAL, _add(groups)), {name: show(name, counts) for name, counts in groups.items()}


def _columns(groups: Groups) -> list[str]:
    first = next(iter(groups.values()), None)
    return [DUE, SEEN, *(first.hits if first else ())]


def _may_show(column: str, parts: Parts, threshold: int) -> bool:
    if column in (DUE, SEEN):
        return all(part == 0 or part >= threshold for part in parts)
    return all(part >= threshold for part in parts)


def _is_safe(column: str, hidden: Iterable[Counts], threshold: int) -> bool:
    """Whether the sum of what is hidden, which follows from the total, tells of no small group.

    The groups beside the largest must be able to hold enough people: else what is known of them, together
    with the sum, would give the largest away.
    """
    filled = [counts for counts in hidden if counts.due]
    room = [(counts.due if column in (DUE, SEEN) else counts.seen) or 0 for counts in filled]
    return (
        len(filled) >= 2
        and (column == DUE or sum(room) - max(room) >= threshold)
        and _may_show(column, sum_parts(filled, column), threshold)
    )


def sum_parts(groups: Iterable[Counts], column: str) -> Parts:
    """The parts of a column added up over groups."""
    rows = [counts.parts(column) for counts in groups]
    return tuple(sum(part) for part in zip(*rows, strict=True)) if rows else (0, 0)


def _add(groups: Groups) -> Counts:
    rules = [column for column in _columns(groups) if column not in (DUE, SEEN)]
    return Counts(
        sum(each.due or 0 for each in groups.values()),
        sum(each.seen or 0 for each in groups.values()),
        {rule: sum(each.hits[rule] or 0 for each in groups.values()) for rule in rules},
    )


@dataclass(frozen=True)
class Ledger:
    """What earlier releases showed and hid, kept at the site and never sent.

    ``shown`` holds, for each number by name, what it told each time; ``hidden`` the true parts and the hidden
    groups of each column; ``last`` the tables as they left.
    """

    shown: dict[str, tuple[Parts, ...]] = field(default_factory=dict)
    hidden: dict[str, tuple[tuple[dict[str, Parts], tuple[str, ...]], ...]] = field(default_factory=dict)
    last: dict[str, ReleasedTable] = field(default_factory=dict)

    def release(
        self, panel: str, window: str, stratum: str, groups: Groups, *, as_of: str, threshold: int = THRESHOLD
    ) -> tuple[ReleasedTable, Ledger]:
        """The table that may leave now, and the ledger afterwards.

        Where the new numbers would tell of few, the last table is repeated; where there was none, all is
        hidden.
        """
        hidden = hidden_groups(groups, threshold)
        numbers = dict(_numbers(panel, window, stratum, groups, hidden))
        key = f"{panel}/{window}/{stratum}"
        truths = {
            f"{key}/{column}": {name: each.parts(column) for name, each in groups.items()}
            for column in hidden
        }
        safe = all(
            _is_far(before, now, threshold)
            for name, now in numbers.items()
            for before in self.shown.get(name, ())
        ) and all(
            _hidden_is_far(before, was_hidden, truths[f"{key}/{column}"], names, threshold)
            for column, names in hidden.items()
            for before, was_hidden in self.hidden.get(f"{key}/{column}", ())
        )
        if not safe and key in self.last:
            return self.last[key], self
        if not safe:
            blank = Counts(None, None, dict.fromkeys(c for c in hidden if c not in (DUE, SEEN)))
            return ReleasedTable(panel, window, stratum, as_of, blank, dict.fromkeys(groups, blank)), self
        total, shown = suppress(groups, threshold)
        table = ReleasedTable(panel, window, stratum, as_of, total, shown)
        return table, replace(
            self,
            shown={
                **self.shown,
                **{name: _with(self.shown.get(name, ()), now) for name, now in numbers.items()},
            },
            hidden={
                **self.hidden,
                **{
                    f"{key}/{column}": _with(
                        self.hidden.get(f"{key}/{column}", ()),
                        (truths[f"{key}/{column}"], tuple(sorted(names))),
                    )
                    for column, names in hidden.items()
                },
            },
            last={**self.last, key: table},
        )


def _with(history: tuple[Any, ...], entry: Any) -> tuple[Any, ...]:
    return history if entry in history else (*history, entry)


def _numbers(
    panel: str, window: str, stratum: str, groups: Groups, hidden: Mapping[str, set[str]]
) -> Iterable[tuple[str, Parts]]:
    """Every number the table would show, by a name that is the same wherever the same people are counted."""
    for column, names in hidden.items():
        # People due do not depend on the score, and the total does not depend on the stratum.
        place = f"{window}/{column}" if column == DUE else f"{panel}/{window}/{column}"
        if TOTAL not in names:
            yield f"{place}/{TOTAL}", sum_parts(groups.values(), column)
        for name, counts in groups.items():
            if name not in names:
                yield f"{place}/{stratum}/{name}", counts.parts(column)


def _is_far(before: Parts, now: Parts, threshold: int) -> bool:
    return all(a == b or abs(a - b) >= threshold for a, b in zip(before, now, strict=True))


def _hidden_is_far(
    before: Mapping[str, Parts],
    was_hidden: Iterable[str],
    now: Mapping[str, Parts],
    names: Iterable[str],
    threshold: int,
) -> bool:
    """Whether the sum over all groups hidden then or now, which follows from the totals, moved enough."""
    union = (set(was_hidden) | set(names)) - {TOTAL}
    if not union:
        return True
    width = len(next(iter(now.values()), ())) or len(next(iter(before.values()), ()))
    nobody = (0,) * width

    def add(table: Mapping[str, Parts]) -> Parts:
        rows = [table.get(name, nobody) for name in union]
        return tuple(sum(part) for part in zip(*rows, strict=True))

    return _is_far(add(before), add(now), threshold)
