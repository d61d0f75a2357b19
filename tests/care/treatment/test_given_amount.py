"""How much was given is read off the pump: never proposed by the page, and asked about where the times differ."""

from __future__ import annotations

import re

import pytest
import treated
from chairside import act, post, statuses

from openkap.care.treatment.models import DoseEvent

pytestmark = pytest.mark.usefixtures("nobody_is_locked_out")


@pytest.fixture
def session(cast, patient, watch):
    """35 mg over 40 minutes, running for 24: 21 mg by the pump's times."""
    session = treated.dosing(cast, treated.first_session(treated.planned(cast, patient)), watch)
    watch.forward(minutes=24)
    return session


def stop(cast, session, mg, **more):
    where = f"/patients/{session.patient.uid}/sessions/{session.uid}/dose/"
    return cast.client("ben").post(where, {"kind": "stop", "given_mg": mg} | more)


def test_the_plain_page_proposes_no_amount_and_shows_what_the_times_say(cast, session):
    where = f"/patients/{session.patient.uid}/sessions/{session.uid}/"
    page = cast.client("ben").get(where).content.decode()
    (field,) = re.findall(r'<input id="id_given"[^>]*>', page)
    assert 'value=""' in field
    assert "Start, pauses and rates say 21.0 mg by now" in page


@pytest.mark.parametrize("mg", ["35", "1.75"])
def test_an_amount_that_departs_from_the_times_is_asked_about_and_then_taken(cast, session, mg):
    asked = stop(cast, session, mg)
    assert asked.status_code == 422
    said = asked.content.decode()
    assert f"{mg} mg given, the pump&#x27;s times say 21.0 mg" in said
    assert "Yes, this is what the pump shows" in said
    assert not DoseEvent.objects.filter(kind="stop").exists()
    assert stop(cast, session, mg, confirmed="yes").status_code == 302
    assert DoseEvent.objects.get(kind="stop").given_ug == float(mg) * 1000


def test_an_amount_near_what_the_times_say_is_taken_at_once(cast, session):
    assert stop(cast, session, "20").status_code == 302


def test_a_tablet_that_has_not_asked_is_asked(cast, session, watch):
    entry = act("e", "stop", watch.moment, given_mg="1.75")
    told = post(cast.client("ben"), session, entry)
    assert statuses(told) == ["ask"]
    assert told["answers"][0]["elements"] == ["given_mg"]
    entry["payload"]["confirmed"] = True
    assert statuses(post(cast.client("ben"), session, entry)) == ["saved"]
