"""The Metapsy data standard: one row a comparison, effects precomputed or as arms, decimal comma or point."""

from __future__ import annotations

from dataclasses import dataclass

from openkap.core.errors import InputError
from openkap.evidence.importers.table import Row, read_rows

REQUIRED = ("study", "condition_arm1", "condition_arm2", "outcome_type", "instrument", ".g", ".g_se")


@dataclass(frozen=True)
class Comparison:
    """One effect of one study. ``g`` has the sign of the file: the caller knows which side it favours."""

    id: str
    study: str
    arm1: str
    arm2: str
    outcome_type: str
    instrument: str
    g: float | None
    g_se: float | None
    weeks: float | None
    n1: float | None
    n2: float | None
    rob: str | None
    reference: str | None
    where: str
    row: Row


def read_metapsy(text: str, where: str = "Metapsy") -> list[Comparison]:
    """Every row of a Metapsy effect table; a standard error of zero or below is refused with its row."""
    comparisons = []
    for row in read_rows(text, where, REQUIRED):
        study = row.text("study")
        if study is None:
            raise InputError("a row without a study", where=row.where, remedy="fill in the column study")
        error = row.number(".g_se", "precalc_g_se")
        if error is not None and error <= 0:
            raise InputError(
                "a standard error must be above zero", value=error, where=row.where, remedy="correct .g_se"
            )
        comparisons.append(
            Comparison(
                id=row.text(".id") or f"{study}, {row.where}",
                study=study,
                arm1=row.text("condition_arm1") or "?",
                arm2=row.text("condition_arm2") or "?",
                outcome_type=row.text("outcome_type") or "?",
                instrument=row.text("instrument") or "?",
                g=row.number(".g", "precalc_g"),
                g_se=error,
                weeks=row.number("time_weeks"),
                n1=row.number("n_arm1", "n_change_arm1", "totaln_arm1", "n_randomized_arm1"),
                n2=row.number("n_arm2", "n_change_arm2", "totaln_arm2", "n_randomized_arm2"),
                rob=row.text("rob"),
                reference=row.text("full_ref"),
                where=row.where,
                row=row,
            )
        )
    return comparisons
