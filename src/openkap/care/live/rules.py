"""The rules of a session as data, so that a tablet without network can still raise its alarms.

The tablet's own evaluation is provisional and says so; the record's alerts come from the server. A test
holds both against the rules' own examples.
"""

from __future__ import annotations

from typing import Any

from openkap.protocol.condition import All, Compare, CompareFacts, Condition, IsOneOf, IsYes, Not, facts_of
from openkap.protocol.condition import Any as AnyOf
from openkap.protocol.model import Protocol
from openkap.protocol.rules import Stage

# Sign, word and sound of an action; IEC 60601-1-8 names three priorities.
PRIORITY = {
    "emergency": "high",
    "stop_dose": "high",
    "pause": "high",
    "repeat": "medium",
    "clinician_review": "medium",
    "warn": "low",
}
# The clock's rule is the server's and the countdown's business.
_NOT_OFFLINE = {"missed_vital_sign_min"}


def rules_as_data(protocol: Protocol) -> list[dict[str, Any]]:
    """Every active in-session rule, with its condition as a tree of plain values."""
    return [
        {
            "id": rule.id,
            "title": rule.title,
            "action": rule.action.value,
            "action_words": rule.action.words,
            "priority": PRIORITY[rule.action.value],
            "say": rule.say,
            "who": rule.who,
            "when": condition_as_data(rule.condition),
        }
        for rule in protocol.stage(Stage.IN_SESSION)
        if rule.is_active and not _NOT_OFFLINE.intersection(facts_of(rule.condition))
    ]


def condition_as_data(condition: Condition) -> dict[str, Any]:
    """A condition as nested mappings; numbers are in the unit of the element."""
    if isinstance(condition, All | AnyOf):
        word = "all" if isinstance(condition, All) else "any"
        return {word: [condition_as_data(part) for part in condition.parts]}
    if isinstance(condition, Not):
        return {"not": condition_as_data(condition.part)}
    if isinstance(condition, IsYes):
        return {"yes": condition.fact}
    if isinstance(condition, IsOneOf):
        return {"fact": condition.fact, "in": list(condition.choices)}
    if isinstance(condition, Compare) and condition.limit is not None:
        return {
            "fact": condition.fact,
            "is": condition.operator,
            "limit": _number(condition, condition.limit),
        }
    if isinstance(condition, CompareFacts):
        plus = 0.0 if condition.plus is None else _number(condition, condition.plus)
        return {"fact": condition.fact, "is": condition.operator, "other": condition.other, "plus": plus}
    raise TypeError(f"a session rule the tablet cannot read: {condition!r}")


def _number(test: Compare | CompareFacts, quantity: Any) -> float:
    from openkap.protocol.elements import dictionary

    unit = dictionary()[test.fact].unit
    return float(quantity.to(unit).value) if unit else float(quantity.value)


# The loudest first.
PRIORITIES = ("high", "medium", "low")


def priority_of(action: str) -> str:
    """high, medium or low."""
    return PRIORITY.get(action, "medium")
