"""The verbs of ``openkap evidence``: each reads a file and gives what the library gives."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

import openkap.evidence as ev
from openkap.commands.evidence import evidence


def run(folder: Path, text: str, verb: str, *options: str) -> Any:
    path = folder / "table.csv"
    path.write_text(text)
    words = CliRunner().invoke(evidence, [verb, str(path), *options], catch_exceptions=False)
    assert words.exit_code == 0
    assert words.output
    return json.loads(CliRunner().invoke(evidence, [verb, str(path), *options, "--json"]).output)


EFFECTS = "study,effect,yi,vi,dose,kind\n" + "".join(
    f"s{i // 3},{i},{0.1 * (i % 5) - 0.05 * i},{0.05 + 0.01 * (i % 4)},{i % 4},{'abc'[i % 3]}\n"
    for i in range(18)
)
YI = [0.1 * (i % 5) - 0.05 * i for i in range(18)]
VI = [0.05 + 0.01 * (i % 4) for i in range(18)]
STUDY = [f"s{i // 3}" for i in range(18)]


def test_regress_turns_text_into_indicators(tmp_path: Path) -> None:
    data = run(tmp_path, EFFECTS, "regress", "--moderators", "dose,kind", "--test", "knha")
    assert data["names"] == ["intercept", "dose", "kind=b", "kind=c"]
    robust = run(tmp_path, EFFECTS, "regress", "--moderators", "dose", "--cluster", "study")
    fit = ev.meta_regression(YI, VI, [i % 4 for i in range(18)]).robust("CR2", clusters=STUDY)
    np.testing.assert_allclose(robust["df"], fit.df)


def test_multilevel_reads_levels_from_columns(tmp_path: Path) -> None:
    data = run(tmp_path, EFFECTS, "multilevel")
    fit = ev.multilevel(YI, VI, [STUDY, range(18)])
    np.testing.assert_allclose(data["sigma2"], fit.sigma2)
    assert run(tmp_path, EFFECTS, "multilevel", "--rho", "0.5", "--robust")["kind"] == "CR2"


def test_network_reads_contrasts_and_arms(tmp_path: Path) -> None:
    contrasts = "study,treat1,treat2,te,se_te\n1,a,b,1,0.5\n2,a,c,2,0.5\n3,b,c,1.1,0.5\n"
    data = run(tmp_path, contrasts, "network", "--split", "--reference", "c")
    assert data["treatments"] == ["a", "b", "c"]
    arms = "study,treatment,mean,sd,n\n1,a,1,1,20\n1,b,2,1,20\n2,a,1,1,30\n2,b,1.5,1,30\n"
    pair = run(tmp_path, arms, "network")
    effect = ev.mean_difference(
        mean1=[1, 1], sd1=[1, 1], n1=[20, 30], mean2=[2, 1.5], sd2=[1, 1], n2=[20, 30]
    )
    assert pair["te_common"][0][1] == pytest.approx(ev.pool(effect.yi, effect.vi, "CE").estimate)


def test_dose_and_multiverse_read_their_columns(tmp_path: Path) -> None:
    doses = "study,dose,yi,vi\n" + "".join(f"{i},{0.5 + 0.1 * i},{-0.3 - 0.1 * i},0.05\n" for i in range(6))
    assert run(tmp_path, doses, "dose")["names"] == ["dose"]
    rows = "study,instrument,time,yi,vi\n" + "".join(
        f"{i},{tool},{week},{-0.1 * i - 0.1 * week},0.1\n"
        for i in range(3)
        for tool in ("CAPS", "PCL")
        for week in (1, 2)
    )
    data = run(tmp_path, rows, "multiverse", "--choose", "instrument,time")
    assert data["summary"]["fits"] == 9 * 27
    assert data["leverage"]["time"] > data["leverage"]["instrument"]


TWICE = "study,instrument,yi,vi\na,CAPS,-0.5,0.1\na,CAPS,-0.9,0.1\na,PCL,-0.1,0.1\nb,CAPS,-0.25,0.12\n"


def test_rows_of_a_study_behind_its_first_are_named(tmp_path: Path) -> None:
    data = run(tmp_path, TWICE, "multiverse", "--choose", "instrument")
    assert data["not_used"] == [
        "instrument CAPS, inclusion all: a, 1 more row",
        "instrument any, inclusion all: a, 2 more rows",
    ]


def test_the_multiverse_is_told_in_figures_a_reader_can_use(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(TWICE)
    told = (
        CliRunner().invoke(evidence, ["multiverse", str(tmp_path / "t.csv"), "--choose", "instrument"]).output
    )
    assert "not used: instrument CAPS, inclusion all: a, 1 more row of the study" in told
    # Two studies, -0.5 and -0.25: no number needs more than four decimals.
    assert re.search(r"\d\.\d{5}", told) is None
