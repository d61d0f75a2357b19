"""How many people a registry record enrolled, randomised and kept."""

from __future__ import annotations

from openkap.evidence.importers.registry_fields import count_of, dig, list_of
from openkap.evidence.importers.registry_record import PLACE, Record
from openkap.evidence.study import Sample


def read_sample(record: Record) -> Sample:
    """Enrolled, randomised and completed by arm; doubts where they disagree or one arm lost more."""
    started, completed = participant_flow(record)
    enrolled = count_of(dig(record.protocol, "designModule", "enrollmentInfo", "count"))
    randomised = sum(started.values()) if started else None
    if randomised is not None and enrolled is not None and randomised != enrolled:
        record.doubt(
            "enrolment-differs",
            f"{enrolled} enrolled, but {randomised} started in the participant flow",
            "say which one is the denominator",
        )
    lost = {arm: 1 - completed[arm] / n for arm, n in started.items() if n and arm in completed}
    if lost and max(lost.values()) - min(lost.values()) > 0.1:
        told = ", ".join(f"{arm} {share:.0%}" for arm, share in lost.items())
        record.doubt(
            "attrition-differs",
            f"the share that did not complete differs by arm: {told}",
            "judge the risk of bias from missing outcomes",
        )
    is_randomised = dig(record.protocol, "designModule", "designInfo", "allocation") == "RANDOMIZED"
    return Sample(
        randomised=randomised if is_randomised else None,
        enrolled=enrolled,
        arms=started,
        details={"completed": {arm: str(n) for arm, n in completed.items()}} if completed else {},
        sources=(PLACE,),
    )


def participant_flow(record: Record) -> tuple[dict[str, int], dict[str, int]]:
    """People who started and who completed, by arm."""
    module = record.results.get("participantFlowModule") or {}
    titles = {group["id"]: group.get("title", group["id"]) for group in list_of(module.get("groups"))}
    counts: dict[str, dict[str, int]] = {"STARTED": {}, "COMPLETED": {}}
    periods = list_of(module.get("periods"))
    # The first period starts the trial, the last one completes it.
    for kind, period in (("STARTED", periods[:1]), ("COMPLETED", periods[-1:])):
        for milestone in list_of(period[0].get("milestones")) if period else []:
            if milestone.get("type") != kind:
                continue
            for each in list_of(milestone.get("achievements")):
                number = count_of(each.get("numSubjects"))
                if number is not None:
                    counts[kind][record.arms.id_of(titles.get(each.get("groupId"), "?"))] = number
    return counts["STARTED"], counts["COMPLETED"]
