"""The stopping and maintenance rules look at the record as the content says."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from openkap.care.treatment import course_rules
from openkap.protocol.read import load_protocol

NOON = datetime(2026, 11, 28, 12, tzinfo=UTC)
GATE = next(rule for rule in load_protocol("iv-racemic").course_rules if rule.id == "MR-4")


@pytest.mark.parametrize(
    ("per", "said", "days"),
    [("12 mo", "21 doses in 12 months, limit 20", 365), ("6 mo", "21 doses in 6 months, limit 20", 182)],
)
def test_the_count_of_doses_looks_back_as_far_as_the_content_says(monkeypatch, per, said, days) -> None:
    asked: list[datetime] = []

    def counted(patient: object, since: datetime) -> int:
        asked.append(since)
        return 21

    monkeypatch.setattr(course_rules, "doses_since", counted)
    monkeypatch.setattr(course_rules, "now", lambda: NOON)
    rule = GATE.model_copy(update={"per": per})
    assert course_rules.LOOKS["MR-4"](SimpleNamespace(patient=None), rule, []) == said
    assert timedelta(days=days) <= NOON - asked[0] < timedelta(days=days + 1)


def test_as_many_doses_as_the_gate_names_are_not_too_many(monkeypatch) -> None:
    monkeypatch.setattr(course_rules, "doses_since", lambda patient, since: 20)
    assert course_rules.LOOKS["MR-4"](SimpleNamespace(patient=None), GATE, []) == ""
