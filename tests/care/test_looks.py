"""Who saw what: whatever page shows a patient, by name or by code, leaves its look in the audit."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from addresses import World, every_address
from treated import FIRST, dosing, first_session, planned

from openkap.care.access_rules import RULES, Door
from openkap.care.audit.models import AuditEvent
from openkap.care.demo.cast import PASSWORD

# Asked again and again by a page that was audited when it was opened.
POLLS = {"live_state", "session_now", "my_alerts"}
CLINICAL = ("ada", "ben", "cora", "tess")


@pytest.fixture
def treated_patient(cast, register, watch):
    """Somebody under the drug in Chair 1."""
    patient = register("Lookedat", "Only")
    dosing(cast, first_session(planned(cast, patient)), watch)
    return patient


def looks_at(patient, since: int = 0):
    """The events after ``since`` that name the patient, alone or in a list."""
    rows = AuditEvent.objects.filter(pk__gt=since).order_by("pk")
    told = [json.loads(row.body) for row in rows]
    return [
        each
        for each in told
        if each["patient"] == patient.uid or patient.uid in each["detail"].get("shown", ())
    ]


def newest() -> int:
    return AuditEvent.objects.order_by("-pk").values_list("pk", flat=True).first() or 0


def shows(answer, patient) -> bool:
    if answer.streaming or "text" not in answer.headers.get("Content-Type", ""):
        return False
    said = answer.content.decode()
    return patient.code in said or "LOOKEDAT" in said.upper()


@pytest.mark.parametrize("key", CLINICAL)
def test_every_page_that_shows_a_patient_stands_in_the_audit(cast, register, key):
    patient = register("Lookedat", "Only")
    world = World(cast, patient, register("Elsewhere", by="eve"))
    client, unseen, pages = cast.client(key), [], set()
    for address in every_address():
        if (RULES[address.name].door is not Door.RIGHT and address.name != "home") or address.name in POLLS:
            continue
        path, before = address.path(world), newest()
        answer = client.get(path)
        if answer.status_code == 200 and shows(answer, patient):
            pages.add(address.name)
            if not looks_at(patient, before):
                unseen.append(address.name)
        # A page that a patient holds has locked the screen.
        client.post("/me/unlock/", {"password": PASSWORD})
    assert not unseen
    assert pages > {"home", "patients", "patient", "invitation"}


def test_the_home_page_names_in_one_row_whom_it_showed(cast, treated_patient, register):
    register("Further")
    client, before = cast.client("ben"), newest()
    client.get("/home/")
    (row,) = AuditEvent.objects.filter(pk__gt=before)
    told = json.loads(row.body)
    assert (row.action, told["detail"]["where"]) == ("patients.listed", "to-do list")
    assert treated_patient.uid in told["detail"]["shown"]
    assert len(told["detail"]["shown"]) == len(set(told["detail"]["shown"])) > 1


def test_coming_back_to_the_home_page_is_a_new_look_for_a_new_person_or_after_an_hour(
    cast, treated_patient, register, watch, settings
):
    settings.LOCK_AFTER_MINUTES = 600
    client = cast.client("ben")
    client.get("/home/")
    before = newest()
    client.get("/home/")
    assert newest() == before
    further = register("Further")
    before = newest()
    client.get("/home/")
    assert looks_at(further, before)
    before = newest()
    watch.forward(minutes=61)
    client.get("/home/")
    assert looks_at(treated_patient, before)


def test_a_home_page_that_shows_nobody_leaves_no_row(cast, treated_patient):
    clients = [cast.client(key) for key in ("dov", "sia", "ari")]
    before = newest()
    for client in clients:
        assert client.get("/home/").status_code == 200
    assert newest() == before


def test_the_board_is_a_look_when_it_opens_and_when_somebody_new_stands_on_it(
    cast, register, watch, settings
):
    settings.LOCK_AFTER_MINUTES = 600
    one, other = register("First"), register("Second")
    early = first_session(planned(cast, one))
    late = first_session(planned(cast, other, first=FIRST + timedelta(hours=6), seat="Chair 2"))
    dosing(cast, early, watch)
    board = cast.client("ben")
    board.get("/board/")
    before = newest()
    for _ in range(5):
        board.get("/board/state/")
    assert newest() == before, "a poll that shows the same people is no new look"
    dosing(cast, late, watch)
    before = newest()
    board.get("/board/state/")
    board.get("/board/state/")
    (row,) = AuditEvent.objects.filter(pk__gt=before)
    assert {one.uid, other.uid} == set(json.loads(row.body)["detail"]["shown"])
    board.get("/board/")
    assert AuditEvent.objects.filter(pk__gt=before).count() == 2


def test_the_lead_s_board_names_nobody_and_leaves_no_row(cast, treated_patient):
    lead, before = cast.client("dov"), newest()
    lead.get("/board/")
    assert newest() == before


def test_the_auditor_finds_a_patient_in_the_lists_that_showed_them(cast, treated_patient):
    cast.client("tess").get("/therapy/")
    cast.client("cora").get("/patients/")
    page = cast.client("ari").get(f"/audit/?patient={treated_patient.uid}&action=patients.listed")
    found = page.context["found"].object_list
    assert {each.detail["where"] for each in found} == {"my visits", "list of patients"}


def test_records_that_may_be_the_same_person_are_a_look_at_each_of_them(cast, treated_patient, register):
    twin, client = register("Lookedat", "Only"), cast.client("cora")
    before = newest()
    client.get(f"/patients/{twin.uid}/same-person/")
    assert looks_at(treated_patient, before)
