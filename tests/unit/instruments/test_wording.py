"""Official wording comes from the clinic's own file, whole or not at all."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from openkap.core.errors import InputError
from openkap.instruments.load import instrument
from openkap.instruments.wording import load, read_questionnaire, save

ISI = instrument("isi")
ORDINAL = "http://hl7.org/fhir/StructureDefinition/ordinalValue"


def question(link: str, text: str = "What is asked", **more: Any) -> dict[str, Any]:
    return {"linkId": link, "type": "choice", "text": text, **more}


def form(folder: Path, *items: dict[str, Any], **more: Any) -> Path:
    path = folder / "questionnaire.json"
    path.write_text(json.dumps({"resourceType": "Questionnaire", "item": list(items), **more}))
    return path


def seven(**more: Any) -> list[dict[str, Any]]:
    return [question(str(number), f"Question {number}", **more) for number in range(1, 8)]


def test_a_form_named_by_numbers_is_imported_and_read_back(tmp_path: Path) -> None:
    options = [{"valueCoding": {"display": "None", "extension": [{"url": ORDINAL, "valueDecimal": 0}]}}]
    group = {"linkId": "g", "type": "group", "text": "Please rate", "item": seven(answerOption=options)}
    wording = read_questionnaire(form(tmp_path, group, language="en", copyright="© owner"), ISI)
    assert wording.items["7"] == "Question 7"
    assert wording.answers["1"] == {"0": "None"}
    path = save(wording, tmp_path / "clinic")
    assert load(path) == wording
    assert path.name == "isi.en.json"


def test_loinc_codes_name_the_items_of_the_phq9(tmp_path: Path) -> None:
    phq9 = instrument("phq-9")
    items = [
        question(f"x{number}", f"Q{number}", code=[{"code": item.loinc}])
        for number, item in enumerate(phq9.items_by_id.values())
    ]
    assert read_questionnaire(form(tmp_path, *items), phq9).items["9"] == "Q8"


def test_questions_without_names_are_matched_by_order_only_when_asked(tmp_path: Path) -> None:
    path = form(tmp_path, *(question(f"q-{number}", f"Text {number}") for number in range(7)))
    with pytest.raises(InputError, match="no question of the form belongs to item 1"):
        read_questionnaire(path, ISI)
    assert read_questionnaire(path, ISI, by_order=True).items["1"] == "Text 0"


def test_a_form_with_too_few_questions_is_refused_by_order(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be matched by order"):
        read_questionnaire(form(tmp_path, question("a")), ISI, by_order=True)


@pytest.mark.parametrize(
    ("items", "what"),
    [
        ([*seven(), question("7")], "two questions ask item 7"),
        (seven()[:6], "belongs to item 7"),
        ([*seven()[:6], question("7", " ")], "has no text"),
        (
            seven(answerOption=[{"valueCoding": {"extension": [{"url": ORDINAL, "valueDecimal": 9}]}}]),
            "does not offer",
        ),
    ],
)
def test_a_form_of_something_else_is_refused(tmp_path: Path, items: list[dict[str, Any]], what: str) -> None:
    with pytest.raises(InputError, match=what):
        read_questionnaire(form(tmp_path, *items), ISI)


def test_another_resource_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "patient.json"
    path.write_text('{"resourceType": "Patient"}')
    with pytest.raises(InputError, match="not a form"):
        read_questionnaire(path, ISI)


def test_an_import_is_never_replaced_unasked_and_the_old_one_is_kept(tmp_path: Path) -> None:
    folder = tmp_path / "clinic"
    first = read_questionnaire(form(tmp_path, *seven()), ISI)
    path = save(first, folder)
    assert save(first, folder) == path
    changed = read_questionnaire(form(tmp_path, *seven(), title="New title"), ISI)
    with pytest.raises(InputError, match="already here"):
        save(changed, folder)
    save(changed, folder, replace=True)
    assert load(path) == changed
    assert len(list(folder.iterdir())) == 2


def test_a_language_that_is_no_tag_is_refused(tmp_path: Path) -> None:
    wording = read_questionnaire(form(tmp_path, *seven(), language="../../etc"), ISI)
    with pytest.raises(InputError, match="not a language tag"):
        save(wording, tmp_path)


def test_a_file_of_another_kind_is_no_wording(tmp_path: Path) -> None:
    path = tmp_path / "isi.en.json"
    path.write_text("{}")
    with pytest.raises(InputError, match="not a wording file"):
        load(path)
