"""Meta-analysis, and the evidence base for ketamine in PTSD.

The public names are loaded when they are first used, so that importing the room costs nothing.
"""

from __future__ import annotations

import importlib
import sys
import types
from typing import Any

# public name -> the module that defines it
_NAMES = {
    "Doubt": "estimates",
    "as_json": "estimates",
    "Pooled": "pooling",
    "PooledMany": "pooling",
    "pool": "pooling",
    "pool_many": "pooling",
    "q_profile": "heterogeneity",
    "HeterogeneityInterval": "heterogeneity",
    "tau2": "heterogeneity",
    "EffectSize": "effect_size",
    "arcsine_difference": "effect_size",
    "correlation_z": "effect_size",
    "hedges_correction": "effect_size",
    "logit_proportion": "effect_size",
    "mean_difference": "effect_size",
    "mean_ratio": "effect_size",
    "odds_ratio": "effect_size",
    "peto_odds_ratio": "effect_size",
    "risk_difference": "effect_size",
    "risk_ratio": "effect_size",
    "smd_from_d": "effect_size",
    "smd_from_t": "effect_size",
    "standardised_mean_difference": "effect_size",
    "change_sd": "change",
    "correlation_from_sds": "change",
    "correlation_range": "change",
    "crossover_mean_difference": "change",
    "crossover_smd": "change",
    "mean_change": "change",
    "pretest_posttest_control": "change",
    "standardised_change_in_change_units": "change",
    "standardised_mean_change": "change",
    "counts_from_percent": "conversion",
    "design_effect": "conversion",
    "effective_size": "conversion",
    "mean_sd_from_quartiles": "conversion",
    "sd_from_se": "conversion",
    "se_from_ci": "conversion",
    "se_from_ratio_ci": "conversion",
    "se_from_t": "conversion",
    "shared_control_covariance": "conversion",
    "split_control": "conversion",
    "t_from_f": "conversion",
    "t_from_p": "conversion",
    "Regression": "regression",
    "Subgroups": "regression",
    "meta_regression": "regression",
    "subgroups": "regression",
    "Robust": "robust",
    "Multilevel": "multilevel",
    "impute_covariance": "multilevel",
    "multilevel": "multilevel",
    "multivariate": "multilevel",
    "Posterior": "bayes",
    "bayes": "bayes",
    "Asymmetry": "small_study",
    "PetPeese": "small_study",
    "TrimFill": "small_study",
    "begg": "small_study",
    "egger": "small_study",
    "pet_peese": "small_study",
    "trim_and_fill": "small_study",
    "Selection": "selection",
    "selection_model": "selection",
    "Influence": "sensitivity",
    "MissingResults": "sensitivity",
    "cumulative": "sensitivity",
    "influence": "sensitivity",
    "leave_one_out": "sensitivity",
    "missing_results": "sensitivity",
    "ConfidenceSequence": "sequential",
    "TrialSequential": "sequential",
    "alpha_boundaries": "sequential",
    "confidence_sequence": "sequential",
    "trial_sequential": "sequential",
    "Multiverse": "multiverse",
    "Variant": "multiverse",
    "multiverse": "multiverse",
    "variants_of": "multiverse",
    "dose_response": "dose_response",
    "greenland_longnecker": "dose_response",
    "dose_time_sessions": "time_course",
    "repeated_covariance": "time_course",
    "time_course": "time_course",
    "Curve": "curves",
    "Network": "network",
    "network": "network",
    "network_from_arms": "network",
    "Components": "inconsistency",
    "Split": "inconsistency",
    "network_components": "inconsistency",
    "split_nodes": "inconsistency",
    "Design": "designs",
    "decompose_designs": "designs",
}

__all__ = sorted(_NAMES)


class _Room(types.ModuleType):
    """The package keeps a public function's name for the function where its module bears the same name."""

    def __setattr__(self, name: str, value: Any) -> None:
        if not (isinstance(value, types.ModuleType) and name in _NAMES):
            super().__setattr__(name, value)


def __getattr__(name: str) -> Any:
    if name not in _NAMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_NAMES[name]}"), name)


sys.modules[__name__].__class__ = _Room
