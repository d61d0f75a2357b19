"""The auditor reads acts in words, and lists of patients behind their count."""

from __future__ import annotations

import re

from openkap.care.audit.actions import record, record_listed


def test_the_auditor_reads_acts_in_words_and_lists_behind_their_count(cast):
    ben = cast.actor("ben")
    record_listed(ben, "patients", ["aaaaaaaaaaaa", "bbbbbbbbbbbb"])
    record(
        "consent.part_gone_through", by=ben, detail={"before": {"parts": ["risks", "money"]}, "is_new": True}
    )
    page = cast.client("ari").get("/audit/").content.decode()
    assert "Consent part gone through" in page
    assert "<summary>2 patients</summary>" in page
    assert "<code>bbbbbbbbbbbb</code>" in page
    assert "Before: parts: risks, money" in page
    assert "Is new: yes" in page
    # Neither a list nor a mapping as a program writes it.
    assert not re.search(r"[\[{,:] ?&#x27;", page.split("<tbody>")[1])


def test_the_next_page_of_a_search_asks_the_same_search(cast):
    page = cast.client("ari").get("/audit/", {"actor": "a&b#c", "action": "d"})
    assert page.context["query"] == "actor=a%26b%23c&action=d&"


def test_the_auditor_finds_who_saw_a_patient_by_the_code_on_the_chart(cast, patient):
    cast.client("ben").get(f"/patients/{patient.uid}/")
    seen = cast.client("ari").get("/audit/", {"patient": patient.code.lower(), "action": "patient.seen"})
    assert {event.actor_name for event in seen.context["found"].object_list} == {cast.actor("ben").name}
    assert {event.patient for event in seen.context["found"].object_list} == {patient.uid}


def test_the_auditor_finds_a_person_by_a_part_of_the_name_and_is_told_when_nothing_fits(cast):
    record("chart.example", by=cast.actor("ben"))
    record("chart.example", by=cast.actor("ada"))
    ask = lambda name: cast.client("ari").get("/audit/", {"actor": name, "action": "chart."})  # noqa: E731
    assert [event.actor_name for event in ask("okafor").context["found"].object_list] == ["Ben Okafor"]
    assert not ask(".*").context["found"].object_list
    assert "Nothing fits what was asked for" in ask("Nobody").content.decode()
