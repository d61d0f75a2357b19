"""What tablets send arrives exactly once, in order and with its times; alerts follow within the same answer."""

from __future__ import annotations

from datetime import timedelta

import pytest
import treated
from chairside import act, address, post, statuses, vitals
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from openkap.care.treatment.dose import delivery_actions
from openkap.care.treatment.models import Alert, DoseEvent, Entry


@pytest.fixture
def session(cast, patient, watch):
    """Alex's first session; the dose has just been started."""
    return treated.dosing(cast, treated.first_session(treated.planned(cast, patient)), watch)


@pytest.fixture
def released(cast, patient, watch):
    """Cleared, not started."""
    return treated.cleared(cast, treated.first_session(treated.planned(cast, patient)), watch)


def test_a_reading_sent_twice_is_one_row(cast, session, watch):
    watch.forward(minutes=10)
    once = vitals("a", watch.moment)
    assert statuses(post(cast.client("ben"), session, once)) == ["saved"]
    assert statuses(post(cast.client("ben"), session, once, once)) == ["saved", "saved"]
    assert Entry.objects.filter(session=session, kind="vitals").count() == 1


def test_a_reading_that_arrives_before_the_start_waits_on_the_tablet_and_is_taken_afterwards(
    cast, released, watch
):
    started = watch.moment
    reading = vitals("early", started + timedelta(minutes=2))
    watch.forward(minutes=3)
    assert statuses(post(cast.client("ben"), released, reading, device="tablet-2")) == ["later"]
    assert statuses(post(cast.client("ada"), released, act("s", "start", started))) == ["saved"]
    assert statuses(post(cast.client("ben"), released, reading, device="tablet-2")) == ["saved"]
    assert DoseEvent.objects.get(session=released).observed_at == started
    assert Entry.objects.get(client_id="early").observed_at == started + timedelta(minutes=2)


def test_nothing_overtakes_a_dose_event_that_waits(cast, released, watch):
    at = watch.moment
    told = post(cast.client("ben"), released, act("p", "pause", at), act("s", "start", at))
    assert statuses(told) == ["later", "later"]


def test_observed_and_entered_are_kept_apart_and_the_clock_s_lead_is_noted(cast, session, watch):
    watch.forward(minutes=20)
    seen_at = watch.moment - timedelta(minutes=7)
    post(
        cast.client("ben"), session, vitals("late", seen_at), device_now=watch.moment + timedelta(seconds=90)
    )
    row = Entry.objects.get(client_id="late")
    assert (row.observed_at, row.entered_at, row.device_ahead_s) == (seen_at, watch.moment, 90)


def test_impossible_is_refused_unusual_asks_abnormal_is_taken_and_alerts(cast, session, watch):
    watch.forward(minutes=10)
    told = post(
        cast.client("ben"),
        session,
        vitals("impossible", watch.moment, sbp="900"),
        vitals("unusual", watch.moment, sbp="55"),
        vitals("abnormal", watch.moment, sbp="185", dbp="90", heart_rate="80"),
    )
    assert statuses(told) == ["refused", "ask", "saved"]
    assert told["answers"][1]["elements"] == ["sbp"]
    assert [alert["rule"] for alert in told["state"]["alerts"]] == ["VIT-03", "VIT-01"]
    unusual = vitals("unusual", watch.moment, sbp="55")
    unusual["payload"]["confirmed"] = True
    assert statuses(post(cast.client("ben"), session, unusual)) == ["saved"]


@pytest.mark.parametrize(
    ("sbp", "dbp", "said"), [("90", "89", "saved"), ("90", "90", "ask"), ("90", "120", "ask")]
)
def test_a_diastolic_that_is_not_below_the_systolic_is_asked_about(cast, session, watch, sbp, dbp, said):
    watch.forward(minutes=10)
    told = post(cast.client("ben"), session, vitals("t", watch.moment, sbp=sbp, dbp=dbp))
    assert statuses(told) == [said]
    assert Entry.objects.filter(client_id="t").exists() is (said == "saved")
    if said == "ask":
        assert "not below systolic" in told["answers"][0]["what"]
        entry = vitals("t", watch.moment, sbp=sbp, dbp=dbp)
        entry["payload"]["confirmed"] = True
        assert statuses(post(cast.client("ben"), session, entry)) == ["saved"]


def test_an_alert_says_who_must_act_and_the_audit_says_who_acknowledged_it(cast, session, watch):
    from openkap.care.audit.models import AuditEvent

    watch.forward(minutes=10)
    told = post(cast.client("ben"), session, vitals("a", watch.moment, sbp="201", dbp="90", heart_rate="80"))
    alert = next(each for each in told["state"]["alerts"] if each["rule"] == "VIT-04")
    assert alert["priority"] == "high"
    assert alert["told"]["who"] == "prescriber"
    assert alert["told"]["say"]
    seen = act("k", "acknowledge", watch.moment, alert=alert["uid"], done="stopped, prescriber here")
    told = post(cast.client("ada"), session, seen)
    row = Alert.objects.get(uid=alert["uid"])
    assert row.acknowledged_by == cast.staff("ada")
    event = AuditEvent.objects.filter(action="alert.acknowledged").latest("id")
    assert event.actor == cast.actor("ada").uid


def test_an_alert_of_the_tablet_s_own_is_acknowledged_by_rule_and_reading(cast, session, watch):
    watch.forward(minutes=10)
    seen = act("k", "acknowledge", watch.moment, rule="VIT-03", entry="a", done="paused")
    reading = vitals("a", watch.moment, sbp="185", dbp="90", heart_rate="80")
    assert statuses(post(cast.client("ben"), session, seen)) == ["later"]
    assert statuses(post(cast.client("ben"), session, reading, seen)) == ["saved", "saved"]
    assert Alert.objects.get(session=session, rule="VIT-03").done == "paused"


def test_an_alert_nobody_acknowledges_escalates(cast, session, watch):
    watch.forward(minutes=10)
    post(cast.client("ben"), session, vitals("a", watch.moment, sbp="185", dbp="90", heart_rate="80"))
    watch.forward(minutes=2, seconds=1)
    told = cast.client("ben").get(address(session, "state")).json()
    assert all(alert["escalated"] for alert in told["state"]["alerts"])


def test_a_late_reading_raises_its_alert_by_the_clock_alone(cast, session, watch):
    client = cast.client("ben")
    watch.forward(minutes=5)
    assert client.get(address(session, "state")).json()["state"]["alerts"] == []
    watch.forward(seconds=30)
    alerts = client.get(address(session, "state")).json()["state"]["alerts"]
    assert [alert["rule"] for alert in alerts] == ["VIT-14"]


def test_a_corrected_time_is_a_new_row_with_its_reason(cast, session, watch):
    watch.forward(minutes=10)
    client = cast.client("ben")
    post(client, session, act("p", "pause", watch.moment))
    earlier = watch.moment - timedelta(minutes=2)
    fix = act("c", "correct", earlier, corrects="p", reason="the pump stood still earlier")
    assert statuses(post(client, session, fix, fix)) == ["saved", "saved"]
    rows = DoseEvent.objects.filter(session=session, kind="pause").order_by("id")
    assert [row.observed_at for row in rows] == [watch.moment, earlier]
    assert rows[1].reason == "the pump stood still earlier"
    told = post(client, session)
    assert [event["kind"] for event in told["state"]["events"]] == ["start", "pause"]


def test_a_photograph_is_kept_once_and_comes_back(cast, session, watch):
    import base64

    jpeg = b"\xff\xd8\xff\xda\x00\x02" + bytes(200) + b"\xff\xd9"
    photo = act("ph", "photo", watch.moment, image=base64.b64encode(jpeg).decode(), note="monitor")
    told = post(cast.client("ben"), session, photo, photo)
    assert statuses(told) == ["saved", "saved"]
    (held,) = told["state"]["photos"]
    where = f"/patients/{session.patient.uid}/sessions/{session.uid}/photos/{held['uid']}/"
    assert held["url"] == where
    assert held["by"] == cast.staff("ben").name
    assert cast.client("ben").get(where).content == jpeg
    bad = act("ph2", "photo", watch.moment, image=base64.b64encode(b"<svg>").decode())
    assert statuses(post(cast.client("ben"), session, bad)) == ["refused"]


def test_a_locked_screen_gets_a_count_of_alerts_and_nothing_else(cast, session, watch, settings):
    client = cast.client("ben")
    client.get(f"/patients/{session.patient.uid}/")
    watch.forward(minutes=settings.LOCK_AFTER_MINUTES + 1)
    answer = client.get(address(session, "state"))
    assert answer.status_code == 423
    assert answer.json() == {"locked": True, "alerts": 0, "worst": ""}


def test_looking_on_does_not_write_each_time_and_clocks_are_shown(cast, session, watch):
    where = address(session, "state") + "?device=wall&name=wall+display&ahead_ms=-93000&waiting=2"
    (screen,) = cast.client("ben").get(where).json()["screens"]
    assert (screen["ahead_ms"], screen["waiting"], screen["is_there"]) == (-93000, 2, True)
    watch.forward(seconds=20)
    told = cast.client("ada").get(address(session, "state") + "?device=b").json()
    assert [each["is_there"] for each in told["screens"]] == [True, False]


def test_nothing_of_another_clinic_and_no_writing_for_those_who_only_look(cast, session):
    assert cast.client("eve").get(address(session, "state")).status_code == 404
    assert cast.client("tess").get(address(session, "state")).status_code == 200
    answer = cast.client("tess").post(address(session), "{}", content_type="application/json")
    assert answer.status_code == 403


@pytest.mark.parametrize(
    "body", ["", "[]", "{", '{"entries": 3}', '{"entries": [3]}', '{"entries":[{"id":""}]}']
)
def test_what_cannot_be_read_is_refused_in_words(cast, session, body):
    answer = cast.client("ben").post(address(session), body, content_type="application/json")
    assert answer.status_code == 400
    assert answer.json()["what"]


MINUTES = st.integers(1, 39)
NOTE = st.tuples(st.just("note"), MINUTES)
READING = st.tuples(st.just("vitals"), MINUTES)
WRITER = st.lists(NOTE | READING, min_size=1, max_size=6)


# Each example writes ids of its own into the same session.
@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    writers=st.tuples(WRITER, WRITER),
    skews=st.tuples(st.integers(-200, 200), st.integers(-200, 200)),
    order=st.randoms(use_true_random=False),
)
def test_two_writers_duplicates_and_reorderings_leave_every_entry_exactly_once(
    cast_in_session, writers, skews, order
):
    cast, session, watch, begun, count = cast_in_session
    run = next(count)
    watch.moment = begun + timedelta(minutes=40)
    sent, want = [], {}
    for number, entries in enumerate(writers):
        for index, (what, minute) in enumerate(entries):
            name = f"r{run}-{number}-{index}"
            at = begun + timedelta(minutes=minute, seconds=number)
            want[name] = at
            entry = vitals(name, at) if what == "vitals" else act(name, "note", at, note=name)
            sent += [(number, entry)] * order.randint(1, 3)
    order.shuffle(sent)
    for number, entry in sent:
        client = cast.client("ben" if number else "ada")
        clock = watch.moment + timedelta(seconds=skews[number])
        assert statuses(post(client, session, entry, device=f"t{number}", device_now=clock)) == ["saved"]
    rows = Entry.objects.filter(session=session, client_id__startswith=f"r{run}-").order_by(
        "observed_at", "id"
    )
    assert {row.client_id: row.observed_at for row in rows} == want
    assert rows.count() == len(want)


@pytest.fixture
def cast_in_session(cast, session, watch):
    from itertools import count

    return cast, session, watch, watch.moment, count()


def test_a_reading_taken_back_raises_at_once_what_the_others_now_mean(cast, session, watch):
    begun = watch.moment
    watch.forward(minutes=30)
    client, beats = cast.client("ben"), ((10, 128), (12, 100), (16, 126))
    taken = [vitals(f"at-{at}", begun + timedelta(minutes=at), heart_rate=str(rate)) for at, rate in beats]
    told = post(client, session, *taken)
    assert statuses(told) == ["saved"] * 3
    assert "VIT-08" not in {alert["rule"] for alert in told["state"]["alerts"]}
    told = post(client, session, act("back", "take_back", watch.moment, corrects="at-12", reason="not hers"))
    assert ("VIT-08", "at-16") in {(alert["rule"], alert["entry"]) for alert in told["state"]["alerts"]}


def test_a_corrected_start_has_every_reading_looked_at_again(cast, session, watch, monkeypatch):
    looked = []
    monkeypatch.setattr(delivery_actions, "raise_alerts", looked.append)
    start = DoseEvent.objects.get(session=session, kind="start")
    watch.forward(minutes=10)
    earlier = start.observed_at - timedelta(minutes=1)
    told = post(
        cast.client("ben"),
        session,
        act("fix", "correct", earlier, corrects=start.client_id, reason="by the pump"),
    )
    assert statuses(told) == ["saved"]
    assert looked == [session]


def test_a_form_with_parts_is_refused_where_json_is_asked_for(cast, session):
    answer = cast.client("ben").post(address(session), {"entries": "1"})
    assert (answer.status_code, answer.json()["what"]) == (400, "this cannot be read")
