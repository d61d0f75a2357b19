"""A whole session of 160 minutes through the live endpoint: it ends locked, with the ledger and the form right."""

from __future__ import annotations

import json
from datetime import timedelta
from decimal import Decimal

import treated
from chairside import act, address, post, statuses, vitals
from enrolled import proof

from openkap.care.live.form import form_fields
from openkap.care.treatment.dose import actions as dose_actions
from openkap.care.treatment.drug.drawn import in_use_ug
from openkap.care.treatment.models import Entry
from openkap.care.treatment.session import closing_actions

PRESSURES = {0: 124, 10: 133, 20: 141, 30: 150, 40: 158, 55: 149, 70: 139, 85: 132, 100: 128, 120: 126}


def test_a_session_with_pause_rate_change_and_alert_ends_in_a_locked_true_record(
    cast, patient, watch, settings
):
    # Readings are up to twenty minutes apart; unlocking in between has its own tests.
    settings.LOCK_AFTER_MINUTES = 600
    session = treated.cleared(cast, treated.first_session(treated.planned(cast, patient)), watch, mg="40")
    client, begun = cast.client("ben"), watch.moment

    def send(*entries):
        told = post(client, session, *entries)
        assert set(statuses(told)) == {"saved"}, told["answers"]
        return told

    def at(minute):
        watch.moment = begun + timedelta(minutes=minute)
        return watch.moment

    send(act("start", "start", begun))
    acts = {
        15: act("pause", "pause", begun + timedelta(minutes=15)),
        18: act("resume", "resume", begun + timedelta(minutes=18)),
        25: act("rate", "rate", begun + timedelta(minutes=25), rate_ml_h="4.0"),
        50: act("stop", "stop", begun + timedelta(minutes=50), given_mg="34.5"),
    }
    for minute in sorted({*PRESSURES, *acts}):
        moment = at(minute)
        if minute in acts:
            told = send(acts[minute])
        else:
            sbp = PRESSURES[minute]
            told = send(
                vitals(f"v{minute}", moment, **(treated.VITALS | {"sbp": str(sbp), "dbp": str(sbp - 48)}))
            )
    for alert in told["state"]["alerts"]:
        if not alert["seen_at"]:
            told = send(
                act(f"a{alert['uid']}", "acknowledge", watch.moment, alert=alert["uid"], done="repeated")
            )
    at(150)
    send(vitals("v150", watch.moment, **(treated.VITALS | {"sbp": "124", "dbp": "78"})))
    told = send(act("leaving", "leaving", watch.moment, values=treated.LEAVING))
    assert told["state"]["leaving"]["may_leave"] is True
    at(160)
    where = {"by": cast.actor("ben"), "patient": patient.uid, "uid": session.uid}
    dose_actions.waste(**where, amount_mg=Decimal("5.5"), witness=treated.witness(cast))
    closing_actions.let_go(**where, escort="Robin Example")
    client.get(address(session, "state") + "?device=tablet-1&left=1")
    signed = closing_actions.sign_session(**where, person=proof(cast, "ben"))
    told_in_record = json.dumps(json.loads(signed.record)["entries"])

    assert in_use_ug(session) == 0
    assert {field.label: field.value for field in form_fields(session)}["Dose given"] == "34.5 mg"
    assert {field.label: field.value for field in form_fields(session)}["Minutes monitored"] == "160"
    assert Entry.objects.filter(session=session, kind="vitals").count() == len(PRESSURES) + 1
    assert all(f"{sbp}" in told_in_record for sbp in PRESSURES.values())
    late = post(client, session, vitals("late", watch.moment))
    assert statuses(late) == ["saved"]
    assert [each["id"] for each in late["state"]["late"]] == ["late"]
    assert not Entry.objects.filter(client_id="late").exists()
    state = client.get(address(session, "state")).json()["state"]
    assert [event["kind"] for event in state["events"]] == ["start", "pause", "resume", "rate", "stop"]
    assert state["session"]["is_locked"] is True
    page = client.get(f"/patients/{patient.uid}/sessions/{session.uid}/replay/")
    assert all(f'"number": {float(sbp)}'.encode() in page.content for sbp in PRESSURES.values())
