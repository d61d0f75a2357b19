"""Means of a registry record: final scores, changes of a known sign, and what is neither."""

from __future__ import annotations

import json

import pytest

from openkap.evidence.contrasts import controlled_effect
from openkap.evidence.importers.clinicaltrials_gov import read_clinicaltrials_gov
from openkap.evidence.importers.registry_scores import is_percent


@pytest.fixture
def read(files, scales):
    """A made-up record with one outcome measure, and what the import makes of it."""

    def put(title="CAPS-5", means=("22.1", "33.0"), **more):
        record = json.loads((files / "three_arms.json").read_text(encoding="utf-8"))
        groups = [{"id": "OG000", "title": "Ketamine 0.5 mg/kg"}, {"id": "OG002", "title": "Placebo"}]
        cells = [
            {"groupId": group["id"], "value": mean, "spread": "9.0"}
            for group, mean in zip(groups, means, strict=True)
        ]
        measure = {
            "type": "PRIMARY",
            "title": title,
            "description": "0 to 80, higher is worse",
            "paramType": "MEAN",
            "dispersionType": "STANDARD_DEVIATION",
            "unitOfMeasure": "score on a scale",
            "timeFrame": "2 weeks",
            "groups": groups,
            "denoms": [
                {"units": "Participants", "counts": [{"groupId": g["id"], "value": "15"} for g in groups]}
            ],
            "classes": [{"categories": [{"measurements": cells}]}],
        }
        record["resultsSection"]["outcomeMeasuresModule"]["outcomeMeasures"] = [measure | more]
        return read_clinicaltrials_gov(json.dumps(record), scales)

    return put


def effect(imported, measure="MD"):
    (outcome,) = imported.study.outcomes
    return controlled_effect(imported.study, outcome, measure)


def checks(imported):
    return {each.check for each in imported.findings}


@pytest.mark.parametrize(
    ("title", "means", "description"),
    [
        ("Change in CAPS-5, positive = improvement", ("22.1", "33.0"), "0 to 80"),
        ("Mean improvement in CAPS-5", ("22.1", "33.0"), "0 to 80"),
        ("Reduction of CAPS-5", ("-22.1", "-33.0"), "0 to 80"),
        ("CAPS-5 change from baseline", ("-22.1", "-33.0"), "Improvement over two weeks"),
        ("CAPS-5 change from baseline", ("22.1", "33.0"), "0 to 80"),
        ("CAPS-5 change from baseline", ("22.1", "33.0"), "Lower scores indicate improvement"),
        ("CAPS-5", ("22.1", "33.0"), "Change from baseline to week 2"),
    ],
)
def test_a_change_whose_sign_is_open_gives_no_effect_until_a_person_settles_it(
    read, title, means, description
):
    imported = read(title, means, description=description)
    assert "change-sign" in checks(imported)
    assert effect(imported) is None
    (outcome,) = imported.study.outcomes
    assert outcome.statistic == "change"
    settled = outcome.model_copy(update={"unsettled": (), "higher_is_better": True})
    if means[0] == "22.1":
        # An improvement of 22.1 against one of 33.0: ten points and nine tenths better on placebo.
        assert controlled_effect(imported.study, settled, "MD").yi == pytest.approx(-10.9)


@pytest.mark.parametrize(
    "description",
    [
        "0 to 80",
        "A negative change indicates improvement",
        "Lower scores represent improvement",
        "A decrease in score means better",
    ],
)
def test_a_change_whose_sign_is_plain_is_used(read, description):
    imported = read("Change in CAPS-5", ("-22.1", "-11.2"), description=description)
    assert "change-sign" not in checks(imported)
    assert effect(imported).yi == pytest.approx(10.9)


def test_a_final_score_is_no_change(read):
    imported = read(description="0 to 80; lower scores mean improvement; assessed from baseline to week 2")
    assert imported.study.outcomes[0].statistic == "final"
    assert effect(imported).yi == pytest.approx(10.9)


@pytest.mark.parametrize(
    ("title", "unit"),
    [
        ("Percent change in CAPS-5", "score"),
        ("CAPS-5 change", "percent change"),
        ("CAPS-5 change", "% of baseline"),
    ],
)
def test_a_percentage_is_kept_as_words_and_never_pooled_as_points(read, title, unit):
    imported = read(title, ("-40.5", "-20"), unitOfMeasure=unit)
    (outcome,) = imported.study.outcomes
    assert (outcome.kind, effect(imported)) == ("qualitative", None)
    assert "ketamine_0.5_mg_kg: -40.5 (9.0); placebo: -20 (9.0)" in outcome.finding
    assert "percent" in checks(imported)


def test_a_posted_difference_in_percent_is_no_difference_in_points(read):
    analysis = {
        "groupIds": ["OG000", "OG002"],
        "paramType": "Mean Difference (Final Values)",
        "paramValue": "-20.5",
        "ciPctValue": "95",
        "ciLowerLimit": "-30",
        "ciUpperLimit": "-11",
    }
    for unit, measure in (("score", "MD"), ("percent change", "Mean Difference (Final Values)")):
        outcomes = read("CAPS-5", unitOfMeasure=unit, analyses=[analysis]).study.outcomes
        assert outcomes[-1].contrast.measure == measure


def test_people_with_a_percentage_of_reduction_are_still_counted(read):
    imported = read(
        "CAPS-5 30 percent reduction",
        ("10", "3"),
        paramType="COUNT_OF_PARTICIPANTS",
        unitOfMeasure="Participants",
    )
    assert imported.study.outcomes[0].events == {"ketamine_0.5_mg_kg": 10, "placebo": 3}


@pytest.mark.parametrize(
    ("title", "percent"),
    [("Percent change", True), ("% reduction", True), ("After a 30% reduction", False), ("PCL-5", False)],
)
def test_a_size_of_a_reduction_in_the_title_makes_no_percentage(title, percent):
    assert is_percent({"unitOfMeasure": "score"}, title) == percent


def cells(first, second):
    measurements = [dict(groupId="OG000", **first), dict(groupId="OG002", **second)]
    return [{"categories": [{"measurements": measurements}]}]


def test_a_median_keeps_its_quartiles(read):
    imported = read(
        paramType="MEDIAN",
        dispersionType="INTER_QUARTILE_RANGE",
        classes=cells(
            {"value": "22.1", "lowerLimit": "17.1", "upperLimit": "27.1"},
            {"value": "33", "lowerLimit": "28.5", "upperLimit": "37.5"},
        ),
    )
    (outcome,) = imported.study.outcomes
    assert outcome.finding == (
        "median (inter quartile range) ketamine_0.5_mg_kg: 22.1 (17.1 to 27.1); placebo: 33 (28.5 to 37.5)"
    )


def test_limits_that_are_no_confidence_interval_are_kept_beside_a_mean_and_not_as_one(read):
    imported = read(
        dispersionType="FULL_RANGE",
        classes=cells(
            {"value": "22.1", "lowerLimit": "7", "upperLimit": "57"},
            {"value": "33", "lowerLimit": "8", "upperLimit": "60"},
        ),
    )
    (outcome,) = imported.study.outcomes
    assert {(v.ci_low, v.ci_high) for v in outcome.values} == {(None, None)}
    assert outcome.note == "full range: ketamine_0.5_mg_kg (7 to 57); placebo (8 to 60)"
