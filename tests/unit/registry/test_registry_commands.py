"""The command line of the registry, from an empty folder to a combined result."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from openkap.commands import registry as registry_commands
from openkap.commands.registry import registry
from openkap.core.errors import InputError
from openkap.registry.aggregate import combine, read_signed


def run(*arguments: object) -> Any:
    result = CliRunner().invoke(registry, [str(each) for each in arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return json.loads(result.output) if "--json" in arguments else result.output


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("registry")
    run("synth", root, "--patients", 250, "--sites", 3)
    return root


def test_synth_says_what_is_true(tmp_path: Path) -> None:
    answer = run("synth", tmp_path, "--patients", 50, "--sessions", 321, "--json")
    assert answer["rows"]["session"] == 321
    assert answer["truth"]["people"] == 50


def test_the_same_world_gives_the_same_data(tmp_path: Path) -> None:
    prints = {run("synth", tmp_path / each, "--patients", 30, "--json")["fingerprint"] for each in "ab"}
    assert len(prints) == 1


def test_check_finds_the_planted_duplicates_and_no_error(folder: Path) -> None:
    answer = run("check", folder, "--json")
    assert (answer["errors"], [each["id"] for each in answer["failing"]]) == (0, ["same-score-twice"])


def test_a_measure_is_the_same_from_duckdb_and_from_plain_python(folder: Path) -> None:
    fast, slow = (
        run("measure", folder, "onset", "--engine", each, "--json") for each in ("duckdb", "reference")
    )
    fast, slow = fast["rows"][0], slow["rows"][0]
    for name in ("due", "seen", "observed", "bounds", "warnings"):
        assert fast[name] == slow[name]
    # The model of who answers sees the same cells in another order.
    assert fast["weighted"]["value"] == pytest.approx(slow["weighted"]["value"], rel=1e-9)


def test_every_measure_answers(folder: Path) -> None:
    for measure in run("measure", folder, "--json"):
        assert run("measure", folder, measure["id"], "--strata", "--json")["rows"], measure["id"]


def test_an_unknown_measure_is_refused_with_the_known_ones(folder: Path) -> None:
    with pytest.raises(InputError, match="response"):
        run("measure", folder, "happiness")


def test_an_unknown_engine_is_refused(folder: Path) -> None:
    with pytest.raises(InputError, match="unknown engine"):
        run("measure", folder, "onset", "--engine", "mysql")


def test_the_report_prints_no_rate_without_its_missing(folder: Path, tmp_path: Path) -> None:
    lines = run("report", folder, "--csv", tmp_path / "outcomes.csv").splitlines()
    outcomes = [
        line
        for line in lines
        if line.startswith(("Response,", "Remission,", "Deterioration,", "Mean change,"))
    ]
    assert len(outcomes) > 50
    for line in outcomes:
        whole = " seen (" in line and "whatever the missing did" in line
        assert whole or "too few answers to estimate" in line or "Nobody was due" in line, line
    assert "completeness" in (tmp_path / "outcomes.csv").read_text().splitlines()[0]


def test_the_benchmark_prints_what_it_cannot_say(folder: Path) -> None:
    assert "It cannot say what the treatment caused" in run("benchmark", folder)


def test_two_sites_combine_without_a_patient_leaving(folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    run("synth", other, "--patients", 250, "--seed", 5, "--sites", 3)
    trust, files = [], []
    for number, root in enumerate((folder, other)):
        public = run("key", tmp_path / f"{number}.pem").strip()
        out = tmp_path / f"{number}.json"
        key = tmp_path / f"{number}.pem"
        run("summarise", root, "--site", f"site {number}", "--key", key, "--out", out, "--first")
        trust += ["--trust", public]
        files.append(out)
    combined = {each["key"]: each for each in run("combine", *files, *trust, "--json")}
    assert combined["response pcl5 w4"]["sites"] == 2
    told: list[str] = []
    again = combine([read_signed(path, trust[1::2]) for path in files], progress=told.append)
    assert set(combined) == {each.key for each in again} <= set(told), "each total is told as it is pooled"
    assert combined["response pcl5 w4"]["worst"] <= combined["response pcl5 w4"]["rate"] <= 1
    changed = json.loads(files[0].read_text())
    changed["body"]["tables"][0]["total"]["due"] = 999
    files[0].write_text(json.dumps(changed))
    with pytest.raises(InputError, match="signature does not fit"):
        run("combine", *files, *trust)
    with pytest.raises(InputError, match="not trusted"):
        run("combine", files[1], "--trust", "00" * 32)


def test_a_missing_ledger_is_not_taken_for_a_first_release(folder: Path, tmp_path: Path) -> None:
    (folder / "ledger.json").unlink(missing_ok=True)
    run("key", tmp_path / "site.pem")
    words = ("summarise", folder, "--site", "north", "--key", tmp_path / "site.pem", "--out", tmp_path / "o")
    with pytest.raises(InputError, match="no ledger of what was sent before"):
        run(*words)
    assert not (tmp_path / "o").exists()
    run(*words, "--first")
    run(*words)


def test_rows_from_a_folder_become_a_release(tmp_path: Path) -> None:
    source = tmp_path / "rows"
    source.mkdir()
    (source / "site.jsonl").write_text('{"site_id": "n", "zone": "Europe/Berlin"}\n')
    (source / "patient.jsonl").write_text('{"patient_id": "a", "site_id": "n"}\n')
    (source / "consent.jsonl").write_text(
        '{"consent_id": 1, "patient_id": "a", "purpose": "registry", "decision": "given",'
        ' "decided_at": "2026-01-01T00:00:00Z"}\n'
    )
    (tmp_path / "key").write_text("a secret of this clinic alone")
    answer = run("extract", tmp_path / "out", "--from", source, "--key-file", tmp_path / "key", "--json")
    assert answer["rows_written"]["patient"] == 1


class Terminal(io.StringIO):
    """A place to write that says somebody watches."""

    def isatty(self) -> bool:
        return True


def test_long_work_shows_how_far_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr("sys.stderr", screen := Terminal())
    with registry_commands._progress("Report", False, 4) as say:
        for step in ("first", "second", "third"):
            say(step)
    assert "Report: third" in screen.getvalue()
    assert " 50%" in screen.getvalue(), "two of four are behind it when the third begins"


def test_work_counted_by_people_shows_their_share(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr("sys.stderr", screen := Terminal())
    with registry_commands._progress("Synthetic registry", False, 200) as say:
        say("50 people", 50)
    assert " 25%" in screen.getvalue()


def test_nothing_moves_beside_json(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stderr", screen := Terminal())
    with registry_commands._progress("Report", True, 4) as say:
        say("first")
    assert screen.getvalue() == ""
