"""Where a registry record contradicts itself or the scale it names."""

from __future__ import annotations

import re
from typing import Any

from openkap.evidence.importers.registry_fields import dig, list_of
from openkap.evidence.importers.registry_record import Record
from openkap.evidence.importers.registry_sample import participant_flow
from openkap.evidence.scales import Scale
from openkap.evidence.study import Outcome
from openkap.evidence.usable import FIRST_PERIOD

_CROSSOVER = re.compile(r"cross[\s_-]?over", re.IGNORECASE)
_STRESS = re.compile(
    r"post-?\s?trauma|ptsd|stress (disorder|reaction)|traumati[sz]|\btrauma\b", re.IGNORECASE
)
_RANGE = re.compile(r"\b(\d{1,3})\s*(?:-|–|to)\s*(\d{1,3})\b")


def check_scale_range(record: Record, measure: dict[str, Any], scale: Scale | None, title: str) -> None:
    """Doubt a printed range that the scale cannot have."""
    if scale is None or scale.maximum is None:
        return
    text = measure.get("description") or ""
    for low, high in _RANGE.findall(text):
        if int(low) == 0 and int(high) > scale.maximum and "range" in text.lower():
            record.doubt(
                "scale-range",
                f"the record gives {scale.id} a range of {low} to {high}; its highest total is "
                f"{scale.maximum}",
                "find out which scale was used",
                "contradiction",
                title,
            )


def is_outside(record: Record) -> bool:
    """Is the record of another drug or another disorder? Then its people are none of those we count."""
    module = record.protocol.get("conditionsModule") or {}
    identification = record.protocol["identificationModule"]
    conditions = "; ".join(list_of(module.get("conditions")))
    about = " ".join(
        [
            conditions,
            *list_of(module.get("keywords")),
            str(identification.get("briefTitle")),
            str(identification.get("officialTitle")),
        ]
    )
    given = " ".join([about, *record.arms.described.values(), *(arm.label for arm in record.arms.all)])
    why = []
    if "ketamine" not in given.lower() and "spravato" not in given.lower():
        why.append("no group is given ketamine")
    if conditions and not _STRESS.search(about):
        why.append(f"its condition is {conditions}, not PTSD")
    if why:
        record.doubt(
            "other-question",
            f"{' and '.join(why)}: it enters no answer",
            "leave it out; or, if the record is about ketamine in PTSD, set its `group` in the file",
        )
    return bool(why)


def find_contradictions(record: Record, outcomes: tuple[Outcome, ...]) -> None:
    """Title against allocation, flag against results, ranges, and more analysed than started."""
    identification = record.protocol["identificationModule"]
    title = f"{identification.get('briefTitle')} {identification.get('officialTitle')}"
    allocation = dig(record.protocol, "designModule", "designInfo", "allocation")
    if re.search(r"\brandomi[sz]ed\b", title, re.IGNORECASE) and allocation not in ("RANDOMIZED", None):
        record.doubt(
            "allocation-contradiction",
            f"the title says randomised, the allocation is {allocation}",
            "ask the investigators; until then it counts as not randomised",
            "contradiction",
        )
    if _CROSSOVER.search(str(dig(record.protocol, "designModule", "designInfo", "interventionModel"))):
        record.doubt(
            "crossover",
            "the same people were given one treatment after the other: results by treatment are not parallel "
            "groups and enter no pool",
            f"enter a paired contrast, or first-period values with `phase: {FIRST_PERIOD}` under their time",
        )
    if bool(record.data.get("hasResults")) != bool(record.results):
        record.doubt(
            "results-flag",
            "hasResults and the results section disagree",
            "download it again",
            "contradiction",
        )
    for measure in [
        *list_of(dig(record.protocol, "outcomesModule", "primaryOutcomes")),
        *list_of(dig(record.protocol, "outcomesModule", "secondaryOutcomes")),
    ]:
        name = measure.get("measure") or ""
        scale = record.scales.mentioned(name) or record.scales.mentioned(measure.get("description") or "")
        check_scale_range(record, measure, scale, name)
    started = sum(participant_flow(record)[0].values())
    for outcome in outcomes:
        sizes = [value.n for value in outcome.values if value.n] or list(outcome.n.values())
        if started and sum(sizes) > started:
            record.doubt(
                "more-analysed-than-started",
                f"{sum(sizes)} analysed, {started} started",
                "check the denominators",
                "contradiction",
                outcome.id,
            )
