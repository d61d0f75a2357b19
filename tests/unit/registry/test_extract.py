"""From the clinic's rows to a release, and everything that can go wrong on the way."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from openkap.core.errors import InputError
from openkap.registry.dataset import ReleaseWriter, one_writer, open_dataset
from openkap.registry.extract import extract, pseudonym
from openkap.registry.schema import read_schema

KEY = b"a secret of this clinic alone"
NOW = datetime(2026, 7, 1, 2, tzinfo=UTC)
CUT = date(2026, 6, 30)


def consent(person: str, decision: str = "given", day: int = 1) -> dict[str, Any]:
    return {
        "consent_id": f"{person}-{decision}-{day}",
        "patient_id": person,
        "purpose": "registry",
        "decision": decision,
        "decided_at": datetime(2026, 5, day, tzinfo=UTC),
    }


def clinic(*people: str, consents: list[dict[str, Any]] | None = None) -> dict[str, list[dict[str, Any]]]:
    late_evening = datetime(2026, 6, 2, 5, 30, tzinfo=UTC)
    return {
        "site": [{"site_id": "north", "zone": "America/Los_Angeles"}],
        "patient": [{"patient_id": each, "site_id": "north", "birth_year": 1980} for each in people],
        "consent": [consent(each) for each in people] if consents is None else consents,
        "course": [
            {"course_id": f"c-{each}", "patient_id": each, "site_id": "north", "index_at": late_evening}
            for each in people
        ],
        "score": [
            {
                "score_id": f"s-{each}",
                "course_id": f"c-{each}",
                "scale": "pcl5",
                "cluster": "total",
                "assessed_at": late_evening,
                "value": 50.0,
                "sequence": number,
                "status": "final",
            }
            for number, each in enumerate(people)
        ],
    }


def run(root: Path, rows: dict[str, list[dict[str, Any]]], *, now: datetime = NOW, **options: Any) -> Any:
    return extract(root, rows, key=KEY, now=now, as_of=CUT, **options)


def rows_of(root: Path, table: str) -> list[dict[str, Any]]:
    return [row for file in open_dataset(root).files(table) for row in pq.read_table(file).to_pylist()]


def test_names_are_pseudonyms_that_only_the_key_can_make_again(tmp_path: Path) -> None:
    run(tmp_path, clinic("ada"))
    assert rows_of(tmp_path, "patient")[0]["patient_id"] == pseudonym(KEY, "patient", "ada")
    assert pseudonym(KEY, "patient", "ada") != pseudonym(KEY + b"!", "patient", "ada")
    assert pseudonym(KEY, "patient", "ada") != pseudonym(KEY, "course", "ada")
    everything = b"".join(path.read_bytes() for path in tmp_path.rglob("*.parquet"))
    assert b"ada" not in everything


def test_the_day_is_counted_where_the_clinic_is(tmp_path: Path) -> None:
    run(tmp_path, clinic("ada"))
    assert rows_of(tmp_path, "score")[0]["assessed_on"] == date(2026, 6, 1)
    assert rows_of(tmp_path, "course")[0]["index_on"] == date(2026, 6, 1)


def test_who_did_not_agree_is_left_out_with_every_row(tmp_path: Path) -> None:
    outcome = run(tmp_path, clinic("ada", "eve", consents=[consent("ada")]))
    assert outcome.without_consent == 1
    assert [len(rows_of(tmp_path, table)) for table in ("patient", "course", "score")] == [1, 1, 1]


def test_who_withdraws_leaves_every_table_of_the_next_release(tmp_path: Path) -> None:
    run(tmp_path, clinic("ada", "eve"))
    decisions = [consent("ada"), consent("eve"), consent("eve", "withdrawn", day=9)]
    later = NOW + timedelta(days=1)
    outcome = run(tmp_path, {"consent": decisions}, now=later, incremental=True)
    assert outcome.withdrawn == 1
    for table in ("patient", "course", "score"):
        assert len(rows_of(tmp_path, table)) == 1, table


def test_a_decision_taken_back_and_given_again_counts_as_given(tmp_path: Path) -> None:
    decisions = [consent("ada", "given", 1), consent("ada", "withdrawn", 2), consent("ada", "given", 3)]
    run(tmp_path, clinic("ada", consents=decisions))
    assert len(rows_of(tmp_path, "patient")) == 1


def test_an_incremental_extract_replaces_by_key_and_keeps_the_rest(tmp_path: Path) -> None:
    first = run(tmp_path, clinic("ada", "eve"))
    changed = {**clinic("ada")["score"][0], "value": 44.0}
    rows = {"consent": [consent("ada"), consent("eve")], "score": [changed]}
    second = run(tmp_path, rows, now=NOW + timedelta(days=1), incremental=True)
    assert sorted(row["value"] for row in rows_of(tmp_path, "score")) == [44.0, 50.0]
    old, new = (each.dataset.parts["course"][0] for each in (first, second))
    assert old.sha256 == new.sha256
    assert os.stat(second.dataset.path / new.file).st_nlink == 2


def test_a_full_extract_and_the_same_in_two_steps_hold_the_same_rows(tmp_path: Path) -> None:
    run(tmp_path / "full", clinic("ada", "eve"))
    run(tmp_path / "steps", clinic("ada"))
    both = clinic("ada", "eve")
    news = {table: [row for row in rows if "eve" in str(row)] for table, rows in both.items()}
    news["consent"] = both["consent"]
    run(tmp_path / "steps", news, now=NOW + timedelta(days=1), incremental=True)
    for table in both:
        full, steps = (sorted(map(str, rows_of(tmp_path / each, table))) for each in ("full", "steps"))
        assert full == steps, table


def test_a_long_extract_tells_each_table_before_it_is_written(tmp_path: Path) -> None:
    told: list[str] = []
    run(tmp_path, clinic("ada"), progress=told.append)
    # In the order of the schema's file: parents first.
    assert told[:3] == ["site", "patient", "referral"]
    assert told[-1] == "override"
    assert len(told) == 14


def test_a_clock_that_ran_backwards_is_refused(tmp_path: Path) -> None:
    run(tmp_path, clinic("ada"))
    with pytest.raises(InputError, match="clock ran backwards"):
        run(tmp_path, clinic("ada"), now=NOW - timedelta(seconds=1))


def test_a_half_written_part_is_noticed_before_it_is_read(tmp_path: Path) -> None:
    run(tmp_path, clinic("ada"))
    part = Path(open_dataset(tmp_path).files("score")[0])
    part.write_bytes(part.read_bytes()[:-7])
    with pytest.raises(InputError, match="damaged"):
        open_dataset(tmp_path)


def test_a_changed_byte_is_noticed_by_the_check(tmp_path: Path) -> None:
    run(tmp_path, clinic("ada"))
    part = Path(open_dataset(tmp_path).files("score")[0])
    content = bytearray(part.read_bytes())
    content[10] ^= 1
    part.write_bytes(bytes(content))
    with pytest.raises(InputError, match="not what was written"):
        open_dataset(tmp_path).verify()


def test_a_release_of_another_schema_is_refused_and_a_full_extract_mends_it(tmp_path: Path) -> None:
    run(tmp_path, clinic("ada"))
    older = read_schema().model_copy(update={"fingerprint": "0" * 64})
    with pytest.raises(InputError, match="another schema"):
        open_dataset(tmp_path, older)
    manifest = open_dataset(tmp_path).path / "manifest.json"
    raw = json.loads(manifest.read_text())
    manifest.write_text(json.dumps({**raw, "schema_fingerprint": "0" * 64}))
    with pytest.raises(InputError, match="full extract"):
        run(tmp_path, clinic("ada"), now=NOW + timedelta(days=1), incremental=True)
    run(tmp_path, clinic("ada"), now=NOW + timedelta(days=1))
    assert open_dataset(tmp_path).rows("patient") == 1


KILLED = """
import os, signal, sys
from datetime import date, datetime, UTC
from pathlib import Path
import pyarrow as pa
from openkap.registry.dataset import ReleaseWriter
root = Path(sys.argv[1])
with ReleaseWriter(root, now=datetime(2026, 7, 2, tzinfo=UTC), as_of=date(2026, 7, 1)) as writer:
    schema = writer.schema.table("site").arrow()
    writer.write("site", pa.Table.from_pylist([{"site_id": 1, "zone": "UTC"}], schema=schema))
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_killed_extract_leaves_the_last_good_one_in_place(tmp_path: Path) -> None:
    first = run(tmp_path, clinic("ada"))
    killed = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)], check=False)
    assert killed.returncode == -9
    assert list(tmp_path.glob(".writing-*"))
    assert open_dataset(tmp_path).fingerprint == first.dataset.fingerprint
    run(tmp_path, clinic("ada"), now=NOW + timedelta(days=2))
    assert not list(tmp_path.glob(".writing-*"))


def test_two_extracts_at_once_are_refused(tmp_path: Path) -> None:
    with one_writer(tmp_path), pytest.raises(InputError, match="another extract is running"):
        run(tmp_path, clinic("ada"))


def test_an_error_while_writing_leaves_nothing_behind(tmp_path: Path) -> None:
    rows = clinic("ada")
    rows["score"][0]["value"] = "fifty"
    with pytest.raises(InputError, match="wrong type"):
        run(tmp_path, rows)
    assert [path.name for path in tmp_path.iterdir()] == [".lock"]


@pytest.mark.parametrize(
    ("table", "change", "message"),
    [
        ("course", {"patient_id": "nobody"}, "was not handed in"),
        ("score", {"status": "draft"}, "does not list"),
        ("score", {"colour": "red"}, "does not name"),
        ("score", {"assessed_at": datetime(2026, 6, 1)}, "without a zone"),  # noqa: DTZ001
        ("score", {"scale": None}, "required cell is empty"),
        ("site", {"zone": "Mars/Olympus"}, "unknown time zone"),
    ],
)
def test_a_row_that_does_not_fit_is_refused_with_its_place(
    table: str, change: dict[str, Any], message: str, tmp_path: Path
) -> None:
    rows = clinic("ada")
    rows[table][0].update(change)
    with pytest.raises(InputError, match=message) as refused:
        run(tmp_path, rows)
    assert table in str(refused.value)


def test_a_short_key_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="too short"):
        extract(tmp_path, {}, key=b"short", now=NOW, as_of=CUT)


def test_only_the_last_three_releases_are_kept(tmp_path: Path) -> None:
    for day in range(5):
        with ReleaseWriter(tmp_path, now=NOW + timedelta(days=day), as_of=CUT) as writer:
            writer.finish()
    assert len(list(tmp_path.glob("release-*"))) == 3
    assert open_dataset(tmp_path).release == "release-000005"
