"""No message says what it is about: not the health, not the name, in no language; a new sender stands here too."""

from __future__ import annotations

import ast
import base64
import re
from datetime import date

import pytest

from openkap.care.messaging.models import Message
from openkap.care.outcomes import planning, safety
from openkap.care.outcomes.patient_words import patient_words, translations
from openkap.core.content import SHIPPED

CARE = SHIPPED.parent / "care"
LANGUAGES = ["en", "de", *sorted(translations())]
# Beginnings of words, in any language we write: what somebody is ill with, is given, or was asked.
HEALTH = re.compile(
    r"ketamin|esketamin|ptsd|tept|ptbs|trauma|depres|anxi|ansied|angst|suic|suiz|selbst|self-harm|symptom|síntoma"
    r"|dose|dosis|dosing|infus|treat|tratam|behandl|therap|terapia|session|sesión|sitzung|patient|pacient|diagnos"
    r"|mental|psych|psiq|psico|drug|droga|medic|mood|ánimo|death|muerte|tod\b|crisis|alarm|score|pcl|phq|gad|isi\b"
    r"|c-ssrs|relapse|recaída|consent|sleep|sueño",
    re.IGNORECASE,
)
TEMPLATES = [planning.SUBJECT, planning.BODY, planning.REMINDER]


def health_words(text: str) -> list[str]:
    return HEALTH.findall(text)


def test_the_reader_of_this_test_is_awake():
    assert health_words("Your PCL-5 is due") == ["PCL"]
    assert health_words("Mañana es su sesión de ketamina") == ["sesión", "ketamin"]
    assert health_words("Ihre Behandlung morgen") == ["Behandl"]
    assert not health_words("Please answer a few questions here:")


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_message_to_a_patient_names_no_health_fact_and_fills_in_the_link_alone(language):
    for sentence in TEMPLATES:
        said = patient_words(language).say(sentence)
        assert health_words(said) == []
        assert set(re.findall(r"\{(\w+)\}", said)) <= {"link"}


def test_every_translated_message_is_one_of_those_that_are_sent():
    for each in translations().values():
        assert set(each.messages) == set(TEMPLATES)


def test_messages_leave_from_three_places_and_by_one_door():
    """Whoever adds a sender adds its messages to this file."""
    senders, doors = set(), set()
    for path in CARE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            called = getattr(node, "func", None) if isinstance(node, ast.Call) else None
            name = getattr(called, "id", getattr(called, "attr", ""))
            if name == "enqueue":
                senders.add(path.relative_to(CARE).as_posix())
            if name in {"send_mail", "EmailMessage", "EmailMultiAlternatives", "mail_admins"}:
                doors.add(path.relative_to(CARE).as_posix())
    assert senders == {"accounts/hiring.py", "outcomes/planning.py", "outcomes/safety.py"}
    assert doors == {"messaging/channels.py"}


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_really_goes_out_names_neither_person_nor_health(cast, register, watch, language):
    from openkap.care.accounts.hiring import hire
    from openkap.care.outcomes.actions import ask
    from openkap.care.outcomes.models import Form
    from openkap.care.permissions import Role

    person = register(
        *("Quillfeather", "Zephyrine"), language=language, email="q@example.org", birth_date=date(1971, 3, 9)
    )
    asked = ask(by=cast.actor("cora"), uid=person.uid, instruments=["phq-9"])
    planning.send_due("w")
    watch.forward(days=4)
    planning.remind_due("w")
    form = Form.objects.get(invitation=asked)
    safety.look_at(by=cast.actor("ada"), form=form, answers={"9": 3}, given=[("9", 3)])
    hire(by=cast.actor("sia"), email="new@example.org", name="New Person", role=Role.NURSE)
    sent = list(Message.objects.order_by("pk"))
    assert {row.purpose for row in sent} == {"measure", "call", "account"}
    secrets = ("Quillfeather", "Zephyrine", person.uid, person.code, "1971", form.uid)
    for row in sent:
        words = re.sub(r"http\S+", "", f"{row.subject}\n{row.body}")
        assert health_words(words) == []
        link = re.search(r"http\S+", row.body)[0]
        read = f"{row.subject} {row.body} {unsealed(link)}"
        assert [secret for secret in secrets if secret in read] == []


def unsealed(link: str) -> str:
    """What somebody reads who takes the token of a link apart: its seal keeps it from change, not from eyes."""
    if "/a/" not in link:
        return link
    token = link.rstrip("/").rsplit("/", 1)[1].split(":")[0]
    padded = token + "=" * (-len(token) % 4)
    return base64.urlsafe_b64decode(padded).decode(errors="replace")
