"""Whether the decision on a patient's eligibility still rests on what is known: what has come since."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from openkap.care.enrolment.assessment import assess_patient
from openkap.care.enrolment.models import Decision, SharedDecision
from openkap.care.patients.models import Patient
from openkap.protocol.assess import Reason
from openkap.protocol.facts import Fact
from openkap.protocol.rules import Action, Rule

WEIGHS = (Action.EXCLUDE, Action.CLINICIAN_REVIEW, Action.DELAY)


@dataclass(frozen=True)
class Since:
    """What has come since the decision: rules that fire now and did not, and what the patient wishes now."""

    # Each with the rule and what it sees.
    fired: tuple[tuple[Rule, str], ...] = ()
    # Empty while the patient wishes to go on.
    wish: str = ""

    @property
    def words(self) -> str:
        said = [f"{rule.title}: {saw}" for rule, saw in self.fired]
        return "; ".join([*said, *([f"the patient's last wish: {self.wish}"] if self.wish else [])])


NOTHING = Since()


def since_decision(patient: Patient) -> Since:
    """What speaks against treatment now and did not when the last decision was signed."""
    row = (
        Decision.objects.filter(patient=patient)
        .select_related("assessment__screening")
        .order_by("-decided_at", "-id")
        .first()
    )
    if row is None:
        return NOTHING
    screening = row.assessment.screening
    told = json.loads(row.assessment.snapshot)
    weighed = {reason["rule"] for reason in told.get("reasons", ())}
    answer = assess_patient(patient, screening)
    fired = tuple(
        (reason.rule, reason.value)
        for reason in answer.reasons
        if reason.rule.action in WEIGHS
        and (reason.rule.id not in weighed or _is_newer(reason, answer.facts.known, row))
    )
    wish = SharedDecision.objects.filter(patient=patient).order_by("-id").first()
    is_other = wish is not None and wish.wish != SharedDecision.Wish.GO_ON
    return Since(fired, wish.get_wish_display() if wish and is_other else "")


def _is_newer(reason: Reason, known: Mapping[str, Fact], row: Decision) -> bool:
    """Whether one of the values it fires on was measured after the decision."""
    times = [known[name].at for name in reason.facts if name in known]
    return any(at is not None and at > row.decided_at for at in times)
