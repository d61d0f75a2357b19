"""The main question asked again in other ways: every defensible choice, a prior, a look after each trial.

None of it adds information. It shows whether the answer hangs on a choice, and how little few trials say.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from openkap.core.errors import InputError
from openkap.evidence.answers import Answer, Answers
from openkap.evidence.base import Base
from openkap.evidence.bayes import Posterior, bayes
from openkap.evidence.choice import belongs, in_order
from openkap.evidence.contrasts import Effect, change_effect, controlled_effect
from openkap.evidence.estimates import COMMON_METHODS, FEW_STUDIES, RANDOM_METHODS, TESTS
from openkap.evidence.multiverse import Multiverse, Variant, multiverse, variants_of
from openkap.evidence.plan import Analysis, Plan
from openkap.evidence.sensitivity import MissingResults, missing_results
from openkap.evidence.sequential import (
    ConfidenceSequence,
    TrialSequential,
    confidence_sequence,
    trial_sequential,
)
from openkap.evidence.study import Outcome, Study, Tier, Window

_AFTER = (Window.DAY_1, Window.END_OF_COURSE, Window.MONTH_1, Window.MONTH_3, Window.LATER)
_LATEST = "the latest held"
_FINAL = "scores afterwards"

# What may be left out: each rule says which rows stay.
INCLUSION: dict[str, Callable[[Mapping[str, Any]], bool]] = {
    "all trials": lambda row: True,
    "none read in secondary text": lambda row: row["tier"] is not Tier.E,
    "the drug without therapy": lambda row: not row["therapy"],
    "repeated doses": lambda row: row["repeated"],
}


@dataclass(frozen=True)
class Robustness:
    """One question in other ways. Each part is ``None`` where the trials do not allow it."""

    analysis: Analysis
    data_sets: int
    possible: int
    never: dict[str, tuple[str, ...]]
    trials: tuple[str, ...]
    multiverse: Multiverse | None
    posteriors: tuple[Posterior, ...]
    order: tuple[str, ...]
    sequence: ConfidenceSequence | None
    required: TrialSequential | None
    missing: MissingResults | None
    methods: str

    @property
    def is_thin(self) -> bool:
        """Too few trials for agreement between analyses to mean anything."""
        return len(self.trials) < FEW_STUDIES


def robustness(base: Base, answers: Answers) -> Robustness:
    """Ask the plan's main question again in every way that the records allow."""
    plan = answers.plan
    main = answers.get(plan.robustness.analysis)
    rows = list(_all_rows(base, main.analysis, plan))
    variants = _variants(rows, plan)
    able = [each for each in variants if len(each.yi) > 1]
    sequence, required, order = _sequential(base, main, plan)
    return Robustness(
        analysis=main.analysis,
        data_sets=len(variants),
        possible=len(able),
        never=_never(variants, able),
        trials=tuple(sorted({row["name"] for row in rows})),
        multiverse=multiverse(able, methods=("CE", *RANDOM_METHODS), tests=TESTS) if able else None,
        posteriors=_posteriors(main, plan),
        order=order,
        sequence=sequence,
        required=required,
        missing=_missing(main),
        methods=_methods(plan, main.analysis),
    )


def _scores(plan: Plan) -> dict[str, float]:
    r = plan.prepost_correlation
    return {f"change, correlation {each}": float(each) for each in (r.low, r.value, r.high)}


def _all_rows(base: Base, analysis: Analysis, plan: Plan) -> Iterator[dict[str, Any]]:
    for study in base.studies:
        if belongs(study, analysis) and not study.overlap:
            yield from _rows(study, analysis, plan)


def _variants(rows: list[dict[str, Any]], plan: Plan) -> list[Variant]:
    return variants_of(
        rows,
        choose={
            "time": [*(each.words for each in _AFTER), _LATEST],
            "instrument": ["any", *sorted({row["instrument"] for row in rows})],
            "score": [_FINAL, *_scores(plan)],
        },
        include=INCLUSION,
    )


def _rows(study: Study, analysis: Analysis, plan: Plan) -> Iterator[dict[str, Any]]:
    """Every standardised result of one study, the preferred first; its latest once more under that name."""
    about = {
        "study": study.id,
        "name": study.name,
        "therapy": any(arm.psychotherapy for arm in study.arms if arm.role == "intervention"),
        "repeated": any((arm.administrations or 0) > 1 for arm in study.arms if arm.role == "intervention"),
    }
    found = []
    aims = {window: float(day.value) for window, day in plan.aim_days.items()}
    for outcome in in_order(study, aims):
        if outcome.domain == analysis.domain and outcome.cluster == analysis.cluster:
            for score, effect in _ways(study, outcome, _scores(plan)):
                window = outcome.time.window
                found.append((window, _row(effect, outcome, score, window.words) | about))
    yield from (row for _, row in found)
    for _, row in sorted(found, key=lambda each: -_AFTER.index(each[0])):
        yield row | {"time": _LATEST}


def _ways(study: Study, outcome: Outcome, scores: dict[str, float]) -> Iterator[tuple[str, Effect]]:
    if outcome.time.window not in _AFTER:
        return
    final = controlled_effect(study, outcome, "SMD")
    if final is None:
        return
    yield _FINAL, final
    before = next(
        (
            each
            for each in study.outcomes
            if each.time.window is Window.BASELINE
            and (each.instrument, each.cluster, each.kind)
            == (outcome.instrument, outcome.cluster, "arm_level")
        ),
        None,
    )
    for score, correlation in scores.items():
        change = None
        if before and outcome.kind == "arm_level" and outcome.statistic == "final":
            change = change_effect(study, before, outcome, correlation)
        # A printed contrast cannot be taken apart: it stands under every choice.
        yield score, change or final


def _row(effect: Effect, outcome: Outcome, score: str, time: str) -> dict[str, Any]:
    return {
        "yi": effect.yi,
        "vi": effect.vi,
        "time": time,
        "instrument": outcome.instrument,
        "score": score,
        "tier": effect.tier,
    }


def _never(variants: list[Variant], able: list[Variant]) -> dict[str, tuple[str, ...]]:
    """The options under which no data set has two trials."""
    answer = {}
    for name in variants[0].choices if variants else ():
        possible = {each.choices[name] for each in able}
        missing = dict.fromkeys(e.choices[name] for e in variants if e.choices[name] not in possible)
        if missing:
            answer[name] = tuple(missing)
    return answer


def _posteriors(main: Answer, plan: Plan) -> tuple[Posterior, ...]:
    """With the chosen prior first, then with the narrow and the wide one."""
    if len(main.effects) < 2:
        return ()
    scale = plan.robustness.tau_prior_scale
    yi, vi = [each.yi for each in main.effects], [each.vi for each in main.effects]
    return tuple(bayes(yi, vi, tau_scale=float(each)) for each in (scale.value, scale.low, scale.high))


def _sequential(
    base: Base, main: Answer, plan: Plan
) -> tuple[ConfidenceSequence | None, TrialSequential | None, tuple[str, ...]]:
    """After each trial in the order of publication, which is when a reader could have looked."""
    years = {study.id: study.citation.year or 9999 for study in base.studies}
    arrived = sorted(main.effects, key=lambda each: (years[each.study_id], each.study_id))
    order = tuple(each.study for each in arrived)
    if not arrived:
        return None, None, order
    yi, vi = [each.yi for each in arrived], [each.vi for each in arrived]
    chosen = plan.robustness
    sequence = confidence_sequence(
        yi, vi, tau2_max=float(chosen.tau2_max.value), prior_sd=float(chosen.sequence_prior_sd.value)
    )
    if len(arrived) < 2:
        return sequence, None, order
    effect = float(plan.certainty.moderate_effect_smd.value)
    return sequence, trial_sequential(yi, vi, effect=effect, power=float(chosen.power.value)), order


def _missing(main: Answer) -> MissingResults | None:
    if not main.effects or main.analysis.measure != "SMD":
        return None
    silent = {each.study: each.people for each in main.silent}
    try:
        return missing_results([e.yi for e in main.effects], [e.vi for e in main.effects], missing=silent)
    except InputError:
        return None


def _methods(plan: Plan, analysis: Analysis) -> str:
    chosen, r = plan.robustness, plan.prepost_correlation
    return (
        f"The question “{analysis.question}” was asked again over time, instrument, score (afterwards, or "
        f"change at correlations of {r.low}, {r.value} and {r.high}), inclusion ({', '.join(INCLUSION)}), "
        f"estimator of tau² ({COMMON_METHODS[0]}, {', '.join(RANDOM_METHODS)}) and interval "
        f"({', '.join(TESTS)}); a data set with fewer than two trials was not fitted and is counted as "
        "impossible. Bayesian answers use quadrature with a half-normal prior of tau, scale "
        f"{chosen.tau_prior_scale.value} ({chosen.tau_prior_scale.why}), and a flat prior of the mean. The "
        f"sequence of looks holds for every tau² up to {chosen.tau2_max.value} ({chosen.tau2_max.why}), in "
        "order of publication."
    )
