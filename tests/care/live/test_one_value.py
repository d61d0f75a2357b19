"""One wrong value of a set is crossed out, with a reason, and the others stand: a slipped probe, a typed digit."""

from __future__ import annotations

import pytest
import treated
from chairside import act, address, post, statuses, vitals
from pdf_text import text_of

from openkap.care.treatment.models import Entry, Value
from openkap.care.treatment.release import actions as release_actions

pytestmark = pytest.mark.usefixtures("nobody_is_locked_out")

HIGH = {"sbp": "185", "dbp": "90", "heart_rate": "80", "spo2": "97"}


@pytest.fixture
def session(cast, patient, watch):
    held = treated.dosing(cast, treated.first_session(treated.planned(cast, patient)), watch)
    watch.forward(minutes=10)
    return held


def crossing(name, watch, element, corrects="a", reason="probe off the finger"):
    return act(name, "take_back", watch.moment, corrects=corrects, element=element, reason=reason)


def standing(told):
    (found,) = [each for each in told["state"]["entries"] if each["kind"] == "vitals" and each["counts"]]
    return found


def test_a_wrong_saturation_is_crossed_out_and_the_pressure_stands(cast, session, watch):
    client, seen = cast.client("ben"), watch.moment
    post(client, session, vitals("a", seen, **treated.VITALS | {"spo2": "70"}))
    watch.forward(minutes=2)
    told = post(client, session, crossing("x", watch, "spo2"))
    assert statuses(told) == ["saved"]
    entry = standing(told)
    assert entry["values"].keys() == treated.VITALS.keys() - {"spo2"}
    assert entry["values"]["sbp"]["number"] == 130
    assert {name: each["number"] for name, each in entry["crossed_out"].items()} == {"spo2": 70}
    assert entry["reason"] == "probe off the finger"
    # Seen when it was seen, and a new row: the old one keeps what was entered.
    old, new = Entry.objects.filter(session=session, kind="vitals").order_by("id")
    assert (new.corrects, new.observed_at, new.entered_at) == (old, seen, watch.moment)
    assert Value.objects.get(entry=old, element="spo2").number == 70


def test_an_alert_stays_and_says_that_its_value_was_crossed_out(cast, session, watch):
    client = cast.client("ben")
    told = post(client, session, vitals("a", watch.moment, **HIGH))
    assert {each["since"] for each in told["state"]["alerts"]} == {""}
    told = post(client, session, crossing("x", watch, "spo2"))
    assert {each["since"] for each in told["state"]["alerts"]} == {""}
    told = post(client, session, crossing("y", watch, "sbp", reason="cuff over the sleeve"))
    (alert,) = [each for each in told["state"]["alerts"] if each["rule"] == "VIT-03"]
    assert alert["seen_at"] is None
    assert alert["since"].endswith("185 mm[Hg] was crossed out by Ben Okafor: cuff over the sleeve")
    page = client.get(address(session, "").replace("live//", "now/")).content.decode()
    assert "was crossed out by Ben Okafor: cuff over the sleeve" in page


def test_an_alert_of_a_corrected_value_says_what_it_was_corrected_to(cast, session, watch):
    client = cast.client("ben")
    post(client, session, vitals("a", watch.moment, **HIGH))
    fix = act("c", "correct", watch.moment, corrects="a", reason="typed wrong", values=HIGH | {"sbp": "135"})
    (alert,) = [each for each in post(client, session, fix)["state"]["alerts"] if each["rule"] == "VIT-03"]
    assert "was corrected to 135 mm[Hg] by Ben Okafor: typed wrong" in alert["since"]


def test_two_tablets_that_were_cut_off_cross_out_two_values_of_one_set(cast, session, watch):
    post(cast.client("ben"), session, vitals("a", watch.moment, **treated.VITALS))
    one = crossing("x", watch, "spo2")
    two = crossing("y", watch, "heart_rate", reason="counted wrong")
    assert statuses(post(cast.client("ben"), session, one, one)) == ["saved", "saved"]
    told = post(cast.client("ada"), session, two, one, device="tablet-2")
    assert statuses(told) == ["saved", "saved"]
    assert standing(told)["values"].keys() == treated.VITALS.keys() - {"spo2", "heart_rate"}
    assert Entry.objects.filter(session=session, kind="vitals").count() == 3


def test_a_crossing_out_that_comes_before_its_reading_waits_for_it(cast, session, watch):
    client, wrong = cast.client("ben"), crossing("x", watch, "spo2")
    assert statuses(post(client, session, wrong)) == ["later"]
    reading = vitals("a", watch.moment, **treated.VITALS)
    assert statuses(post(client, session, reading, wrong)) == ["saved", "saved"]


@pytest.mark.parametrize(
    ("element", "reason", "what"),
    [
        ("spo2", " ", "a correction needs its reason"),
        ("distress_rating_0_10", "why", "this value does not stand in the record"),
        ("no such thing", "why", "this value does not stand in the record"),
    ],
)
def test_what_cannot_be_crossed_out_is_refused_with_a_next_step(cast, session, watch, element, reason, what):
    client = cast.client("ben")
    told = post(
        client,
        session,
        vitals("a", watch.moment, **treated.VITALS),
        crossing("x", watch, element, reason=reason),
    )
    assert statuses(told) == ["saved", "refused"]
    assert told["answers"][1]["what"] == what
    assert told["answers"][1]["remedy"]
    assert standing(told)["values"].keys() == treated.VITALS.keys()


def test_a_value_that_was_crossed_out_already_does_not_stand(cast, session, watch):
    client = cast.client("ben")
    post(client, session, vitals("a", watch.moment, **treated.VITALS), crossing("x", watch, "spo2"))
    assert statuses(post(client, session, crossing("y", watch, "spo2"))) == ["refused"]


def test_the_only_value_of_an_entry_takes_the_entry_with_it(cast, session, watch):
    told = post(
        cast.client("ben"),
        session,
        vitals("a", watch.moment, spo2="70"),
        crossing("x", watch, "spo2"),
    )
    assert statuses(told) == ["saved", "saved"]
    assert Entry.objects.get(client_id="x").is_retraction


def test_a_value_crossed_out_before_the_dose_opens_the_gate_it_had_shut_and_no_other(cast, patient, watch):
    session = treated.arrived(cast, treated.first_session(treated.planned(cast, patient)), watch)
    treated.enter(cast, session, "gate", {"sbp_predose": "165", "spo2_predose_room_air": "98"})
    wrong = Entry.objects.latest("id")
    assert gate(session, "PRE-12").is_latched
    where = f"/patients/{session.patient.uid}/sessions/{session.uid}/"
    shown = cast.client("ben").get(where).content.decode()
    assert '<option value="sbp_predose">' in shown
    data = {"in_error": wrong.uid, "element": "sbp_predose", "reason": "cuff over the sleeve"}
    assert cast.client("ben").post(f"{where}entries/", data).status_code == 302
    assert (gate(session, "PRE-12").state, gate(session, "PRE-12").saw[:3]) == ("clear", "122")
    shown = cast.client("ben").get(where).content.decode()
    assert "crossed out: cuff over the sleeve" in shown


def gate(session, rule):
    return next(each for each in release_actions.gates_now(session) if each.rule.id == rule)


def test_a_release_is_looked_at_again_when_a_value_it_rested_on_is_crossed_out(cast, patient, watch):
    session = treated.cleared(cast, treated.first_session(treated.planned(cast, patient)), watch)
    entry = Entry.objects.get(session=session, kind="gate")
    data = {"in_error": entry.uid, "element": "sbp_predose", "reason": "another patient's"}
    where = f"/patients/{session.patient.uid}/sessions/{session.uid}/entries/"
    assert cast.client("ben").post(where, data).status_code == 302
    session.refresh_from_db()
    assert session.state == "arrived"


def test_the_session_record_shows_what_was_crossed_out_and_why(cast, session, watch):
    client = cast.client("ben")
    post(client, session, vitals("a", watch.moment, **treated.VITALS | {"spo2": "70"}))
    watch.forward(minutes=2)
    post(client, session, crossing("x", watch, "spo2"))
    where = f"/patients/{session.patient.uid}/sessions/{session.uid}/"
    paper = " ".join(text_of(client.get(f"{where}record.pdf").content).split())
    assert "crossed out: " in paper
    assert "probe off the finger" in paper
