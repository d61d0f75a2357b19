"""What the content check finds of this room."""

from __future__ import annotations

from pathlib import Path

from openkap.core.content import Tally, content_files
from openkap.core.errors import DomainError
from openkap.evidence.base import read_study
from openkap.evidence.beside import tally_comparators
from openkap.evidence.claims import tally_claims
from openkap.evidence.plan import tally_plan
from openkap.evidence.scales import tally_scales
from openkap.evidence.syntheses import tally_syntheses


def tally_studies(root: Path) -> Tally:
    """How many outcomes there are of which tier, and every file that does not load."""
    tally = Tally("trial outcomes")
    for path in content_files("trials", root=root):
        try:
            study = read_study(path)
        except DomainError as error:
            tally.errors.append(error)
            continue
        for outcome in study.outcomes:
            tally.add(study.tier_of(outcome.sources).value)
    return tally


def tally(root: Path) -> list[Tally]:
    """What the content check finds of the room: trials, pools, questions, claims, scales, comparators."""
    parts = (tally_studies, tally_syntheses, tally_plan, tally_claims, tally_scales, tally_comparators)
    return [part(root) for part in parts]
