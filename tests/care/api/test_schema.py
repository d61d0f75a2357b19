"""The API over its own schema: no request that fits or misfits it breaks the server."""

from __future__ import annotations

import json
from urllib.parse import quote

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as hypothesis_settings


def test_every_operation_of_the_schema_has_a_rule_and_the_reverse():
    from openkap.care.access_rules import RULES
    from openkap.care.api.api import api

    paths = api.get_openapi_schema()["paths"]
    named = {f"api:{operation['operationId']}" for path in paths.values() for operation in path.values()}
    ruled = {name for name in RULES if name.startswith("api:")} - {"api:openapi-json", "api:api-root"}
    assert named == ruled


@pytest.mark.slow
@pytest.mark.parametrize("who", ["", "ada", "dov"])
def test_no_request_over_the_schema_breaks_the_server(cast, patient, who):
    """Cases made from the schema, sent through Django's own test client: a 5xx would be raised or returned."""
    from django.test import Client

    from openkap.care.api.api import api

    client = cast.client(who) if who else Client()
    client.raise_request_exception = True
    loaded = schemathesis.openapi.from_dict(as_plain(api.get_openapi_schema()))
    wrong: list[tuple[str, str, int]] = []
    for operation in (each.ok() for each in loaded.get_all_operations()):
        wrong += broken_by(client, operation, patient.uid)
    assert not wrong


def broken_by(client, operation, patient_uid):
    """The cases of one operation that ended in a 5xx."""
    wrong: list[tuple[str, str, int]] = []

    @hypothesis_settings(
        max_examples=12,
        deadline=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy())
    def send(case):
        path = operation.path
        for name, value in (case.path_parameters or {}).items():
            path = path.replace("{" + name + "}", patient_uid if name == "patient" else quoted(value))
        body = case.body if isinstance(case.body, dict | list) else None
        answer = client.generic(
            operation.method.upper(),
            path,
            data=json.dumps(body, default=str) if body is not None else "",
            content_type="application/json",
            QUERY_STRING="&".join(f"{key}={quoted(value)}" for key, value in (case.query or {}).items()),
        )
        if answer.status_code >= 500:
            wrong.append((operation.method, path, answer.status_code))

    send()
    return wrong


def as_plain(schema):
    return json.loads(json.dumps(schema, default=str))


def quoted(value):
    return quote(str(value), safe="") or "x"


@pytest.mark.parametrize(
    "body",
    [
        "",
        "{",
        "null",
        "[]",
        '{"answers": [{}]}',
        '{"answers": [{"value": 1e400}]}',
        '{"answers": "ü\\u0000"}',
    ],
)
def test_a_malformed_body_gets_one_shape_of_refusal(client, db, body):
    answer = client.post("/api/link/rubbish/answers", body, content_type="application/json")
    assert answer.status_code in (400, 422)
    assert set(answer.json()) == {"what", "value", "limit", "remedy", "where"}


def test_a_form_with_parts_is_refused_where_json_is_asked_for(client, db):
    answer = client.post("/api/link/rubbish/answers", {"answers": "1"})
    assert (answer.status_code, answer.json()["limit"]) == (415, "application/json")


def test_the_schema_is_served_and_shows_no_page_from_elsewhere(client, db):
    assert client.get("/api/openapi.json").status_code == 200
    assert client.get("/api/docs").status_code in (403, 404)


def test_a_staff_operation_without_the_csrf_token_is_refused(cast, patient):
    from django.test import Client

    strict = Client(enforce_csrf_checks=True)
    strict.force_login(cast.staff("ada"))
    answer = strict.post(f"/api/patients/{patient.uid}/signals/000000000000/acknowledge")
    assert answer.status_code == 403
