"""Our own CSV: one row an arm, an outcome and a time; what a hand extraction is typed into."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal, InvalidOperation
from itertools import groupby
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from openkap.core.errors import InputError
from openkap.evidence.importers.table import Row, read_rows
from openkap.evidence.scales import Scales
from openkap.evidence.study import (
    Arm,
    ArmValue,
    Citation,
    Design,
    Group,
    Outcome,
    Place,
    Sample,
    Study,
    Timepoint,
)

Made = TypeVar("Made", bound=BaseModel)

REQUIRED = (
    "study",
    "group",
    "outcome",
    "instrument",
    "window",
    "arm",
    "role",
    "drug",
    "n",
    "url",
    "tier",
    "page",
)
COLUMNS = (
    *REQUIRED,
    "title",
    "authors",
    "year",
    "registration",
    "cluster",
    "time",
    "days",
    "mean",
    "sd",
    "se",
    "events",
    "route",
    "dose",
    "dose_unit",
    "administrations",
    "design",
    "phase",
    "statistic",
)


def read_own_csv(text: str, scales: Scales, where: str = "CSV") -> list[Study]:
    """Studies from arm rows; every row names url, tier and page of its numbers.

    Raises ``InputError`` for a missing column, an arm that stands twice under one outcome, or a value that
    does not fit; the message names the row.
    """
    rows = read_rows(text, where, REQUIRED)
    rows.sort(key=lambda row: row.text("study") or "")
    return [
        _study(study_id, list(members), scales)
        for study_id, members in groupby(rows, lambda r: r.text("study") or "")
    ]


def _study(study_id: str, rows: list[Row], scales: Scales) -> Study:
    first = rows[0]
    if not study_id:
        raise InputError("a row without a study", where=first.where, remedy="fill in the column study")
    places: dict[str, Place] = {}
    keys: dict[tuple[str, str, str], str] = {}
    for row in rows:
        source = (_needed(row, "url"), _needed(row, "tier"), _needed(row, "page"))
        if source not in keys:
            keys[source] = f"S{len(keys) + 1}"
            places[keys[source]] = _made(Place, row, url=source[0], tier=source[1], holds=source[2])

    def source_of(row: Row) -> str:
        return keys[(_needed(row, "url"), _needed(row, "tier"), _needed(row, "page"))]

    arms: dict[str, Arm] = {}
    for row in rows:
        arm_id = _needed(row, "arm")
        arms.setdefault(arm_id, _arm(row, arm_id, source_of(row)))
    outcomes = [
        _outcome(outcome_id, [row for row in rows if row.text("outcome") == outcome_id], scales, source_of)
        for outcome_id in dict.fromkeys(_needed(row, "outcome") for row in rows)
    ]
    registration = first.text("registration")
    return _made(
        Study,
        first,
        id=study_id,
        record="study",
        group=Group(_one_of(first, "group", [each.value for each in Group])),
        citation=Citation(
            title=first.text("title") or study_id,
            authors=first.text("authors"),
            year=first.count("year"),
            registrations=(registration.upper(),) if registration else (),
            sources=tuple(places)[:1],
        ),
        design=Design(type=first.text("design")),
        sample=Sample(),
        arms=tuple(arms.values()),
        outcomes=tuple(outcomes),
        places=places,
    )


def _arm(row: Row, arm_id: str, source: str) -> Arm:
    return _made(
        Arm,
        row,
        id=arm_id,
        label=arm_id,
        role=_one_of(row, "role", ["intervention", "comparator", "unclear"]),
        drug=row.text("drug"),
        route=row.text("route"),
        dose=_decimal(row, "dose"),
        dose_unit=row.text("dose_unit"),
        administrations=row.count("administrations"),
        sources=(source,),
    )


def _outcome(outcome_id: str, rows: list[Row], scales: Scales, source_of: Any) -> Outcome:
    first = rows[0]
    seen: set[str] = set()
    for row in rows:
        arm = _needed(row, "arm")
        if arm in seen:
            raise InputError(
                "an arm stands twice under one outcome",
                value=f"{outcome_id}, {arm}",
                where=row.where,
                remedy="give the second outcome its own id",
            )
        seen.add(arm)
    name = _needed(first, "instrument")
    scale = scales.find(name)
    is_binary = any(row.text("events") for row in rows)
    values = (
        ()
        if is_binary
        else tuple(
            _made(
                ArmValue,
                row,
                arm_id=_needed(row, "arm"),
                n=row.count("n"),
                mean=_decimal(row, "mean"),
                sd=_decimal(row, "sd"),
                se=_decimal(row, "se"),
            )
            for row in rows
        )
    )
    counted = rows if is_binary else []
    return _made(
        Outcome,
        first,
        id=outcome_id,
        instrument=scale.id if scale else name,
        domain=scale.domain if scale else "other",
        cluster=first.text("cluster") or "total",
        rater=scale.rater if scale else None,
        kind="binary" if is_binary else "arm_level",
        time=_made(
            Timepoint,
            first,
            label=first.text("time") or _needed(first, "window"),
            window=_needed(first, "window"),
            days_from_first_dose=_decimal(first, "days"),
            phase=first.text("phase"),
        ),
        statistic=first.text("statistic") or "final",
        values=values,
        events={
            _needed(row, "arm"): row.count("events") for row in counted if row.count("events") is not None
        },
        n={_needed(row, "arm"): row.count("n") for row in counted if row.count("n") is not None},
        where=first.text("page"),
        sources=tuple(dict.fromkeys(source_of(row) for row in rows)),
    )


def _made(schema: type[Made], row: Row, **fields: Any) -> Made:
    try:
        return schema(**fields)
    except ValidationError as failed:
        problem = failed.errors(include_url=False)[0]
        raise InputError(
            f"{'.'.join(map(str, problem['loc']))}: {problem['msg'][:1].lower()}{problem['msg'][1:]}",
            value=problem["input"] if not isinstance(problem["input"], dict) else None,
            where=row.where,
            remedy="correct the cell",
        ) from None


def _needed(row: Row, column: str) -> str:
    value = row.text(column)
    if value is None:
        raise InputError(f"the column {column} is empty", where=row.where, remedy="fill it in")
    return value


def _one_of(row: Row, column: str, allowed: Iterable[str]) -> str:
    value = _needed(row, column)
    choices = list(allowed)
    if value not in choices:
        raise InputError(
            f"{column} is not one of the known words",
            value=value,
            limit=", ".join(choices),
            remedy="use one of them",
            where=row.where,
        )
    return value


def _decimal(row: Row, column: str) -> Decimal | None:
    """As printed, so that the gate can count the digits."""
    if row.number(column) is None:
        return None
    text = row.plain(column, row.text(column) or "")
    try:
        return Decimal(text)
    except InvalidOperation:  # pragma: no cover - Row.number has refused it before
        return None
