"""Effects over time, and jointly over dose, time and number of sessions.

Repeated measurements of one trial are dependent twice: the same people are measured again (a sampling
correlation that fades with time) and the trial has its own true course. The joint model asks the clinical
question, how much, how often, how long, of one curve:

    effect = Emax * dose/(ED50 + dose) * (1 - 2^(-sessions/sessions_half)) * 2^(-time/half_life)

Each factor is optional; what the trials cannot determine is reported as not identified.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from openkap.core.errors import InputError
from openkap.evidence.curves import Block, Curve, fit_linear, fit_shape
from openkap.evidence.estimates import Floats, as_numbers, check_column, check_estimates
from openkap.evidence.robust import cluster_rows

TIME_SHAPES = ("linear", "log", "decay", "rise", "piecewise")


def repeated_covariance(vi: ArrayLike, time: ArrayLike, *, rho: float, unit: float = 1.0) -> Floats:
    """Sampling covariance of repeated measurements: correlation rho^(|t - s|/unit)."""
    v, t = as_numbers(vi, "vi"), as_numbers(time, "time")
    if not 0 <= rho < 1:
        raise InputError("the correlation is out of range", value=rho, limit="0 to below 1")
    gaps = np.abs(t[:, None] - t[None, :]) / unit
    return np.asarray(np.where(gaps == 0, 1.0, rho**gaps) * np.sqrt(np.outer(v, v)))


def time_course(
    study: Sequence[Any],
    time: ArrayLike,
    yi: ArrayLike,
    vi: ArrayLike,
    *,
    rho: float,
    unit: float = 1.0,
    shape: str = "linear",
    knot: float | None = None,
    random: str = "diagonal",
    method: str = "REML",
    level: float = 0.95,
) -> Curve:
    """The course of an effect.

    Parameters
    ----------
    study, time, yi, vi : (k,) one row per trial and time point.
    rho, unit : sampling correlation over ``unit`` of time (see ``repeated_covariance``); vary it, it is
    assumed.
    shape : ``linear`` and ``log`` (level and slope), ``decay`` (from a peak, half-life estimated),
    ``rise`` (to a
        plateau, half-time estimated), ``piecewise`` (two slopes that meet at ``knot``).
    """
    if shape not in TIME_SHAPES:
        raise InputError("unknown shape", value=shape, limit=", ".join(TIME_SHAPES))
    y, v = check_estimates(yi, vi, least=1)
    t = check_column(time, "time", y.size)
    if (t < 0).any():
        row = int(np.flatnonzero(t < 0)[0])
        raise InputError("a time is negative", value=t[row], where=f"row {row + 1}", remedy="check the row")
    blocks = [
        Block(
            str(study[each[0]]),
            y[each],
            repeated_covariance(v[each], t[each], rho=rho, unit=unit),
            {"time": t[each]},
        )
        for each in cluster_rows(list(study), y.size)
    ]
    if shape in ("decay", "rise"):
        positive = t[t > 0]
        if positive.size == 0:
            raise InputError("all measurements are at time 0", remedy="a course needs several times")
        grids = {"half_life": np.geomspace(positive.min() / 10, positive.max() * 10, 41)}
        basis, name = (_decay, "peak") if shape == "decay" else (_rise, "plateau")
        return fit_shape(blocks, basis, (name,), grids, level=level)
    if shape == "piecewise":
        if knot is None:
            raise InputError("a piecewise course needs its knot", remedy="give knot, in the unit of time")
        names: tuple[str, ...] = ("level", "slope before", "change of slope")
        bend = float(knot)
        return fit_linear(
            blocks,
            lambda at, _: np.column_stack(
                [np.ones_like(at["time"]), at["time"], np.maximum(at["time"] - bend, 0)]
            ),
            names,
            random=random,
            method=method,
            level=level,
        )
    scale = np.log1p if shape == "log" else (lambda x: x)
    return fit_linear(
        blocks,
        lambda at, _: np.column_stack([np.ones_like(at["time"]), scale(at["time"])]),
        ("level", "slope" if shape == "linear" else "slope of log(1 + time)"),
        random=random,
        method=method,
        level=level,
    )


def _decay(at: dict[str, Floats], shape: dict[str, float]) -> Any:
    return (0.5 ** (at["time"] / shape["half_life"]))[:, None]


def _rise(at: dict[str, Floats], shape: dict[str, float]) -> Any:
    return (1 - 0.5 ** (at["time"] / shape["half_life"]))[:, None]


def dose_time_sessions(
    study: Sequence[Any],
    yi: ArrayLike,
    vi: ArrayLike,
    *,
    dose: ArrayLike,
    time: ArrayLike,
    sessions: ArrayLike,
    reference_dose: ArrayLike | float = 0.0,
    rho: float,
    unit: float = 1.0,
    shared: float = 0.5,
    parts: Sequence[str] = ("dose", "time", "sessions"),
    level: float = 0.95,
    grid_points: int = 9,
) -> Curve:
    """The joint model of dose, time since the last session, and number of sessions.

    Parameters
    ----------
    study, yi, vi, dose, time, sessions : (k,) one row per trial, dose arm and time point; effects against the
        trial's reference arm, whose dose is ``reference_dose``.
    rho, unit : sampling correlation in time, as in ``time_course``.
    shared : correlation of two dose arms at one time through the reference arm; 0.5 for arms of equal size.
    parts : the factors in the model; leave out what the trials do not vary.

    Returns
    -------
    Curve
        ``beta`` is Emax; ``shape`` holds ``ed50`` (dose), ``half_life`` (time) and ``sessions_half``
        (number of
        sessions for half the effect), with profile limits.
    """
    unknown = set(parts) - {"dose", "time", "sessions"}
    if unknown or not parts:
        raise InputError("unknown parts", value=", ".join(sorted(unknown)), limit="dose, time, sessions")
    columns = {
        "dose": as_numbers(dose, "dose"),
        "time": as_numbers(time, "time"),
        "sessions": as_numbers(sessions, "sessions"),
    }
    y, v = as_numbers(yi, "yi"), as_numbers(vi, "vi")
    columns["reference"] = np.broadcast_to(as_numbers(reference_dose, "reference_dose"), y.shape)
    blocks = []
    for each in cluster_rows(list(study), y.size):
        at = {name: column[each] for name, column in columns.items()}
        matrix = repeated_covariance(v[each], at["time"], rho=rho, unit=unit)
        matrix = matrix * np.where(at["dose"][:, None] == at["dose"][None, :], 1.0, shared)
        if np.linalg.eigvalsh(matrix)[0] <= 0:
            raise InputError(
                "two rows of a trial are the same arm and time",
                where=f"study {study[each[0]]!r}",
                remedy="keep one instrument per arm and time, or use the multilevel model",
            )
        blocks.append(Block(str(study[each[0]]), y[each], matrix, at))
    ranges = {"ed50": ("dose", 5.0), "half_life": ("time", 10.0), "sessions_half": ("sessions", 4.0)}
    grids = {}
    for name, (column, reach) in ranges.items():
        if column in parts:
            positive = columns[column][columns[column] > 0]
            if np.unique(positive).size < 2:
                raise InputError(
                    f"{column} does not vary between the rows",
                    remedy=f"leave {column!r} out of parts: its effect cannot be seen in these trials",
                )
            grids[name] = np.geomspace(positive.min() / reach, positive.max() * reach, grid_points)
    return fit_shape(blocks, _joint, ("emax",), grids, level=level)


def _joint(at: dict[str, Floats], shape: dict[str, float]) -> Any:
    factor = np.ones_like(at["dose"])
    if "ed50" in shape:
        factor = at["dose"] / (shape["ed50"] + at["dose"]) - at["reference"] / (
            shape["ed50"] + at["reference"]
        )
    if "half_life" in shape:
        factor = factor * 0.5 ** (at["time"] / shape["half_life"])
    if "sessions_half" in shape:
        factor = factor * (1 - 0.5 ** (at["sessions"] / shape["sessions_half"]))
    return factor[:, None]
