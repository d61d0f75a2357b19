"""Adverse events of a registry record, serious ones and others, with the people at risk."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from openkap.evidence.importers.registry_fields import count_of, list_of
from openkap.evidence.importers.registry_record import PLACE, Record
from openkap.evidence.study import AdverseEvent


def read_harms(record: Record) -> Iterator[AdverseEvent]:
    """Each event with the people it affected, by arm; nobody affected is a number too."""
    module = record.results.get("adverseEventsModule") or {}
    groups = {
        each["id"]: record.arms.id_of(each.get("title", each["id"]))
        for each in list_of(module.get("eventGroups"))
    }
    frame, threshold = module.get("timeFrame"), module.get("frequencyThreshold")
    yield from _totals(list_of(module.get("eventGroups")), groups, frame)
    for key, serious in (("seriousEvents", True), ("otherEvents", False)):
        for event in list_of(module.get(key)):
            affected: dict[str, int] = {}
            at_risk: dict[str, int] = {}
            for stat in list_of(event.get("stats")):
                arm, number, risk = (
                    groups.get(stat.get("groupId")),
                    count_of(stat.get("numAffected")),
                    count_of(stat.get("numAtRisk")),
                )
                if arm and number is not None:
                    affected[arm] = number
                    if risk is not None:
                        at_risk[arm] = risk
            note = "; ".join(
                each
                for each in (
                    f"over {frame}" if frame else "",
                    f"listed above {threshold}%" if threshold and not serious else "",
                )
                if each
            )
            yield AdverseEvent(
                term=event.get("term") or "not named",
                serious=serious,
                events=affected,
                at_risk=at_risk,
                note=note or None,
                sources=(PLACE,),
            )


def _totals(
    event_groups: list[dict[str, Any]], groups: dict[str, str], frame: str | None
) -> Iterator[AdverseEvent]:
    """Deaths and people with any serious event, which the registry counts by group and not by name."""
    for term, key in (("death from any cause", "deaths"), ("any serious adverse event", "serious")):
        affected = {groups[each["id"]]: count_of(each.get(f"{key}NumAffected")) for each in event_groups}
        at_risk = {groups[each["id"]]: count_of(each.get(f"{key}NumAtRisk")) for each in event_groups}
        counted = {arm: number for arm, number in affected.items() if number is not None}
        if counted:
            yield AdverseEvent(
                term=term,
                serious=True,
                events=counted,
                at_risk={arm: risk for arm in counted if (risk := at_risk[arm]) is not None},
                note=f"over {frame}" if frame else None,
                sources=(PLACE,),
            )
