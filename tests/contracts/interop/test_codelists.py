"""Codelists: every list an element names is there; every code says where it was seen and has its shape."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from openkap.core.coding import Codelist, Coding, read_codelist
from openkap.core.content import SHIPPED
from openkap.core.errors import ContentError
from openkap.interop.fhir.codelist_check import check_codelist
from openkap.interop.fhir.concepts import build_index, read_codelists, tally
from openkap.protocol.elements import Element, dictionary

LISTS = read_codelists()
SHAPES = {
    "icd10cm": r"[A-Z][0-9][0-9A-Z](\.?[0-9A-Z]{1,4})?",
    "rxnorm": r"[0-9]{1,8}",
    "atc": r"[A-Z]([0-9]{2}([A-Z]([A-Z]([0-9]{2})?)?)?)?",
    "loinc": r"(LA)?[0-9]{1,7}-[0-9]",  # a code or an answer
}
# Verhoeff's dihedral tables as SNOMED International prints them in the Release File Specification.
TURN = (
    *("0123456789", "1234067895", "2340178956", "3401289567", "4012395678"),
    *("5987604321", "6598710432", "7659821043", "8765932104", "9876543210"),
)
SHIFT = (
    *("0123456789", "1576283094", "5803796142", "8916043527"),
    *("9453126870", "4286573901", "2793806415", "7046913258"),
)


def has_check_digit(code: str) -> bool:
    check = 0
    for place, digit in enumerate(reversed(code)):
        check = int(TURN[check][int(SHIFT[place % 8][int(digit)])])
    return check == 0


def named_lists() -> set[str]:
    elements = dictionary().elements.values()
    lists = {each.codes.codelist for each in elements if each.codes.codelist}
    return lists | {name for each in elements for name in each.codes.answers.values()}


def elements_without_list(names: set[str], lists: dict[str, Codelist]) -> set[str]:
    return names - lists.keys()


def wrong_codes(lists: dict[str, Codelist]) -> list[Coding]:
    return [
        each
        for codelist in lists.values()
        for each in codelist.codings
        if not (
            has_check_digit(each.code)
            if each.system == "sct" and each.code.isdigit()
            else re.fullmatch(SHAPES.get(each.system, "(?!)"), each.code)
        )
    ]


def test_every_codelist_an_element_names_exists_and_none_is_idle() -> None:
    assert elements_without_list(named_lists(), LISTS) == set()
    assert LISTS.keys() == named_lists()
    assert elements_without_list({"no-such-list"}, LISTS) == {"no-such-list"}, "the check sees a missing one"


def test_every_code_has_the_shape_of_its_system() -> None:
    assert wrong_codes(LISTS) == []
    mistyped = {
        "x": Codelist("x", (Coding("sct", "22298007"), Coding("icd10cm", "I2"), Coding("loinc", "8480")))
    }
    assert len(wrong_codes(mistyped)) == 3, "the check sees a mistyped code"


def test_every_code_has_a_display_and_where_it_was_seen() -> None:
    for codelist in LISTS.values():
        assert codelist.codings
        for each in codelist.codings:
            assert each.display, f"{codelist.id} {each.code}"
            assert len(each.seen_in) > 10, f"{codelist.id} {each.code}"


def test_no_code_stands_twice_in_a_list() -> None:
    for codelist in LISTS.values():
        keys = [(each.system, each.code) for each in codelist.codings]
        assert len(keys) == len(set(keys)), codelist.id


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("sct,22298006,Myocardial infarction,", "where it was seen"),
        ("sct,,Myocardial infarction,a source", "where it was seen"),
        ("snomed,22298006,Myocardial infarction,a source", "unknown code system"),
    ],
)
def test_a_row_that_breaks_a_rule_is_refused_at_its_line(tmp_path: Path, line: str, told: str) -> None:
    path = tmp_path / "x.csv"
    path.write_text(f"system,code,display,seen_in\n{line}\n", encoding="utf-8")
    with pytest.raises(ContentError, match=told) as refused:
        read_codelist(path)
    assert str(refused.value).startswith(f"{path}:2")


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        (["icd10cm,ZZ9.1,x,a source"], "2: no code of icd10cm"),
        (["icd10cm,I71.12345,x,a source"], "2: no code of icd10cm"),
        (["icd10,I71.4,x,a source", "icd10,171.4,x,a source"], "3: no code of icd10"),
        (["sct,22298007,x,a source"], "2: no code of sct"),
        (["rxnorm,6130a,x,a source"], "2: no code of rxnorm"),
        (["sct,22298006,x,a source", "sct,22298006,y,a source"], "3: a code stands twice"),
        (["icd10cm,I71.4,x,a source", "icd10cm,I714,x,a source"], "3: a code stands twice"),
    ],
)
def test_check_names_the_line_of_a_code_that_cannot_be(tmp_path: Path, rows: list[str], told: str) -> None:
    folder = tmp_path / "codelists"
    folder.mkdir()
    path = folder / "x.csv"
    path.write_text("\n".join(["system,code,display,seen_in", *rows]) + "\n", encoding="utf-8")
    shutil.copytree(SHIPPED / "elements", tmp_path / "elements")
    lists, _ = tally(tmp_path)
    assert f"{path}:{told}" in str(lists.errors[0])


def test_check_accepts_every_shape_of_a_code(tmp_path: Path) -> None:
    good = [
        ("sct", "22298006"),
        ("icd10cm", "Z3A"),
        ("icd10cm", "S72.001A"),
        ("icd10", "I71.4"),
        ("atc", "N06AF"),
    ]
    good += [("loinc", "82810-3"), ("loinc", "LA15173-0"), ("rxnorm", "6130")]
    assert list(check_codelist(Codelist("x", tuple(Coding(*each) for each in good)), "x.csv")) == []


def test_a_named_list_that_is_not_there_is_refused() -> None:
    with pytest.raises(ContentError, match="not there"):
        build_index(dictionary(), {})


def test_the_tally_counts_lists_and_codes() -> None:
    lists, codes = tally(SHIPPED)
    assert (lists.errors, lists.count) == ([], len(LISTS))
    assert codes.count == sum(len(each.codings) for each in LISTS.values())


def test_no_code_of_an_allergy_list_hides_among_conditions() -> None:
    by_kind: dict[str, set[str]] = {}
    for element in dictionary().elements.values():
        assert isinstance(element, Element)
        if element.codes.codelist:
            by_kind.setdefault(element.codes.codelist, set()).add(element.codes.kind)
    assert all(len(kinds) == 1 for kinds in by_kind.values())
