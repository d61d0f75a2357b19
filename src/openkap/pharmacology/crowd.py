"""A virtual crowd: bodies drawn from the people of the largest published model."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from openkap.core.errors import InputError
from openkap.pharmacology.library import Crowd, number, responses
from openkap.pharmacology.population import Population
from openkap.pharmacology.schema import Value

Array = NDArray[np.float64]


def virtual_crowd(n: int, *, seed: int) -> Population:
    """``n`` adults with weight, age and sex as in the 820 people of the nasal model, seeded.

    Weight is log-normal, age normal, both cut at the published ranges; their spread is a sixth of the range
    (the distributions were not printed), and weight, age and sex are drawn independently. Ancestry is left
    unknown: its shares were not found.
    """
    if not 1 <= n <= 10_000_000:
        raise InputError(
            "that many people cannot be drawn", value=n, limit="1 to 10000000", remedy="choose N"
        )
    known = responses().crowd
    # A stream of its own, so that bodies and random effects of one seed do not repeat each other.
    generator = np.random.default_rng([seed, 1])
    log_weight = np.log(number(known.weight_median, "kg"))
    spread = number(known.weight_log_sd, "1")
    weight = _within(lambda size: np.exp(generator.normal(log_weight, spread, size)), known.weight_median, n)
    median, sd = number(known.age_median, "a"), number(known.age_sd, "a")
    age = _within(lambda size: generator.normal(median, sd, size), known.age_median, n)
    female = generator.random(n) < number(known.women, "1")
    return Population(
        weight_kg=weight,
        age_years=age,
        flags={"female": female},
        varied=True,
        seed=seed,
        origin=_words(known, n, seed),
    )


def _within(draw: Callable[[int], Array], bounds: Value, n: int) -> Array:
    assert bounds.range is not None
    low, high = bounds.range
    values = draw(n)
    while (outside := (values < low) | (values > high)).any():
        values[outside] = draw(int(outside.sum()))
    return np.asarray(values)


def _words(known: Crowd, n: int, seed: int) -> str:
    weight, age = known.weight_median, known.age_median
    assert weight.range is not None
    assert age.range is not None
    return (
        f"virtual crowd of {n}, seed {seed}: weight {weight.value:g} kg ({weight.range[0]:g} to "
        f"{weight.range[1]:g}), age {age.value:g} years ({age.range[0]:g} to {age.range[1]:g}), "
        f"{known.women.value:.0%} women"
    )
