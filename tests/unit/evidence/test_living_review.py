"""Posted results arrive: what the answers then say. The numbers of these records are made up."""

from __future__ import annotations

import copy
import json

import pytest
from click.testing import CliRunner

from openkap.commands.evidence import evidence
from openkap.core.content import SHIPPED
from openkap.evidence.answers import answer_all
from openkap.evidence.base import read_base
from openkap.evidence.plan import read_plan


@pytest.fixture
def record(files):
    """One of the made-up registry records, under another trial's number."""

    def read(name, number):
        found = json.loads((files / name).read_text(encoding="utf-8"))
        found["protocolSection"]["identificationModule"]["nctId"] = number
        return found

    return read


@pytest.fixture
def arrive(tmp_path):
    """Imports a record and gives what the import said, and a claim with the record in the base."""

    def put(record, claim):
        path, trials = tmp_path / "record.json", tmp_path / "trials"
        path.write_text(json.dumps(record))
        said = CliRunner().invoke(evidence, ["import", str(path), "--into", str(trials)])
        told = CliRunner().invoke(evidence, ["claims", claim, "--trials", str(trials)])
        assert (said.exit_code, told.exit_code) == (0, 0), said.output + told.output
        return said.output, told.output

    return put


def measures(record):
    return record["resultsSection"]["outcomeMeasuresModule"]["outcomeMeasures"]


def pcl5(when, means, sd="10", n="50"):
    """PCL-5 in the low-dose and the placebo arm of the made-up record."""
    groups = [{"id": "OG000", "title": "Ketamine 0.2 mg/kg"}, {"id": "OG001", "title": "Placebo"}]
    cells = [
        {"groupId": group["id"], "value": mean, "spread": sd}
        for group, mean in zip(groups, means, strict=True)
    ]
    return {
        "type": "PRIMARY",
        "title": "PTSD Checklist for DSM-5 (PCL-5)",
        "reportingStatus": "POSTED",
        "paramType": "MEAN",
        "dispersionType": "STANDARD_DEVIATION",
        "unitOfMeasure": "score on a scale",
        "timeFrame": when,
        "groups": groups,
        "denoms": [{"units": "Participants", "counts": [{"groupId": g["id"], "value": n} for g in groups]}],
        "classes": [{"categories": [{"measurements": cells}]}],
    }


def test_the_crossovers_posted_results_leave_its_printed_contrast_alone(record, arrive):
    found = record("crossover.json", "NCT00749203")
    measure = measures(found)[0]
    measure["groups"] = [{"id": "OG000", "title": "Ketamine"}, {"id": "OG001", "title": "Midazolam"}]
    said, claim = arrive(found, "E2")
    assert "belongs to feder2014" in said
    # The abstract of Feder 2014: 12.7 points, 2.5 to 22.8.
    assert "12.70 IES-R points (95% interval 2.50 to 22.80; " in claim
    assert "1 study (Feder 2014; 41 people)" in claim


def test_the_end_of_a_course_is_its_last_visit_whatever_the_order_of_the_record(record, arrive, tmp_path):
    found = record("three_arms.json", "NCT02655692")
    # 15 points apart at week 1, equal at the end of eight doses.
    measures(found)[:] = [
        pcl5("Week 1", ("25", "40")),
        pcl5("Week 4", ("30", "30")),
        pcl5("Week 2", ("28", "36")),
    ]
    arrive(found, "E3")
    answers = answer_all(read_base(SHIPPED / "trials", tmp_path / "trials"), read_plan())
    effects = {each.study_id: each for each in answers.get("severity_end").effects}
    assert (effects["abdallah2022"].time, effects["abdallah2022"].yi) == ("Week 4", 0)
    left_out = [each.outcome_id for each in answers.get("severity_end").left_out]
    assert {"nct02655692_1", "nct02655692_3"} <= set(left_out)
    # The trial's own words, no group-by-time interaction, stay beside its number.
    own = {(each.study_id, each.reading) for each in answers.get("severity_end").own_words}
    assert ("abdallah2022", "no_difference") in own


def test_a_measure_on_another_scale_after_a_day_replaces_no_number_and_is_told(record, arrive):
    found = record("three_arms.json", "NCT02655692")
    measures(found)[:] = [pcl5("24 hours after first infusion", ("30", "31"))]
    _, claim = arrive(found, "E2")
    # One point of an SD of ten, 50 people an arm.
    assert (
        "Abdallah 2022 (158 people), the largest trial known, said: PCL-5, 24 hours after first infusion: "
        in claim
    )
    assert "g 0.10 (" in claim
    assert "12.70 IES-R points" in claim


def test_a_contradiction_found_by_the_gate_keeps_an_outcome_out(record, arrive):
    found = record("three_arms.json", "NCT02655692")
    # The highest PCL-5 total is 80.
    measures(found)[:] = [pcl5("Week 4", ("30", "95"))]
    said, claim = arrive(copy.deepcopy(found), "E3")
    assert "nct02655692_1 enters no pool until this is settled" in said
    assert "mean-outside-scale" in said
    assert "2 studies (Duek 2023, Feder 2021" in claim
    assert "numbers are held and not used: not settled yet: mean-outside-scale" in claim
