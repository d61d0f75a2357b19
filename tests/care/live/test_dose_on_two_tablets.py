"""The dose entered on two tablets: each act once, at its time; what contradicts waits for a person's decision."""

from __future__ import annotations

from datetime import timedelta
from itertools import count

import pytest
import treated
from chairside import act, post, statuses, vitals
from enrolled import proof
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from openkap.care.audit.models import AuditEvent
from openkap.care.treatment.drug.drawn import in_use_ug
from openkap.care.treatment.models import DoseDoubt, DoseEvent
from openkap.care.treatment.session import closing_actions
from openkap.care.treatment.session.record import record_of
from openkap.core.errors import InputError

pytestmark = pytest.mark.usefixtures("nobody_is_locked_out")


@pytest.fixture
def session(cast, patient, watch):
    session = treated.dosing(cast, treated.first_session(treated.planned(cast, patient)), watch)
    session.begun = watch.moment
    watch.forward(minutes=60)
    return session


def at(session, minute):
    return session.begun + timedelta(minutes=minute)


def did(session, kind, minute, name="", **payload):
    # As the page sends it: the second tap confirmed what the pump shows.
    more = {"confirmed": True} if kind == "stop" else {}
    return act(name or f"{kind}-{minute}", kind, at(session, minute), **payload | more)


def send(cast, session, entry, by="ben"):
    told = post(cast.client(by), session, entry, device=f"tablet of {by}")
    assert statuses(told) == ["saved"], told["answers"]
    return told["state"]


def acts(state):
    return [event["id"] for event in state["events"]]


def open_doubts(state):
    return [(each["id"], each["why"]) for each in state["doubts"] if each["is_open"]]


def test_acts_of_two_tablets_stand_in_the_order_they_were_observed(cast, session):
    send(cast, session, did(session, "rate", 20, rate_ml_h="4.0"), by="ada")
    send(cast, session, did(session, "stop", 44, given_mg="30"), by="ada")
    for minute, kind in ((14, "resume"), (12, "pause")):
        state = send(cast, session, did(session, kind, minute))
    assert acts(state)[1:] == ["pause-12", "resume-14", "rate-20", "stop-44"]
    assert open_doubts(state) == []
    assert DoseEvent.objects.get(client_id="resume-14").observed_at == at(session, 14)


def test_what_came_too_early_waits_in_doubt_and_finds_its_place_by_itself(cast, session):
    state = send(cast, session, did(session, "resume", 14))
    assert open_doubts(state) == [("resume-14", "the dose was not paused then")]
    state = send(cast, session, did(session, "pause", 12), by="ada")
    assert (acts(state)[1:], state["doubts"]) == (["pause-12", "resume-14"], [])
    row = DoseEvent.objects.get(client_id="resume-14")
    assert (row.entered_by, row.device) == (cast.staff("ben"), "tablet of ben")


def test_a_second_start_is_kept_and_a_person_decides(cast, session, patient):
    state = send(cast, session, did(session, "start", 1), by="ada")
    assert open_doubts(state) == [("start-1", "the dose was started already")]
    assert state["session"]["state"] == "dosing"
    (doubt,) = state["doubts"]
    without = act("d0", "settle", at(session, 60), doubt=doubt["uid"], reason=" ")
    assert statuses(post(cast.client("ben"), session, without)) == ["refused"]
    decided = act("d1", "settle", at(session, 60), doubt=doubt["uid"], reason="the same start, both wrote it")
    state = send(cast, session, decided)
    assert open_doubts(state) == []
    (told,) = record_of(session)["dose_doubts"]
    assert (told["what"], told["decision"], told["decided_by"]) == ("started", "crossed out", "Ben Okafor")
    assert told["because"] == "the same start, both wrote it"
    event = AuditEvent.objects.filter(action="dose.doubt_settled").latest("id")
    assert event.actor == cast.actor("ben").uid
    assert send(cast, session, decided)["doubts"][0]["because"] == "the same start, both wrote it"


def test_a_second_stop_leaves_the_ledger_as_it_was_until_somebody_decides(cast, session):
    send(cast, session, did(session, "stop", 40, given_mg="35"))
    state = send(cast, session, did(session, "stop", 38, given_mg="33"), by="ada")
    assert [(each["kind"], each["given_mg"]) for each in state["doubts"]] == [("stop", 33.0)]
    assert in_use_ug(session) == 0
    assert DoseEvent.objects.get(session=session, kind="stop").given_ug == 35_000


def test_an_act_in_doubt_with_its_right_time_takes_its_place(cast, session):
    send(cast, session, did(session, "stop", 40, given_mg="35"))
    state = send(cast, session, did(session, "pause", 45, name="p"))
    assert open_doubts(state) == [("p", "the dose was stopped by then")]
    fix = act("c", "correct", at(session, 30), corrects="p", reason="the tablet's minute was wrong")
    state = send(cast, session, fix)
    assert acts(state)[1:] == ["c", "stop-40"]
    (told,) = state["doubts"]
    assert (told["decision"], told["because"]) == ("corrected", "the tablet's minute was wrong")


def test_a_corrected_time_that_does_not_fit_waits_until_the_other_one_is_corrected(cast, session):
    for minute, kind in ((12, "pause"), (15, "resume")):
        send(cast, session, did(session, kind, minute))
    late = act("c1", "correct", at(session, 22), corrects="pause-12", reason="ten minutes later")
    assert len(open_doubts(send(cast, session, late))) == 1
    also = act("c2", "correct", at(session, 25), corrects="resume-15", reason="ten minutes later")
    state = send(cast, session, also)
    assert (acts(state)[1:], open_doubts(state)) == (["c1", "c2"], [])


def test_a_time_corrected_on_two_tablets_keeps_both_corrections(cast, session):
    send(cast, session, did(session, "pause", 12))
    send(cast, session, act("c1", "correct", at(session, 11), corrects="pause-12", reason="by the pump"))
    second = act("c2", "correct", at(session, 10), corrects="pause-12", reason="by my watch")
    state = send(cast, session, second, by="ada")
    assert acts(state)[1:] == ["c1"]
    assert open_doubts(state) == [("c2", "another correction of it is in the record already")]


def test_nobody_signs_while_an_act_is_in_doubt(cast, session, patient, watch):
    send(cast, session, did(session, "start", 1), by="ada")
    send(cast, session, did(session, "stop", 40, given_mg="35"))
    with pytest.raises(InputError, match="1 act with the drug wait"):
        closing_actions.sign_session(
            by=cast.actor("ben"), patient=patient.uid, uid=session.uid, person=proof(cast, "ben")
        )


def test_a_new_rate_on_a_paused_pump_holds_from_when_it_goes_on(cast, session):
    for minute, kind, more in ((10, "pause", {}), (12, "rate", {"rate_ml_h": "2.6"}), (20, "resume", {})):
        state = send(cast, session, did(session, kind, minute, **more))
    # 52.5 mg/h by the order until minute 10, nothing until 20, then 2.6/5.2 of it.
    assert state["dose"]["rates"][:4] == [[0.0, 52.5], [10.0, 0.0], [12.0, 0.0], [20.0, 26.25]]


KINDS = ("start", "pause", "resume", "rate", "stop")
ACTS = st.lists(st.tuples(st.sampled_from(KINDS), st.integers(1, 55), st.booleans()), min_size=1, max_size=7)


# Each example writes acts of its own into the same session; contradictions pile up and must stay.
@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(entered=ACTS, order=st.randoms(use_true_random=False))
def test_whatever_two_tablets_send_every_act_is_kept_exactly_once(cast, running, entered, order):
    session, number = running
    run, want, sent = next(number), {}, []
    for index, (kind, minute, is_ada) in enumerate(entered):
        payload = {"rate": {"rate_ml_h": "4.0"}, "stop": {"given_mg": "20"}}.get(kind, {})
        entry = did(session, kind, minute, name=f"{run}-{index}", **payload)
        want[entry["id"]] = at(session, minute)
        sent += [(entry, "ada" if is_ada else "ben")] * order.randint(1, 2)
    order.shuffle(sent)
    for entry, by in sent:
        state = send(cast, session, entry, by=by)
    kept = [
        *DoseEvent.objects.filter(session=session),
        *DoseDoubt.objects.filter(session=session).exclude(settlement="fits"),
    ]
    mine = {row.client_id: row.observed_at for row in kept if row.client_id.startswith(f"{run}-")}
    assert mine == want
    assert len(kept) == len({row.client_id for row in kept})
    times = [event["at"] for event in state["events"]]
    assert times == sorted(times)
    assert [event["kind"] for event in state["events"]].count("start") == 1


@pytest.fixture
def running(session):
    return session, count()


def test_a_reading_in_between_needs_no_order(cast, session):
    send(cast, session, did(session, "start", 1), by="ada")
    assert statuses(post(cast.client("ben"), session, vitals("v", at(session, 5)))) == ["saved"]
