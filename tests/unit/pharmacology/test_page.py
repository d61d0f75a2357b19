"""The page of the room says only what runs."""

import re
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner

from openkap.__main__ import cli

PAGE = (Path(__file__).parents[3] / "docs" / "pharmacology.md").read_text(encoding="utf-8")
COMMANDS = [line for line in PAGE.splitlines() if line.startswith("openkap ")]


def test_the_python_of_the_page_runs_from_top_to_bottom():
    names = {}
    for block in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL):
        exec(compile(block, "docs/pharmacology.md", "exec"), names)
    assert names["vitals"].bands["systolic"].slope.readings == 3


@pytest.mark.parametrize("line", COMMANDS)
def test_a_command_of_the_page_runs(line, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert CliRunner().invoke(cli, shlex.split(line)[1:], catch_exceptions=False).exit_code == 0
