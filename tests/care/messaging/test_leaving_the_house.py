"""Messages really leave: one that cannot does not keep the others in, and a text goes where texts go."""

from __future__ import annotations

import pytest
from django.core import mail

from openkap.care.accounts.checks import check_clinic
from openkap.care.messaging.actions import MOST_ATTEMPTS, enqueue, send_due
from openkap.care.messaging.channels import EmailChannel
from openkap.care.messaging.models import Message

EMAIL = "openkap.care.messaging.channels.EmailChannel"


def message(address, purpose="call"):
    return enqueue(kind="email", address=address, subject="s", body="b", purpose=purpose)


class Picky:
    """A channel that breaks on one address, in a way nobody foresaw."""

    def __init__(self, outbox):
        self.outbox = outbox

    def takes(self, kind):
        return True

    def send(self, *, kind, address, subject, body):
        if address == "bad":
            raise ValueError("Invalid address")
        self.outbox.append(address)


@pytest.mark.django_db
def test_a_message_that_cannot_be_sent_does_not_keep_the_others_in(outbox, watch):
    message("bad", "measure")
    message("ada@example.org")
    for _ in range(MOST_ATTEMPTS):
        send_due("w", through=Picky(outbox))
        watch.forward(hours=24)
    assert outbox == ["ada@example.org"]
    bad = Message.objects.get(purpose="measure")
    assert (bad.attempts, bad.last_error) == (MOST_ATTEMPTS, "ValueError")
    assert bad.failed_at is not None


@pytest.mark.django_db
def test_somebody_who_is_called_does_not_wait_behind_other_messages(outbox):
    for number in range(60):
        message(f"p{number}@example.org", "measure")
    message("ada@example.org")
    send_due("w", through=Picky(outbox))
    assert outbox[0] == "ada@example.org"


@pytest.mark.parametrize("backend", ["console", "dummy", "locmem", "filebased"])
def test_mail_that_goes_nowhere_is_no_deployment(settings, backend):
    settings.MESSAGE_CHANNEL = EMAIL
    settings.EMAIL_BACKEND = f"django.core.mail.backends.{backend}.EmailBackend"
    assert "openkap.E005" in {each.id for each in check_clinic(None)}
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    assert "openkap.E005" not in {each.id for each in check_clinic(None)}


def test_the_mail_channel_means_a_mail_server(tmp_path):
    import os
    import subprocess
    import sys

    told = "from openkap.care import settings as s; print(s.EMAIL_BACKEND.split('.')[-2], s.EMAIL_TIMEOUT)"
    for channel, wanted in ((EMAIL, "smtp 10"), ("", "console 10")):
        environment = {**os.environ, "OPENKAP_VAR": str(tmp_path), "OPENKAP_CHANNEL": channel}
        environment.pop("OPENKAP_EMAIL_BACKEND", None)
        said = subprocess.run([sys.executable, "-c", told], env=environment, capture_output=True, text=True)
        assert said.stdout.strip() == wanted


@pytest.mark.parametrize(
    ("number", "address"),
    [
        ("+1 555 010 0199", "15550100199@sms.example.org"),
        ("+49 (0)171/555-0100", "491715550100@sms.example.org"),
        ("0171 5550100", "01715550100@sms.example.org"),
    ],
)
def test_a_text_goes_to_the_gateway_of_the_settings(settings, number, address):
    settings.TEXT_GATEWAY = "{number}@sms.example.org"
    EmailChannel().send(kind="text", address=number, subject="s", body="b")
    assert mail.outbox[-1].to == [address]


def test_without_a_gateway_no_mail_goes_to_a_telephone_number(settings):
    settings.TEXT_GATEWAY = ""
    with pytest.raises(OSError, match="OPENKAP_TEXT_GATEWAY"):
        EmailChannel().send(kind="text", address="+1 555 010 0199", subject="s", body="b")
    assert not mail.outbox


def test_a_gateway_without_a_place_for_the_number_is_refused_before_serving(settings):
    settings.TEXT_GATEWAY = "sms.example.org"
    assert "openkap.E006" in {each.id for each in check_clinic(None)}
