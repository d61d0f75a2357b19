"""Every edit, deletion, move, cut and addition of the audit is found, and where it is."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openkap.care.audit import verify as program
from openkap.care.audit.chain import GENESIS, canonical, digest
from openkap.care.audit.verify import summary, verify_lines

EVENTS = 12


def chain_of(count: int, *, chain: str = "harbour") -> list[str]:
    """A made-up export, built by the rules of ``chain.py``."""
    lines = [json.dumps({"openkap_audit": 1, "chain": chain, "first": 1, "previous": GENESIS})]
    previous = GENESIS
    for sequence in range(1, count + 1):
        body = canonical({"chain": chain, "sequence": sequence, "action": "dose.given", "detail": {"mg": 35}})
        this = digest(previous, body)
        lines.append(json.dumps({"sequence": sequence, "previous": previous, "digest": this, "body": body}))
        previous = this
    return [*lines, json.dumps({"end": count, "digest": previous})]


WHOLE = chain_of(EVENTS)
positions = st.integers(min_value=1, max_value=EVENTS)


def sequences(report: program.Report) -> set[int | None]:
    return {finding.sequence for finding in report.findings}


def test_a_whole_chain_is_called_whole():
    report = verify_lines(WHOLE)
    assert report.is_whole
    assert (report.events, report.last_sequence) == (EVENTS, EVENTS)


@given(positions, st.data())
def test_any_changed_character_of_an_event_is_found_at_that_event(place, data):
    entry = json.loads(WHOLE[place])
    text = entry["body"]
    at = data.draw(st.integers(min_value=0, max_value=len(text) - 1))
    other = data.draw(st.characters(codec="utf-8").filter(lambda sign: sign != text[at]))
    entry["body"] = text[:at] + other + text[at + 1 :]
    report = verify_lines([*WHOLE[:place], json.dumps(entry), *WHOLE[place + 1 :]])
    assert place in sequences(report)
    assert any(finding.line == place + 1 for finding in report.findings)


@given(positions, st.sampled_from(["sequence", "previous", "digest"]))
def test_a_changed_number_or_digest_is_found(place, key):
    entry = json.loads(WHOLE[place])
    entry[key] = 99 if key == "sequence" else "f" * 64
    report = verify_lines([*WHOLE[:place], json.dumps(entry), *WHOLE[place + 1 :]])
    assert any(finding.line in {place + 1, place + 2} for finding in report.findings)


@given(positions)
def test_an_edit_with_its_own_digest_mended_is_found_at_the_next_link(place):
    entry = json.loads(WHOLE[place])
    entry["body"] = entry["body"].replace("35", "53")
    entry["digest"] = digest(entry["previous"], entry["body"])
    report = verify_lines([*WHOLE[:place], json.dumps(entry), *WHOLE[place + 1 :]])
    assert {finding.line for finding in report.findings} == {place + 2}


@given(positions, st.integers(min_value=1, max_value=4))
def test_deleted_events_are_found_where_they_stood(place, count):
    report = verify_lines([*WHOLE[:place], *WHOLE[place + count :]])
    assert not report.is_whole
    assert {finding.kind for finding in report.findings} <= {"deleted", "cut off"}


def test_a_file_that_says_it_begins_later_is_cut_off():
    lines = chain_of(9)
    sixth = json.loads(lines[6])
    head = json.loads(lines[0]) | {"first": 6, "previous": sixth["previous"]}
    report = verify_lines([json.dumps(head), *lines[6:]])
    assert [(finding.kind, finding.line) for finding in report.findings] == [("cut off", 1)]
    third = json.loads(lines[3])
    anchored = verify_lines([json.dumps(head), *lines[6:]], {3: third["digest"]})
    assert "an event noted elsewhere is not in the file" in {each.words for each in anchored.findings}


@given(positions, positions)
def test_events_that_changed_places_are_found(first, second):
    lines = list(WHOLE)
    lines[first], lines[second] = lines[second], lines[first]
    report = verify_lines(lines)
    assert report.is_whole == (first == second)
    if first != second:
        assert min(first, second) + 1 in {finding.line for finding in report.findings}


@given(st.integers(min_value=1, max_value=EVENTS + 1))
def test_a_file_that_was_cut_off_is_found(kept):
    report = verify_lines(WHOLE[:kept])
    assert "cut off" in {finding.kind for finding in report.findings}


@given(st.integers(min_value=0, max_value=EVENTS))
def test_a_file_whose_beginning_was_cut_off_is_found(cut):
    assert verify_lines(WHOLE[cut:]).is_whole == (cut == 0)


@given(positions, st.text())
def test_an_added_line_is_found_at_its_line(place, text):
    report = verify_lines([*WHOLE[:place], text, *WHOLE[place:]])
    assert place + 1 in {finding.line for finding in report.findings}


@given(positions)
def test_an_event_copied_into_the_chain_is_found(place):
    report = verify_lines([*WHOLE[:place], WHOLE[place], *WHOLE[place:]])
    assert (place + 2, "added") in {(finding.line, finding.kind) for finding in report.findings}


@given(positions)
def test_a_chain_made_anew_is_found_by_an_anchor(place):
    anchor = {place: json.loads(WHOLE[place])["digest"]}
    forged = chain_of(EVENTS)
    entries = [json.loads(line) for line in forged]
    previous = GENESIS
    for entry in entries[1:-1]:
        if entry["sequence"] == place:
            entry["body"] = entry["body"].replace("35", "53")
        entry["previous"], entry["digest"] = previous, digest(previous, entry["body"])
        previous = entry["digest"]
    entries[-1]["digest"] = previous
    lines = [json.dumps(entry) for entry in entries]
    assert verify_lines(lines).is_whole
    assert {finding.kind for finding in verify_lines(lines, anchor).findings} == {"rewritten"}


@given(positions)
def test_a_chain_cut_and_ended_anew_is_found_by_an_anchor(place):
    anchor = {EVENTS: json.loads(WHOLE[EVENTS])["digest"]}
    shorter = chain_of(place - 1)
    assert verify_lines(shorter).is_whole
    assert "cut off" in {finding.kind for finding in verify_lines(shorter, anchor).findings}


@given(st.lists(st.text(), max_size=8))
def test_no_file_whatever_breaks_the_program(lines):
    assert not verify_lines(lines).is_whole


def test_the_program_runs_without_the_project(tmp_path):
    path = tmp_path / "audit.jsonl"
    path.write_text("\n".join(WHOLE) + "\n", encoding="utf-8")
    alone = [sys.executable, "-I", "-S", str(Path(program.__file__)), str(path)]
    answer = subprocess.run(alone, capture_output=True, text=True, check=False)
    assert answer.returncode == 0
    assert answer.stdout.startswith("whole: 12 events")
    path.write_text("\n".join([*WHOLE[:4], *WHOLE[5:]]) + "\n", encoding="utf-8")
    answer = subprocess.run(alone, capture_output=True, text=True, check=False)
    assert answer.returncode == 1
    assert "before it event 4 is missing" in answer.stdout


@pytest.mark.django_db
def test_the_auditors_export_is_whole_and_carries_what_people_did(cast, patient):
    from openkap.care.audit.queries import disagreeing_rows

    cast.client("ben").get(f"/patients/{patient.uid}/")
    export = b"".join(cast.client("ari").get("/audit/export/").streaming_content).decode()
    report = verify_lines(export.splitlines())
    assert report.is_whole, report.findings
    assert report.chain == cast.troupe.clinic.uid
    actions = [json.loads(json.loads(line)["body"])["action"] for line in export.splitlines()[1:-1]]
    assert [each for each in actions if each != "login.succeeded"][-2:] == ["patient.seen", "audit.exported"]
    assert "Alex" not in export
    assert disagreeing_rows(report.chain) == []


@pytest.mark.django_db
def test_a_changed_column_is_found_even_where_the_text_was_left(cast, patient):
    from django.db import connection

    from openkap.care.append_only import release_sql
    from openkap.care.audit.models import AuditEvent
    from openkap.care.audit.queries import disagreeing_rows

    with connection.cursor() as cursor:
        for statement in release_sql(AuditEvent._meta.db_table, connection.vendor):
            cursor.execute(statement)
    AuditEvent.objects.filter(sequence=1).update(actor="somebody else")
    assert disagreeing_rows(cast.troupe.clinic.uid) == [1]


def test_a_whole_file_says_whether_its_end_was_compared_with_one_noted_elsewhere():
    alone = verify_lines(WHOLE)
    noted = verify_lines(WHOLE, {EVENTS: json.loads(WHOLE[EVENTS])["digest"]})
    assert "not checked: whether its end was cut and written anew" in summary(alone)
    assert f"up to event {EVENTS} also nothing written anew" in summary(noted)
