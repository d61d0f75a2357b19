"""What the question asked again in other ways comes to, in words that do not over-state it."""

from __future__ import annotations

from typing import Any

from openkap.evidence.bayes import Posterior
from openkap.evidence.estimates import as_json
from openkap.evidence.multiverse import Multiverse
from openkap.evidence.robustness import Robustness
from openkap.evidence.wording import number

_NAMES = {
    "time": "the time of measurement",
    "instrument": "the instrument",
    "score": "final scores or changes",
    "inclusion": "which trials are in",
    "method": "the estimator of tau²",
    "test": "the interval",
}


def sentences(held: Robustness) -> tuple[str, ...]:
    """One sentence or two for each way of asking; the warning of thin data first."""
    parts = (_thin(held), _choices(held), _impossible(held), _prior(held), _looks(held), _silent(held))
    return tuple(part for part in parts if part)


def as_data(held: Robustness) -> dict[str, Any]:
    """As plain data, with the sentences a reader gets."""
    return {
        "analysis": held.analysis.id,
        "sentences": list(sentences(held)),
        "data_sets": held.data_sets,
        "possible": held.possible,
        "never_possible": {name: list(options) for name, options in held.never.items()},
        "trials": list(held.trials),
        "multiverse": held.multiverse
        and {
            "summary": held.multiverse.summary(),
            "leverage": held.multiverse.leverage(),
            "median_by_choice": held.multiverse.by_choice(),
        },
        "bayes": [as_json(each) for each in held.posteriors],
        "order": list(held.order),
        "sequence": as_json(held.sequence) if held.sequence else None,
        "required": as_json(held.required) if held.required else None,
        "missing": as_json(held.missing) if held.missing else None,
    }


def _thin(held: Robustness) -> str:
    if not held.is_thin:
        return ""
    trials = " and ".join(held.trials) or "no trial"
    return (
        f"All of this rests on {len(held.trials)} trial{'' if len(held.trials) == 1 else 's'} ({trials}). "
        "Analyses of the same few numbers agree because the numbers are the same, not because the answer is "
        "known; nothing here says more about ketamine than those trials do."
    )


def _choices(held: Robustness) -> str:
    fits = held.multiverse
    if fits is None:
        return (
            "No choice of time, instrument, score and inclusion leaves two trials: there is nothing to vary."
        )
    summary = fits.summary()
    return (
        f"{fits.size} analyses of {held.possible} data sets that differ in a defensible choice give g from "
        f"{number(summary['lowest'])} to {number(summary['highest'])}, median {number(summary['median'])}; "
        f"{100 * summary['share_significant']:.0f}% have p below 0.05"
        f"{_significant_where(fits)}. {_leverage(fits)}"
    )


def _significant_where(fits: Multiverse) -> str:
    """Where all small p-values come from a model or an interval known to be too narrow, say so."""
    taken = {
        (method, test)
        for method, test, p in zip(fits.choices["method"], fits.choices["test"], fits.p_value, strict=True)
        if p < 0.05
    }
    if taken and all(method == "CE" or test == "z" for method, test in taken):
        return ", all with one common effect or normal intervals, which are too narrow for few trials"
    return ""


def _leverage(fits: Multiverse) -> str:
    shares = sorted(fits.leverage().items(), key=lambda each: -each[1])
    name, share = shares[0]
    if share <= 0:
        return "No choice moves the estimate."
    return f"What moves the estimate most is {_NAMES.get(name, name)} ({100 * share:.0f}% of the spread)."


def _impossible(held: Robustness) -> str:
    none = held.data_sets - held.possible
    if not none:
        return ""
    told = "; ".join(f"{_NAMES.get(name, name)}: {', '.join(each)}" for name, each in held.never.items())
    return (
        f"{none} of {held.data_sets} data sets could not be pooled, because fewer than two trials are left"
        + (f"; never possible: {told}." if told else ".")
    )


def _prior(held: Robustness) -> str:
    if not held.posteriors:
        return ""
    chosen, *others = held.posteriors
    told = ", ".join(f"{_benefit(each)} with {each.prior}" for each in others)
    return (
        f"With a {chosen.prior} prior of tau the effect is g {number(chosen.median)} (95% credible interval "
        f"{number(chosen.ci_low)} to {number(chosen.ci_high)}; a further trial's effect: "
        f"{number(chosen.prediction_low)} to {number(chosen.prediction_high)}), and lies above none with a "
        f"probability of {_benefit(chosen)} on these trials alone; {told}. That it moves with the prior "
        "shows how little they say."
    )


def _benefit(posterior: Posterior) -> str:
    return f"{100 * (1 - posterior.p_below_zero):.0f}%"


def _looks(held: Robustness) -> str:
    if held.sequence is None:
        return ""
    low, high, p = (
        float(each[-1]) for each in (held.sequence.low, held.sequence.high, held.sequence.p_value)
    )
    text = (
        f"Looked at after each trial ({', then '.join(held.order)}), the interval that stays valid however "
        f"often one looks runs from {number(low)} to {number(high)} (p = {number(p)})."
    )
    if held.required is not None:
        crossed = held.required.crossed_at
        text += (
            f" The trials hold {100 * float(held.required.share[-1]):.0f}% of the information that a "
            "moderate effect would need; a boundary was "
            + ("not crossed." if crossed is None else f"crossed at trial {crossed}.")
        )
    return text


def _silent(held: Robustness) -> str:
    missing = held.missing
    if missing is None or missing.if_null is None:
        return ""
    outweighed = abs(missing.if_null) < abs(missing.estimate) / 2
    return (
        f"Had the {missing.k_missing} trials without numbers ({missing.people_missing} people) found no "
        f"effect, a common effect of {number(missing.estimate)} would be {number(missing.if_null)}"
        + (": what is missing outweighs what is held" if outweighed else "")
        + ". This is arithmetic, not a result."
    )
