"""What a tablet at the chair sends, for tests."""

from __future__ import annotations

import json

from treated import VITALS


def address(session, name: str = "entries") -> str:
    return f"/patients/{session.patient.uid}/sessions/{session.uid}/live/{name}/"


def post(client, session, *entries, device: str = "tablet-1", device_now=None):
    body = {"device": device, "name": device, "entries": list(entries)}
    if device_now is not None:
        body["device_now"] = device_now.isoformat()
    answer = client.post(address(session), json.dumps(body), content_type="application/json")
    assert answer.status_code == 200, answer.content
    return answer.json()


def vitals(name: str, at, **values):
    return {
        "id": name,
        "act": "vitals",
        "observed_at": at.isoformat(),
        "payload": {"values": values or VITALS},
    }


def act(name: str, what: str, at, **payload):
    return {"id": name, "act": what, "observed_at": at.isoformat(), "payload": payload}


def statuses(told) -> list[str]:
    return [answer["status"] for answer in told["answers"]]
