"""From findings to facts: the latest reading, any yes of a record, the last event; never a no from silence.

What a person must read first keeps its element open, however it is answered elsewhere.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime

from openkap.interop.fhir.findings import Doubt, Finding, Tray
from openkap.protocol.elements import Event, Value
from openkap.protocol.facts import Fact, show_value


def choose_facts(tray: Tray, as_of: datetime) -> dict[str, Fact]:
    """One fact for each element that has findings; doubts go back into the tray."""
    by_element: dict[str, list[Finding]] = defaultdict(list)
    for finding in tray.findings:
        if not _is_over(finding, tray):
            by_element[finding.element.id].append(finding)
    chosen: dict[str, Fact] = {}
    for name in sorted(by_element):
        findings = sorted(by_element[name], key=_age)
        element = findings[0].element
        if element.kind == "event":
            chosen[name] = _last_event(findings, tray, as_of)
        elif element.kind == "yes_no" and element.codes.codelist:
            chosen[name] = _any_yes(findings, tray)
        else:
            fact = _latest_reading(findings, tray)
            if fact is not None:
                chosen[name] = fact
    open_still = [each for each in tray.doubts if not _is_settled(each, chosen.get(each.element.id))]
    for doubt in sorted(open_still, key=lambda each: (each.element.id, each.resource)):
        # A test that cannot be read also reopens the question whose answer would make it needless.
        for about in (doubt.element.id, doubt.element.follows):
            if about in chosen and not _stands_in_doubt(chosen[about]):
                _reopen(chosen.pop(about), doubt, tray)
    return chosen


def _is_over(finding: Finding, tray: Tray) -> bool:
    """True for what was so at its time, when a later entry says that it is no longer."""
    when = finding.when
    if not finding.is_passing or when is None:
        return False
    return any(element is finding.element and later.start > when.end for element, later in tray.ended)


def _is_settled(doubt: Doubt, fact: Fact | None) -> bool:
    """True when the element was learnt anew after the time the doubtful entry speaks of."""
    if fact is None or fact.at is None or doubt.when is None:
        return False
    return fact.at > doubt.when.end


def _stands_in_doubt(fact: Fact) -> bool:
    """A yes that a record can give is the careful answer; after one event there may be a later one."""
    return fact.value is True and fact.element.codes.codelist is not None


def _reopen(fact: Fact, doubt: Doubt, tray: Tray) -> None:
    tray.not_understood(
        fact.origin.split(",")[0],
        fact.element.label,
        f"says {fact.shown()}, but {doubt.resource} must be read first: ask which holds",
    )


def _age(finding: Finding) -> tuple[bool, datetime | str, str]:
    """Oldest first; what has no date is taken as current and comes last; ties by origin."""
    return (finding.when is None, finding.when.start if finding.when else "", finding.origin)


def _any_yes(findings: list[Finding], tray: Tray) -> Fact:
    yes = [each for each in findings if each.value is True] or findings
    last = yes[-1]
    if len(yes) < len(findings):
        _note_denial(findings, yes, tray)
    return Fact(last.element, last.value is True, _at(last), _with_others(last, yes))


def _note_denial(findings: list[Finding], yes: list[Finding], tray: Tray) -> None:
    """A no that the record contradicts is told, and does not count."""
    for each in findings:
        if each not in yes:
            against = ", ".join(sorted({other.origin.split(",")[0] for other in yes}))
            tray.not_understood(
                each.origin.split(",")[0], each.element.label, f"says no, against {against}: ask which holds"
            )


def _last_event(findings: list[Finding], tray: Tray, as_of: datetime) -> Fact:
    """The last certain date, or no date at all when another entry may lie after it.

    The date is also the fact's time: a record says nothing of the years after its last entry, so where the
    element has a lifetime an old event counts as unknown and is asked for again.
    """
    element = findings[0].element
    never = [each for each in findings if each.value == Event(ever=False)]
    if len(never) == len(findings):
        return Fact(element, Event(ever=False), _at(never[-1]), _with_others(never[-1], never))
    findings = [each for each in findings if each not in never]
    if never:
        _note_denial([*never, *findings], findings, tray)
    dated = [each for each in findings if each.when is not None and each.when.is_exact]
    last = dated[-1] if dated else None
    known = last.when.start if last and last.when else None
    for each in findings:
        latest = each.when.end if each.when else each.not_later_than or as_of
        if each not in dated and (known is None or latest > known):
            shown = f"known to lie in {each.when}" if each.when else "no date given"
            tray.not_understood(
                each.origin.split(",")[0], element.label, f"{shown}: the date of the last one must be asked"
            )
            return Fact(element, Event(ever=True), None, _with_others(each, findings))
    assert last is not None
    assert last.when is not None
    return Fact(element, Event(ever=True, on=last.when.day), last.when.start, _with_others(last, findings))


def _latest_reading(findings: list[Finding], tray: Tray) -> Fact | None:
    """The newest value; different values of what may be the same time are nobody's to choose from."""
    last = findings[-1]
    rivals = [each for each in findings if each.value != last.value and _may_be_as_late(each, last)]
    if rivals:
        values = ", ".join(sorted({_shown(each.value) for each in [*rivals, last]}))
        for each in [*rivals, last]:
            tray.not_understood(
                each.origin.split(",")[0],
                last.element.label,
                f"different values of the same time ({values}): ask which one holds",
            )
        return None
    return Fact(last.element, _value(last), _at(last), _with_others(last, findings))


def _may_be_as_late(finding: Finding, last: Finding) -> bool:
    """True for a time that is equal, or known only to the year or month in which the last one lies."""
    return finding.when is None or last.when is None or finding.when.end >= last.when.start


def _value(finding: Finding) -> Value:
    assert finding.value is not None, "only events have no value"
    return finding.value


def _shown(value: Value | None) -> str:
    return show_value(value)


def _at(finding: Finding) -> datetime | None:
    return finding.when.start if finding.when else None


def _with_others(finding: Finding, findings: list[Finding]) -> str:
    others = len({each.origin for each in findings}) - 1
    return finding.origin + (f" (and {others} more)" if others else "")
