"""What people and their devices do: each function is one operation and returns the status of its answer.

Two mixes, each 70 % reads and 30 % writes. ``DEVICES`` is what scripts, tablets and telephones send:
resources as JSON, one a request, as the published figure of another system counts them. ``PAGES`` is what a
person sends who works with whole pages and forms.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from device import Device

# Of the questionnaire that every patient was sent.
QUESTIONS = 20


@dataclass
class Work:
    """Somebody at a device, with what there is in the clinic."""

    device: Device
    known: dict[str, Any]
    dice: Random
    # The questions that came to this telephone, one patient's, and how many of them were answered.
    link: dict[str, str] = field(default_factory=dict)
    answered: int = 0

    @property
    def patient(self) -> str:
        return self.dice.choice(self.known["patients"])

    @property
    def session(self) -> str:
        """The address of a session under way."""
        each = self.dice.choice(self.known["sessions"])
        return f"patients/{each['patient']}/sessions/{each['session']}"

    @property
    def client_id(self) -> str:
        # Never the same twice, also in another part of the run: a repeat would store nothing.
        return os.urandom(8).hex()

    @property
    def moment(self) -> str:
        """A moment ago, so that no two readings of a session are of the same one."""
        return (datetime.now(UTC) - timedelta(seconds=self.dice.uniform(0, 600))).isoformat()


def find_patient(work: Work) -> int:
    return work.device.get(f"/api/patients?q=load{work.dice.randrange(200):04}")[0]


def read_chart(work: Work) -> int:
    return work.device.get(f"/api/patients/{work.patient}")[0]


def read_sessions(work: Work) -> int:
    """Every other time of the patient with 1,000."""
    patient = work.known["heavy"] if work.dice.random() < 0.5 else work.patient
    return work.device.get(f"/api/patients/{patient}/sessions")[0]


def read_entries(work: Work) -> int:
    return work.device.get(f"/api/{work.session}/entries")[0]


def read_course(work: Work) -> int:
    """The course of symptoms."""
    return work.device.get(f"/api/patients/{work.patient}/trajectory")[0]


def read_signals(work: Work) -> int:
    return work.device.get("/api/signals")[0]


def read_link(work: Work) -> int:
    """A telephone that opens a patient's questions again."""
    return work.device.get(f"/api/link/{_token(work.link)}")[0]


def poll_session(work: Work) -> int:
    """A tablet that knows the session's state and asks whether anything is new."""
    path = f"/{work.session}/live/state/"
    marks = work.known.setdefault("marks", {})
    status, body = work.device.get(f"{path}?mark={marks.get(path, '')}&device=load")
    if status == 200:
        marks[path] = json.loads(body)["mark"]
    return status


def tap(work: Work) -> int:
    """A patient's next answer from a telephone; after the last one it is another patient's turn."""
    if work.answered == QUESTIONS:
        work.link, work.answered = next_link(work.known), 0
    work.answered += 1
    answer = {
        "form": work.link["form"],
        "item": str(work.answered),
        "value": work.dice.randrange(4),
        "client_id": work.client_id,
        "answered_at": datetime.now(UTC).isoformat(),
    }
    return work.device.send(f"/api/link/{_token(work.link)}/answers", {"answers": [answer]})[0]


def next_link(known: dict[str, Any]) -> dict[str, str]:
    """The questions of whoever has waited longest for a turn."""
    link = known["links"].pop(0)
    known["links"].append(link)
    return link


def write_vitals(work: Work) -> int:
    """Pressure, pulse and saturation of a session under way; the rules for alerts run over all of them."""
    values = {
        "sbp": str(work.dice.randrange(110, 150)),
        "dbp": str(work.dice.randrange(65, 90)),
        "heart_rate": str(work.dice.randrange(60, 95)),
        "spo2": str(work.dice.randrange(96, 100)),
    }
    body = {"kind": "vitals", "values": values, "client_id": work.client_id, "observed_at": work.moment}
    return work.device.send(f"/api/{work.session}/enter", body)[0]


def write_note(work: Work) -> int:
    body = {
        "kind": "note",
        "note": "Quiet, eyes closed; nods when asked. Music changed once.",
        "client_id": work.client_id,
        "observed_at": work.moment,
    }
    return work.device.send(f"/api/{work.session}/enter", body)[0]


def contact(work: Work) -> dict[str, str]:
    """Somebody else each time: who stands there already is not added again."""
    name = f"Robin {work.client_id}"
    return {"kind": "carer", "name": name, "relation": "friend", "telephone": "+1 555 0100"}


def write_contact(work: Work) -> int:
    return work.device.send(f"/api/patients/{work.patient}/contacts", contact(work))[0]


def page_chart(work: Work) -> int:
    return work.device.get(f"/patients/{work.patient}/")[0]


def page_heavy(work: Work) -> int:
    """The chart of the patient with 1,000 sessions."""
    return work.device.get(f"/patients/{work.known['heavy']}/")[0]


def page_timeline(work: Work) -> int:
    return work.device.get(f"/patients/{work.known['heavy']}/timeline/")[0]


def page_home(work: Work) -> int:
    return work.device.get("/home/")[0]


def page_list(work: Work) -> int:
    return work.device.get(f"/patients/?q=load{work.dice.randrange(200):04}")[0]


def page_contacts(work: Work) -> int:
    return work.device.get(f"/patients/{work.patient}/contacts/")[0]


def page_questions(work: Work) -> int:
    """A patient opens the link of a message."""
    return work.device.get(f"/a/{_token(work.link)}/")[0]


def form_contact(work: Work) -> int:
    path = f"/patients/{work.patient}/contacts/"
    return work.device.post(path, contact(work) | {"act": "add"})[0]


def form_note(work: Work) -> int:
    """A note on the session page, as its form sends it."""
    form = {"kind": "note", "note": "Quiet, eyes closed; nods when asked.", "client_id": work.client_id}
    return work.device.post(f"/{work.session}/entries/", form)[0]


def _token(link: dict[str, str]) -> str:
    return link["path"].rstrip("/").rpartition("/")[2]


# What is done on a nurse's tablet, and on a patient's telephone, where nobody is logged in.
AT_THE_CHAIR = {poll_session, write_vitals, write_note, form_note}
ON_THE_TELEPHONE = {tap, read_link, page_questions}

DEVICES = (
    (find_patient, 12),
    (read_chart, 16),
    (read_sessions, 10),
    (read_entries, 10),
    (read_course, 4),
    (read_signals, 4),
    (read_link, 6),
    (poll_session, 8),
    (tap, 14),
    (write_vitals, 7),
    (write_note, 4),
    (write_contact, 5),
)
PAGES = (
    (page_chart, 25),
    (page_home, 15),
    (page_list, 15),
    (page_contacts, 5),
    (page_questions, 10),
    (form_contact, 15),
    (form_note, 10),
    (tap, 5),
)
