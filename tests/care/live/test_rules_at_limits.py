"""Every rule of every protocol, at, above and below its limit, through the page's own endpoint.

The alert stands in the answer to the entry itself, so it is on the page before the nurse has lowered the hand;
the audit says who acknowledged it. What lies at, above and below a limit is taken from the rules' own examples,
which clinicians review.
"""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
import treated
from chairside import act, address, post, statuses, vitals

from openkap.care.audit.models import AuditEvent
from openkap.care.enrolment.protocols import offered
from openkap.care.treatment.dose import actions as dose_actions
from openkap.care.treatment.drug import actions as drug_actions
from openkap.care.treatment.release import actions as release_actions
from openkap.protocol.condition import facts_of
from openkap.protocol.read import load_protocol
from openkap.protocol.rules import Stage

pytestmark = pytest.mark.usefixtures("nobody_is_locked_out")

PROTOCOLS = [name for name, _ in offered()]
LATE, SUSTAINED = "missed_vital_sign_min", "heart_rate_sustained_5min"
SHOWN_BY_VITALS = {"moaas", "sbp", "dbp"}
# What only a nasal protocol asks before the dose.
NASAL = {"minutes_since_nasal_steroid_or_decongestant": "600"}
BASELINE = {"sbp": 122, "dbp": 78}


def dosing_under(cast, patient, watch, name: str):
    """A session under that protocol, its dose started."""
    protocol = load_protocol(name)
    course = treated.planned(cast, patient, protocol=name, pattern=protocol.courses[0].id)
    asked = {fact for rule in protocol.stage(Stage.BEFORE_DOSE) for fact in facts_of(rule.condition)}
    nasal = {name: value for name, value in NASAL.items() if name in asked}
    session = treated.arrived(cast, treated.first_session(course), watch, **nasal)
    where = {"patient": patient.uid, "uid": session.uid}
    order = treated.ordered(cast, session)
    product = protocol.dosing.products[0].id
    from datetime import date

    received = drug_actions.Received(product, "LOT8", date(2028, 1, 31), Decimal(1000))
    lot = drug_actions.receive(by=cast.actor("ben"), received=received).lot
    dose_actions.check_dose(
        by=cast.actor("ben"), **where, lot=lot.uid, drawn_mg=order.dose_mg, witness=treated.witness(cast)
    )
    release_actions.clear(by=cast.actor("ben"), **where)
    treated.dose(cast, session, "start")
    session.refresh_from_db()
    assert session.course.protocol == name
    return session, float(order.dose_mg)


def shown(example) -> dict[str, str]:
    """An example's values on this patient: its distance from its baseline, on the patient's own."""
    values = {name: bare(value) for name, value in example.given.items()}
    for sign, own in BASELINE.items():
        if f"{sign}_baseline" in values:
            base = int(values.pop(f"{sign}_baseline"))
            if sign in values:
                values[sign] = str(int(values[sign]) - base + own)
    return values


def bare(value) -> str:
    return str(value).split(" ")[0] if str(value)[0].isdigit() else str(value)


def confirmed(name, at, example):
    """A reading with the example's values, unusual ones confirmed."""
    entry = vitals(name, at, **shown(example))
    entry["payload"]["confirmed"] = True
    return entry


def known(rules, *without: str):
    """Active rules that ask for none of these facts, with their examples that say something."""
    for rule in rules:
        if rule.is_active and not set(facts_of(rule.condition)) & set(without):
            for number, example in enumerate(rule.examples):
                if example.then != "missing":
                    yield rule, number, example


@pytest.mark.parametrize("name", PROTOCOLS)
def test_every_in_session_rule_fires_at_its_limit_and_not_beside_it(cast, patient, watch, name):
    session, _ = dosing_under(cast, patient, watch, name)
    rules = load_protocol(name).stage(Stage.IN_SESSION)
    cases, entries = list(known(rules, LATE, SUSTAINED)), []
    for rule, number, example in cases:
        watch.forward(seconds=1)
        entries.append(confirmed(f"{rule.id}-{number}", watch.moment, example))
    told = post(cast.client("ben"), session, *entries)
    assert set(statuses(told)) == {"saved"}, told["answers"]
    fired = {(alert["rule"], alert["entry"]) for alert in told["state"]["alerts"]}
    for rule, number, example in cases:
        assert ((rule.id, f"{rule.id}-{number}") in fired) == (example.then == "fires"), (rule.id, example)
    at_limit = {(rule.id, example.then) for rule, _, example in cases}
    active = {
        rule.id for rule in rules if rule.is_active and not set(facts_of(rule.condition)) & {LATE, SUSTAINED}
    }
    assert at_limit == {(rule, then) for rule in active for then in ("fires", "clear")}


# What a site may set where no source gives a limit, with what comes below, at and above it. The numbers are
# this test's own and other than those of the rules' examples.
SITE = """site: Harbour Clinic
limits:
"""
SET_BY_SITE = {
    "VIT-10": ("94 %", "spo2", {"93": True, "94": False, "95": False}),
    "VIT-13": ("5 {score}", "distress_rating_0_10", {"4": False, "5": True, "6": True}),
}


@pytest.fixture
def signed_limits(settings, tmp_path):
    """The site has signed a limit for every rule of a session that the protocols leave open."""
    path = tmp_path / "site.yaml"
    entries = [
        f"  - rule: {rule}\n    limit: '{limit}'\n    reason: our policy\n"
        "    signed_by: [{name: A. Moreau, role: medical lead, on: 2026-11-20}]\n"
        for rule, (limit, _, _) in SET_BY_SITE.items()
    ]
    path.write_text(SITE + "".join(entries), encoding="utf-8")
    settings.SITE_FILE = path


def entered_around_the_limit(cast, session, watch, rule: str) -> dict[str, bool]:
    """For each value whether the rule raised its alert in the answer to the entry."""
    _, element, wanted = SET_BY_SITE[rule]
    fired = {}
    for value in wanted:
        watch.forward(seconds=1)
        told = post(cast.client("ben"), session, vitals(f"{rule}-{value}", watch.moment, **{element: value}))
        assert statuses(told) == ["saved"], told["answers"]
        raised = {(alert["rule"], alert["entry"]) for alert in told["state"]["alerts"]}
        fired[value] = (rule, f"{rule}-{value}") in raised
    return fired


@pytest.mark.parametrize("name", PROTOCOLS)
def test_a_limit_that_the_site_has_signed_fires_at_its_limit_and_not_beside_it(
    cast, patient, watch, signed_limits, name
):
    session, _ = dosing_under(cast, patient, watch, name)
    open_rules = {rule.id for rule in load_protocol(name).stage(Stage.IN_SESSION) if not rule.is_active}
    assert open_rules == set(SET_BY_SITE)
    for rule, (_, _, wanted) in SET_BY_SITE.items():
        assert entered_around_the_limit(cast, session, watch, rule) == wanted, rule


@pytest.mark.parametrize("name", PROTOCOLS)
def test_a_limit_that_no_site_has_set_fires_at_no_value(cast, patient, watch, name):
    session, _ = dosing_under(cast, patient, watch, name)
    for rule, (_, _, wanted) in SET_BY_SITE.items():
        assert entered_around_the_limit(cast, session, watch, rule) == dict.fromkeys(wanted, False), rule


def test_the_alert_of_a_signed_limit_shows_the_value_and_the_limit(cast, patient, watch, signed_limits):
    session, _ = dosing_under(cast, patient, watch, PROTOCOLS[0])
    told = post(cast.client("ben"), session, vitals("low", watch.moment, spo2="93"))
    (alert,) = (each for each in told["state"]["alerts"] if each["rule"] == "VIT-10")
    assert (alert["told"]["value"], alert["told"]["limit"]) == ("93 %", "< 94 %")
    assert "A. Moreau" in alert["told"]["changed_by"]


@pytest.mark.parametrize("name", PROTOCOLS)
def test_a_late_reading_and_a_lasting_pulse_fire_beyond_their_limit_only(cast, patient, watch, name):
    session, _ = dosing_under(cast, patient, watch, name)
    begun, client = watch.moment, cast.client("ben")
    rules = load_protocol(name).stage(Stage.IN_SESSION)
    for rule, _, example in known(rules):
        if LATE in facts_of(rule.condition):
            watch.moment = begun + timedelta(minutes=float(bare(example.given[LATE])))
            alerts = client.get(address(session, "state")).json()["state"]["alerts"]
            assert (rule.id in {each["rule"] for each in alerts}) == (example.then == "fires"), example
    for rule, number, example in known(rules):
        if SUSTAINED in facts_of(rule.condition):
            rate = bare(example.given[SUSTAINED])
            for part in ("a", "b"):
                # Five minutes between two readings: the shortest time for which a rate can have lasted.
                watch.forward(minutes=5)
                told = post(client, session, vitals(f"{number}{part}", watch.moment, heart_rate=rate))
            fired = {each["rule"] for each in told["state"]["alerts"] if each["entry"] == f"{number}b"}
            assert (rule.id in fired) == (example.then == "fires"), example


@pytest.mark.parametrize("name", PROTOCOLS)
def test_every_alert_says_what_to_do_and_the_audit_who_acknowledged_it(cast, patient, watch, name):
    session, _ = dosing_under(cast, patient, watch, name)
    fires = {}
    for rule, _, example in known(load_protocol(name).stage(Stage.IN_SESSION), LATE, SUSTAINED):
        if example.then == "fires":
            fires.setdefault(rule.id, example)
    entries = []
    for rule, example in fires.items():
        watch.forward(seconds=1)
        entries.append(confirmed(rule, watch.moment, example))
    told = post(cast.client("ben"), session, *entries)
    alerts = {a["rule"]: a for a in told["state"]["alerts"] if a["rule"] == a["entry"]}
    assert set(alerts) == set(fires)
    seen = []
    for rule, alert in alerts.items():
        assert alert["told"]["title"]
        assert alert["told"]["who"]
        assert alert["told"]["action_words"]
        seen.append(act(f"k{rule}", "acknowledge", watch.moment, alert=alert["uid"], done=f"did {rule}"))
    assert set(statuses(post(cast.client("ada"), session, *seen))) == {"saved"}
    events = AuditEvent.objects.filter(action="alert.acknowledged", actor=cast.actor("ada").uid)
    assert {event.entity_uid for event in events} == {alert["uid"] for alert in alerts.values()}
    assert len(fires) >= 10


def leaving(session, client):
    """Send entries; answers with the rules that still keep the patient."""

    def unmet(*entries) -> set[str]:
        told = post(client, session, *entries)
        assert set(statuses(told)) <= {"saved"}, told["answers"]
        held = told["state"]["leaving"]
        return {each["rule"] for each in held["unmet"] + held["warnings"]}

    return unmet


def recovering_under(cast, patient, watch, name: str):
    """Two hours after the start, with every condition met."""
    session, given = dosing_under(cast, patient, watch, name)
    begun = watch.moment
    watch.moment = begun + timedelta(minutes=40)
    treated.dose(cast, session, "stop", given_mg=Decimal(str(given)))
    unmet = leaving(session, cast.client("ben"))
    for minute in (100, 119):
        watch.moment = begun + timedelta(minutes=minute)
        unmet(vitals(f"v{minute}", watch.moment, **treated.VITALS))
    watch.moment = begun + timedelta(minutes=120)
    assert unmet(act("all", "leaving", watch.moment, values=treated.LEAVING)) == set()
    return session, begun, unmet


@pytest.mark.parametrize("name", PROTOCOLS)
def test_every_condition_for_leaving_holds_the_patient_beside_its_limit(cast, patient, watch, name):
    _, begun, unmet = recovering_under(cast, patient, watch, name)
    rules = load_protocol(name).stage(Stage.DISCHARGE)
    seen = set()
    for rule, number, example in known(rules):
        values = {fact: bare(value) for fact, value in example.given.items()}
        if "minutes_since_dose_start" in values:
            watch.moment = begun + timedelta(minutes=float(values["minutes_since_dose_start"]))
            found = unmet()
        elif "bp_falling_on_two_readings" in values:
            found = unmet(*pressures(watch, f"{rule.id}-{number}", shown(example)))
        else:
            watch.forward(seconds=1)
            kind = "vitals" if set(values) <= SHOWN_BY_VITALS else "leaving"
            found = unmet(act(f"{rule.id}-{number}", kind, watch.moment, values=values, note=""))
        assert (rule.id in found) == (example.then == "fires"), (rule.id, example)
        seen.add((rule.id, example.then))
    active = {rule.id for rule in rules if rule.is_active}
    assert seen == {(rule, then) for rule in active for then in ("fires", "clear")}


def pressures(watch, name, values):
    """Two readings of which the second is the example's: lower than the first, or higher."""
    step = 2 if values["bp_falling_on_two_readings"] == "yes" else -2
    pair = []
    for part, more in (("a", step), ("b", 0)):
        watch.forward(seconds=1)
        signs = {sign: str(int(values[sign]) + more) for sign in ("sbp", "dbp")}
        pair.append(vitals(name + part, watch.moment, **signs))
    return pair
