"""Groups of a registry record as arms: each results module names its own, matched by title."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from openkap.evidence.study import Arm, Psychotherapy, Role

# First match wins: esketamine contains ketamine; an active placebo is named before saline.
DRUGS: tuple[tuple[str, str, str | None], ...] = (
    (r"\b(esketamine|s-ketamine|\(s\)-ketamine|spravato)\b", "esketamine", "S"),
    (r"\bketamine\b", "ketamine", None),
    (r"\bmidazolam\b", "midazolam", None),
    (r"\bketorolac\b", "ketorolac", None),
    (r"\bfentanyl\b", "fentanyl", None),
    (r"\b(saline|sodium chloride)\b", "saline", None),
    (r"\bplacebo\b", "placebo", None),
    (r"\bwait(ing)?\b|\bno intervention\b|\busual care\b|\btreatment as usual\b", "no drug", None),
)
ROUTES = (
    (r"intravenous|\bi\.?v\.?\b|infusion", "IV"),
    (r"intranasal|nasal spray", "intranasal"),
    (r"intramuscular|\bi\.?m\.?\b", "IM"),
    (r"subcutaneous|\bs\.?c\.?\b", "SC"),
    (r"sublingual", "sublingual"),
    (r"\boral\b|by mouth", "oral"),
)
THERAPIES = (
    (r"prolonged exposure", "prolonged exposure"),
    (r"written exposure", "written exposure therapy"),
    (r"cognitive processing", "cognitive processing therapy"),
    (r"\bemdr\b", "EMDR"),
    (r"trauma[- ]focused|exposure therapy", "trauma-focused therapy"),
    (r"psychotherapy|\bcbt\b|cognitive behavio", "psychotherapy"),
)
_DOSE = re.compile(r"(\d+(?:\.\d+)?)\s*(mg/kg|mcg/kg|mg|mcg|microgram)\b", re.IGNORECASE)
_TIMES = re.compile(
    r"\b(\d+|single|one|two|three|four|six|eight)\s+(?:\w+\s+){0,2}(infusions?|doses|administrations)", re.I
)
_COUNTS = {"single": 1, "one": 1, "two": 2, "three": 3, "four": 4, "six": 6, "eight": 8}
_SEQUENCE = re.compile(
    r"\b(then|followed by|first|crossover to|cross-over to|and then)\b|→|->|\s/\s", re.IGNORECASE
)


@dataclass
class Arms:
    """The arms of a record, found by any title they go by; ids are made of titles."""

    by_id: dict[str, Arm] = field(default_factory=dict)
    described: dict[str, str] = field(default_factory=dict)
    sequences: list[str] = field(default_factory=list)
    unclear: list[str] = field(default_factory=list)

    @property
    def all(self) -> tuple[Arm, ...]:
        """In the order they were met."""
        return tuple(self.by_id.values())

    def get(self, arm_id: str) -> Arm | None:
        """The arm with this id."""
        return self.by_id.get(arm_id)

    def id_of(self, title: str, description: str = "") -> str:
        """The id of the arm with this title, made known at its first mention."""
        arm_id = _slug(title)
        if arm_id not in self.by_id:
            self._add(arm_id, title, description)
        return arm_id

    def _add(self, arm_id: str, title: str, description: str) -> None:
        known = max(self.described, key=lambda label: _overlap(label, title), default="")
        more = self.described[known] if known and _overlap(known, title) >= 0.5 else ""
        text = f"{title} {description} {more}"
        drug, enantiomer = _drug(title) if _drug(title)[0] else _drug(text)
        role: Role = "unclear"
        if _SEQUENCE.search(title):
            self.sequences.append(title)
        elif drug is None:
            self.unclear.append(title)
        else:
            role = "intervention" if drug in ("ketamine", "esketamine") else "comparator"
        dose = _DOSE.search(title) or _DOSE.search(text)
        times = _TIMES.search(text)
        therapy = _first(THERAPIES, text)
        self.by_id[arm_id] = Arm(
            id=arm_id,
            label=title,
            role=role,
            drug=drug,
            enantiomer=enantiomer,
            route=_first(ROUTES, text),
            dose=Decimal(dose.group(1)) if dose else None,
            dose_unit=dose.group(2).lower() if dose else None,
            administrations=_COUNTS.get(times.group(1).lower()) or int(times.group(1)) if times else None,
            psychotherapy=Psychotherapy(type=therapy) if therapy else None,
            sources=("R1",),
        )


def read_arms(protocol: dict[str, Any], results: dict[str, Any]) -> Arms:
    """The arms of all outcome groups, with doses and routes from the protocol's own words."""
    arms = Arms()
    module = protocol.get("armsInterventionsModule") or {}
    interventions = {
        label: f"{each.get('name', '')} {each.get('description', '')}"
        for each in module.get("interventions") or []
        for label in each.get("armGroupLabels") or []
    }
    for group in module.get("armGroups") or []:
        label = group.get("label") or "?"
        arms.described[label] = f"{label} {group.get('description', '')} {interventions.get(label, '')}"
    measures = (results.get("outcomeMeasuresModule") or {}).get("outcomeMeasures") or []
    for measure in measures:
        for group in measure.get("groups") or []:
            arms.id_of(group.get("title", group.get("id", "?")), group.get("description") or "")
    if not measures:
        for label in arms.described:
            arms.id_of(label)
    return arms


def _drug(text: str) -> tuple[str | None, str | None]:
    low = text.casefold()
    for pattern, drug, enantiomer in DRUGS:
        if re.search(pattern, low):
            return drug, enantiomer
    return None, None


def _first(patterns: tuple[tuple[str, str], ...], text: str) -> str | None:
    return next((name for pattern, name in patterns if re.search(pattern, text, re.IGNORECASE)), None)


def _slug(title: str) -> str:
    return re.sub(r"[^a-z0-9.]+", "_", title.casefold()).strip("_") or "arm"


def _overlap(one: str, other: str) -> float:
    left, right = (set(re.findall(r"[a-z0-9.]+", each.casefold())) for each in (one, other))
    return len(left & right) / max(len(left | right), 1)
