"""The transcripts: each line typed from the source it names, not from the content files."""

from __future__ import annotations

from fractions import Fraction

from transcripts import Form, Transcript, at_or_above, names, numbered


def total(items: list[str]):
    return lambda form: sum(form[name] for name in items)


def same(items: list[str], last: int, first: int = 0) -> dict[str, list[int]]:
    return {name: list(range(first, last + 1)) for name in items}


def from_(limit: int):
    return lambda value: value >= limit


def dsm5(form: Form) -> bool:
    return (
        at_or_above(form, numbered(1, 5), 2) >= 1
        and at_or_above(form, numbered(6, 7), 2) >= 1
        and at_or_above(form, numbered(8, 14), 2) >= 2
        and at_or_above(form, numbered(15, 20), 2) >= 2
    )


def caps5(form: Form) -> bool:
    return dsm5(form) and form["A"] == form["F"] == form["G"] == 1


def phq_symptoms(form: Form) -> int:
    return at_or_above(form, numbered(1, 8), 2) + (form["9"] >= 1)


def fall(points: float):
    return lambda before, after: before - after >= points


DSM5_GROUPS = [numbered(1, 5), numbered(6, 7), numbered(8, 14), numbered(15, 20)]
CLUSTERS = {
    "B": total(numbered(1, 5)),
    "C": total(numbered(6, 7)),
    "D": total(numbered(8, 14)),
    "E": total(numbered(15, 20)),
    "total": total(numbered(1, 20)),
}
INTRUSION = names("1 2 3 6 9 14 16 20")
AVOIDANCE = names("5 7 8 11 12 13 17 22")
HYPERAROUSAL = names("4 10 15 18 19 21")


def mean(items: list[str]):
    return lambda form: Fraction(sum(form[name] for name in items), len(items))


MANUALS = {
    "pcl-5": Transcript(
        source="Australian Comorbidity Guidelines, appendix S; CamCOPS pcl5; Marx 2022; QxMD; OKTOP",
        answers=same(numbered(1, 20), 4),
        scales=CLUSTERS,
        bands=[(0, "none or minimal"), (11, "mild"), (21, "moderate"), (41, "severe"), (61, "very severe")],
        cutoffs={
            "provisional-33": from_(33),
            "provisional-31": from_(31),
            "displaced-23": from_(23),
            "german-34": from_(34),
        },
        rules={"provisional-ptsd": dsm5},
        groups=DSM5_GROUPS,
        changes={
            "response-15": ("response", True, fall(15)),
            "response-50-percent": ("response", False, lambda a, b: 2 * b <= a),
            "reliable-15": ("reliable", True, fall(15)),
            "reliable-18": ("reliable", False, fall(18)),
            "reliable-5": ("reliable", False, fall(5)),
            "important-15-to-28": ("clinically_important", True, lambda a, b: a - b >= 15 and b <= 28),
            "important-10": ("clinically_important", False, fall(10)),
            "important-9": ("clinically_important", False, fall(9)),
            "remission-28": ("remission", True, lambda a, b: b <= 28),
            "relapse-rise-10": ("relapse", True, lambda a, b: b - a >= 10),
            "relapse-above-33": ("relapse", False, lambda a, b: b > 33),
        },
    ),
    "caps-5": Transcript(
        source="VHA TRAIN CAPS-5 course, lessons 5 and 8; CAPS-5 scoring text; Marx 2022; Feder 2021",
        answers={**same(numbered(1, 20), 4), **same(names("A F G"), 1), **same(names("29 30"), 4)},
        scales={**CLUSTERS, "dissociation": total(names("29 30"))},
        cutoffs={"entry-25": from_(25), "entry-30": from_(30), "entry-50": from_(50)},
        rules={
            "ptsd": caps5,
            "dissociative-subtype": lambda form: caps5(form) and max(form["29"], form["30"]) >= 2,
        },
        groups=[["A"], ["F"], ["G"], ["29", "30"], *DSM5_GROUPS],
        changes={
            "response-30-percent": ("response", True, lambda a, b: 10 * (a - b) >= 3 * a),
            "reliable-13": ("reliable", True, fall(13)),
            "reliable-12": ("reliable", False, fall(12)),
            "important-13-to-8": ("clinically_important", True, lambda a, b: a - b >= 13 and b <= 8),
            "remission-8": ("remission", True, lambda a, b: b <= 8),
        },
    ),
    "ies-r": Transcript(
        source="Subscales of the original author as two clinics print them; CamCOPS iesr; Creamer 2003",
        answers=same(numbered(1, 22), 4),
        scales={
            "intrusion": total(INTRUSION),
            "avoidance": total(AVOIDANCE),
            "hyperarousal": total(HYPERAROUSAL),
            "intrusion_mean": mean(INTRUSION),
            "avoidance_mean": mean(AVOIDANCE),
            "hyperarousal_mean": mean(HYPERAROUSAL),
            "mean_total": lambda f: mean(INTRUSION)(f) + mean(AVOIDANCE)(f) + mean(HYPERAROUSAL)(f),
            "intrusion_camcops": total(names("1 2 3 6 9 16 20")),
            "hyperarousal_camcops": total(names("4 10 14 15 18 19 21")),
            "total": total(numbered(1, 22)),
        },
        cutoffs={"probable-33": from_(33), "probable-34": from_(34), "probable-25": from_(25)},
    ),
    "phq-9": Transcript(
        source="NHS Data Dictionary; CamCOPS phq9; Pfeiffer 2024; McMillan 2010; Kounali 2022",
        answers={**same(numbered(1, 9), 3), **same(["difficulty"], 3)},
        scales={"total": total(numbered(1, 9))},
        bands=[(0, "minimal"), (5, "mild"), (10, "moderate"), (15, "moderately severe"), (20, "severe")],
        cutoffs={"depression-10": from_(10)},
        rules={
            "major-depressive-syndrome": lambda f: (
                at_or_above(f, names("1 2"), 2) >= 1 and phq_symptoms(f) >= 5
            ),
            "other-depressive-syndrome": lambda f: (
                at_or_above(f, names("1 2"), 2) >= 1 and 2 <= phq_symptoms(f) <= 4
            ),
        },
        groups=[numbered(1, 2), numbered(1, 9), numbered(3, 9)],
        safety={"suicidal-thoughts": lambda f: f["9"] > 0},
        changes={
            "response-50-percent": ("response", True, lambda a, b: 2 * b <= a),
            "remission-5": ("remission", True, lambda a, b: b <= 5),
            "important-50-percent-to-9": (
                "clinically_important",
                True,
                lambda a, b: 2 * b <= a and b <= 9,
            ),
            "important-20-percent": ("clinically_important", False, lambda a, b: 5 * (a - b) >= a),
        },
        most_missing=2,
    ),
    "gad-7": Transcript(
        source="VA Mental Health Assistant; CamCOPS gad7; Toussaint 2020; Kounali 2022",
        answers=same(numbered(1, 7), 3),
        scales={"total": total(numbered(1, 7))},
        bands=[(0, "none"), (5, "mild"), (10, "moderate"), (15, "severe")],
        cutoffs={"evaluate-10": from_(10), "treat-15": from_(15)},
        changes={
            "important-4": ("clinically_important", True, fall(4)),
            "important-20-percent": ("clinically_important", False, lambda a, b: 5 * (a - b) >= a),
        },
    ),
    "audit-c": Transcript(
        source="eMentalHealth scoring key after Bush 1998 and Bradley 2003; Alcohol Learning Centre",
        answers=same(numbered(1, 3), 4),
        scales={"total": total(numbered(1, 3))},
        cutoffs={"positive-women": from_(3), "positive-men": from_(4), "positive-uk": from_(5)},
    ),
    "isi": Transcript(
        source="My HealtheVet; Morin 2011",
        answers=same(numbered(1, 7), 4),
        scales={"total": total(numbered(1, 7))},
        bands=[
            (0, "no clinically significant insomnia"),
            (8, "subthreshold"),
            (15, "moderate"),
            (22, "severe"),
        ],
        cutoffs={"community-10": from_(10), "clinical-15": from_(15)},
        changes={
            "important-8.4": ("clinically_important", True, fall(8.4)),
            "remission-below-8": ("remission", True, lambda a, b: b < 8),
        },
    ),
    "whodas-12": Transcript(
        source="VA Mental Health Assistant; German MII PRO module; table of domains",
        answers=same(numbered(1, 12), 4),
        scales={
            "total": total(numbered(1, 12)),
            "cognition": total(names("3 6")),
            "mobility": total(names("1 7")),
            "self_care": total(names("8 9")),
            "getting_along": total(names("10 11")),
            "life_activities": total(names("2 12")),
            "participation": total(names("4 5")),
        },
    ),
    "dast-10": Transcript(
        source="Comorbidity Guidelines, appendix W; fpnotebook: question 3 scores for no",
        answers=same(numbered(1, 10), 1),
        scales={"total": lambda f: sum(f[name] for name in names("1 2 4 5 6 7 8 9 10")) + (1 - f["3"])},
        bands=[(0, "none"), (1, "low"), (3, "moderate"), (6, "substantial"), (9, "severe")],
    ),
    "wai-sr": Transcript(
        source="VA Mental Health Assistant; Rivet",
        answers=same(numbered(1, 12), 5, 1),
        scales={
            "task": total(names("1 2 10 12")),
            "bond": total(names("3 5 7 9")),
            "goal": total(names("4 6 8 11")),
            "total": total(numbered(1, 12)),
        },
    ),
    "shaps": Transcript(
        source="CamCOPS shaps: one point for either answer that disagrees",
        answers=same(numbered(1, 14), 3),
        scales={"total": lambda f: sum(answer in (0, 1) for answer in f.values())},
    ),
    "qids-sr16": Transcript(
        source="QIDS items and domains (cliot, Guideline Central); ids-qids.org bands",
        answers=same(numbered(1, 16), 3),
        scales={
            "sleep": lambda f: max(f[n] for n in numbered(1, 4)),
            "appetite_weight": lambda f: max(f[n] for n in numbered(6, 9)),
            "psychomotor": lambda f: max(f["15"], f["16"]),
            "single_domains": total(names("5 10 11 12 13 14")),
            "total": lambda f: (
                max(f[n] for n in numbered(1, 4))
                + max(f[n] for n in numbered(6, 9))
                + max(f["15"], f["16"])
                + sum(f[n] for n in names("5 10 11 12 13 14"))
            ),
        },
        bands=[(0, "none"), (6, "mild"), (11, "moderate"), (16, "severe"), (21, "very severe")],
        safety={"suicidal-thoughts": lambda f: f["12"] >= 1},
        changes={"remission-5": ("remission", True, lambda a, b: b <= 5)},
    ),
}
