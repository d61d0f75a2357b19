"""Nobody below the threshold can be seen, in one release or by differencing two.

A table is one outcome at one time split by one stratum, with a published total. A group's numbers are shown
only when each of those who met the rule and those who did not are at least ``threshold`` people (so that
"nobody" and "everybody" are not shown either), and when the missing are none or at least as many. What is
hidden must not follow from the total: at least two groups are hidden, holding at least ``threshold`` people of
each kind together. A later release shows a table anew only when every number in it, shown or hidden, differs
from each earlier release by nothing or by at least ``threshold`` people; until then the old one is repeated.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

THRESHOLD = 10


@dataclass(frozen=True)
class Counts:
    """One group of one table: people due, seen, and hits of the rule; ``None`` where hidden."""

    due: int | None
    seen: int | None
    hits: int | None

    @property
    def is_complete(self) -> bool:
        """True when nothing is hidden."""
        return None not in (self.due, self.seen, self.hits)

    def parts(self) -> tuple[int, int, int]:
        """People by what is known of them: met the rule, did not, missing."""
        assert self.due is not None
        assert self.seen is not None
        assert self.hits is not None
        return self.hits, self.seen - self.hits, self.due - self.seen


HIDDEN = Counts(None, None, None)
Table = Mapping[str, Counts]


@dataclass(frozen=True)
class ReleasedTable:
    """A table as it may leave: the total and the groups, and the day of the data it shows."""

    key: str
    as_of: str
    total: Counts
    groups: dict[str, Counts]

    def as_dict(self) -> dict[str, Any]:
        """For the file."""
        return {
            "key": self.key,
            "as_of": self.as_of,
            "total": vars_of(self.total),
            "groups": {name: vars_of(counts) for name, counts in self.groups.items()},
        }


def vars_of(counts: Counts) -> dict[str, int | None]:
    """A row as a mapping."""
    return {"due": counts.due, "seen": counts.seen, "hits": counts.hits}


def suppress(groups: Table, threshold: int = THRESHOLD) -> tuple[Counts, dict[str, Counts]]:
    """The total and the groups with everything hidden that must be.

    Parameters
    ----------
    groups : complete counts by group; together they are everybody.

    Returns
    -------
    tuple
        the total (itself hidden when it is too small) and every group's counts or ``HIDDEN``.
    """
    total = _add(groups.values())
    if not _may_show(total, threshold):
        return HIDDEN, dict.fromkeys(groups, HIDDEN)
    hidden = {name for name, counts in groups.items() if not _may_show(counts, threshold)}
    by_size = sorted((name for name in groups if name not in hidden), key=lambda name: (groups[name].seen, name))
    while hidden and not _is_safe([groups[name] for name in hidden], threshold):
        if not by_size:
            return HIDDEN, dict.fromkeys(groups, HIDDEN)
        hidden.add(by_size.pop(0))
    return total, {name: HIDDEN if name in hidden else counts for name, counts in groups.items()}


def _may_show(counts: Counts, threshold: int) -> bool:
    met, unmet, missing = counts.parts()
    return met >= threshold and unmet >= threshold and (missing == 0 or missing >= threshold)


def _is_safe(hidden: Sequence[Counts], threshold: int) -> bool:
    """Whether the sum of what is hidden, which follows from the total, tells of no small group."""
    together = _add(hidden)
    filled = [counts for counts in hidden if counts.due]
    return len(filled) >= 2 and _may_show(together, threshold)


def _add(groups: Iterable[Counts]) -> Counts:
    rows = list(groups)
    return Counts(
        sum(row.due or 0 for row in rows), sum(row.seen or 0 for row in rows), sum(row.hits or 0 for row in rows)
    )


@dataclass(frozen=True)
class Ledger:
    """What earlier releases were made from, kept at the site and never sent: true counts by table."""

    history: dict[str, tuple[dict[str, tuple[int, int, int]], ...]]
    last: dict[str, ReleasedTable]

    @classmethod
    def empty(cls) -> Ledger:
        """Before the first release."""
        return cls({}, {})

    def release(
        self, key: str, groups: Table, as_of: str, threshold: int = THRESHOLD
    ) -> tuple[ReleasedTable, Ledger]:
        """The table that may leave now, and the ledger afterwards."""
        now = {name: counts.parts() for name, counts in groups.items()}
        earlier = self.history.get(key, ())
        if any(_tells_of_few(before, now, threshold) for before in earlier):
            return self.last[key], self
        total, shown = suppress(groups, threshold)
        table = ReleasedTable(key, as_of, total, shown)
        history = earlier if now in earlier else (*earlier, now)
        return table, replace(self, history={**self.history, key: history}, last={**self.last, key: table})


def _tells_of_few(
    before: Mapping[str, tuple[int, int, int]], now: Mapping[str, tuple[int, int, int]], threshold: int
) -> bool:
    """Whether the difference of two releases concerns some, but fewer than the threshold."""
    nobody = (0, 0, 0)
    names = [*before, *(name for name in now if name not in before)]
    changes = [
        tuple(b - a for a, b in zip(before.get(name, nobody), now.get(name, nobody), strict=True)) for name in names
    ]
    changes.append(tuple(sum(column) for column in zip(*changes, strict=True)) if changes else nobody)
    return any(0 < abs(value) < threshold for change in changes for value in change)
