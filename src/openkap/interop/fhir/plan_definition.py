"""A protocol as a FHIR R4 PlanDefinition: one action a rule, its condition as CQL text.

CQL has the same three-valued logic as our own language, so a condition says the same in both. The facts a
condition names are the parameters of a Library, under the same names, to be bound to a site's own data.
Source: HL7 FHIR R4 (4.0.1) PlanDefinition; Clinical Quality Language 1.5.
"""

from __future__ import annotations

from typing import Any

from openkap.core.quantity import Quantity
from openkap.core.truth import Truth
from openkap.protocol import condition as conditions
from openkap.protocol.condition import Compare, CompareFacts, Condition, IsOneOf, IsWithin, IsYes, Not
from openkap.protocol.elements import Dictionary
from openkap.protocol.model import Protocol
from openkap.protocol.rules import Rule, Stage

CANONICAL = "https://openkap.org/fhir"
_TIMING = {
    Stage.ELIGIBILITY: "Eligibility",
    Stage.BEFORE_DOSE: "Before each dose",
    Stage.IN_SESSION: "During dosing and recovery",
    Stage.DISCHARGE: "Before leaving",
}
_CQL_TIME_UNITS = {"d": "days", "wk": "weeks", "mo": "months", "a": "years"}


def plan_definition(protocol: Protocol, dictionary: Dictionary) -> dict[str, Any]:
    """The PlanDefinition as plain data, with its Library of fact names contained."""
    return {
        "resourceType": "PlanDefinition",
        "id": protocol.id,
        "contained": [_library(protocol, dictionary)],
        "url": f"{CANONICAL}/PlanDefinition/{protocol.id}",
        "identifier": [{"system": f"{CANONICAL}/fingerprint", "value": protocol.fingerprint}],
        "version": protocol.version,
        "name": "".join(part.capitalize() for part in protocol.id.split("-")),
        "title": protocol.title,
        "type": {
            "coding": [
                {
                    "system": "http://terminology.hl7.org/CodeSystem/plan-definition-type",
                    "code": "clinical-protocol",
                }
            ]
        },
        # Published here is not ready for use: that takes the signature of a site's medical lead.
        "status": "draft",
        "experimental": True,
        "description": protocol.summary,
        "usage": "A proposal with reasons; a named person decides. Not for use before local sign-off.",
        "relatedArtifact": [
            _artifact(protocol, name)
            for name in sorted({name for rule in protocol.rules for name in rule.sources})
        ],
        "library": ["#facts"],
        "action": [
            {
                "title": _TIMING[stage],
                "action": [_action(rule, protocol, dictionary) for rule in protocol.stage(stage)],
            }
            for stage in Stage
        ],
    }


def _library(protocol: Protocol, dictionary: Dictionary) -> dict[str, Any]:
    names = dict.fromkeys(name for rule in protocol.rules for name in conditions.facts_of(rule.condition))
    return {
        "resourceType": "Library",
        "id": "facts",
        "status": "draft",
        "title": "Facts that the conditions name; bind each to the site's data",
        "type": {
            "coding": [
                {"system": "http://terminology.hl7.org/CodeSystem/library-type", "code": "logic-library"}
            ]
        },
        "parameter": [
            {
                "name": name,
                "use": "in",
                "documentation": f"{dictionary[name].label}: {dictionary[name].ask}",
                "type": _fhir_type(dictionary[name].kind),
            }
            for name in names
        ],
    }


def _fhir_type(kind: str) -> str:
    return {"yes_no": "boolean", "quantity": "Quantity", "event": "date"}.get(kind, "string")


def _artifact(protocol: Protocol, name: str) -> dict[str, Any]:
    source = protocol.sources[name]
    artifact = {"type": "citation", "label": name, "display": source.title, "citation": source.cite()}
    if source.url.startswith("http"):
        artifact["url"] = source.url
    return artifact


def _action(rule: Rule, protocol: Protocol, dictionary: Dictionary) -> dict[str, Any]:
    fires = rule.condition if rule.fires_when is Truth.YES else Not(rule.condition)
    action: dict[str, Any] = {
        "prefix": rule.id,
        "title": rule.title,
        "description": rule.sentence(dictionary),
        "textEquivalent": rule.say or rule.action.words,
        "code": [
            {
                "coding": [
                    {
                        "system": f"{CANONICAL}/CodeSystem/rule-action",
                        "code": rule.action.value.replace("_", "-"),
                    }
                ]
            }
        ],
        "documentation": [_artifact(protocol, name) for name in rule.sources],
    }
    if rule.is_active:
        action["condition"] = [
            {
                "kind": "applicability",
                "expression": {
                    "description": conditions.say(fires, dictionary),
                    "language": "text/cql",
                    "expression": cql(fires, dictionary),
                },
            }
        ]
    else:
        action["description"] += " No condition is exported while the limit is unset."
    return action


def cql(condition: Condition, dictionary: Dictionary) -> str:
    """The condition as a CQL expression over the facts' names."""
    match condition:
        case Not():
            return f"not ({cql(condition.part, dictionary)})"
        case conditions.All():
            return " and ".join(f"({cql(part, dictionary)})" for part in condition.parts)
        case conditions.Any():
            return " or ".join(f"({cql(part, dictionary)})" for part in condition.parts)
        case IsYes():
            return f'"{condition.fact}"'
        case IsOneOf():
            chosen = ", ".join(f"'{choice}'" for choice in condition.choices)
            if dictionary[condition.fact].kind == "findings":
                return f'exists ("{condition.fact}" intersect {{ {chosen} }})'
            return f'"{condition.fact}" in {{ {chosen} }}'
        case IsWithin():
            return f'"{condition.fact}" >= Today() - {_cql_duration(condition.period)}'
        case Compare():
            assert condition.limit is not None
            return f'"{condition.fact}" {condition.operator} {_cql_quantity(condition.limit)}'
        case CompareFacts():
            plus = f" + {_cql_quantity(condition.plus)}" if condition.plus else ""
            return f'"{condition.fact}" {condition.operator} "{condition.other}"{plus}'


def _cql_quantity(quantity: Quantity) -> str:
    return f"{quantity.value:f} '{quantity.unit.code}'"


def _cql_duration(period: Quantity) -> str:
    return f"{period.value:f} {_CQL_TIME_UNITS[period.unit.code]}"
