"""Many files are told in their order, whoever reads them."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from openkap.commands import assess_many
from openkap.commands.assess import assess


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for number in range(90):
        facts = {"age": f"{17 + number % 3} a", "maoi": "yes" if number % 7 == 0 else "no"}
        text = json.dumps({"patient": f"R-{number}", "facts": facts}) if number % 11 else "{not json"
        (tmp_path / f"r{number:03}.json").write_text(text, encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize("form", [(), ("--json",)])
def test_the_answer_is_the_same_however_the_files_are_shared(
    folder: Path, form: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = [str(folder), "--as-of", "2026-11-23", *form]
    alone = CliRunner().invoke(assess, arguments)
    monkeypatch.setattr(assess_many, "WORTH_SHARING", 2)
    monkeypatch.setattr(assess_many, "FILES_AT_A_TIME", 7)
    monkeypatch.setattr(assess_many.os, "cpu_count", lambda: 3)
    shared = CliRunner().invoke(assess, arguments)
    assert alone.output == shared.output
    assert alone.exit_code == shared.exit_code == 1
