"""Charts over the API: what devices read and write, audited, each once, and nothing of another clinic."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from treated import VITALS, dosing, first_session, planned

from openkap.care.audit.models import AuditEvent
from openkap.care.moment import now
from openkap.care.patients.models import Contact
from openkap.care.treatment.models import Alert, Entry


@pytest.fixture
def session(cast, patient, watch):
    return dosing(cast, first_session(planned(cast, patient)), watch)


def send(client, path: str, body: object):
    return client.post(f"/api/patients/{path}", json.dumps(body), content_type="application/json")


def reading(name: str, **changes):
    body = {"kind": "vitals", "values": VITALS, "client_id": name, "observed_at": now().isoformat()}
    return body | changes


def entries_of(session, verb: str = "entries") -> str:
    return f"{session.patient.uid}/sessions/{session.uid}/{verb}"


def test_a_patient_is_found_by_name_code_and_birth_date(cast, patient):
    client = cast.client("ben")
    for text in ("exam", patient.code, "1984-05-02"):
        told = client.get("/api/patients", {"q": text}).json()
        assert [each["uid"] for each in told["found"]] == [patient.uid]
        assert (told["page"], told["pages"]) == (1, 1)
    assert client.get("/api/patients", {"q": "nobody"}).json()["found"] == []


def test_a_second_page_holds_who_did_not_fit_on_the_first(cast, register):
    for number in range(51):
        register(f"Page{number:02}")
    first, second = (
        cast.client("cora").get("/api/patients", {"q": "page", "page": page}).json() for page in (1, 2)
    )
    assert (len(first["found"]), len(second["found"])) == (50, 1)
    assert (first["pages"], second["pages"]) == (2, 2)
    assert second["found"][0]["name"] == "PAGE50, Alex"


def test_a_chart_says_what_its_page_says_and_looking_is_audited(cast, patient):
    told = cast.client("tess").get(f"/api/patients/{patient.uid}").json()
    page = cast.client("tess").get(f"/patients/{patient.uid}/").content.decode()
    assert told["name"] == "EXAMPLE, Alex"
    for label in [line["label"] for line in told["banner"]] + [part["title"] for part in told["sections"]]:
        assert label in page
    assert AuditEvent.objects.filter(action="patient.seen", patient=patient.uid).count() == 2


def test_sessions_come_newest_first_and_go_on_before_the_last_line(cast, session):
    client, path = cast.client("ada"), f"/api/patients/{session.patient.uid}/sessions"
    told = client.get(path).json()
    assert [each["number"] for each in told] == [6, 5, 4, 3, 2, 1]
    rest = client.get(path, {"before": told[3]["starts_at"]}).json()
    assert [each["number"] for each in rest] == [2, 1]
    assert client.get(path, {"before": "yesterday"}).status_code == 422


def test_vitals_are_stored_once_read_back_and_corrections_show(cast, session, watch):
    client = cast.client("ben")
    first, again = (send(client, entries_of(session, "enter"), reading("tablet-0001")) for _ in range(2))
    assert (first.status_code, first.json()["uid"]) == (200, again.json()["uid"])
    told = client.get(f"/api/patients/{entries_of(session)}").json()
    written = [each for each in told if each["kind"] == "vitals"]
    assert len(written) == 1
    values = {each["element"]: each for each in written[0]["values"]}
    assert (values["sbp"]["number"], values["sbp"]["unit"], written[0]["counts"]) == (
        "130.0000",
        "mm[Hg]",
        True,
    )
    assert written[0]["entered_by"] == cast.staff("ben").name


def test_an_abnormal_reading_is_taken_and_raises_its_alert(cast, session):
    values = VITALS | {"sbp": "212", "dbp": "124"}
    assert (
        send(
            cast.client("ben"), entries_of(session, "enter"), reading("tablet-0002", values=values)
        ).status_code
        == 200
    )
    assert Alert.objects.filter(session=session, entry__client_id="tablet-0002").exists()


@pytest.mark.parametrize(
    ("changes", "status", "says"),
    [
        ({"values": VITALS | {"sbp": "9000"}}, 400, "where"),
        ({"values": {"shoe_size": "42"}}, 400, "what"),
        ({"values": {}}, 400, "nothing was entered"),
        ({"kind": "gate"}, 422, "schema"),
        ({"note": "a\x00b"}, 422, "NUL"),
        ({"note": "half \ud83d"}, 422, "schema"),
        ({"client_id": "short"}, 422, "schema"),
        ({"observed_at": "2026-11-23T09:00:00"}, 422, "schema"),
    ],
)
def test_what_cannot_be_taken_is_refused_in_one_shape_and_not_stored(cast, session, changes, status, says):
    answer = send(cast.client("ben"), entries_of(session, "enter"), reading("tablet-0003", **changes))
    assert answer.status_code == status
    assert set(answer.json()) == {"what", "value", "limit", "remedy", "where"}
    assert says in answer.content.decode()
    assert not Entry.objects.filter(client_id="tablet-0003").exists()


def test_a_time_in_the_future_is_refused(cast, session):
    late = reading("tablet-0004", observed_at=(now() + timedelta(hours=1)).isoformat())
    assert "future" in send(cast.client("ben"), entries_of(session, "enter"), late).json()["what"]


@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"])
def test_a_moment_that_another_time_zone_cannot_tell_is_refused(cast, session, moment):
    client = cast.client("ben")
    listed = client.get(f"/api/patients/{session.patient.uid}/sessions", {"before": moment})
    written = send(client, entries_of(session, "enter"), reading("tablet-0006", observed_at=moment))
    assert (listed.status_code, written.status_code) == (422, 422)
    assert "too far away" in written.json()["limit"]


def test_a_therapist_reads_what_only_a_nurse_writes(cast, session):
    assert cast.client("tess").get(f"/api/patients/{entries_of(session)}").status_code == 200
    assert send(cast.client("tess"), entries_of(session, "enter"), reading("tablet-0005")).status_code == 403


def test_a_contact_is_added_and_a_word_for_a_number_is_refused(cast, patient):
    body = {"kind": "escort", "name": "Robin Lee", "relation": "sister", "telephone": "+1 555 0100"}
    answer = send(cast.client("cora"), f"{patient.uid}/contacts", body)
    row = Contact.objects.get(uid=answer.json()["uid"])
    assert (row.name, row.kind, row.may_be_told) == ("Robin Lee", "escort", None)
    assert AuditEvent.objects.filter(action="contact.added", entity_uid=row.uid).exists()
    refused = send(cast.client("cora"), f"{patient.uid}/contacts", body | {"telephone": "call me"})
    assert (refused.status_code, refused.json()["where"]) == (422, "body.body.telephone")
    assert Contact.objects.count() == 1


def test_each_read_asks_the_database_a_fixed_number_of_times(
    cast, session, register, django_assert_max_num_queries
):
    """SQLite counts a look as five: it begins, takes the head, adds, moves the head, commits."""
    for number in range(12):
        register(f"Many{number}")
    client, uid = cast.client("ben"), session.patient.uid
    for path, most in (
        ("/api/patients?q=many", 8),
        (f"/api/patients/{uid}", 18),
        (f"/api/patients/{uid}/sessions", 9),
        (f"/api/patients/{entries_of(session)}", 11),
        (f"/api/patients/{uid}/trajectory", 11),
        ("/api/signals", 3),
    ):
        client.get(path)
        with django_assert_max_num_queries(most):
            assert client.get(path).status_code == 200


def test_two_operations_at_one_address_are_refused():
    from ninja import Router

    from openkap.care.access_rules import staff
    from openkap.care.api.operations import operation

    with pytest.raises(TypeError, match="share the address"):
        operation(Router(), "DELETE", "signals", name="planted", may=staff(), response=None)
