"""A photograph of the monitor is part of the record by its hash; one that was changed says so."""

from __future__ import annotations

import base64
import hashlib
import json

import pytest
import treated
from chairside import act, post
from django.db import connection
from enrolled import proof
from pdf_text import text_of

from openkap.care.append_only import protect_sql, release_sql
from openkap.care.live.models import Photo
from openkap.care.treatment.models import LedgerEntry, Session
from openkap.care.treatment.session import closing_actions
from openkap.care.treatment.session.record import record_of

JPEG = b"\xff\xd8\xff\xda\x00\x02" + bytes(200) + b"\xff\xd9"
HASH = hashlib.sha256(JPEG).hexdigest()


@pytest.fixture
def session(cast, patient, watch, settings):
    settings.LOCK_AFTER_MINUTES = 600
    session = treated.dosing(cast, treated.first_session(treated.planned(cast, patient)), watch)
    image = base64.b64encode(JPEG).decode()
    post(cast.client("ben"), session, act("ph", "photo", watch.moment, image=image, note="the monitor"))
    return session


def tampered():
    """Somebody with the database in their hands changes the bytes."""
    table = Photo._meta.db_table
    with connection.cursor() as cursor:
        for statement in release_sql(table, connection.vendor):
            cursor.execute(statement)
        cursor.execute(f"UPDATE {table} SET image = %s", [JPEG + b"!"])
        for statement in protect_sql(Photo, (), connection.vendor):
            cursor.execute(statement)


def test_the_record_names_each_photograph_with_its_hash_its_time_and_who_took_it(cast, session, watch):
    (told,) = record_of(session)["photos"]
    assert (told["sha256"], told["by"], told["is_whole"]) == (HASH, cast.staff("ben").name, True)
    assert told["at"] == watch.moment.isoformat()


def test_the_signed_record_covers_the_photographs(cast, session, watch):
    treated.dose(cast, session, "stop", given_mg=35, confirmed=True)
    where = {"by": cast.actor("ben"), "patient": session.patient.uid, "uid": session.uid}
    session.alerts.update(acknowledged_by=cast.staff("ben"), acknowledged_at=watch.moment, done="seen")
    signer = proof(cast, "ben")
    closing_actions.let_go(**where, escort="leaves alone", against_because="wanted to go", person=signer)
    signed = closing_actions.sign_session(**where, person=proof(cast, "ben"))
    assert json.loads(signed.record)["photos"][0]["sha256"] == HASH
    assert Session.objects.get(pk=session.pk).locked_at
    assert LedgerEntry.objects.filter(session=session).count() == 2


def test_a_photograph_whose_bytes_have_changed_says_so_everywhere(cast, session):
    tampered()
    ben, where = cast.client("ben"), f"/patients/{session.patient.uid}/sessions/{session.uid}/"
    photo = ben.get(f"{where}photos/{Photo.objects.get().uid}/")
    assert photo.status_code == 409
    assert "no longer match the hash" in photo.content.decode()
    assert "changed since it was taken" in ben.get(where).content.decode()
    paper = text_of(ben.get(f"{where}record.pdf").content).replace("\n", " ")
    assert "CHANGED SINCE" in paper


def test_a_photograph_from_before_hashes_says_that_none_was_kept(cast, session):
    row = Photo.objects.get()
    row.pk, row.uid, row.client_id, row.sha256 = None, "5" * 12, "old", None
    row.save(force_insert=True)
    page = cast.client("ben").get(f"/patients/{session.patient.uid}/sessions/{session.uid}/")
    assert "no hash was kept" in page.content.decode()
