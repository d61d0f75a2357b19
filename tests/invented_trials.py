"""Invented trials, for rules that the records held today do not reach. No number here is a fact."""

from __future__ import annotations

from copy import copy

from openkap.evidence.answers import Answers, answer_all
from openkap.evidence.base import Base
from openkap.evidence.claims import Entry, judge_claims, read_claims
from openkap.evidence.ruling import Held
from openkap.evidence.silence import OwnWords
from openkap.evidence.study import Study


def trial(name: str, people: int, *, route: str = "IV", harms=(), outcomes=(), retracted=False) -> Study:
    """A randomised trial of two arms, ``ket`` and ``con``; harms as (term, (events, people), (events, people))."""
    return Study.model_validate(
        {
            "id": name,
            "label": f"Invented {name}",
            "record": "study",
            "group": "efficacy_rct",
            "citation": {"title": "invented for a test"},
            "sample": {"randomised": people, "arms": {"ket": people // 2, "con": people // 2}},
            "arms": [
                {
                    "id": "ket",
                    "label": "Ketamine",
                    "role": "intervention",
                    "drug": "ketamine",
                    "route": route,
                },
                {"id": "con", "label": "Saline", "role": "comparator", "drug": "saline", "route": route},
            ],
            "outcomes": outcomes,
            "adverse_events": [
                {
                    "term": term,
                    "events": {"ket": treated[0], "con": control[0]},
                    "at_risk": {"ket": treated[1], "con": control[1]},
                }
                for term, treated, control in harms
            ],
            "retracted": {"notice": "invented"} if retracted else None,
            "places": {"S1": {"url": "https://example.org/invented", "holds": "invented", "tier": "A"}},
        }
    )


def words(
    name: str, reading: str, *, domain: str = "ptsd", window: str = "end_of_course", passes=None
) -> dict:
    """An outcome told in words only."""
    return {
        "id": f"{name}_{domain}_{window}",
        "instrument": "PCL-5",
        "domain": domain,
        "cluster": "total",
        "kind": "qualitative",
        "time": {"label": window, "window": window},
        "finding": f"invented {reading}",
        "reading": reading,
        "passes_within_hours": passes,
        "sources": ["S1"],
    }


def scores(name: str, ketamine: float, control: float, n: int, *, window: str = "end_of_course") -> dict:
    """A PCL-5 score by arm with an SD of ten; lower is better."""
    return {
        "id": f"{name}_pcl5_{window}",
        "instrument": "PCL-5",
        "domain": "ptsd",
        "cluster": "total",
        "kind": "arm_level",
        "time": {"label": window, "window": window},
        "values": [
            {"arm_id": "ket", "n": n, "mean": ketamine, "sd": 10},
            {"arm_id": "con", "n": n, "mean": control, "sd": 10},
        ],
        "where": "invented",
        "sources": ["S1"],
    }


def ledger(report, *records: Study, says: tuple[str, str, str] | None = None) -> dict[str, Entry]:
    """Every claim judged on these records alone, with the shipped questions, rules and reviews.

    ``says`` is what one study says beside its number: (analysis, study, reading).
    """
    base = Base(records, {})
    answers = answer_all(base, report.answers.plan)
    held = Held(base, spoken(answers, *says) if says else answers, report.syntheses)
    return {entry.claim.id: entry for entry in judge_claims(read_claims(), held)}


def spoken(answers: Answers, analysis: str, study: str, reading: str, said: str | None = None) -> Answers:
    """The answers as they are once a study behind the number also says in its own words what it found."""
    words = OwnWords(study, f"Invented {study}", said or f"invented {reading}", reading, ())
    changed = copy(answers.get(analysis))
    object.__setattr__(changed, "own_words", (*changed.own_words, words))
    return Answers(answers.plan, {**answers.by_id, analysis: changed})
