"""An instrument file that contradicts itself does not load, and the error names file and line."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from openkap.core.content import SHIPPED
from openkap.core.errors import DomainError, InputError
from openkap.instruments.load import instrument, instruments, sources, tally


@pytest.fixture
def change_file(tmp_path: Path) -> Callable[..., Path]:
    """A copy of one shipped instrument with one text replaced."""

    def changed(name: str, old: str, new: str) -> Path:
        for folder in ("instruments", "sources"):
            tmp_path.joinpath(folder).mkdir(exist_ok=True)
        shutil.copy(SHIPPED / "sources" / "instruments.yaml", tmp_path / "sources")
        text = (SHIPPED / "instruments" / f"{name}.yaml").read_text(encoding="utf-8")
        assert old in text
        (tmp_path / "instruments" / f"{name}.yaml").write_text(text.replace(old, new, 1), encoding="utf-8")
        return tmp_path

    return changed


@pytest.mark.parametrize(
    ("name", "old", "new", "what"),
    [
        ("pcl-5", "range: 0-80", "range: 0-81", "give 0 to 80"),
        ("pcl-5", "items: 6-7", "items: 6-8", "give 0 to 12"),
        ("pcl-5", "11-20: mild", "12-20: mild", "starts at 12, expected 11"),
        ("pcl-5", "61-80: very", "61-79: very", "the bands end at 79"),
        ("pcl-5", "id: pcl-5", "id: pcl-6", "not the name of its file"),
        ("pcl-5", "sources: [PCL5_KURD]", "sources: [NOWHERE]", "NOWHERE is not listed"),
        ("pcl-5", "sources: [PCL5_KURD]", "sources: []", "at least 1 item"),
        ("pcl-5", "    grade: weak\n    note: sensitivity 0.82", "    note: sensitivity 0.82", "grade"),
        ("pcl-5", "    at_least: 33\n", "", "one of the two"),
        ("pcl-5", "    at_least: 33\n", "    at_least: 33\n    scale: sum\n", "there is no scale sum"),
        ("pcl-5", "fall: 15, default: true", "fall: 15", "response: 0 definitions are the default"),
        ("pcl-5", "fall_percent: 50,", "", "needs a limit"),
        ("pcl-5", "id: reliable-18", "id: reliable-15", "share an id"),
        ("pcl-5", "items: 8-14, from: 2", "items: 8-24, from: 2", "there is no item 21"),
        ("pcl-5", "at_least: 1}\n      - {name: avoidance", "}\n      - {name: avoidance", "at_least"),
        ("pcl-5", "main: total", "main: sum", "there is no scale sum"),
        ("pcl-5", "{id: C,", "{id: B,", "two scales are called B"),
        ("pcl-5", "depth: items", "depth: outline", "an outline has no items"),
        ("pcl-5", 'version: "1"', 'version: "1"\nfingerprint: abc', "computed, never written"),
        ("pcl-5", "answers: 0-4", "answers: 0-99999999999", "not a whole number in plain digits"),
        ("pcl-5", "at_least: 33", "at_least: 0-33", "not a whole number in plain digits"),
        ("pcl-5", "at_least: 33", "at_least: 3_3", "not a whole number in plain digits"),
        ("pcl-5", "fall: 18", "fall: 1_8", "not a plain decimal number"),
        ("pcl-5", "answers: 0-4", "answers: {a: b}", "write names or numbers"),
        ("phq-9", 'items: "9"', 'items: "10"', "there is no item 10"),
        ("phq-9", 'phq-phq9-q01: "1"', 'phq-phq9-q01: "11"', "there is no item 11"),
        ("caps-5", "also: ptsd", "also: nothing", "does not stand before it"),
        ("ies-r", "scales: [intrusion_mean,", "scales: [total,", "does not stand before it"),
        ("ies-r", "missing:\n  method: refuse\n  sources", "notes2:\n  method: refuse\n  sources", "notes2"),
        ("shaps", '"3": 0}', "}", "recode must name each possible answer"),
        ("q-les-q-sf", "from: 14-70", "from: 70-14", "smaller to a larger"),
        ("audit", 'when: {"1": 0}', 'when: {"11": 0}', "there is no item 11"),
        ("phq-9", "at_least: 10,", "at_least: 100,", "no score of total decides it: 1 to 27"),
        ("phq-9", "at_least: 10,", "at_least: 0,", "no score of total decides it: 1 to 27"),
        ("psqi", "above: 5,", "above: 21,", "no score of total decides it: 0 to 20"),
        ("bam", "at_least: 12,", "at_least: 25,", "no score of risk decides it: 1 to 24"),
        ("pcl-5", "fall: 18", "fall: 81", "total cannot change so much: 0 to 80"),
        ("pcl-5", "fall_percent: 50", "fall_percent: 101", "more than all: 0 to 100"),
        ("pcl-5", "end_at_most: 28, default", "end_at_most: 80, default", "no score of total decides it"),
        ("pcl-5", "end_above: 33", "end_above: 80", "no score of total decides it"),
        ("pcl-5", "items: 6-7, from: 2", "items: 6-7, from: 5", "no answer of item 6 decides it: 1 to 4"),
        ("phq-9", 'from_for: {"9": 1}', 'from_for: {"9": 4}', "no answer of item 9 decides it: 1 to 3"),
        ("pcl-5", "from: 2, at_least: 1}", "from: 2, at_least: 6}", "5 items cannot be 6"),
        ("phq-9", "from: 1\n    say", "from: 4\n    say", "no answer of item 9 decides it: 1 to 3"),
        ("audit", 'when: {"1": 0}', 'when: {"1": 7}', "item 1 is never answered 7"),
        ("audit", "items: 2-8, answer: 0", "items: 2-8, answer: 5", "item 2 is never answered 5"),
    ],
)
def test_a_file_that_contradicts_itself_is_refused(
    change_file: Callable[..., Path], name: str, old: str, new: str, what: str
) -> None:
    root = change_file(name, old, new)
    with pytest.raises(DomainError) as refused:
        instrument(name, root=root)
    assert what in str(refused.value)
    assert f"{name}.yaml:" in str(refused.value.where)


def test_the_error_names_the_line_of_a_wrong_range(change_file: Callable[..., Path]) -> None:
    root = change_file("pcl-5", "range: 0-80", "range: 0-81")
    lines = (root / "instruments" / "pcl-5.yaml").read_text().splitlines()
    line = next(number for number, text in enumerate(lines, 1) if "0-81" in text)
    with pytest.raises(DomainError) as refused:
        instrument("pcl-5", root=root)
    assert str(refused.value.where).endswith(f"pcl-5.yaml:{line}")


def test_an_unknown_instrument_is_refused_with_the_known_ones() -> None:
    with pytest.raises(InputError, match="pcl-5"):
        instrument("pcl5")


def test_the_id_may_be_written_in_capitals() -> None:
    assert instrument(" PCL-5 ").id == "pcl-5"


def test_the_tally_counts_what_loads_and_lists_what_does_not(change_file: Callable[..., Path]) -> None:
    root = change_file("pcl-5", "range: 0-80", "range: 0-81")
    shutil.copy(SHIPPED / "instruments" / "stop.yaml", root / "instruments")
    whole, parts, origins = tally(root)
    assert (whole.count, len(whole.errors)) == (1, 1)
    assert parts.grades["weak"] == 4
    assert origins.count == len(sources())


def test_the_tally_of_a_folder_without_instruments_is_empty(tmp_path: Path) -> None:
    assert tally(tmp_path) == []


def test_missing_and_unreadable_sources_are_reported(change_file: Callable[..., Path]) -> None:
    root = change_file("stop", "id: stop", "id: stop")
    path = root / "sources" / "instruments.yaml"
    path.write_text("- a\n", encoding="utf-8")
    assert "mapping of ids" in str(tally(root)[0].errors[0])


def test_at_least_twenty_five_instruments_can_be_scored() -> None:
    known = list(instruments())
    assert len(known) == 36
    assert sum(each.depth != "outline" for each in known) >= 25
