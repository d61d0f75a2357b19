"""What ``openkap assess`` prints: what was not understood reaches verdict and table, and no file drives the terminal."""

import json
import unicodedata
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from fhir_records import AS_OF, Json, about, bundle, patient
from openkap.__main__ import cli
from openkap.interop.synthetic import referrals

DAY = ["--as-of", AS_OF.date().isoformat()]
ELIGIBLE = json.loads(
    next(case.content for case in referrals(AS_OF) if case.name == "eligible-search-result.json")
)
HOSTILE = "\x1b]0;owned\x07\x9b31m\u202e\u200b\x7f\U000e0041"


def call(*arguments: object) -> Any:
    return CliRunner().invoke(cli, [str(each) for each in arguments])


def written(folder: Path, data: Json, name: str = "r.json") -> Path:
    path = folder / name
    path.write_text(json.dumps(data), encoding="utf-8")
    return path


def with_words(*texts: str) -> Json:
    """The eligible person, with problems in words only."""
    mine = next(each["resource"]["subject"] for each in ELIGIBLE["entry"] if "subject" in each["resource"])
    problems = [
        {**about("Condition", f"words-{number}", code={"text": text}), "subject": mine}
        for number, text in enumerate(texts)
    ]
    return {**ELIGIBLE, "entry": [*ELIGIBLE["entry"], *({"resource": each} for each in problems)]}


def row_of(table: str, name: str) -> list[str]:
    return next(line.split() for line in table.splitlines() if line.startswith(name))


@pytest.mark.parametrize(
    ("texts", "told"),
    [
        (["Bulging aorta, seen 2019"], "ELIGIBLE on what was understood; 1 entry must be read first"),
        (
            ["Bulging aorta, seen 2019", "Fits"],
            "ELIGIBLE on what was understood; 2 entries must be read first",
        ),
        ([], "ELIGIBLE"),
    ],
)
def test_the_headline_says_how_many_entries_must_be_read_first(
    tmp_path: Path, texts: list[str], told: str
) -> None:
    report = call("assess", written(tmp_path, with_words(*texts)), *DAY).stdout
    assert report.splitlines()[0].split("   (")[0] == told


def test_the_table_counts_what_must_be_read_and_names_the_first(tmp_path: Path) -> None:
    clean = written(tmp_path, ELIGIBLE, "clean.json")
    words = written(tmp_path, with_words("Bulging aorta, seen 2019", "Fits"), "words.json")
    table = call("assess", clean, words, *DAY).stdout
    assert "to read" in table.splitlines()[1]
    assert row_of(table, "clean.json") == ["clean.json", "eligible", "0", "0", "0"]
    row = row_of(table, "words.json")
    assert row[:5] == ["words.json", "eligible", "0", "0", "2"]
    assert "Bulging aorta, seen 2019" in " ".join(row)


def test_json_says_how_many_entries_must_be_read(tmp_path: Path) -> None:
    record = json.loads(
        call("assess", written(tmp_path, with_words("Bulging aorta, seen 2019")), "--json", *DAY).stdout
    )
    assert (record["verdict"], record["to_read"]) == ("eligible", 1)
    facts = written(tmp_path, {"facts": {"age": "40 a"}}, "facts.json")
    assert json.loads(call("assess", facts, "--json", *DAY).stdout)["to_read"] == 0


def test_an_exclusion_stands_whatever_must_be_read(tmp_path: Path) -> None:
    case = next(each for each in referrals(AS_OF) if each.name == "excluded-aneurysm-denied.json")
    path = tmp_path / case.name
    path.write_bytes(case.content)
    assert call("assess", path, *DAY).stdout.startswith("EXCLUDED   (")


@pytest.mark.parametrize(
    "died", [{"deceasedBoolean": True}, {"deceasedDateTime": "2026-10-01"}, {"deceasedDateTime": "soon"}]
)
def test_a_patient_who_has_died_is_not_assessed(tmp_path: Path, died: Json) -> None:
    answer = call("assess", written(tmp_path, bundle(patient(**died))), *DAY)
    assert answer.exit_code == 1
    assert "has died" in answer.stderr


def test_a_patient_who_is_said_to_live_is_assessed(tmp_path: Path) -> None:
    path = written(tmp_path, bundle(patient(deceasedBoolean=False)))
    assert call("assess", path, *DAY).exit_code == 0


def unseen(text: str) -> set[str]:
    return {each for each in text if unicodedata.category(each) in ("Cc", "Cf")} - {"\n"}


@pytest.fixture
def hostile_file(tmp_path: Path) -> Path:
    facts = {"breastfeeding": {"value": True, "origin": f"line\nELIGIBLE{HOSTILE}"}}
    return written(tmp_path, {"patient": f"p{HOSTILE}", "facts": facts}, "a\x1b[31m\u202e.json")


@pytest.mark.parametrize("times", [1, 2])
def test_no_control_character_of_a_file_is_printed(hostile_file: Path, times: int) -> None:
    answer = CliRunner().invoke(cli, ["assess", *[str(hostile_file)] * times, *DAY], color=True)
    assert answer.exit_code == 0
    assert unseen(answer.stdout) == set()
    assert not any(line.startswith("ELIGIBLE") for line in answer.stdout.splitlines())


def test_json_gives_the_characters_back_but_does_not_print_them(hostile_file: Path) -> None:
    answer = CliRunner().invoke(cli, ["assess", str(hostile_file), "--json", *DAY], color=True)
    assert unseen(answer.stdout) == set()
    assert json.loads(answer.stdout)["patient"] == f"p{HOSTILE}"


def test_a_refusal_prints_no_control_character_of_the_name_of_a_file(tmp_path: Path) -> None:
    path = tmp_path / "b\x1b[31m.json"
    path.write_text("{", encoding="utf-8")
    answer = CliRunner().invoke(cli, ["assess", str(path)], color=True)
    assert answer.exit_code == 1
    assert unseen(answer.stderr) == set()


def test_a_listed_diagnosis_in_words_is_not_passed_over(tmp_path: Path) -> None:
    answer = json.loads(
        call("assess", written(tmp_path, with_words("Aortic aneurysm")), "--json", *DAY).stdout
    )
    assert answer["verdict"] == "incomplete"
    assert [each["fact"] for each in answer["missing"] if each["blocks"] == "verdict"] == [
        "aneurysmal_vascular_disease"
    ]


def test_a_dose_says_what_of_the_record_must_be_read_first(tmp_path: Path) -> None:
    weighed = ["--weight", "80 kg", "--height", "175 cm", "--age", "40 years"]
    path = written(tmp_path, with_words("Bulging aorta, seen 2019"))
    assert "Not understood in the record: 1" in call("dose", "--facts", path, *weighed).stdout
    assert json.loads(call("dose", "--facts", path, *weighed, "--json").stdout)["to_read"] == 1
    assert "Not understood" not in call("dose", *weighed).stdout
