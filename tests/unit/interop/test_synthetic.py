"""Invented referrals: each gets the verdict it was made for, and its records are valid R4."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from openkap.__main__ import cli
from openkap.core.errors import DomainError
from openkap.interop.referral import read_referral
from openkap.interop.synthetic import NOT_READ, Case, referrals
from openkap.protocol.assess import assess
from openkap.protocol.read import load_protocol

AS_OF = datetime(2026, 11, 23, 12, tzinfo=UTC)
CASES = {case.name: case for case in referrals(AS_OF)}
RECORDS = {
    name: case for name, case in CASES.items() if b'"Bundle"' in case.content and case.verdict != NOT_READ
}


def verdict(case: Case, folder: Path, as_of: datetime = AS_OF) -> str:
    path = folder / case.name
    path.write_bytes(case.content)
    try:
        return assess(read_referral(path, as_of=as_of).facts, load_protocol("iv-racemic")).verdict.value
    except DomainError as refused:
        said = str(refused)
        assert str(path) in said
        return NOT_READ


@pytest.mark.parametrize("name", CASES)
def test_each_case_gets_the_verdict_it_was_made_for(name: str, tmp_path: Path) -> None:
    assert verdict(CASES[name], tmp_path) == CASES[name].verdict


def test_every_verdict_has_a_case() -> None:
    wanted = {"eligible", "excluded", "needs_clinician_review", "delay", "incomplete", NOT_READ}
    assert {case.verdict for case in CASES.values()} == wanted


@pytest.mark.parametrize("day", [datetime(2027, 1, 2, tzinfo=UTC), datetime(2028, 2, 29, 23, 59, tzinfo=UTC)])
def test_another_seed_and_day_change_no_verdict(day: datetime, tmp_path: Path) -> None:
    for case in referrals(day, seed=7):
        assert verdict(case, tmp_path, day) == case.verdict, case.name


def test_the_same_seed_and_moment_give_the_same_bytes() -> None:
    assert referrals(AS_OF, seed=3) == referrals(AS_OF, seed=3)
    assert referrals(AS_OF, seed=3) != referrals(AS_OF, seed=4)


@pytest.mark.parametrize("name", RECORDS)
def test_a_second_library_accepts_each_record(name: str) -> None:
    from fhir.resources.R4B.bundle import Bundle

    Bundle.model_validate_json(RECORDS[name].content)


# From the R4 specification: what each resource must carry, and the status values it may have.
REQUIRED = {
    "Patient": (),
    "Condition": ("subject",),
    "Observation": ("status", "code"),
    "AllergyIntolerance": ("patient",),
    "MedicationRequest": ("status", "intent", "subject"),
    "QuestionnaireResponse": ("status",),
    "Encounter": ("status", "class"),
    "Claim": ("status", "type", "use", "patient", "created", "provider", "priority", "insurance"),
    "Immunization": ("status", "vaccineCode", "patient"),
}
DATE_TIME = re.compile(r"\d{4}(-\d\d(-\d\d(T\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d))?)?)?")


def structure_errors(bundle: dict[str, Any]) -> Iterator[str]:
    """Rules of the R4 Bundle and of the resources within, as far as our records use them."""
    kind = bundle["type"]
    if ("total" in bundle) and kind not in ("searchset", "history"):
        yield "bdl-1: total only when a search or history"
    urls = {entry["fullUrl"] for entry in bundle["entry"]}
    if len(urls) != len(bundle["entry"]):
        yield "bdl-7: fullUrl must be unique"
    for entry in bundle["entry"]:
        resource = entry["resource"]
        name = f"{resource['resourceType']}/{resource['id']}"
        if ("search" in entry) and kind != "searchset":
            yield f"bdl-2: {name}"
        if ("request" in entry) != (kind in ("batch", "transaction", "history")):
            yield f"bdl-3: {name}"
        if "/_history/" in entry["fullUrl"]:
            yield f"bdl-8: {name}"
        if not entry["fullUrl"].endswith(resource["id"]):
            yield f"fullUrl and id differ: {name}"
        for field in REQUIRED[resource["resourceType"]]:
            if field not in resource:
                yield f"{name} lacks {field}"
        yield from _condition_errors(resource, name)
        yield from _observation_errors(resource, name)
        yield from _value_errors(resource, name, urls)


def _condition_errors(resource: dict[str, Any], name: str) -> Iterator[str]:
    if resource["resourceType"] == "Condition":
        codes = [each["code"] for each in resource.get("verificationStatus", {}).get("coding", ())]
        if "entered-in-error" in codes and "clinicalStatus" in resource:
            yield f"con-5: {name}"


def _observation_errors(resource: dict[str, Any], name: str) -> Iterator[str]:
    if resource["resourceType"] == "Observation":
        values = [key for key in resource if key.startswith("value")]
        if len(values) > 1:
            yield f"value[x] twice: {name}"
        if values and "dataAbsentReason" in resource:
            yield f"obs-6: {name}"


def _value_errors(holder: Any, name: str, urls: set[str]) -> Iterator[str]:
    for key, value in holder.items() if isinstance(holder, dict) else ():
        if value in ("", [], {}, None):
            yield f"{name}: {key} is empty"
        if (
            isinstance(value, str)
            and (key.endswith("DateTime") or key in ("authored", "created", "birthDate"))
            and not DATE_TIME.fullmatch(value)
        ):
            yield f"{name}: {key} is no dateTime"
        if key == "reference" and value not in urls and f"https://ehr.example/fhir/{value}" not in urls:
            yield f"{name}: {value} is not in the bundle"
        for each in value if isinstance(value, list) else [value]:
            yield from _value_errors(each, name, urls)


@pytest.mark.parametrize("name", RECORDS)
def test_each_record_follows_the_structure_rules_of_r4(name: str) -> None:
    assert list(structure_errors(json.loads(RECORDS[name].content))) == []


def test_the_structure_rules_see_a_broken_record() -> None:
    record = json.loads(RECORDS["eligible-synthea-style.json"].content)
    del record["entry"][1]["request"]
    record["entry"][2]["fullUrl"] = record["entry"][3]["fullUrl"]
    record["entry"][4]["resource"]["status"] = ""
    assert len(list(structure_errors(record))) >= 3


def test_the_demo_prints_a_table_and_one_full_report() -> None:
    done = CliRunner().invoke(cli, ["demo", "--as-of", "2026-11-23"])
    assert done.exit_code == 0, done.output
    assert f"{len(CASES)} invented referrals" in done.output
    assert "EXC-01  Aneurysmal vascular disease" in done.output
    assert "says no, against Condition/" in done.output


def test_the_demo_as_json_meets_what_was_expected() -> None:
    done = CliRunner().invoke(cli, ["demo", "--as-of", "2026-11-23", "--json"])
    rows = json.loads(done.output)
    assert [row["file"] for row in rows if row["verdict"] != row["expected"]] == []
    assert all(row["error"]["where"] for row in rows if row["verdict"] == NOT_READ)


def test_the_referrals_can_be_kept(tmp_path: Path) -> None:
    done = CliRunner().invoke(
        cli, ["demo", "referrals", "--out", str(tmp_path / "new"), "--as-of", "2026-11-23"]
    )
    assert done.exit_code == 0, done.output
    kept = {path.name: path.read_bytes() for path in (tmp_path / "new").iterdir()}
    assert kept.keys() == CASES.keys()
