"""Invented courses of symptoms: how a person does, and the answers that make such a score."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from random import Random

from openkap.care.accounts.actor import patient_actor
from openkap.care.ids import new_uid
from openkap.care.moment import clock_at
from openkap.care.outcomes.actions import as_taps, finish, save_answers
from openkap.care.outcomes.follow_up import form_of
from openkap.care.outcomes.models import Form, Invitation

# kind -> PCL-5 at the end of the course as a share of the start, and how it drifts in each month after
KINDS: dict[str, tuple[float, float]] = {
    "remitter": (0.36, 0.00),
    "responder": (0.58, 0.01),
    "slow": (0.80, -0.01),
    "non_responder": (0.96, 0.0),
    "relapser": (0.42, 0.16),
}
WEIGHTS = (24, 36, 17, 17, 6)


@dataclass
class Person:
    """How one invented patient does."""

    kind: str
    start: int
    dice: Random
    # The share of measures they leave unanswered.
    misses: float

    def pcl(self, done: int, whole: int, months_after: float) -> int:
        """PCL-5 after so many of all sessions, and so many months after the course."""
        end, drift = KINDS[self.kind]
        share = 1 - (1 - end) * (done / whole if whole else 0) + drift * months_after
        return max(2, min(78, round(self.start * share + self.dice.gauss(0, 2.6))))


def invent(dice: Random) -> Person:
    """Somebody new."""
    kind = dice.choices(list(KINDS), WEIGHTS)[0]
    return Person(kind, dice.randrange(38, 68), dice, dice.choice([0.0, 0.03, 0.08, 0.15, 0.3]))


def answer_all(
    invitation: Invitation, person: Person, pcl: int, at: datetime, *, alarming: bool = False
) -> None:
    """Answer every form of an invitation as somebody with that PCL-5 would, and finish."""
    patient = invitation.patient
    by = patient_actor(patient.uid, patient.clinic)
    with clock_at(at):
        taps = []
        for form in Form.objects.filter(invitation=invitation).order_by("position"):
            taps += as_taps(form, answers_to(form.instrument, pcl, person.dice, alarming), at, new_uid())
        save_answers(by=by, invitation=invitation, taps=taps)
        finish(by=by, invitation=invitation)


def answers_to(name: str, pcl: int, dice: Random, alarming: bool) -> dict[str, int]:
    form = form_of(name)
    share = pcl / 80
    if name == "pcl-5":
        return _spread(pcl, [item.id for item in form.items_by_id.values()], 4, dice)
    risky = {item for each in form.safety for item in each.items}
    found = {}
    for item in form.items_by_id.values():
        if item.optional:
            continue
        most = max(item.answers)
        if item.id in risky or name == "c-ssrs-screener":
            found[item.id] = min(item.answers)
            continue
        wanted = share * most * 0.9 + dice.gauss(0, 0.35)
        found[item.id] = min(item.answers, key=lambda answer: abs(answer - wanted))
    if alarming and risky and name != "c-ssrs-screener":
        found[sorted(risky)[0]] = 1
    return found


def _spread(total: int, items: list[str], most: int, dice: Random) -> dict[str, int]:
    """A total spread over items, unevenly, as people answer."""
    answers = dict.fromkeys(items, total // len(items))
    rest = total - sum(answers.values())
    for item in dice.sample(items, rest):
        answers[item] += 1
    for _ in range(len(items) // 2):
        up, down = dice.sample(items, 2)
        if answers[up] < most and answers[down] > 0:
            answers[up] += 1
            answers[down] -= 1
    return answers
