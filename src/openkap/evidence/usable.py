"""May an outcome's numbers be used as they stand?"""

from __future__ import annotations

import re

from openkap.evidence.study import Outcome, Study

_CROSSOVER = re.compile(r"cross[\s_-]?over", re.IGNORECASE)
# How a record marks values of a crossover's first period, in which its arms are parallel groups.
FIRST_PERIOD = "first period"


def is_crossover(study: Study) -> bool:
    """Were the same people given one treatment after the other?"""
    return bool(_CROSSOVER.search(study.design.type or ""))


def why_not(study: Study, outcome: Outcome) -> str | None:
    """Why an outcome's numbers must not be used as they stand, or ``None``."""
    if outcome.unsettled:
        return f"not settled yet: {'; '.join(outcome.unsettled)}"
    by_arm = outcome.kind in ("arm_level", "binary")
    if by_arm and is_crossover(study) and (outcome.time.phase or "").lower() != FIRST_PERIOD:
        return (
            "a crossover: both arms hold the same people, and the record does not mark these as values of "
            f"the {FIRST_PERIOD}"
        )
    return None
