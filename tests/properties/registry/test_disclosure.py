"""Nobody below the threshold can be seen: an attacker who knows every shown number learns no small one."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from openkap.registry.disclosure import DUE, SEEN, THRESHOLD, Counts, Ledger, hidden_groups, suppress

K = THRESHOLD
RULES = ("response", "remission")


@st.composite
def counts(draw: st.DrawFn) -> Counts:
    due = draw(st.one_of(st.integers(0, 25), st.integers(0, 200)))
    seen = draw(st.integers(0, due))
    return Counts(due, seen, {rule: draw(st.integers(0, seen)) for rule in RULES})


tables = st.dictionaries(st.sampled_from("abcdefg"), counts(), min_size=1, max_size=7)


@settings(max_examples=300, deadline=None)
@given(tables)
def test_every_number_shown_counts_and_leaves_out_enough_people(groups: dict[str, Counts]) -> None:
    total, shown = suppress(groups)
    for each in (total, *shown.values()):
        if each.due is not None:
            assert each.due == 0 or each.due >= K
        if each.seen is not None and each.due is not None:
            assert each.seen == 0 or each.seen >= K
            assert each.due == each.seen or each.due - each.seen >= K
        for hits in each.hits.values():
            if hits is not None:
                assert each.seen is not None
                assert min(hits, each.seen - hits) >= K


@settings(max_examples=120, deadline=None)
@given(tables)
def test_no_hidden_number_of_hits_can_be_narrowed_to_fewer_than_the_threshold(
    groups: dict[str, Counts],
) -> None:
    total, shown = suppress(groups)
    names = sorted(groups)
    for rule in RULES:
        if total.hits[rule] is None or total.seen is None:
            continue
        unknown = [name for name in names if shown[name].hits[rule] is None and groups[name].due]
        # What an attacker may use: totals of hits and seen, every shown cell, and even every number of
        # people due.
        rest_hits = total.hits[rule] - sum(shown[n].hits[rule] or 0 for n in names if n not in unknown)
        hidden_seen = [name for name in unknown if shown[name].seen is None]
        rest_seen = total.seen - sum(shown[n].seen or 0 for n in names)
        size = len(unknown)
        columns = size + len(hidden_seen)
        equal, target = [[1.0] * size + [0.0] * len(hidden_seen)], [float(rest_hits)]
        below, limits = [], []
        for i, name in enumerate(unknown):
            if name in hidden_seen:
                line = [0.0] * columns
                line[i], line[size + hidden_seen.index(name)] = 1.0, -1.0
                below.append(line)
                limits.append(0.0)
        if hidden_seen:
            equal.append([0.0] * size + [1.0] * len(hidden_seen))
            target.append(float(rest_seen))
        bounds = [(0, None if n in hidden_seen else shown[n].seen) for n in unknown]
        bounds += [(0, groups[n].due) for n in hidden_seen]
        for i, name in enumerate(unknown):
            if groups[name].seen == 0:
                continue
            goal = [0.0] * columns
            goal[i] = 1.0
            ends = []
            for sign in (1, -1):
                found = linprog(
                    [sign * value for value in goal],
                    A_ub=below or None,
                    b_ub=limits or None,
                    A_eq=equal,
                    b_eq=target,
                    bounds=bounds,
                )
                assert found.status == 0
                ends.append(sign * found.fun)
            wide = min(K, (groups[name].due if name in hidden_seen else groups[name].seen) or 0)
            assert ends[1] - ends[0] >= wide - 1e-7


@settings(max_examples=200, deadline=None)
@given(tables)
def test_what_is_hidden_together_is_never_one_group_nor_too_few(groups: dict[str, Counts]) -> None:
    for column, names in hidden_groups(groups).items():
        if "total" in names or not names:
            continue
        people = [groups[name] for name in names if groups[name].due]
        assert len(people) >= 2
        parts = [sum(each.parts(column)[i] for each in people) for i in range(1 if column == DUE else 2)]
        assert all(part >= K or (part == 0 and column in (DUE, SEEN)) for part in parts)


@st.composite
def histories(draw: st.DrawFn) -> list[dict[str, Counts]]:
    """Releases of a growing registry: from one to the next a few people are added, answer, or respond."""
    now = draw(tables)
    releases = [now]
    for _ in range(draw(st.integers(1, 4))):
        grown = {}
        for name, each in now.items():
            assert each.due is not None
            assert each.seen is not None
            more = draw(st.integers(0, 15))
            answered = draw(st.integers(0, more))
            hits = {rule: (each.hits[rule] or 0) + draw(st.integers(0, answered)) for rule in RULES}
            grown[name] = Counts(each.due + more, each.seen + answered, hits)
        now = grown
        releases.append(now)
    return releases


@settings(max_examples=150, deadline=None)
@given(histories())
def test_two_releases_differ_by_nothing_or_by_enough_people(releases: list[dict[str, Counts]]) -> None:
    ledger, sent = Ledger(), []
    for number, groups in enumerate(releases):
        table, ledger = ledger.release("pcl5", "w12", "sex", groups, as_of=str(number))
        sent.append(table)
    for earlier, later in [(a, b) for i, a in enumerate(sent) for b in sent[i + 1 :]]:
        pairs = [(earlier.total, later.total)]
        pairs += [(earlier.groups[name], later.groups[name]) for name in earlier.groups]
        for before, after in pairs:
            steps = [(before.due, after.due), (before.seen, after.seen)]
            steps += [(before.hits[rule], after.hits[rule]) for rule in RULES]
            for a, b in steps:
                if a is not None and b is not None:
                    assert a == b or abs(a - b) >= K
    assert all(a.as_of <= b.as_of for a, b in pairwise(sent))


def test_one_more_patient_changes_nothing_that_leaves() -> None:
    groups = {"f": Counts(60, 40, {"response": 20}), "m": Counts(50, 30, {"response": 15})}
    first, ledger = Ledger().release("pcl5", "w12", "sex", groups, as_of="may")
    one_more = {**groups, "f": Counts(61, 41, {"response": 21})}
    second, ledger = ledger.release("pcl5", "w12", "sex", one_more, as_of="june")
    assert second == first
    many_more = {"f": Counts(90, 60, {"response": 30}), "m": groups["m"]}
    third, _ = ledger.release("pcl5", "w12", "sex", many_more, as_of="july")
    assert third.as_of == "july"


def test_the_total_by_one_stratum_cannot_be_subtracted_from_the_total_by_another() -> None:
    groups = {"f": Counts(60, 40, {"response": 20}), "m": Counts(50, 30, {"response": 15})}
    _, ledger = Ledger().release("pcl5", "w12", "sex", groups, as_of="may")
    everybody = {"all": Counts(111, 71, {"response": 36})}
    table, _ = ledger.release("pcl5", "w12", "all", everybody, as_of="june")
    assert table.total.due is None
