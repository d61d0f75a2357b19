"""The mail that opens an account: when it does not arrive, the administrator sees it and what to do."""

import pytest

from openkap.care.accounts.hiring import hire, invite_again
from openkap.care.accounts.models import Staff
from openkap.care.audit.models import AuditEvent
from openkap.care.messaging.actions import send_due
from openkap.care.permissions import Role
from openkap.core.errors import InputError


class NoSuchMailbox:
    """A mail server that refuses every address of one domain."""

    def __init__(self):
        self.sent = []

    def send(self, *, kind, address, subject, body):
        if address.endswith("@exmaple.org"):
            raise OSError("550 no such mailbox")
        self.sent.append((address, body))


@pytest.fixture
def mail():
    return NoSuchMailbox()


@pytest.fixture
def nell(cast, mail):
    """Somebody new, with a slip in the address."""
    person = hire(by=cast.actor("sia"), email="nell@exmaple.org", name="Nell Berg", role=Role.COORDINATOR)
    send_due("test", through=mail)
    return person


def to_do(cast):
    return [task for task in cast.client("sia").get("/home/").context["tasks"] if task.whom == "Nell Berg"]


def test_an_invitation_that_does_not_arrive_stands_on_the_administrator_s_list_with_the_next_step(cast, nell):
    (task,) = to_do(cast)
    assert task.verb == "Mend the address and invite again"
    assert "could not be delivered: to nell@exmaple.org" in task.note
    assert "invitation not delivered" in cast.client("sia").get("/staff/").content.decode()
    assert "send the invitation there" in cast.client("sia").get(task.url).content.decode()


def test_invited_again_at_the_right_address_the_task_is_gone_and_the_first_link_ends(
    cast, client, nell, mail, watch
):
    from openkap.care.accounts.hiring import password_link

    first = password_link(nell)
    watch.forward(minutes=1)
    page = f"/staff/{nell.uid}/"
    answer = cast.client("sia").post(page, {"act": "invite", "email": "Nell@example.org"})
    assert answer.status_code == 302
    send_due("test", through=mail)
    ((address, body),) = mail.sent
    assert address == "nell@example.org"
    assert "Choose your password" in body
    assert not to_do(cast)
    assert AuditEvent.objects.filter(action="staff.invited_again", entity_uid=nell.uid).exists()
    path = first.split("8000", 1)[1]
    assert "token_fail" in (client.get(path, follow=True).context or {})


def test_a_second_invitation_that_fails_stands_on_the_list_once(cast, nell, mail, watch):
    watch.forward(minutes=1)
    invite_again(by=cast.actor("sia"), colleague_uid=nell.uid, email="nel@exmaple.org")
    send_due("test", through=mail)
    (task,) = to_do(cast)
    assert "to nel@exmaple.org" in task.note


def test_who_came_in_another_way_needs_no_invitation(cast, nell):
    person = Staff.objects.get(pk=nell.pk)
    person.set_password("long enough a secret")
    person.save()
    assert not to_do(cast)
    with pytest.raises(InputError, match="chosen a password already"):
        invite_again(by=cast.actor("sia"), colleague_uid=nell.uid, email="x@example.org")


def test_an_address_that_somebody_else_has_is_refused(cast, nell):
    page = f"/staff/{nell.uid}/"
    answer = cast.client("sia").post(page, {"act": "invite", "email": "ben@example.org"})
    assert "Somebody else has this address" in answer.content.decode()
    nell.refresh_from_db()
    assert nell.email == "nell@exmaple.org"


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"email": "sia at example"}, "no e-mail address"),
        ({"name": "  "}, "the administrator has no name"),
        ({"clinic_name": ""}, "the clinic has no name"),
    ],
)
@pytest.mark.django_db
def test_a_first_administrator_who_could_never_be_reached_is_refused(given, says):
    from openkap.care.accounts.hiring import found
    from openkap.care.accounts.models import Clinic

    with pytest.raises(InputError, match=says):
        found(**{"clinic_name": "Harbour", "email": "sia@example.org", "name": "Sia Novak", **given})
    assert not Clinic.objects.exists()


def test_the_administrator_sees_who_is_locked_out_and_unlocks_with_a_reason(cast, watch):
    from datetime import timedelta

    ben = cast.staff("ben")
    page = f"/staff/{ben.uid}/"
    Staff.objects.filter(pk=ben.pk).update(failed_attempts=5, locked_until=watch() + timedelta(minutes=15))
    sia = cast.client("sia")
    assert "Too many wrong passwords" in sia.get(page).content.decode()
    assert "a reason" in sia.post(page, {"act": "unlock", "reason": " "}).content.decode()
    told = sia.post(page, {"act": "unlock", "reason": "stands before me"}, follow=True).content.decode()
    assert "can log in again now" in told
    assert "Too many wrong passwords" not in told
    ben.refresh_from_db()
    assert (ben.failed_attempts, ben.locked_until) == (0, None)
    assert AuditEvent.objects.filter(action="staff.unlocked", body__contains="stands before me").exists()
    assert cast.client("ada").post(page, {"act": "unlock", "reason": "x"}).status_code == 403


def test_an_administrator_whom_a_page_refuses_is_not_sent_to_the_administrator(cast):
    assert "ask another site administrator" in cast.client("sia").get("/audit/").content.decode()
    assert "ask the site administrator" in cast.client("ben").get("/audit/").content.decode()
