"""Time has a zone, codes say where they were seen, errors tell a person what to do."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from openkap.core.clock import aware, fixed_clock, parse_moment
from openkap.core.coding import Coding, read_codelist, short_system
from openkap.core.errors import ContentError, DomainError, InputError, quote


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-23", datetime(2026, 11, 23, tzinfo=UTC)),
        ("2026-11-23T10:40:00+02:00", datetime(2026, 11, 23, 8, 40, tzinfo=UTC)),
        ("2026-11-23T10:40Z", datetime(2026, 11, 23, 10, 40, tzinfo=UTC)),
    ],
)
def test_a_moment_is_read_into_utc(text: str, expected: datetime) -> None:
    assert parse_moment(text) == expected


@pytest.mark.parametrize(
    "text", ["23.11.2026", "2026-13-01", "tomorrow", "0001-01-01", "2026-02-30", "", "1e9"]
)
def test_what_is_not_an_iso_date_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="not a date"):
        parse_moment(text, where="field")


def test_time_without_a_zone_is_a_programmers_mistake() -> None:
    with pytest.raises(TypeError):
        aware(datetime(2026, 11, 23))  # noqa: DTZ001
    assert fixed_clock(datetime(2026, 1, 1, tzinfo=UTC))() == datetime(2026, 1, 1, tzinfo=UTC)


def test_code_systems_are_known_by_uri_and_oid() -> None:
    assert short_system("http://snomed.info/sct") == "sct"
    assert short_system("urn:oid:2.16.840.1.113883.6.1") == "loinc"
    assert short_system("http://example.org/own") is None


def test_a_codelist_row_must_say_where_it_was_seen(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text("system,code,display,seen_in\nsct,47505003,PTSD,PhenotypeLibrary\n", encoding="utf-8")
    assert Coding("sct", "47505003") in read_codelist(path)
    path.write_text("system,code,display,seen_in\nsct,47505003,PTSD,\n", encoding="utf-8")
    with pytest.raises(ContentError, match="where it was seen") as refused:
        read_codelist(path)
    assert refused.value.where == f"{path}:2"
    path.write_text("system,code,display,seen_in\nmine,1,x,y\n", encoding="utf-8")
    with pytest.raises(ContentError, match="unknown code system"):
        read_codelist(path)
    path.write_text("system,code\nsct,1\n", encoding="utf-8")
    with pytest.raises(ContentError, match="wrong columns"):
        read_codelist(path)


def test_an_error_tells_what_value_limit_and_next_step() -> None:
    error = DomainError("too high", value=181, limit="180", remedy="measure again", where="row 3")
    assert str(error) == "row 3: too high (given: 181); limit: 180; measure again"
    assert error.at("file.json").as_dict()["where"] == "file.json: row 3"


def test_an_error_never_quotes_a_whole_file() -> None:
    assert len(quote("x" * 10_000)) < 200
