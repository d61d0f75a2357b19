"""Where a consent text waits for a clinic's own words, and how plainly they read."""

import shutil
from pathlib import Path

import pytest

from openkap.core.content import SHIPPED
from openkap.core.errors import ContentError
from openkap.protocol.clinic_words import clinic_words, own_words, waiting_parts
from openkap.protocol.consent_text import newest_text, parse_consent_text, tally
from openkap.protocol.reading_level import school_grade

CONTENT = "consent/clinic-words-1.0.0.yaml"


@pytest.fixture
def content(tmp_path: Path) -> Path:
    return Path(shutil.copytree(SHIPPED, tmp_path / "content"))


def changed(root: Path, file: str, old: str, new: str) -> None:
    text = (root / file).read_text(encoding="utf-8")
    assert old in text
    (root / file).write_text(text.replace(old, new), encoding="utf-8")


def test_what_only_the_clinic_can_tell_waits_for_it() -> None:
    assert list(waiting_parts()) == ["CON-01", "CON-13", "CON-19", "CON-20", "CON-23"]
    assert "fee" in waiting_parts()["CON-20"]


def test_a_part_that_the_text_does_not_have_is_refused(content: Path) -> None:
    changed(content, CONTENT, "CON-20", "CON-99")
    with pytest.raises(ContentError, match="CON-99"):
        clinic_words(content)


def test_a_source_that_is_not_listed_is_refused(content: Path) -> None:
    changed(content, CONTENT, "NCT04032301", "NOBODY")
    with pytest.raises(ContentError, match="NOBODY"):
        clinic_words(content)


def test_a_shipped_text_has_no_words_of_a_clinic() -> None:
    text = newest_text("en")
    assert own_words(text.body) == {}
    body = text.body.replace("## CON-02", "+ At this clinic: more\n\n## CON-02")
    with pytest.raises(ContentError, match="a clinic's own words"):
        parse_consent_text(body, Path("shipped.md"))


def test_a_shipped_text_that_names_a_clinic_is_refused(content: Path) -> None:
    changed(
        content,
        "consent/en/ketamine-1.0.0.md",
        "reviewed_on: waits",
        "reviewed_on: waits\nclinic: abc\nclinic_words: 1",
    )
    assert any("of no clinic" in str(error) for error in tally(content)[0].errors)


@pytest.mark.parametrize(
    ("text", "grade"),
    [
        # By hand after Kincaid et al. 1975: words a sentence, syllables a word.
        ("The cat sat on the mat.", 0.39 * 6 + 11.8 * 1 - 15.59),
        ("We see a record. You can ask about it.", 0.39 * 9 / 2 + 11.8 * 11 / 9 - 15.59),
        ("A session costs 27.5 dollars", 0.39 * 4 + 11.8 * 6 / 4 - 15.59),
    ],
)
def test_the_grade_of_a_text_is_that_of_the_formula(text: str, grade: float) -> None:
    assert school_grade(text) == pytest.approx(grade)


def test_lines_are_sentences_and_a_number_alone_has_no_grade() -> None:
    assert school_grade("Call us\nby day") == school_grade("Call us. By day.")
    assert school_grade("555 0100") is None
