"""Referral files: what they are is told from what is in them; each refusal names file and place."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from fhir_records import AS_OF, bundle, condition, patient, value
from openkap.core.errors import DomainError
from openkap.interop import referral as module
from openkap.interop.referral import read_referral, referral_files


def written(folder: Path, content: bytes, name: str = "r.json") -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


def test_a_bundle_is_told_from_a_facts_file(tmp_path: Path) -> None:
    record = written(tmp_path, json.dumps(bundle(patient(), condition())).encode(), "a.json")
    facts = written(tmp_path, b'{"facts": {"age": "40 a"}}', "b.json")
    found = read_referral(record, as_of=AS_OF)
    assert found.intake is not None
    assert value(found.intake, "aneurysmal_vascular_disease") is True
    assert read_referral(facts, as_of=AS_OF).intake is None


@pytest.mark.parametrize("name", ["a.yaml", "a.txt", "a"])
def test_yaml_is_read_whatever_the_file_is_called(tmp_path: Path, name: str) -> None:
    path = written(tmp_path, b"patient: x\nfacts:\n  age: 40 a\n", name)
    assert str(read_referral(path, as_of=AS_OF).facts.value("age")) == "40 a"


def test_a_byte_order_mark_is_no_trouble(tmp_path: Path) -> None:
    path = written(tmp_path, b"\xef\xbb\xbf" + b'{"facts": {"age": "40 a"}}')
    assert str(read_referral(path, as_of=AS_OF).facts.value("age")) == "40 a"


def test_numbers_keep_every_digit(tmp_path: Path) -> None:
    path = written(tmp_path, b'{"facts": {"caps5_total_past_month": 33.00000000000000000000}}')
    value = read_referral(path, as_of=AS_OF).facts.value("caps5_total_past_month")
    assert "33.00000000000000000000" in str(value)
    # The nearest float is 33, and a score of 33 would have been taken.
    path = written(tmp_path, b'{"facts": {"caps5_total_past_month": 33.00000000000000000001}}')
    with pytest.raises(DomainError, match=r"steps of 1 \(given: 33\.00000000000000000001\)"):
        read_referral(path, as_of=AS_OF)


REFUSED = {
    "truncated": (b'{"facts": {"age": "40', "1:19"),
    "second line": (b'{"facts":\n {"age": }}', "2:"),
    "a key twice": (b'{"facts": {"age": "17 a", "age": "40 a"}}', "stands twice"),
    "NaN": (b'{"facts": {"age": NaN}}', "NaN"),
    "infinity": (b'{"facts": {"age": -Infinity}}', "Infinity"),
    "a number too long": (b'{"facts": {"age": ' + b"9" * 100_000 + b"}}", "number"),
    "an exponent too large": (b'{"facts": {"age": 1e999999999}}', "number"),
    "nested lists": (b"[" * 100_000, "nested too deeply"),
    "nested objects": (b'{"a":' * 100_000, "nested too deeply"),
    "nested yaml": (b"a: " + b"[" * 100_000, "nested"),
    "two documents": (b'{"facts": {}} {"facts": {}}', "1:"),
    "not UTF-8": (b'{"patient": "Jos\xe9"}', "UTF-8"),
    "UTF-16": ('{"facts": {}}'.encode("utf-16"), "UTF-16"),
    "a lone surrogate": (b'{"patient": "\\ud800", "facts": {}}', "surrogate"),
    "gzip": (gzip.compress(b"{}"), "gzip"),
    "zip": (b"PK\x03\x04rest", "zip"),
    "PDF": (b"%PDF-1.7", "PDF"),
    "XML": (b"<Bundle/>", "XML"),
    "nothing": (b"", "empty"),
    "blanks": (b" \n ", "empty"),
    "a YAML alias": (b"a: &a [x]\nfacts: *a\n", "alias"),
    "a list": (b"[]", "facts"),
    "a number": (b"7", "facts"),
    "null": (b"null", "facts"),
    "no facts": (b'{"patient": "x"}', "facts"),
    "an unknown fact": (b'{"facts": {"favourite_colour": "red"}}', "favourite_colour"),
    "another key": (b'{"facts": {}, "verdict": "eligible"}', "verdict"),
    "a decimal comma": (b'{"facts": {"body_weight": "80,5 kg"}}', "comma"),
    "no unit": (b'{"facts": {"body_weight": 80}}', "unit"),
    "an absurd unit": (b'{"facts": {"body_weight": "80 mm[Hg]"}}', "body_weight"),
    "a negative weight": (b'{"facts": {"body_weight": "-80 kg"}}', "-80 kg"),
    "a future date": (b'{"facts": {"myocardial_infarction": "2031-01-01"}}', "future"),
    "one resource": (b'{"resourceType": "Patient"}', "bundle"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_file_that_cannot_be_read_is_refused_with_its_name_and_place(tmp_path: Path, name: str) -> None:
    content, told = REFUSED[name]
    path = written(tmp_path, content)
    with pytest.raises(DomainError) as refused:
        read_referral(path, as_of=AS_OF)
    assert str(refused.value).startswith(str(path))
    assert told in str(refused.value)
    assert len(str(refused.value)) < 700, "one message, not the file"


def test_a_file_too_large_is_refused_before_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = written(tmp_path, b'{"facts": {}}')
    monkeypatch.setattr(module, "LARGEST_REFERRAL_BYTES", 5)
    with pytest.raises(DomainError, match="larger than a referral"):
        read_referral(path, as_of=AS_OF)


def test_fifty_megabytes_are_refused_at_once(tmp_path: Path) -> None:
    path = tmp_path / "large.json"
    with path.open("wb") as file:
        file.truncate(50_000_000)
    with pytest.raises(DomainError, match=r"50000000 bytes.*limit: 20000000 bytes"):
        read_referral(path, as_of=AS_OF)


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DomainError, match="no such file"):
        read_referral(tmp_path / "none.json", as_of=AS_OF)
    with pytest.raises(DomainError, match="not a file"):
        read_referral(tmp_path, as_of=AS_OF)


def test_a_folder_means_its_json_and_yaml_files_in_name_order(tmp_path: Path) -> None:
    for name in ("b.yaml", "a.json", "c.txt", "d.yml"):
        written(tmp_path, b"{}", name)
    assert [path.name for path in referral_files((tmp_path,))] == ["a.json", "b.yaml", "d.yml"]


def test_a_file_given_by_name_is_meant_whatever_its_ending(tmp_path: Path) -> None:
    assert referral_files((tmp_path / "x.txt",)) == [tmp_path / "x.txt"]
