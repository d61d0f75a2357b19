"""What the live page is started with: words, elements, rules, addresses. Everything that does not move."""

from __future__ import annotations

from typing import Any

from django.urls import reverse

from openkap.care.accounts.actor import Actor
from openkap.care.enrolment.site import emergency_lines
from openkap.care.live.queries import current_state
from openkap.care.live.rules import rules_as_data
from openkap.care.live.state import ms
from openkap.care.moment import now
from openkap.care.patients.queries import display_name
from openkap.care.permissions import Permission
from openkap.care.treatment.models import DoseEvent, Session
from openkap.care.treatment.monitoring.scale_items import INSTRUMENT, TOTAL, scale_items
from openkap.care.treatment.rows.facts import protocol_of_session
from openkap.care.treatment.session.queries import ANSWERED_BY_READINGS
from openkap.instruments.load import instrument
from openkap.protocol.condition import facts_of
from openkap.protocol.elements import Element, dictionary
from openkap.protocol.model import Protocol
from openkap.protocol.rules import Stage
from openkap.protocol.scale_times import CADSS_6, scale_minutes
from openkap.protocol.session_words import adverse_event_words
from openkap.protocol.windows import windows

# In the order a monitor is read; the pad asks one after the other.
VITALS = ("sbp", "dbp", "heart_rate", "spo2", "respiratory_rate", "moaas")
EXTRA = ("distress_rating_0_10", "cadss_6_total", "bp_with_red_flag_symptom")
SHORT = {
    "sbp": "Systolic",
    "dbp": "Diastolic",
    "heart_rate": "Pulse",
    "spo2": "SpO₂",
    "respiratory_rate": "Breaths",
    "moaas": "MOAA/S",
    "distress_rating_0_10": "Distress",
    "cadss_6_total": "CADSS-6",
    "bp_with_red_flag_symptom": "Red flag",
}
# Scores that one tap gives.
SCORES = ("distress_rating_0_10",)
SHOWN_UNIT = {"mm[Hg]": "mmHg", "/min": "/min", "%": "%", "{score}": ""}


def page_data(by: Actor, session: Session) -> dict[str, Any]:
    """For the page's script, as JSON."""
    where = [session.patient.uid, session.uid]
    protocol = protocol_of_session(session)
    return protocol_data(protocol) | {
        "now": ms(now()),
        "key": session.uid,
        "who": {"uid": by.uid, "name": by.name},
        "patient": _patient(session),
        "zone": by.time_zone,
        "may_write": by.may(Permission.RECORD_SESSION),
        "may_give": by.may(Permission.GIVE_DOSE),
        "state": current_state(session),
        "urls": {
            "state": reverse("live_state", args=where),
            "sync": reverse("live_sync", args=where),
            "session": reverse("session", args=where),
            "record": reverse("session_pdf", args=where),
            "form": reverse("monitoring_form", args=where),
            "replay": reverse("replay", args=where),
            "worker": reverse("live_worker"),
        },
    }


def _patient(session: Session) -> str:
    """Who is asked for at the chair: name and date of birth."""
    identity = session.patient.identity
    born = f"born {identity.birth_date:%-d %b %Y}" if identity.birth_date else "date of birth not known"
    return f"{display_name(identity)}, {born}"


def protocol_data(protocol: Protocol) -> dict[str, Any]:
    """What the page needs of the protocol; also for practice."""
    words = adverse_event_words()
    return {
        "protocol": f"{protocol.id} {protocol.version}",
        "drug": protocol.dosing.drug,
        "route": protocol.dosing.route,
        "rate_decimals": DoseEvent._meta.get_field("rate_ml_h").decimal_places,
        "vitals": [_element(dictionary()[name], protocol) for name in VITALS],
        "extra": [_element(dictionary()[name], protocol) for name in EXTRA],
        "rules": rules_as_data(protocol),
        "sustained_min": windows().minutes("sustained"),
        "before_first_min": windows().minutes("before_first"),
        "scores": [_score(dictionary()[name], protocol) for name in SCORES],
        "short_scale": _short_scale(protocol),
        "leaving": _leaving(protocol),
        "minutes": list(protocol.vitals.minutes),
        "emergency": emergency_card(protocol),
        "emergency_site": emergency_lines(),
        "events": {
            "terms": [term for group in words.groups for term in group.terms],
            "grades": [[grade.value, grade.words] for grade in words.grades],
            "relations": list(words.relations),
            "actions": list(words.actions),
            "outcomes": list(words.outcomes),
            "serious": list(words.serious),
        },
    }


def _leaving(protocol: Protocol) -> list[dict[str, Any]]:
    """What is asked before somebody leaves and no reading answers."""
    names = dict.fromkeys(
        fact
        for rule in protocol.stage(Stage.DISCHARGE)
        if rule.is_active
        for fact in facts_of(rule.condition)
        if fact not in VITALS and fact not in ANSWERED_BY_READINGS
    )
    found = [dictionary()[name] for name in names]
    return [
        {"id": e.id, "ask": e.ask, "label": e.label, "kind": e.kind, "choices": list(e.choices)}
        for e in found
    ]


def _unset(element: Element, protocol: Protocol) -> list[str]:
    """Rules about it that wait for the site's limit: the page says that they give no alert."""
    return [
        rule.title
        for rule in protocol.stage(Stage.IN_SESSION)
        if not rule.is_active and element.id in facts_of(rule.condition)
    ]


def _score(element: Element, protocol: Protocol) -> dict[str, Any]:
    assert element.impossible is not None
    most = int(element.impossible.above)
    return {"id": element.id, "ask": element.ask, "most": most, "unset": _unset(element, protocol)}


def _short_scale(protocol: Protocol) -> dict[str, Any] | None:
    """The short dissociation scale item by item, for a protocol that uses it."""
    if not any(each.scale == CADSS_6 for each in protocol.scales):
        return None
    scale, element = instrument(INSTRUMENT), dictionary()[TOTAL]
    items = zip(scale_items(), scale.items_by_id.values(), strict=True)
    return {
        "id": element.id,
        "title": f"{scale.short}: {scale.measures}, {scale.recall}",
        "short": scale.short,
        "items": [{"id": name, "label": each.label, "answers": list(each.answers)} for name, each in items],
        "minutes": list(scale_minutes(protocol, CADSS_6)),
        "unset": _unset(element, protocol),
    }


def _element(element: Element, protocol: Protocol) -> dict[str, Any]:
    bounds = element.impossible
    usual = element.implausible
    return {
        "id": element.id,
        "label": element.label,
        "short": SHORT[element.id],
        "ask": element.ask,
        "kind": element.kind,
        "unit": SHOWN_UNIT.get(element.unit or "", element.unit or ""),
        "possible": [float(bounds.below), float(bounds.above)] if bounds else None,
        "plausible": [float(usual.below), float(usual.above)] if usual else None,
        "unset": _unset(element, protocol),
    }


def emergency_card(protocol: Protocol) -> list[dict[str, Any]]:
    """The protocol's emergency steps, in order, with their grade."""
    return [{"id": each.id, "text": each.text, "grade": each.grade.value} for each in protocol.emergencies]
