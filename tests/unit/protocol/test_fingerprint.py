"""A fingerprint stands for all an answer rests on, and a published protocol cannot change beneath it."""

import re
import shutil
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from openkap.core.content import SHIPPED
from openkap.core.errors import InputError
from openkap.core.source import Seen
from openkap.protocol.assess import assess
from openkap.protocol.consent_text import tally as texts
from openkap.protocol.document import as_markdown
from openkap.protocol.elements import Bounds, Codes, Effort, Element, dictionary
from openkap.protocol.facts import parse_facts
from openkap.protocol.fingerprint import elements_asked, fingerprint
from openkap.protocol.published import check_published
from openkap.protocol.read import load_protocol, published_ids, read_protocols, read_sources, tally

PROTOCOL = load_protocol("iv-racemic@1.0.0")
ASKED = elements_asked(PROTOCOL.rules, PROTOCOL.dosing, dictionary())
AS_OF = datetime(2026, 11, 23, 9, tzinfo=UTC)


def of(elements: list[Element]) -> str:
    return fingerprint([], SHIPPED, elements, [])


def with_change(element: Element, change: dict[str, object]) -> str:
    return of([each.model_copy(update=change) if each is element else each for each in ASKED])


@pytest.mark.parametrize("element", ASKED, ids=lambda each: each.id)
def test_whatever_decides_in_an_element_is_in_the_fingerprint(element: Element) -> None:
    wide = Bounds(below=Decimal(-1000), above=Decimal(100000))
    history = "current" if element.history == "lifetime" else "lifetime"
    kind = "event" if element.kind == "yes_no" else "yes_no"
    effort = Effort.ASKED if element.effort is Effort.ASSESSED else Effort.ASSESSED
    changes: list[dict[str, object]] = [
        {"lasts": "3000 d"},
        {"finding_lasts": "3000 d"},
        {"kind": kind},
        {"unit": "another"},
        {"step": Decimal("0.001")},
        {"impossible": wide},
        {"implausible": wide},
        {"history": history},
        {"choices": ("another",)},
        {"follows": "another"},
        {"effort": effort},
    ]
    for change in changes:
        assert with_change(element, change) != of(ASKED), change


def test_wording_and_codes_are_not_in_the_fingerprint() -> None:
    for change in ({"label": "x"}, {"ask": "x"}, {"help": "x"}, {"codes": Codes(loinc=("1-8",))}):
        assert with_change(ASKED[0], change) == of(ASKED)


def test_what_a_fact_is_worked_out_from_is_asked_too() -> None:
    names = {each.id for each in ASKED}
    assert {"body_weight", "height", "bmi", "sbp_resting_repeat", "pregnancy_test_today"} <= names


def test_the_order_of_the_questions_is_in_the_fingerprint() -> None:
    assert of(ASKED[::-1]) != of(ASKED)


def test_a_source_seen_better_than_when_signed_is_in_the_fingerprint() -> None:
    source = read_sources()["JNJ_BP"]
    better = type(source)(**{**{name: getattr(source, name) for name in source.__slots__}, "seen": Seen.FILE})
    assert source.seen is not Seen.FILE
    assert fingerprint([], SHIPPED, [], [better]) != fingerprint([], SHIPPED, [], [source])


# --- a whole content folder -----------------------------------------------------------------------------


@pytest.fixture
def content(tmp_path: Path) -> Path:
    """A copy of the shipped content that a test may change."""
    return Path(shutil.copytree(SHIPPED, tmp_path / "content"))


def replace_once(path: Path, pattern: str, new: str) -> None:
    text, count = re.subn(pattern, new, path.read_text(encoding="utf-8"), count=1, flags=re.DOTALL)
    assert count == 1
    path.write_text(text, encoding="utf-8")


def prolong_the_pcl5(content: Path) -> None:
    replace_once(content / "elements" / "screening.yaml", r"(id: pcl5_total\n.*?lasts: )30 d", r"\g<1>3000 d")


def retire(content: Path) -> None:
    replace_once(
        content / "published.yaml", r"(protocol: iv-racemic\n.*?)\n  - ", r"\1\n    retired: the PCL-5 lasts longer\n  - "
    )  # fmt: skip


def test_a_changed_lifetime_is_refused_with_the_remedy(content: Path) -> None:
    prolong_the_pcl5(content)
    errors = [str(error) for each in tally(content) for error in each.errors]
    assert any("something this protocol asks" in each and "retire this one" in each for each in errors), (
        errors
    )
    assert load_protocol("iv-racemic@1.0.0", content).fingerprint != PROTOCOL.fingerprint


def test_a_source_upgraded_in_silence_is_refused(content: Path) -> None:
    replace_once(content / "sources" / "protocol.yaml", r"(id: JNJ_BP\b.*?seen: )excerpt", r"\1file")
    errors = [str(error) for each in tally(content) for error in each.errors]
    assert any("how much of a source was seen" in error for error in errors), errors


def test_a_retired_version_is_read_and_printed_and_assesses_nobody(content: Path) -> None:
    prolong_the_pcl5(content)
    retire(content)
    protocol = load_protocol("iv-racemic@1.0.0", content)
    assert (protocol.status, protocol.retired) == ("retired", "the PCL-5 lasts longer")
    assert "Retired, assesses nobody any more: the PCL-5 lasts longer." in as_markdown(protocol)
    nobody = parse_facts({"facts": {}}, dictionary(), as_of=AS_OF)
    with pytest.raises(InputError, match="has been retired and assesses nobody"):
        assess(nobody, protocol)
    faults = [str(each) for each in check_published(read_protocols(content), content)]
    assert not [each for each in faults if "iv-racemic 1.0.0" in each]


def test_a_bare_name_never_means_a_retired_version(content: Path) -> None:
    retire(content)
    for path in (content / "protocols").glob("iv-racemic-*.yaml"):
        if path.stem != "iv-racemic-1.0.0":
            path.unlink()
    with pytest.raises(InputError, match="no such protocol"):
        load_protocol("iv-racemic", content)


def test_the_files_of_a_retired_version_still_may_not_change(content: Path) -> None:
    retire(content)
    replace_once(content / "protocols" / "iv-racemic-1.0.0.yaml", "dose: 0.75 mg/kg", "dose: 0.76 mg/kg")
    faults = [str(each) for each in check_published(read_protocols(content), content)]
    assert any("immutable, and this protocol has changed" in each for each in faults)


def test_a_published_protocol_that_is_gone_is_missed(content: Path) -> None:
    (content / "protocols" / "im-racemic-1.0.0.yaml").unlink()
    faults = [str(each) for each in check_published(read_protocols(content), content)]
    assert any("not here any more" in each and "im-racemic 1.0.0" in each for each in faults)


# --- what no protocol names, and what patients read -----------------------------------------------------


def complaints(content: Path) -> list[str]:
    return [str(error) for each in (*tally(content), *texts(content)) for error in each.errors]


@pytest.mark.parametrize("place", ["rules/zz-1.0.0.yaml", "parts/consent-9.9.9.yaml", "protocols/notes.txt"])
def test_a_file_no_protocol_is_made_of_is_refused(content: Path, place: str) -> None:
    (content / place).write_bytes(b"\x00")
    assert [each for each in complaints(content) if place in each]


def test_changed_words_of_a_consent_text_are_refused(content: Path) -> None:
    replace_once(content / "consent" / "en" / "ketamine-1.0.0.md", "Take your time. ", "")
    assert any("patients signed these words" in each for each in complaints(content))


def test_a_consent_text_that_is_not_published_is_refused(content: Path) -> None:
    text = (content / "consent" / "en" / "ketamine-1.0.0.md").read_text(encoding="utf-8")
    newer = content / "consent" / "en" / "ketamine-1.1.0.md"
    newer.write_text(text.replace("version: 1.0.0", "version: 1.1.0", 1), encoding="utf-8")
    assert any("ketamine-1.1.0.md" in each and "not published" in each for each in complaints(content))


def test_a_consent_text_that_is_gone_is_missed(content: Path) -> None:
    (content / "consent" / "en" / "ketamine-1.0.0.md").unlink()
    found = complaints(content)
    assert any("not here any more" in each for each in found), found


def test_only_published_protocols_are_offered(content: Path) -> None:
    assert set(published_ids(content)) == {
        "iv-racemic",
        "im-racemic",
        "intranasal-esketamine",
        "low-resource",
    }
    text = (content / "protocols" / "im-racemic-1.0.0.yaml").read_text(encoding="utf-8")
    draft = text.replace("id: im-racemic", "id: sc-racemic").replace("status: published", "status: draft")
    (content / "protocols" / "sc-racemic-1.0.0.yaml").write_text(draft, encoding="utf-8")
    assert "sc-racemic" not in published_ids(content)
    for path in (content / "protocols").glob("im-racemic-*.yaml"):
        replace_once(path, "status: published", "status: draft")
    assert "im-racemic" not in published_ids(content)
