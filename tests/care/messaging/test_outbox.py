"""Messages wait with the act that caused them, leave once, and are tried again when the world fails."""

from threading import Thread

import pytest

from openkap.care.audit.jobs import ANCHORS_FILE, note_anchors
from openkap.care.jobs import LEASE, Job, Schedule, all_jobs, claim
from openkap.care.messaging.actions import FIRST_WAIT, MOST_ATTEMPTS, enqueue, send_due, waiting
from openkap.care.messaging.models import Message


def post(**changes):
    fields = {
        "kind": "email",
        "address": "p@example.org",
        "subject": "Please log in",
        "body": "Link",
        "purpose": "measure",
    }
    return enqueue(**fields | changes)


class Broken:
    """A channel whose network is down."""

    def send(self, **_):
        raise ConnectionError("down")


@pytest.mark.django_db
def test_a_due_message_leaves_once_and_its_address_is_forgotten(outbox):
    post()
    assert (send_due("one"), send_due("one")) == (1, 0)
    assert outbox == [("email", "p@example.org", "Please log in", "Link")]
    assert Message.objects.get().address == ""


@pytest.mark.django_db
def test_a_message_for_later_waits(outbox, watch):
    from datetime import timedelta

    post(due_at=watch() + timedelta(hours=2))
    assert send_due("one") == 0
    watch.forward(hours=2)
    assert send_due("one") == 1


@pytest.mark.django_db
def test_an_act_that_is_taken_back_takes_its_message_along(outbox):
    from django.db import transaction

    def act():
        with transaction.atomic():
            post()
            raise RuntimeError("the act failed")

    with pytest.raises(RuntimeError):
        act()
    assert send_due("one") == 0


@pytest.mark.django_db
def test_a_failure_waits_longer_each_time_and_is_shown_in_the_end(watch, outbox):
    message = post()
    for attempt in range(1, MOST_ATTEMPTS + 1):
        assert send_due("one", through=Broken()) == 0
        message.refresh_from_db()
        assert message.attempts == attempt
        if attempt < MOST_ATTEMPTS:
            assert message.due_at == watch() + FIRST_WAIT * 2 ** (attempt - 1)
            watch.moment = message.due_at
    assert message.failed_at is not None
    assert (message.last_error, message.address) == ("ConnectionError", "p@example.org")
    assert send_due("one") == 0


@pytest.mark.django_db
def test_a_row_of_a_worker_that_died_is_free_after_its_lease(watch):
    post()
    assert len(claim(waiting(), worker="died")) == 1
    assert claim(waiting(), worker="other") == []
    watch.moment += LEASE
    watch.forward(seconds=1)
    assert len(claim(waiting(), worker="other")) == 1


@pytest.mark.django_db(transaction=True)
def test_several_workers_never_send_one_message_twice(watch, outbox):
    from django.db import connection

    from openkap.care.moment import clock_at

    for number in range(30):
        post(subject=str(number))

    def work(name):
        try:
            with clock_at(watch):
                while send_due(name):
                    pass
        finally:
            connection.close()

    threads = [Thread(target=work, args=[f"worker {number}"]) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(subject for _, _, subject, _ in outbox) == sorted(map(str, range(30)))


@pytest.mark.django_db
def test_a_job_that_fails_does_not_stop_the_others(monkeypatch, watch, caplog):
    from datetime import timedelta

    from openkap.care import jobs

    done = []

    def break_down(worker):
        raise ValueError("never mind")

    def work(worker):
        done.append(worker)
        return 1

    planted = [
        Job("broken", break_down, timedelta(minutes=1), "breaks"),
        Job("whole", work, timedelta(minutes=1), "works"),
    ]
    monkeypatch.setattr(jobs, "all_jobs", lambda: iter(planted))
    schedule = Schedule("w", {})
    assert (schedule.run_due(), schedule.run_due()) == (1, 0)
    watch.forward(minutes=1)
    assert schedule.run_due() == 1
    assert done == ["w", "w"]


def test_every_job_says_what_it_does_and_has_its_own_name():
    jobs = list(all_jobs())
    assert len({job.name for job in jobs}) == len(jobs)
    assert all(job.says for job in jobs)


@pytest.mark.django_db
def test_the_heads_of_the_chains_are_noted_outside_the_database(cast, patient, settings):
    from openkap.care.audit.queries import head_of

    assert note_anchors("worker") >= 1
    sequence, digest = head_of(cast.troupe.clinic.uid)
    assert f"{sequence}:{digest}" in (settings.VAR / ANCHORS_FILE).read_text()


@pytest.mark.django_db
def test_an_upload_that_nobody_takes_up_is_deleted_after_thirty_days(cast, watch):
    import json

    from addresses import BUNDLE

    from openkap.care.patients.jobs import delete_abandoned
    from openkap.care.patients.models import IncomingReferral
    from openkap.care.patients.referral import receive

    receive(by=cast.actor("cora"), raw=json.dumps(BUNDLE).encode())
    assert delete_abandoned("worker") == 0
    watch.forward(days=31)
    assert delete_abandoned("worker") == 1
    assert not IncomingReferral.objects.exists()
