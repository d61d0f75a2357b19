"""The auditor reads acts in words, and lists of patients behind their count."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.utils.timezone import localdate

from openkap.care.audit.actions import record, record_listed
from openkap.care.audit.verify import verify_lines
from openkap.care.moment import now


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


def test_the_auditor_reads_who_saw_a_patient_between_two_days_of_the_clinic(
    cast, patient, watch, nobody_is_locked_out, django_assert_max_num_queries
):
    cast.client("ben").get(f"/patients/{patient.uid}/")
    first = localdate(now())
    watch.forward(days=14)
    cast.client("ada").get(f"/patients/{patient.uid}/")

    def seen(**days):
        page = cast.client("ari").get("/audit/", {"patient": patient.uid, "action": "patient.seen"} | days)
        return [event.actor_name for event in page.context["found"].object_list]

    ben, ada = cast.actor("ben").name, cast.actor("ada").name
    assert seen() == [ada, ben]
    assert seen(to=f"{first}") == seen(**{"from": f"{first}", "to": f"{first}"}) == [ben]
    assert seen(**{"from": f"{first + timedelta(days=1)}"}) == [ada]
    with django_assert_max_num_queries(14):
        seen(**{"from": f"{first}"})
    page = cast.client("ari").get("/audit/", {"from": f"{first}", "to": f"{first}"})
    assert page.context["query"] == f"from={first}&to={first}&"
    assert f"&amp;from={first}&amp;to={first}" in page.content.decode()
    # The chain leaves whole, whatever was looked for.
    whole = b"".join(cast.client("ari").get("/audit/export/", {"to": f"{first}"}).streaming_content)
    assert verify_lines(whole.decode().splitlines()).is_whole


@pytest.mark.parametrize(
    ("days", "says"),
    [
        ({"from": "yesterday"}, "this is not a day"),
        ({"from": "2026-11-20", "to": "2026-11-10"}, "the last day comes before the first"),
    ],
)
def test_days_that_cannot_be_are_refused_in_words_and_stand_as_typed(cast, days, says):
    page = cast.client("ari").get("/audit/", days)
    assert page.status_code == 422
    text = page.content.decode()
    assert says in text.lower()
    assert all(f'value="{typed}"' in text for typed in days.values())
