"""Consent is honoured, what was touched is told again, and nothing but a finished extract is ever shown."""

from __future__ import annotations

import json
import shutil
from datetime import timedelta

import pytest

from openkap.care.insights.models import ExtractRun
from openkap.core.errors import InputError

pytestmark = pytest.mark.django_db


def test_nobody_enters_without_having_agreed(treated, extracted, register, agree):
    register("Neverasked")
    refuses = register("Refuses")
    agree(refuses, "refused")
    assert len(extracted()["patient"]) == 1
    assert ExtractRun.objects.get(data_fingerprint__gt="").without_consent == 2


def test_a_withdrawn_consent_empties_every_table_and_deletes_older_releases(
    treated, extracted, agree, patient, watch, registry, cast
):
    before = extracted()
    assert before["vital"]
    watch.forward(days=1)
    agree(patient, "withdrawn", by="tess")
    assert ExtractRun.objects.filter(begun_at__isnull=True).count() == 1, "an extract is asked for at once"
    watch.forward(minutes=2)
    after = extracted()
    assert {name: len(rows) for name, rows in after.items() if rows} == {"site": 1}
    assert len(list((registry / cast.troupe.clinic.uid).glob("release-*"))) == 1


def test_who_agrees_again_comes_back_whole(treated, extracted, agree, patient, watch):
    before = extracted()
    watch.forward(days=1)
    agree(patient, "withdrawn")
    watch.forward(minutes=2)
    extracted()
    watch.forward(days=1)
    agree(patient, "given")
    watch.forward(days=1)
    assert {key: value for key, value in extracted().items() if key != "consent"} == {
        key: value for key, value in before.items() if key != "consent"
    }


def test_an_incremental_extract_equals_a_whole_one(
    treated, extracted, register, agree, patient, answer, watch
):
    extracted()
    watch.forward(days=2)
    answer(patient, 22)
    other = register("Second")
    agree(other)
    watch.forward(days=3)
    little = extracted()
    assert not ExtractRun.objects.order_by("-pk")[0].is_whole
    watch.forward(minutes=1)
    whole = extracted(whole=True)
    assert little == whole
    assert len(little["patient"]) == 2


def test_only_who_was_touched_is_told_again(treated, extracted, register, agree, watch, patient, cast):
    from openkap.care.insights.extract import _since, pseudonym_key

    watch.forward(days=9)
    extracted()
    watch.forward(days=1)
    other = register("Second")
    agree(other)
    watch.forward(days=1)
    since = _since(cast.troupe.clinic, pseudonym_key(cast.troupe.clinic))
    assert since is not None
    assert since.touched == {other.pk}


def test_merged_records_are_told_whole_and_as_one_person(
    treated, extracted, register, agree, cast, patient, watch
):
    from openkap.care.patients.merging import merge

    twin = register("Twin")
    agree(twin)
    watch.forward(days=1)
    assert len(extracted()["patient"]) == 2
    merge(by=cast.actor("cora"), keep=patient.uid, absorb=twin.uid, reason="same birth date and number")
    watch.forward(days=1)
    rows = extracted()
    assert ExtractRun.objects.order_by("-pk")[0].is_whole
    assert len(rows["patient"]) == 1
    assert {row["patient_id"] for row in rows["referral"]} == {rows["patient"][0]["patient_id"]}


def test_another_key_never_mixes_with_the_old_pseudonyms(treated, extracted, settings, watch):
    before = extracted()
    watch.forward(days=1)
    settings.REGISTRY_KEY = "another secret of this installation"
    after = extracted()
    assert ExtractRun.objects.order_by("-pk")[0].is_whole
    assert len(after["session"]) == len(before["session"])
    assert after["patient"][0]["patient_id"] != before["patient"][0]["patient_id"]


def test_a_clock_that_ran_backwards_is_refused_and_the_last_release_stays(treated, extracted, watch, cast):
    extracted()
    watch.forward(days=-30)
    with pytest.raises(InputError, match="clock ran backwards"):
        extracted()
    run = ExtractRun.objects.order_by("-pk")[0]
    assert (run.release, run.trouble) == ("", "the clock ran backwards since the last extract")
    watch.forward(days=31)
    page = cast.client("dov").get("/insights/").content.decode()
    assert "failed: the clock ran backwards" in page
    assert "data up to" in page


def test_a_half_written_file_is_found_and_the_next_extract_is_whole(
    treated, extracted, registry, cast, watch
):
    extracted()
    root = registry / cast.troupe.clinic.uid
    part = next(root.glob("release-*/vital/*.parquet"))
    part.write_bytes(part.read_bytes()[:-40])
    page = cast.client("dov").get("/insights/safety/")
    assert page.status_code == 200
    assert "damaged" in page.content.decode()
    watch.forward(days=1)
    assert extracted()["vital"]
    assert ExtractRun.objects.order_by("-pk")[0].is_whole


def test_a_part_changed_without_changing_its_length_is_not_carried_over(
    treated, extracted, registry, cast, watch
):
    before = extracted()
    part = next((registry / cast.troupe.clinic.uid).glob("release-*/vital/*.parquet"))
    content = bytearray(part.read_bytes())
    content[60] ^= 0xFF
    part.write_bytes(bytes(content))
    watch.forward(days=1)
    assert extracted()["vital"] == before["vital"]
    assert ExtractRun.objects.order_by("-pk")[0].is_whole


def test_a_changed_schema_asks_for_a_whole_extract(treated, extracted, registry, cast, watch):
    extracted()
    manifest = next((registry / cast.troupe.clinic.uid).glob("release-*/manifest.json"))
    raw = json.loads(manifest.read_text())
    manifest.write_text(json.dumps(raw | {"schema_fingerprint": "0" * 64}))
    page = cast.client("dov").get("/insights/results/").content.decode()
    assert "written with another schema" in page
    watch.forward(days=1)
    extracted()
    assert ExtractRun.objects.order_by("-pk")[0].is_whole
    assert "another schema" not in cast.client("dov").get("/insights/results/").content.decode()


def test_a_release_put_there_by_others_is_not_built_upon(
    treated, extracted, published, watch, registry, cast
):
    watch.moment = watch.moment + timedelta(days=1)
    rows = extracted()
    assert len(rows["patient"]) == 1
    assert ExtractRun.objects.get(release__gt="").is_whole
    shutil.rmtree(registry)


def test_both_fingerprints_of_each_comparison_are_kept_and_never_change(treated, cast, published):
    from django.db import DatabaseError, transaction

    from openkap.care.accounts.actor import job_actor
    from openkap.care.insights.actions import store_benchmarks
    from openkap.care.insights.book import make_book, marks_of
    from openkap.care.insights.extract import ask_for_extract
    from openkap.care.insights.models import BenchmarkRun
    from openkap.evidence.base import read_base
    from openkap.registry.benchmark import evidence_fingerprint
    from openkap.registry.dataset import open_dataset

    by = job_actor("registry extract", cast.troupe.clinic)
    run = ask_for_extract(by=by, clinic=cast.troupe.clinic)
    _, report = make_book(published)
    marks = marks_of(open_dataset(published))
    first = store_benchmarks(by=by, run=run, marks=marks, report=report)
    assert store_benchmarks(by=by, run=run, marks=marks, report=report) == first
    row = BenchmarkRun.objects.get(window="w2")
    assert row.data_fingerprint == open_dataset(published).fingerprint
    assert row.evidence_fingerprint == evidence_fingerprint(read_base())
    assert json.loads(row.snapshot)["verdict"] == row.verdict
    with pytest.raises(DatabaseError), transaction.atomic():
        BenchmarkRun.objects.update(verdict="better")
    page = cast.client("dov").get("/insights/benchmark/").content.decode()
    assert row.data_fingerprint[:12] in page
    assert row.evidence_fingerprint[:12] in page


def test_each_night_has_one_extract_and_the_first_comes_at_once(treated, cast, watch, monkeypatch):
    from openkap.care.insights import jobs

    begun = []
    monkeypatch.setattr(jobs, "launch", begun.append)
    assert jobs.ask_nightly("w") == 1
    assert jobs.ask_nightly("w") == 0
    assert jobs.begin_asked("w") == 1
    assert jobs.begin_asked("w") == 0
    assert begun == [ExtractRun.objects.get().uid]
    watch.moment = watch.moment.replace(hour=1, minute=59) + timedelta(days=1)
    assert jobs.ask_nightly("w") == 0
    watch.forward(minutes=1)
    assert jobs.ask_nightly("w") == 1


def test_two_workers_ask_for_one_extract_a_night(treated, monkeypatch, watch):
    from openkap.care.insights import jobs

    due, others = jobs.is_due, iter(["B"])
    monkeypatch.setattr(jobs, "launch", lambda uid: None)

    def slow(clinic):
        answer = due(clinic)
        if other := next(others, ""):
            jobs.ask_nightly(other)
            jobs.begin_asked(other)
        return answer

    monkeypatch.setattr(jobs, "is_due", slow)
    jobs.ask_nightly("A")
    assert ExtractRun.objects.count() == 1


def test_an_extract_that_never_ended_is_named_on_the_page_and_at_home(treated, extracted, cast, watch):
    from openkap.care.insights.jobs import begin_asked

    extracted()
    ExtractRun.objects.create(clinic=cast.troupe.clinic, asked_at=watch(), begun_at=watch())
    watch.forward(hours=2)
    assert begin_asked("w") == 0
    page = cast.client("dov").get("/insights/").content.decode()
    assert "did not finish; the numbers are of the last one that did" in page
    assert "Look at the last extract" in cast.client("dov").get("/home/").content.decode()
