"""Ketamine and first-line care in one network, where trials with numbers tie them together.

Only then is an indirect comparison computed. A tie is a shared treatment: a ketamine trial against a waiting
list, or against a psychotherapy that the comparator trials also tested.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from openkap.evidence.answers import Answers
from openkap.evidence.base import Base
from openkap.evidence.beside import Beside, arm_node, parts_of
from openkap.evidence.network import Network, network
from openkap.evidence.study import Study

QUESTION = "severity_end"
KETAMINE = "ketamine"


@dataclass(frozen=True)
class Against:
    """Ketamine compared with one treatment; positive favours ketamine."""

    treatment: str
    estimate: float
    low: float
    high: float


@dataclass(frozen=True)
class Joined:
    """The part of the network that holds ketamine and at least one comparator treatment."""

    network: Network
    against: tuple[Against, ...]

    @property
    def sentence(self) -> str:
        """What it rests on and why it is weak."""
        fit = self.network
        return (
            f"An indirect comparison of {len(fit.treatments)} treatments from {fit.k} trials, tau² "
            f"{fit.tau2:.2f}. "
            "It rests on the few trials that tie ketamine to the rest, and on the assumption that "
            "populations and "
            "controls are alike."
        )


def join(base: Base, answers: Answers, besides: tuple[Beside, ...]) -> Joined | None:
    """The network through ketamine, or ``None`` where nothing ties it to a comparator."""
    studies = {study.id: study for study in base.studies}
    rows: list[tuple[str, str, str, float, float]] = []
    for effect in answers.get(QUESTION).effects:
        nodes = _sides(studies[effect.study_id])
        if nodes:
            rows.append((effect.study, *nodes, effect.yi, effect.se))
    for each in besides:
        named = each.comparator.nodes
        rows += [
            (
                trial.study,
                named["treatment"],
                named.get("control", trial.control.lower()),
                trial.yi,
                math.sqrt(trial.vi),
            )
            for trial in each.trials
        ]
    part = next((p for p in parts_of((row[1], row[2]) for row in rows) if KETAMINE in p), ())
    theirs = {node for each in besides for node in (each.comparator.nodes["treatment"],)}
    if not theirs & set(part):
        return None
    inside = [row for row in rows if row[1] in part]
    studlab, treat1, treat2, te, se = zip(*inside, strict=True)
    fit = network(studlab, treat1, treat2, te, se, method="REML", small_values="bad")
    against = []
    for treatment in fit.treatments:
        if treatment != KETAMINE:
            estimate, error = fit.effect(KETAMINE, treatment)
            half = 1.959963984540054 * error
            against.append(Against(treatment, estimate, estimate - half, estimate + half))
    return Joined(fit, tuple(against))


def _sides(study: Study) -> tuple[str, str] | None:
    """The two nodes of a trial; ``None`` where either side mixes treatments."""
    sides = []
    for role in ("intervention", "comparator"):
        nodes = {arm_node(arm) for arm in study.arms if arm.role == role}
        if len(nodes) != 1:
            return None
        sides.append(nodes.pop())
    return sides[0], sides[1]
