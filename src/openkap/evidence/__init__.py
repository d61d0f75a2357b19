"""Meta-analysis, and the evidence base for ketamine in PTSD.

The public names are loaded when they are first used, so that importing the room costs nothing.
"""

from __future__ import annotations

import importlib
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
}

__all__ = sorted(_NAMES)


def __getattr__(name: str) -> Any:
    if name not in _NAMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_NAMES[name]}"), name)
