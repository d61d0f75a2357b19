"""The stopping and maintenance rules look at the record as the content says."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from treated import first_session, gone, planned

from openkap.care.treatment.course import rules as course_rules
from openkap.care.treatment.monitoring import adverse_actions
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


def page_of(cast, patient, course):
    return cast.client("ada").get(f"/patients/{patient.uid}/courses/{course.uid}/").content.decode()


def test_rules_that_are_not_met_stand_behind_their_count_with_the_evidence_in_words(cast, patient):
    page = page_of(cast, patient, planned(cast, patient))
    assert "22 rules, none met" in page
    assert "Evidence: regulator label or risk programme" in page
    assert page.index("Tests and contacts due") < page.index("<h2>Dates</h2>") < page.index("22 rules")


def test_a_rule_that_is_met_stands_open_above_everything_else(cast, patient, watch):
    course = planned(cast, patient)
    session = gone(cast, first_session(course), watch)
    event = adverse_actions.Event(
        "psychosis", watch() - timedelta(minutes=5), 1, "possible", "none", "recovered"
    )
    adverse_actions.record_adverse_event(
        by=cast.actor("ada"), patient=patient.uid, uid=session.uid, event=event
    )
    page = page_of(cast, patient, course)
    assert "21 more rules, not met" in page
    assert page.index("New psychosis or mania") < page.index("Tests and contacts due")


@pytest.mark.usefixtures("nobody_is_locked_out")
def test_what_is_overdue_stands_open_and_what_is_to_come_behind_its_count(cast, patient, watch):
    course = planned(cast, patient)
    assert "Nothing is overdue." in page_of(cast, patient, course)
    watch.forward(days=8)
    page = page_of(cast, patient, course)
    assert page.index("was due") < page.index("to come, next")
