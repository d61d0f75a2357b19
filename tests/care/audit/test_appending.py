"""Whatever is written to the audit, and by however many at once, stands in one whole chain."""

from __future__ import annotations

from threading import Thread

import pytest
from django.db import connection, transaction

from openkap.care.audit.actions import record
from openkap.care.audit.models import AuditEvent
from openkap.care.audit.queries import disagreeing_rows, export_lines
from openkap.care.audit.verify import verify_lines

# Texts that could be taken for the place where the number goes, or break a statement that puts text together.
ODD = [
    '"sequence":0,"uid":"',
    "%s %(chain)s %%",
    "{sequence}",
    "zeilen\nbruch\\n",
    "ß 𝛼 نص",
    "'; DROP TABLE x",
]


def checked(chain: str):
    """The chain as an outsider verifies it, and the rows against their text."""
    report = verify_lines(export_lines(chain))
    assert not report.findings
    assert disagreeing_rows(chain) == []
    return report


@pytest.mark.parametrize("text", ODD)
def test_odd_words_leave_the_chain_whole_and_are_kept_as_they_are(cast, text):
    by = cast.actor("ada")
    record("first.event", by=by)
    record("odd.words", by=by, reason=text, detail={"sequence": 0, "text": text, "uid": text})
    record("last.event", by=by, uid="x", patient="y", entity="z")
    assert checked(by.clinic_uid).events == AuditEvent.objects.filter(chain=by.clinic_uid).count()
    import json

    body = json.loads(AuditEvent.objects.get(action="odd.words").body)
    assert (body["reason"], body["detail"]) == (text, {"sequence": 0, "text": text, "uid": text})


def test_an_act_that_fails_takes_its_event_along(cast):
    by = cast.actor("ada")
    record("stays.there", by=by)
    before = checked(by.clinic_uid).last_sequence
    with pytest.raises(ZeroDivisionError):
        _broken(by)
    record("comes.next", by=by)
    assert checked(by.clinic_uid).last_sequence == before + 1


@transaction.atomic
def _broken(by) -> None:
    record("goes.away", by=by)
    raise ZeroDivisionError


@pytest.mark.django_db(transaction=True)
def test_many_who_write_at_once_make_one_chain(cast):
    by, failed = cast.actor("ada"), []

    def write() -> None:
        try:
            for number in range(8):
                record("look.alone", by=by)
                with transaction.atomic():
                    record("act.whole", by=by, detail={"number": number})
        except Exception as error:  # reported below, in the thread that asserts
            failed.append(error)
        finally:
            connection.close()

    before = checked(by.clinic_uid).last_sequence
    threads = [Thread(target=write) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
    assert checked(by.clinic_uid).last_sequence == before + 6 * 16


@pytest.mark.django_db
def test_every_page_that_shows_one_patient_says_who_looked(cast, patient):
    from treated import first_session, planned

    course = planned(cast, patient)
    session, visit = first_session(course), course.visits.first()
    chart = f"/patients/{patient.uid}/"
    for key, page in (
        ("cora", f"sessions/{session.uid}/move/"),
        ("cora", f"visits/{visit.uid}/move/"),
        ("ada", f"courses/{course.uid}/end/"),
        ("cora", "outcomes/ask/"),
    ):
        before = AuditEvent.objects.filter(action="patient.seen").count()
        assert cast.client(key).get(chart + page).status_code == 200, page
        assert AuditEvent.objects.filter(action="patient.seen").count() == before + 1, page
