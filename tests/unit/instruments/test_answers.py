"""Files of answers: what is read, and what is refused with its place."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from openkap.core.errors import DomainError, InputError
from openkap.instruments.answers import read_answers
from openkap.instruments.load import instrument
from openkap.instruments.score import score

PHQ9 = instrument("phq-9")


def written(folder: Path, text: str, name: str = "form.json") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def response(*items: dict[str, Any], status: str = "completed") -> str:
    return json.dumps({"resourceType": "QuestionnaireResponse", "status": status, "item": list(items)})


def coded(link: str, code: str) -> dict[str, Any]:
    return {"linkId": link, "answer": [{"valueCoding": {"system": "http://loinc.org", "code": code}}]}


def test_json_and_yaml_say_the_same(tmp_path: Path) -> None:
    as_json = written(tmp_path, '{"1": 3, "9": 0, "2": null}')
    as_yaml = written(tmp_path, '"1": 3\n"9": 0\n"2": null\n', "form.yaml")
    assert (
        read_answers(as_json, PHQ9).values
        == read_answers(as_yaml, PHQ9).values
        == {"1": 3, "9": 0, "2": None}
    )


@pytest.mark.parametrize("word", ["yes", "true", "True"])
def test_a_yes_or_no_item_takes_the_words(tmp_path: Path, word: str) -> None:
    path = written(tmp_path, f"S: {word}\nT: no\n", "form.yaml")
    assert read_answers(path, instrument("stop")).values == {"S": 1, "T": 0}


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ('{"1": 3, "1": 2}', "stands twice"),
        ('{"1": 2.5}', "not a whole number (given: 2.5)"),
        ('{"1": 1e400}', "not a whole number"),
        ('{"1": NaN}', "not a number (given: NaN)"),
        ('{"1": Infinity}', "not a number"),
        ('{"1": "often"}', "not a whole number (given: often)"),
        ('{"1": "1,5"}', "not a whole number"),
        ('{"1": [1]}', "not a whole number"),
        ('{"1": true}', "not a whole number"),
        ('{"1": 3', "not readable as JSON"),
        ("[1, 2]", "answers are a mapping"),
        ('{"1": ' + "9" * 5000 + "}", "thousands of digits"),
        ("[" * 100_000, "nested too deeply"),
        ('{"resourceType": "Bundle"}', "not a form that was answered"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_with_its_place(tmp_path: Path, text: str, what: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(InputError) as refused:
        read_answers(path, PHQ9)
    assert what in str(refused.value)
    assert str(path) in str(refused.value.where)


@pytest.mark.parametrize(
    "raw", [b"\xff\xfe", b"1: &a [*a]", b"1: 1\n1: 2", b"\x00", b"- - - -", b"!!python/object:os.system x"]
)
def test_hostile_yaml_is_refused(tmp_path: Path, raw: bytes) -> None:
    path = tmp_path / "form.yaml"
    path.write_bytes(raw)
    with pytest.raises(DomainError):
        read_answers(path, PHQ9)


def test_a_missing_and_an_oversized_file_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot read the file"):
        read_answers(tmp_path / "none.json", PHQ9)
    with pytest.raises(InputError, match="too large for one form"):
        read_answers(written(tmp_path, " " * 5_000_000), PHQ9)


def test_a_response_is_matched_by_loinc_code_number_and_published_link(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        response(
            coded("/44249-1/44250-9", "LA6569-3"),
            {"linkId": "group", "item": [coded("phq-phq9-q02", "LA6571-9")]},
            {"linkId": "9", "answer": [{"valueInteger": 2}]},
            {"linkId": "44261-6", "answer": [{"valueDecimal": 6}]},
        ),
    )
    read = read_answers(path, PHQ9)
    assert read.values == {"1": 1, "2": 3, "9": 2}
    assert read.unmatched == ("44261-6: no item of PHQ-9",)


def test_a_published_example_response_gets_its_published_total(tmp_path: Path) -> None:
    """MII PRO module: GAD-7 example response, total 7."""
    codes = ["LA6569-3"] * 3 + ["LA6570-1"] * 2 + ["LA6568-5"] * 2
    items = [coded(f"phq-phq5{letter}", code) for letter, code in zip("abcdefg", codes, strict=True)]
    gad7 = instrument("gad-7")
    assert score(gad7, read_answers(written(tmp_path, response(*items)), gad7).values).total == 7


def test_an_ordinal_value_stands_for_an_unknown_code(tmp_path: Path) -> None:
    url = "http://hl7.org/fhir/StructureDefinition/ordinalValue"
    coding = {"code": "x", "extension": [{"url": url, "valueDecimal": 2}]}
    path = written(tmp_path, response({"linkId": "1", "answer": [{"valueCoding": coding}]}))
    assert read_answers(path, PHQ9).values == {"1": 2}


@pytest.mark.parametrize(
    ("items", "what"),
    [
        ([coded("1", "LA0000-0")], "stands for no number"),
        ([{"linkId": "1", "answer": [{"valueString": "often"}]}], "stands for no number"),
        ([{"linkId": "1", "answer": [{"valueDecimal": 1.5}]}], "stands for no number"),
        ([{"linkId": "1", "answer": [{"valueBoolean": True}]}], "stands for no number"),
        ([{"linkId": "1", "answer": ["x"]}], "stands for no number"),
        ([{"linkId": "1", "answer": [{"valueInteger": 1}, {"valueInteger": 2}]}], "more than once"),
        ([{"linkId": "1", "answer": [{"valueInteger": 1}]}, coded("44250-9", "LA6569-3")], "more than once"),
        ([{"linkId": "colour", "answer": [{"valueInteger": 1}]}], "no answer of this response belongs"),
        ([7], "cannot be read"),
    ],
)
def test_a_response_that_is_not_clear_is_refused(tmp_path: Path, items: list[Any], what: str) -> None:
    with pytest.raises(InputError, match=what):
        read_answers(written(tmp_path, response(*items)), PHQ9)


def test_an_absurd_decimal_does_not_hang(tmp_path: Path) -> None:
    text = response({"linkId": "1", "answer": [{"valueDecimal": 0}]}).replace('": 0}', '": 1e999999999}')
    with pytest.raises(InputError, match="stands for no number"):
        read_answers(written(tmp_path, text), PHQ9)


@pytest.mark.parametrize("status", ["entered-in-error", "stopped", "", None])
def test_a_response_in_error_is_refused(tmp_path: Path, status: str) -> None:
    path = written(tmp_path, response(coded("1", "LA6569-3"), status=status))
    with pytest.raises(InputError, match="not to be used"):
        read_answers(path, PHQ9)


def test_a_yes_or_no_response_takes_a_boolean(tmp_path: Path) -> None:
    path = written(tmp_path, response({"linkId": "S", "answer": [{"valueBoolean": True}]}))
    assert read_answers(path, instrument("stop")).values == {"S": 1}
