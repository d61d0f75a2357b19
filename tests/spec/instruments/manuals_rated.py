"""Transcripts of the scales that staff rate, typed from the sources they name, not from the content files."""

from __future__ import annotations

from manuals import from_, same, total
from transcripts import Transcript, at_or_above, names, numbered

YMRS_DOUBLE = names("5 6 8 9")
BPRS_POSITIVE = names("suspiciousness hallucinations unusual-thoughts disorganisation")
CADSS6 = names("1 2 6 7 15 22")


def severe_risk(form: dict[str, int]) -> bool:
    return form["4"] == 1 or form["5"] == 1 or form["6b"] == 1


RATED = {
    "madrs": Transcript(
        source="MD+CALC and a vendor's form: ten items of 0-6, Snaith's bands; MADRS_10 and KADS for remission",
        answers=same(numbered(1, 10), 6),
        scales={"total": total(numbered(1, 10))},
        bands=[(0, "normal"), (7, "mild"), (20, "moderate"), (35, "severe")],
        safety={"suicidal-thoughts": lambda f: f["10"] >= 2},
        changes={
            "response-50-percent": ("response", True, lambda a, b: 2 * b <= a),
            "remission-10": ("remission", True, lambda a, b: b <= 10),
            "remission-below-10": ("remission", False, lambda a, b: b < 10),
        },
    ),
    "ymrs": Transcript(
        source="Young 1978 as two forms print it: seven items 0-4, four items 0-8; bands of a Polish protocol",
        answers={name: list(range(9 if name in YMRS_DOUBLE else 5)) for name in numbered(1, 11)},
        scales={"total": total(numbered(1, 11))},
        bands=[(0, "remission"), (13, "minimal symptoms"), (20, "mild"), (26, "moderate"), (38, "severe")],
        cutoffs={"hypomania-12": from_(12)},
    ),
    "bprs": Transcript(
        source="VA Mental Health Assistant: 18 items coded 0-6, total 0-108; the four positive items of BPRS+",
        answers=same(numbered(1, 18), 6),
        scales={"total": total(numbered(1, 18)), "positive": total(names("4 11 12 15"))},
    ),
    "bprs-plus": Transcript(
        source="NCT04226963: four positive-symptom items added",
        answers=same(BPRS_POSITIVE, 6),
        scales={"total": total(BPRS_POSITIVE)},
    ),
    "cadss": Transcript(
        source="NCT04226963: 23 items of 0-4, the total is entered",
        answers=same(["total"], 92),
        scales={"total": total(["total"])},
    ),
    "cadss-6": Transcript(
        source="CADSS6: items 1, 2, 6, 7, 15 and 22 of the full form, 0-4",
        answers=same(CADSS6, 4),
        scales={"total": total(CADSS6)},
    ),
    "moaa-s": Transcript(
        source="Thorax table: 5 answers the name readily, 0 no response to pain",
        answers=same(["level"], 5),
        scales={"total": total(["level"])},
    ),
    "c-ssrs-screener": Transcript(
        source="NINDS form and triage page of the Lighthouse project; guide: 1-5 ideation, 4, 5 and recent 6 severe",
        answers=same([*numbered(1, 6), "6b"], 1),
        scales={},
        main="",
        rules={
            "any-ideation": lambda f: at_or_above(f, numbered(1, 5), 1) >= 1,
            "severe-risk": severe_risk,
        },
        safety={
            "intent-or-plan": lambda f: f["4"] == 1 or f["5"] == 1,
            "recent-behaviour": lambda f: f["6b"] == 1,
            "any-thought": lambda f: at_or_above(f, numbered(1, 3), 1) >= 1,
        },
        jumps=[
            ({"1": 0, "2": 0, "6": 0}, {**dict.fromkeys([*numbered(1, 6), "6b"], 0)}),
            ({"1": 0, "2": 0, "6": 1, "6b": 1}, {**dict.fromkeys(numbered(1, 5), 0), "6": 1, "6b": 1}),
        ],
    ),
}
