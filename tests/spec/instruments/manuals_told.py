"""Transcripts of further scales that people fill in themselves, typed from the sources they name."""

from __future__ import annotations

from fractions import Fraction
from math import floor

from manuals import from_, same, total
from transcripts import Form, Transcript, at_or_above, names, numbered

COMPONENTS = names("C1 C2 C3 C4 C5 C6 C7")
USE, RISK = names("4 5 6"), names("1 2 3 8 11 15")
PROTECTION = names("9 10 12 13 14 16")

# WHODAS 2.0, 36 items: 0 stays 0, 1 and 2 become 1, 3 and 4 become 2 in these (VA Mental Health Assistant).
HALVED = names(
    "D1.5 D1.6 D2.2 D2.3 D3.1 D3.3 D3.4 D4.1 D4.2 D4.3 D4.5 D5.1 D5.2 D5.4 D5.5 D6.1 D6.3 D6.6 D6.8"
)
# Domain: its items, and the maximum that the VA text prints.
DOMAINS = {
    "cognition": ([f"D1.{n}" for n in range(1, 7)], 20),
    "mobility": ([f"D2.{n}" for n in range(1, 6)], 16),
    "self_care": ([f"D3.{n}" for n in range(1, 5)], 10),
    "getting_along": ([f"D4.{n}" for n in range(1, 6)], 12),
    "household": ([f"D5.{n}" for n in range(1, 5)], 10),
    "work": ([f"D5.{n}" for n in range(5, 9)], 14),
    "participation": ([f"D6.{n}" for n in range(1, 9)], 24),
}


def whodas_points(domain: str):
    items, _ = DOMAINS[domain]
    return lambda form: sum((form[name] + 1) // 2 if name in HALVED else form[name] for name in items)


def whodas_domain(domain: str):
    points, most = whodas_points(domain), DOMAINS[domain][1]
    return lambda form: Fraction(100 * points(form), most)


def whodas_summary(form: Form, *, working: bool) -> Fraction:
    counted = [name for name in DOMAINS if working or name != "work"]
    return Fraction(100 * sum(whodas_points(name)(form) for name in counted), 106 if working else 92)


def q_les_q_per_cent(form: Form) -> int:
    raw = sum(form[name] for name in numbered(1, 14))
    return floor(Fraction(raw - 14, 56) * 100 + Fraction(1, 2))


def positive_mdq(form: Form) -> bool:
    return sum(form[name] for name in numbered(1, 13)) >= 7 and form["14"] == 1 and form["15"] >= 2


TOLD = {
    "pc-ptsd-5": Transcript(
        source="Comorbidity Guidelines: sum of five, 0 without exposure; Bovin 2021: 4 balances, 3 most sensitive",
        answers=same(["exposure", *numbered(1, 5)], 1),
        scales={"total": total(numbered(1, 5))},
        cutoffs={"balanced-4": from_(4), "sensitive-3": from_(3)},
        jumps=[({"exposure": 0}, dict.fromkeys(["exposure", *numbered(1, 5)], 0))],
    ),
    "audit": Transcript(
        source="CamCOPS audit: ten items, 9 and 10 scored 0, 2, 4; hazardous from 8; who never drinks goes to 9",
        answers={**same(numbered(1, 8), 4), "9": [0, 2, 4], "10": [0, 2, 4]},
        scales={"total": total(numbered(1, 10)), "consumption": total(numbered(1, 3))},
        cutoffs={"flag-8": from_(8)},
        jumps=[
            ({"1": 0, "9": 4, "10": 4}, {**dict.fromkeys(numbered(1, 8), 0), "9": 4, "10": 4}),
            (
                {"1": 4, "2": 0, "3": 0, "9": 2, "10": 0},
                {**dict.fromkeys(numbered(1, 10), 0), "1": 4, "9": 2},
            ),
        ],
    ),
    "dast-28": Transcript(
        source="CamCOPS dast: items 4, 5 and 7 score for no; flags at 6 and 11",
        answers=same(numbered(1, 28), 1),
        scales={"total": lambda f: sum(f[n] != (n in ("4", "5", "7")) for n in numbered(1, 28))},
        cutoffs={"flag-6": from_(6), "flag-11": from_(11)},
    ),
    "psqi": Transcript(
        source="Two abstracts: seven components of 0-3; poor sleep above 5 in one, from 5 in the other",
        answers=same(COMPONENTS, 3),
        scales={"total": total(COMPONENTS)},
        cutoffs={"poor-above-5": lambda value: value > 5, "poor-5": from_(5)},
    ),
    "stop": Transcript(
        source="VA Mental Health Assistant: one point for each yes, high risk from 2",
        answers=same(names("S T O P"), 1),
        scales={"total": total(names("S T O P"))},
        cutoffs={"high-risk-2": from_(2)},
    ),
    "mdq": Transcript(
        source="VA Mental Health Assistant: seven of thirteen, at the same time, moderate or serious problem",
        answers={**same(numbered(1, 14), 1), "15": [0, 1, 2, 3]},
        scales={"signs": total(numbered(1, 13))},
        main="",
        rules={"positive-screen": positive_mdq},
        groups=[numbered(1, 13), ["14"], ["15"]],
    ),
    "wsas": Transcript(
        source="CamCOPS wsas: five items 0-8, without work at most 32; Mundt 2002: from 10, above 20",
        answers=same(numbered(1, 5), 8),
        scales={"total": total(numbered(1, 5)), "total_without_work": total(numbered(2, 5))},
        cutoffs={"significant-10": from_(10), "severe-above-20": lambda value: value > 20},
    ),
    "bam": Transcript(
        source="BAM domains and a vendor's key: use 4-6, risk 1-3, 8, 11, 15, protection the others; use 1, risk 12",
        answers=same([*numbered(1, 6), *numbered(8, 17)], 4),
        scales={"use": total(USE), "risk": total(RISK), "protection": total(PROTECTION)},
        main="",
        cutoffs={"use-1": from_(1), "risk-12": from_(12)},
        cutoff_scales={"use-1": "use", "risk-12": "risk"},
    ),
    "icsi": Transcript(
        source="O'Leary 1997 as two abstracts tell it: symptom index 0-20, problem index 0-16",
        answers={**same(["total"], 20), **same(["problem"], 16)},
        scales={"total": total(["total"]), "problem_index": total(["problem"])},
    ),
    "q-les-q-sf": Transcript(
        source="VA Mental Health Assistant: (sum of the first 14 items - 14) / 0.56, rounded",
        answers=same(numbered(1, 16), 5, 1),
        scales={
            "raw": total(numbered(1, 14)),
            "total": q_les_q_per_cent,
        },
    ),
    "whodas-36": Transcript(
        source="VA Mental Health Assistant, complex scoring: recoding, domain maxima, 106 and 92",
        answers=same([name for items, _ in DOMAINS.values() for name in items], 4),
        scales={
            **{f"{name}_raw": whodas_points(name) for name in DOMAINS},
            **{name: whodas_domain(name) for name in DOMAINS},
            "total_not_working": lambda f: whodas_summary(f, working=False),
            "total_working": lambda f: whodas_summary(f, working=True),
        },
        main="total_working",
        most_missing=1,
    ),
    "lec-5": Transcript(
        source="NIDA and the form of 2018: 17 events, six boxes, no score",
        answers=same(numbered(1, 17), 6, 1),
        scales={},
        main="",
    ),
    "check-in": Transcript(
        source="Our own form: any thought of death or self-harm is told at once",
        answers=same(names("sleep distress body bladder strange self-harm"), 4),
        scales={},
        main="",
        safety={"suicidal-thoughts": lambda f: at_or_above(f, ["self-harm"], 1) == 1},
    ),
}
