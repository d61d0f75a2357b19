"""Every rule of every protocol, at, above and below its limit, through the page's own endpoint."""

from __future__ import annotations

import pytest
import treated
from chairside import post, statuses, vitals

from openkap.care.enrolment.protocols import offered
from openkap.protocol.condition import facts_of
from openkap.protocol.read import load_protocol
from openkap.protocol.rules import Stage

# Worked out from the readings or the clock: shown by their own tests in tests/spec and test_entries.
WORKED_OUT = {"heart_rate_sustained_5min", "missed_vital_sign_min"}


def bare(value) -> str:
    return str(value).split(" ")[0] if str(value)[0].isdigit() else str(value)


@pytest.mark.parametrize("name", [name for name, _ in offered()])
def test_every_in_session_rule_fires_at_its_limit_and_not_beside_it(cast, patient, watch, name):
    session = treated.dosing(cast, treated.first_session(treated.planned(cast, patient)), watch)
    rules = load_protocol(name).stage(Stage.IN_SESSION)
    shown = 0
    for rule in rules:
        if not rule.is_active or WORKED_OUT.intersection(facts_of(rule.condition)):
            continue
        for index, example in enumerate(rule.examples):
            if example.then == "missing":
                continue
            values = {fact: bare(value) for fact, value in example.given.items()}
            base = {"sbp_baseline": 122, "dbp_baseline": 78}
            for side, own in base.items():
                sign = side.removesuffix("_baseline")
                if side in values:
                    # The example's distance from its baseline, on this patient's baseline.
                    values[sign] = str(int(values[sign]) - int(values.pop(side)) + own)
            watch.forward(seconds=1)
            entry = vitals(f"{rule.id}-{index}", watch.moment, **values)
            entry["payload"]["confirmed"] = True
            told = post(cast.client("ben"), session, entry)
            assert statuses(told) == ["saved"], (rule.id, example, told["answers"])
            fired = {a["rule"] for a in told["state"]["alerts"] if a["entry"] == f"{rule.id}-{index}"}
            assert (rule.id in fired) == (example.then == "fires"), (rule.id, example)
            shown += 1
    assert shown >= 30


def test_every_condition_for_leaving_holds_the_patient_beside_its_limit(cast, patient, watch):
    session = treated.recovering(cast, treated.first_session(treated.planned(cast, patient)), watch)
    client = cast.client("ben")

    def unmet(*entries):
        told = post(client, session, *entries)
        assert set(statuses(told)) <= {"saved"}, told["answers"]
        return {
            each["rule"] for each in told["state"]["leaving"]["unmet"] + told["state"]["leaving"]["warnings"]
        }

    leaving = {"id": "all", "act": "leaving", "observed_at": watch.moment.isoformat()}
    assert unmet(leaving | {"payload": {"values": treated.LEAVING}}) == set()
    beside = {
        "DIS-03": [("leaving", "spo2_room_air", "92", True), ("leaving", "spo2_room_air", "93", False)],
        "DIS-04": [("leaving", "aldrete_total", "8", True), ("leaving", "aldrete_total", "9", False)],
        "DIS-05": [("vitals", "moaas", "4", True), ("vitals", "moaas", "5", False)],
        "DIS-06": [("leaving", "dissociation", "present", True)],
        "DIS-07": [("leaving", "respiratory_depression", "present", True)],
        "DIS-08": [("leaving", "walks_unaided_no_significant_dizziness", "no", True)],
        "DIS-09": [("leaving", "tolerates_oral_fluid_and_minimal_nausea", "no", True)],
        "DIS-10": [("leaving", "escort_present", "no", True)],
        "DIS-11": [("leaving", "no_new_suicidal_intent", "no", True)],
        "DIS-12": [("leaving", "next_contact_booked", "no", True)],
        "DIS-13": [("leaving", "driving_instruction_given", "no", True)],
        "DIS-14": [("leaving", "uk_readiness_to_leave_checklist", "no", True)],
    }
    for rule, cases in beside.items():
        for number, (act, element, value, holds) in enumerate(cases):
            watch.forward(seconds=1)
            entry = {"id": f"{rule}-{number}", "act": act, "observed_at": watch.moment.isoformat()}
            found = unmet(entry | {"payload": {"values": {element: value}}})
            assert (rule in found) == holds, (rule, value, found)
        watch.forward(seconds=1)
        unmet(
            leaving
            | {
                "id": f"again-{rule}",
                "observed_at": watch.moment.isoformat(),
                "payload": {"values": treated.LEAVING},
            }
        )
    # Pressure: baseline 122/78; at the limit of 20 above, beyond it.
    for number, (sbp, holds) in enumerate([("142", False), ("143", True)]):
        watch.forward(seconds=1)
        low = vitals(f"bp{number}a", watch.moment, sbp=sbp, dbp="80", heart_rate="70")
        watch.forward(seconds=1)
        again = vitals(f"bp{number}b", watch.moment, sbp=sbp, dbp="80", heart_rate="70")
        assert ("DIS-02" in unmet(low, again)) == holds
