"""The commands answer, draw, write and refuse."""

import json
import shutil
import xml.etree.ElementTree as ET

import pytest
from click.testing import CliRunner

from openkap.__main__ import cli
from openkap.core.content import SHIPPED
from openkap.core.errors import DomainError
from openkap.pharmacology.mechanism import drawing, mechanism_map
from openkap.pharmacology.tally import tally


def run(*arguments):
    return CliRunner().invoke(cli, list(arguments), catch_exceptions=False)


def answer(*arguments):
    return json.loads(run(*arguments, "--json").output)


def test_half_a_milligram_per_kilogram_over_forty_minutes_in_94_kg():
    found = answer(
        "simulate", "--route", "iv", "--dose", "0.5 mg/kg", "--over", "40 min", "--weight", "94 kg"
    )
    assert found["model"] == "kamp2020_3cmt_racemic"
    assert found["site"] == "arterial_like"
    assert found["tmax"] == {"value": 40.0, "unit": "min"}
    assert {"cmax", "auc", "units", "sources", "warnings"} <= found.keys()
    assert "bands" not in found
    assert "bands" in answer(
        "simulate", "--route", "iv", "--dose", "35 mg", "--people", "20", "--until", "2 h"
    )


def test_a_site_chooses_the_model():
    asked = ("simulate", "--route", "iv", "--dose", "35 mg", "--over", "40 min", "--site", "venous")
    assert answer(*asked)["model"] == "clements1981_racemic_250"


def test_curves_and_figure_are_written(tmp_path):
    table, figure = tmp_path / "a.csv", tmp_path / "a.svg"
    shown = ("--people", "30", "--until", "3 h", "--csv", str(table), "--plot", str(figure))
    run("simulate", "--route", "intranasal", "--dose", "84 mg", *shown)
    head = table.read_text().splitlines()[0]
    assert head.startswith("time_min,esketamine_p5_ng_ml,esketamine_p50_ng_ml")
    words = " ".join(ET.parse(figure).getroot().itertext())
    for needed in (
        "Time (min)",
        "(ng/mL)",
        "5 % to 95 % of people",
        "perezruixo2021_esketamine",
        "pr_nlmixr",
    ):
        assert needed in words


def test_a_figure_that_cannot_be_written_is_refused(tmp_path):
    with pytest.raises(DomainError, match="cannot write"):
        run("simulate", "--route", "iv", "--dose", "35 mg", "--plot", str(tmp_path / "no" / "a.svg"))


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--route", "iv", "--dose", "35"), "without a unit"),
        (("--route", "subcutaneous", "--dose", "35 mg"), "no human subcutaneous kinetics"),
        (("--route", "intranasal", "--dose", "56000 mg"), "micrograms"),
        (("--route", "inhaled", "--dose", "50 mg"), "lacks parameters"),
        (("--route", "iv", "--dose", "35 mg", "--model", "nobody"), "no such model"),
        (("--route", "iv", "--dose", "35 mg", "--weight", "0 kg"), "impossible"),
        (("--route", "iv", "--dose", "35 mg", "--until", "-1 h"), "above zero"),
        (("--route", "iv", "--dose", "35 mg", "--repeat", "2"), "time between"),
        (("--route", "iv", "--dose", "35 mg", "--with", "aspirin"), "no interaction"),
    ],
)
def test_what_cannot_be_answered_is_refused(arguments, says):
    with pytest.raises(DomainError, match=says):
        run("simulate", *arguments)


def test_a_confirmed_dose_is_answered():
    found = run("simulate", "--route", "intranasal", "--dose", "2000 mg", "--confirm-dose")
    assert "extrapolation" in found.output


def test_rifampicin_appears_in_the_answer():
    asked = ("simulate", "--drug", "esketamine", "--dose", "84 mg", "--with", "rifampicin", "--route")
    oral, nasal = answer(*asked, "oral"), answer(*asked, "intranasal")
    assert any("area × 0.14" in note for note in oral["warnings"])
    assert any("no ratio found" in note for note in nasal["warnings"])


def test_routes_stand_side_by_side_with_their_refusals(tmp_path):
    rows = answer("routes", "--people", "20", "--plot", str(tmp_path / "r.svg"))
    by_id = {row["id"]: row for row in rows}
    assert len(rows) == 13
    assert by_id["subcutaneous_racemic"]["cmax"] is None
    assert by_id["iv_racemic_arterial"]["cmax"][1] > by_id["iv_racemic_venous_prediction"]["cmax"][1]
    assert "subcutaneous" in (tmp_path / "r.svg").read_text()


def test_all_eighteen_models_are_listed_and_each_can_be_shown():
    rows = answer("models", "list")
    assert len(rows) == 18
    assert sum(row["runs"] for row in rows) == 12
    for row in rows:
        shown = answer("models", "show", row["id"])
        assert all(value["source"] and value["grade"] for value in shown["parameters"].values())


def test_the_check_prints_each_row_with_its_fold_error():
    rows = answer("models", "check")
    assert all(row["fold"] is not None or row["why"] for row in rows)
    assert "outside the 1.25-fold window, and why" in run("models", "check").output


def test_every_arrow_of_the_mechanism_map_has_a_source(tmp_path):
    found = answer("mechanism", "--plot", str(tmp_path / "m.svg"))
    assert len(found["nodes"]) == 9
    rows = [row for node in found["nodes"] for row in node["evidence_for"] + node["evidence_against"]]
    assert all(row["source"] for row in rows)
    words = " ".join(ET.fromstring(drawing(mechanism_map())).itertext())
    assert all(node["id"].replace("_", " ") in words for node in found["nodes"])


def test_all_content_of_the_room_is_valid_and_graded():
    kinds = tally(SHIPPED)
    assert [error for kind in kinds for error in kind.errors] == []
    assert all(sum(kind.grades.values()) == kind.count > 0 for kind in kinds)


def test_a_planted_source_that_nobody_knows_is_found(tmp_path):
    root = tmp_path / "content"
    shutil.copytree(SHIPPED, root)
    path = root / "models" / "herd2007_paed_racemic.yaml"
    path.write_text(path.read_text().replace("source: [opentiva]", "source: [hearsay]", 1))
    errors = [str(error) for kind in tally(root) for error in kind.errors]
    assert len(errors) == 1
    assert "hearsay" in errors[0]


@pytest.mark.parametrize(
    ("slip", "said"),
    [
        (("--people", "3", "--seed", "-1"), "Invalid value for '--seed'"),
        (("--people", "0"), "Invalid value for '--people'"),
        (("--repeat", "1000000", "--every", "1 d"), "Invalid value for '--repeat'"),
    ],
)
def test_a_number_out_of_range_is_said_and_not_set_right(slip, said):
    found = run("simulate", "--route", "iv", "--dose", "35 mg", *slip)
    assert found.exit_code == 2
    assert said in found.output


def test_an_assumption_without_its_model_is_not_ignored():
    with pytest.raises(DomainError, match="belongs to a model"):
        run("simulate", "--route", "iv", "--dose", "35 mg", "--assume", "hill=1")


@pytest.mark.parametrize("command", ["routes", "mechanism"])
def test_a_figure_that_cannot_be_written_is_one_message(tmp_path, command):
    more = ("--people", "2") if command == "routes" else ()
    with pytest.raises(DomainError, match="cannot write the file"):
        run(command, *more, "--plot", str(tmp_path / "no" / "a.svg"))
