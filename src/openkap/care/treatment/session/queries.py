"""Reads for the session page: what is due now, what was entered, what still holds."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from openkap.care.accounts.actor import Actor
from openkap.care.moment import now, today
from openkap.care.patients.models import Contact
from openkap.care.patients.same_person import same_person
from openkap.care.permissions import Permission, Role
from openkap.care.treatment.access import staff_with
from openkap.care.treatment.dose.actions import ordered_dose
from openkap.care.treatment.dose.amount_actions import CORRECTABLE
from openkap.care.treatment.dose.delivery_actions import by_the_times
from openkap.care.treatment.dose.proposal import proposal_for
from openkap.care.treatment.drug.drawn import check_before, in_use_ug
from openkap.care.treatment.drug.queries import stock
from openkap.care.treatment.models import Alert, DoseCheck, Prescription, Session
from openkap.care.treatment.monitoring.alert_basis import since_raised
from openkap.care.treatment.planning.held import held_since, session_says
from openkap.care.treatment.queries import replanned_words
from openkap.care.treatment.release.actions import gates_now
from openkap.care.treatment.release.gates import OF_THE_RECORD, Gate, holding
from openkap.care.treatment.rows import facts as reading
from openkap.care.treatment.rows.acts import NOT_OVER, arrived_late, crossed_late
from openkap.care.treatment.rows.how_it_ended import words_now
from openkap.care.treatment.session.closing_actions import open_ends, unsent
from openkap.care.treatment.session.record import adverse_events_of, mg, record_of
from openkap.core.errors import InputError
from openkap.core.quantity import Quantity
from openkap.protocol.condition import facts_of
from openkap.protocol.dosing import draw
from openkap.protocol.elements import Element, dictionary
from openkap.protocol.monitoring import discharge, watch
from openkap.protocol.rules import Stage
from openkap.protocol.session_words import adverse_event_words

VITALS = ("sbp", "dbp", "heart_rate", "spo2", "respiratory_rate", "moaas")
EXTRA = ("distress_rating_0_10", "cadss_6_total", "bp_with_red_flag_symptom")
# Times of sessions are whole five minutes.
STEP_MIN = 5
# Conditions for leaving that readings or the clock answer by themselves.
ANSWERED_BY_READINGS = frozenset(
    {
        "minutes_since_dose_start",
        "sbp",
        "dbp",
        "sbp_baseline",
        "dbp_baseline",
        "bp_falling_on_two_readings",
        "moaas",
    }
)


def session_page(session: Session, by: Actor) -> dict[str, Any]:
    """Everything the session page shows; of a locked one the record as it was signed."""
    signed = getattr(session, "signed", None)
    context: dict[str, Any] = {
        "session": session,
        "state_words": words_now(session),
        "signed": signed,
        "addenda": list(session.addenda.select_related("signature").order_by("id")),
        "record": json.loads(signed.record) if signed else record_of(session),
        "words": adverse_event_words(),
        "replanned": replanned_words(session) if session.state == Session.State.ABORTED else "",
        "held": held_words(session),
    }
    events = adverse_events_of(session) if signed else context["record"]["adverse_events"]
    context["events"] = [each | {"form": _form_of(each)} for each in events]
    if signed:
        context["late"] = arrived_late(session)
        gone = crossed_late(session) if context["late"] else {}
        for photo in context["record"].get("photos", []):
            photo["crossed_late"] = gone.get(photo["uid"], "")
        context["late_photos"] = [each for each in context["late"] if each["is_photo"]]
        return context
    state = session.state
    context["open_ends"] = open_ends(session)
    if state in ("left", "aborted"):
        context["unsent"] = unsent(session)
    context["amounts"] = [
        each for each in context["record"]["ledger"] if each["kind"] in CORRECTABLE and not each["replaced"]
    ]
    context["in_use_mg"] = mg(in_use_ug(session))
    context["waste_needs_reason"] = state in NOT_OVER
    if state in ("planned", "arrived", "cleared"):
        context |= _before(session, by)
    if state in ("dosing", "recovery", "left"):
        context |= live(session)
        context["last_reading"] = _last_reading(context["record"])
    if state == "recovery":
        context |= _leaving(session)
    context["colleagues"] = _colleagues(by)
    return context


def held_words(session: Session) -> str:
    """That a planned dose is held after a withdrawal; nothing is asked of a session that has begun."""
    is_planned = session.state == Session.State.PLANNED
    return session_says(session.state, held_since(session.patient_id)) if is_planned else ""


def _last_reading(record: dict[str, Any]) -> dict[str, Any] | None:
    """The latest vital signs that stand: whoever saved them sees at the form that they are there."""
    stand = [
        each
        for each in record["entries"]
        if not (each["in_error"] or each["replaced"]) and each["values"].keys() & set(VITALS)
    ]
    return max(reversed(stand), key=lambda each: datetime.fromisoformat(each["at"]), default=None)


def _form_of(event: dict[str, Any]) -> dict[str, Any]:
    """What the form of an update opens with: the event as it stands."""
    same = {name: event[name] for name in ("term", "words", "relation", "treatment", "outcome")}
    return same | {
        "onset_at": field_moment(event["onset"]),
        "ended_at": field_moment(event["ended"]),
        "grade": str(event["grade"]),
        "serious_because": event["serious"],
        "action_taken": event["action"],
    }


def field_moment(text: str) -> str:
    """A stored moment as a ``datetime-local`` field shows it, in the clinic's time."""
    return f"{timezone.localtime(datetime.fromisoformat(text)):%Y-%m-%dT%H:%M}" if text else ""


def is_its_day(session: Session) -> bool:
    """Whether the session is planned for today: nobody is received on another day."""
    return timezone.localtime(session.starts_at).date() == today()


def soonest() -> datetime:
    """The next whole five minutes: the soonest time that a session can be moved to."""
    moment = now()
    return moment.replace(second=0, microsecond=0) + timedelta(minutes=STEP_MIN - moment.minute % STEP_MIN)


def _colleagues(by: Actor) -> list[tuple[str, str]]:
    people = staff_with(by, Role.PRESCRIBER, Role.NURSE).exclude(pk=by.staff_id)
    return [(person.uid, person.name) for person in people]


def _before(session: Session, by: Actor) -> dict[str, Any]:
    gates = gates_now(session)
    waiting, asked = holding(gates), _asked(gates)
    proposal: dict[str, Any] | None = None
    trouble: InputError | None = None
    try:
        proposal = proposal_for(session).as_dict()
    except InputError as refused:
        trouble = refused
    ordered = ordered_dose(session)
    check = check_before(session, ordered)
    protocol = reading.protocol_of_session(session)
    products = {each.id for each in protocol.dosing.products}
    held = stock(by) if by.may(Permission.RECORD_SESSION) else []
    return {
        "holding": waiting,
        "standing": [gate for gate in waiting if not gate.is_asking],
        "asking": [gate for gate in waiting if gate.is_asking],
        "passed": [gate for gate in gates if not gate.holds],
        "asked_open": [each for each in asked if not each[1]],
        "asked_known": [each for each in asked if each[1]],
        "proposal": proposal,
        "proposal_trouble": trouble,
        "steps": protocol.dosing.steps,
        "ordered": ordered,
        "check": check,
        "stock": [each for each in held if each["lot"].product in products],
        "ways": _ways(session, ordered) if ordered and not check else [],
    }


def _ways(session: Session, ordered: Prescription) -> list[tuple[str, str]]:
    """How the pump may be run, with the rate of each strength; the way this clinic used last stands first."""
    protocol = reading.protocol_of_session(session)
    over = Quantity.of(ordered.over_min, "min") if ordered.over_min else None
    dose = Quantity.of(ordered.dose_mg, "mg")
    said: dict[str, tuple[str, list[str]]] = {}
    for product in protocol.dosing.products:
        for way in draw(protocol, product, dose, over).ways:
            rates = said.setdefault(way.id, (way.text, []))[1]
            rates.append(
                f"{way.rate} from {product.strength}" + (" (misses the dose)" if way.warning else "")
            )
    last = (
        DoseCheck.objects.filter(session__patient__clinic=session.patient.clinic)
        .exclude(way__isnull=True)
        .order_by("-id")
        .values_list("way", flat=True)
        .first()
    )
    told = [(name, f"{text}: {_same(rates)}") for name, (text, rates) in said.items()]
    return sorted(told, key=lambda each: each[0] != last)


def _same(rates: list[str]) -> str:
    """The rates by strength, or the one rate when it does not depend on the strength."""
    figures = {each.split(" from ")[0] for each in rates}
    return figures.pop() if len(figures) == 1 else ", ".join(rates)


def _asked(gates: list[Gate]) -> list[tuple[Element, str, list[Gate]]]:
    """Every element the gates still ask for or hold, once, in their order, with the gates that ask."""
    found: dict[str, tuple[Element, str, list[Gate]]] = {}
    for gate in gates:
        for element, shown in gate.asks:
            found.setdefault(element.id, (element, shown, []))[2].append(gate)
    return list(found.values())


def live(session: Session) -> dict[str, Any]:
    """What moves while the dose runs: what is due, what is waiting to be acknowledged."""
    events = reading.dose_events(session)
    begun = reading.started_at(events)
    waiting = list(Alert.objects.filter(session=session, acknowledged_at__isnull=True).order_by("at", "id"))
    entries, protocol = reading.entries_of(session), reading.protocol_of_session(session)
    became = since_raised(waiting, entries, protocol)
    told: dict[str, Any] = {
        "begun": begun,
        "waiting": [
            {"row": row, "told": json.loads(row.snapshot), "since": became.get(row.pk, "")} for row in waiting
        ],
        "vitals": [dictionary()[name] for name in VITALS],
        "extra": [dictionary()[name] for name in EXTRA],
    }
    if begun is None:
        return told
    rows = reading.rows_among(entries)
    seen = watch(
        protocol,
        reading.readings_of(rows),
        started_at=begun,
        now=now(),
        baseline=reading.baseline_of(rows),
        longer=reading.longer_than_usual(session, protocol, events),
    )
    told |= {
        "due": seen.next_due,
        "elapsed": int((now() - begun).total_seconds() // 60),
        "is_paused": bool(events) and events[-1].kind == "pause",
        "check": DoseCheck.objects.filter(session=session).select_related("lot").order_by("-id").first(),
        "ordered": ordered_dose(session),
    }
    if session.state == Session.State.DOSING and told["ordered"] and told["check"]:
        computed = by_the_times(session, told["ordered"], told["check"], now())
        told["by_the_times"] = f"{computed:.1f}" if told["ordered"].over_min else ""
    return told


def _leaving(session: Session) -> dict[str, Any]:
    protocol = reading.protocol_of_session(session)
    begun = reading.started_at(reading.dose_events(session))
    assert begun is not None
    facts = reading.discharge_facts(session, reading.rows_of(session), now(), begun)
    elements, asked = dictionary(), {}
    for rule in protocol.stage(Stage.DISCHARGE):
        for name in facts_of(rule.condition):
            if name not in ANSWERED_BY_READINGS and name not in OF_THE_RECORD:
                known = facts.known.get(name)
                asked[name] = (elements[name], known.shown() if known else "")
    return {
        "leaving": discharge(facts, protocol),
        "leaving_open": [each for each in asked.values() if not each[1]],
        "leaving_known": [each for each in asked.values() if each[1]],
        "escorts": _escorts(session.patient_id),
    }


def _escorts(patient_id: int) -> list[Any]:
    """Who is noted to take the patient home: whoever leads them out need not write the name again."""
    noted = Contact.objects.filter(patient__in=same_person(patient_id), kind=Contact.Kind.ESCORT)
    current = noted.filter(ended_at__isnull=True).order_by("added_at")
    return list(current.values("name", "relation", "telephone"))
