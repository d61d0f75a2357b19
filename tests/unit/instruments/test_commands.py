"""The commands answer in words and in JSON, and say no with exit code 1."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from openkap.__main__ import cli
from openkap.core.errors import DomainError


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(cli, [str(each) for each in arguments])


def form(folder: Path, name: str, answers: dict[str, Any]) -> Path:
    path = folder / name
    path.write_text(json.dumps(answers), encoding="utf-8")
    return path


def full(answer: int) -> dict[str, int]:
    return {str(number): answer for number in range(1, 21)}


def test_a_form_is_scored_in_words(tmp_path: Path) -> None:
    answer = run("score", "pcl-5", form(tmp_path, "a.json", full(2)))
    assert answer.exit_code == 0
    assert "40  of 0-80  total" in answer.output
    assert "yes  provisional PTSD" in answer.output


def test_an_earlier_form_gives_the_change_with_its_definitions(tmp_path: Path) -> None:
    before, after = form(tmp_path, "a.json", full(2)), form(tmp_path, "b.json", full(1))
    words = run("score", "pcl-5", after, "--before", before)
    assert "change: 40 to 20, -20 (-50.0%)" in words.output
    assert "response, used: fall of 15 or more [response-15; MARX22; weak]" in words.output
    data = json.loads(run("score", "pcl-5", after, "--before", before, "--json").output)
    assert data["change"]["points"] == -20


def test_a_form_that_cannot_be_scored_exits_with_one_and_still_shows_safety(tmp_path: Path) -> None:
    answer = run("score", "phq-9", form(tmp_path, "a.json", {"9": 1}))
    assert answer.exit_code == 1
    assert "SAFETY  item 9" in answer.output
    assert "at most 2 of 9 missing" in answer.output


def test_an_unanswered_safety_question_and_strange_items_are_named(tmp_path: Path) -> None:
    items = [{"linkId": str(n), "answer": [{"valueInteger": 1}]} for n in (*range(1, 9), 99)]
    data = {"resourceType": "QuestionnaireResponse", "status": "completed", "item": items}
    answer = run("score", "phq-9", form(tmp_path, "a.json", data))
    assert "not answered: a safety question (suicidal-thoughts)" in answer.output
    assert "not understood: 99" in answer.output
    assert "at the mean of the others" in answer.output


def test_a_wrong_answer_is_a_domain_error(tmp_path: Path) -> None:
    answer = run("score", "pcl-5", form(tmp_path, "a.json", {"1": 9}))
    assert isinstance(answer.exception, DomainError)


def test_all_instruments_are_listed() -> None:
    assert len(run("instruments", "list").output.splitlines()) == 36
    rows = json.loads(run("instruments", "list", "--json").output)
    assert {"id": "pcl-5", "items": 20, "depth": "items"}.items() <= rows[
        [row["id"] for row in rows].index("pcl-5")
    ].items()


@pytest.mark.parametrize("name", ["pcl-5", "phq-9", "ymrs", "kset", "mdq", "dast-10"])
def test_an_instrument_is_shown_with_its_sources(name: str) -> None:
    answer = run("instruments", "show", name)
    assert answer.exit_code == 0, answer.exception
    assert "sources:" in answer.output
    assert json.loads(run("instruments", "show", name, "--json").output)["id"] == name


def test_wording_is_imported_and_shown(tmp_path: Path) -> None:
    items = [{"linkId": str(n), "type": "choice", "text": f"Official {n}"} for n in range(1, 8)]
    path = form(tmp_path, "q.json", {"resourceType": "Questionnaire", "language": "en", "item": items})
    folder = tmp_path / "clinic"
    answer = run("instruments", "import", path, "--as", "isi", "--to", folder)
    assert "7 items of ISI (en)" in answer.output
    assert "Official 3" in run("instruments", "show", "isi", "--wording", folder).output
    again = run("instruments", "import", path, "--as", "isi", "--to", folder, "--json")
    assert json.loads(again.output)["items"] == 7
    shown = json.loads(run("instruments", "show", "isi", "--wording", folder, "--json").output)
    assert shown["wording"]["1"] == "Official 1"
