"""The commands a person types: their answers, and their refusals without a traceback."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from openkap.__main__ import VERBS, cli, main


@pytest.fixture
def facts_file(tmp_path: Path) -> Path:
    path = tmp_path / "referral.yaml"
    path.write_text(
        "patient: R-7\nas_of: 2026-11-20\nfacts:\n  age: 41 years\n  sbp_resting: 148 mmHg\n  maoi: no\n",
        encoding="utf-8",
    )
    return path


def call(*arguments: str) -> Any:
    return CliRunner().invoke(cli, list(arguments))


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    with pytest.raises(SystemExit) as ended:
        main(list(arguments))
    assert ended.value.code == 1
    error = capsys.readouterr().err
    assert "Traceback" not in error
    return error


def test_every_verb_of_the_table_can_be_called() -> None:
    for verb in VERBS:
        result = call(verb, "--help")
        assert result.exit_code == 0, verb


def test_assess_answers_with_verdict_protocol_reasons_and_missing(facts_file: Path) -> None:
    result = call("assess", str(facts_file), "--json", "--as-of", "2026-11-23")
    answer = json.loads(result.stdout)
    assert result.exit_code == 0
    assert answer["verdict"] == "incomplete"
    assert answer["so_far"] == "needs_clinician_review"
    assert answer["protocol"]["id"] == "iv-racemic"
    assert answer["reasons"][0]["rule"] == "CAU-BP1"
    assert answer["missing"][0]["effort"] == "asked"


def test_assess_prints_a_report_for_one_and_a_table_for_several(facts_file: Path) -> None:
    report = call("assess", str(facts_file)).stdout
    assert "Still to learn, cheapest first" in report
    assert "Guideline-conflict notice" in report
    table = call("assess", str(facts_file), str(facts_file)).stdout
    assert "2 files: 2 incomplete" in table


def test_a_bad_file_in_a_folder_is_a_row_not_the_end(facts_file: Path) -> None:
    (facts_file.parent / "broken.json").write_text('{"facts": {"age": ', encoding="utf-8")
    result = call("assess", str(facts_file.parent), "--json")
    answers = json.loads(result.stdout)
    assert result.exit_code == 1
    assert len(answers) == 2
    assert "error" in answers[0]
    assert answers[0]["error"]["where"].startswith(str(facts_file.parent / "broken.json"))


def test_dose_shows_arithmetic_and_warning() -> None:
    text = call("dose", "--weight", "94 kg").stdout
    assert "0.5 mg/kg × 94 kg = 47 mg" in text
    assert "WARNING: Never give 100 mg/mL undiluted" in text
    data = json.loads(call("dose", "--protocol", "intranasal-esketamine", "--json").stdout)
    assert data["amounts"][0]["draws"][0]["devices"] == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("dose", "--weight", "94"), "without a unit"),
        (("dose", "--weight", "9,4 kg"), "decimal comma"),
        (("dose",), "needs the body weight"),
        (("dose", "--weight", "600 kg"), "confirm an unusual weight"),
        (("dose", "--weight", "94 kg", "--step", "huge"), "no such dosing step"),
        (("score", "pcl-5", "/dev/zero"), "not a file"),
        (("protocol", "show", "iv-racemic", "--site", "/dev/zero"), "not a file"),
        (("protocol", "show", "oral"), "no such protocol"),
        (("protocol", "publish", "iv-racemic", "--by", "x"), "which version"),
        (("protocol", "show", "iv-racemic", "--rule", "XXX"), "no such rule"),
    ],
)
def test_a_refusal_is_one_message(
    capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], message: str
) -> None:
    assert message in refused(capsys, *arguments)


def test_protocols_are_listed_shown_and_compared() -> None:
    rows = json.loads(call("protocol", "list", "--json").stdout)
    assert {row["id"] for row in rows} >= {
        "iv-racemic",
        "intranasal-esketamine",
        "im-racemic",
        "low-resource",
    }
    assert (
        "Systolic pressure at rest above 140 mmHg"
        in call("protocol", "show", "iv-racemic", "--rule", "CAU-BP1").stdout
    )
    assert call("protocol", "show", "iv-racemic").stdout.startswith("# Intravenous racemic ketamine")
    assert "CAU-LFT" in call("protocol", "diff", "iv-racemic", "low-resource").stdout
    assert call("protocol", "diff", "iv-racemic", "iv-racemic").stdout == "no difference\n"


def test_the_facts_a_file_may_name_are_listed() -> None:
    text = call("protocol", "facts", "--group", "cardiovascular").stdout
    assert "sbp_resting" in text
    assert "maoi" not in text


def test_help_loads_no_room() -> None:
    """The help page is quick because it imports nothing heavy; a second command never pays for a first."""
    probe = (
        "import sys; from openkap.__main__ import cli; from click.testing import CliRunner; "
        "CliRunner().invoke(cli, ['--help']); "
        "print(sorted({name.split('.')[0] for name in sys.modules} & "
        "{'numpy', 'scipy', 'django', 'duckdb', 'pydantic', 'pyarrow', 'rich'}))"
    )
    result = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


def test_a_folder_without_referrals_is_a_refusal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "no referrals here" in refused(capsys, "assess", str(tmp_path))
