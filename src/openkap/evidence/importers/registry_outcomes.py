"""Outcome measures of a registry record: every class and category, and the analyses between arms.

What cannot be read as a number of a known kind is kept as text with a doubt beside it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from openkap.evidence.importers.registry_checks import check_scale_range
from openkap.evidence.importers.registry_fields import (
    cluster_of,
    count_of,
    decimal_of,
    dig,
    list_of,
    word_of,
)
from openkap.evidence.importers.registry_record import PLACE, Record
from openkap.evidence.importers.registry_scores import as_words, is_percent, scores
from openkap.evidence.importers.timeframe import read_time
from openkap.evidence.scales import Scale
from openkap.evidence.study import Contrast, Outcome, Timepoint, Window

# A count says that people got better, and not that they did not.
_IMPROVED = re.compile(
    r"^(?!.*\b(non|not|no|without|fail\w*|loss of response|relaps\w*|worse\w*)\b)"
    r".*(respon|remission|remit|improve|reduction|decrease)",
    re.IGNORECASE | re.DOTALL,
)
# The visit at which a record itself says that its course ends.
_END = re.compile(r"\bend[- ]of[- ](the[- ])?(study[- ])?(treatment|course|infusions?)\b", re.IGNORECASE)


def read_outcomes(record: Record) -> Iterator[Outcome]:
    """Every posted outcome measure, in the record's order."""
    measures = list_of(dig(record.results, "outcomeMeasuresModule", "outcomeMeasures"))
    for at, measure in enumerate(measures, 1):
        if (measure.get("reportingStatus") or "POSTED").upper() == "POSTED":
            yield from _measure(record, measure, at)


def _measure(record: Record, measure: dict[str, Any], at: int) -> Iterator[Outcome]:
    title = measure.get("title") or f"outcome {at}"
    text = " ".join([title, measure.get("description") or ""])
    scale = record.scales.mentioned(title) or record.scales.mentioned(text)
    check_scale_range(record, measure, scale, title)
    groups = {
        each["id"]: record.arms.id_of(each.get("title", each["id"]))
        for each in list_of(measure.get("groups"))
    }
    classes = list_of(measure.get("classes"))
    for position, klass in enumerate(classes, 1):
        label = klass.get("title") or measure.get("timeFrame") or ""
        stem = f"{record.number.lower()}_{at}" + (f"_{position}" if len(classes) > 1 else "")
        frame = measure.get("timeFrame") or ""
        when = _time(record, label, frame, title)
        yield from _class(record, measure, klass, scale, groups, stem, when, text)
    for position, analysis in enumerate(list_of(measure.get("analyses")), 1):
        name = f"{record.number.lower()}_{at}_a{position}"
        outcome = _analysis(record, measure, analysis, scale, groups, name)
        if outcome:
            yield outcome


def _time(record: Record, label: str, frame: str, title: str) -> Timepoint:
    time = read_time(label)
    if time.window is Window.UNCLEAR and frame != label:
        time = read_time(frame)
    if time.window is Window.UNCLEAR:
        reason = "names several times" if time.several else "names no time that can be read"
        record.doubt("time-unclear", f"{label or frame!r} {reason}", "set the window in the file", at=title)
    days = None if time.days is None else Decimal(str(round(time.days, 3)))
    is_end = time.window is Window.END_OF_COURSE and _END.search(f"{label} {frame}")
    return Timepoint(
        label=label or frame or "not stated",
        window=time.window,
        days_from_first_dose=None if time.after_last else days,
        days_from_last_dose=days if time.after_last else None,
        phase="end of treatment" if is_end else None,
    )


def _class(
    record: Record,
    measure: dict[str, Any],
    klass: dict[str, Any],
    scale: Scale | None,
    groups: dict[str, str],
    stem: str,
    when: Timepoint,
    text: str,
) -> Iterator[Outcome]:
    param = word_of(measure.get("paramType"))
    sizes = _denominators(record, measure, klass, groups)
    categories = list_of(klass.get("categories"))
    for position, category in enumerate(categories, 1):
        cells = {
            groups[m["groupId"]]: m
            for m in list_of(category.get("measurements"))
            if m.get("groupId") in groups
        }
        named = f"{text} {klass.get('title') or ''} {category.get('title') or ''}"
        common: dict[str, Any] = {
            "id": stem + (f"_{position}" if len(categories) > 1 else ""),
            "instrument": scale.id if scale else measure.get("title") or "not stated",
            "domain": scale.domain if scale else "other",
            "cluster": cluster_of(named) if scale and scale.domain == "ptsd" else "total",
            "rater": scale.rater if scale else None,
            "time": when,
            "primary": measure.get("type") == "PRIMARY",
            "unit": measure.get("unitOfMeasure"),
            "where": f"resultsSection.outcomeMeasuresModule, {measure.get('title')}",
            "sources": (PLACE,),
        }
        title = " ".join(str(each.get("title") or "") for each in (measure, klass, category))
        if _counts_people(param, measure.get("unitOfMeasure") or ""):
            yield _binary(record, cells, sizes, category, measure, common)
        elif _is_share_of_people(param, measure.get("unitOfMeasure") or "") and (
            counted := _from_shares(cells, sizes)
        ):
            yield _binary(record, cells, sizes, category, measure, common | counted)
        elif param not in ("MEAN", "LEAST SQUARES MEAN"):
            why = f"{param or 'no paramType'} is not read as numbers"
            yield as_words(record, measure, cells, common, "shape-unknown", why)
        elif is_percent(measure, title):
            yield as_words(record, measure, cells, common, "percent", "a percentage is no number of points")
        else:
            yield scores(record, measure, cells, sizes, scale, common, title)


def _binary(
    record: Record,
    cells: dict[str, Any],
    sizes: dict[str, int],
    category: dict[str, Any],
    measure: dict[str, Any],
    common: dict[str, Any],
) -> Outcome:
    events = {arm: count for arm, cell in cells.items() if (count := count_of(cell.get("value"))) is not None}
    if "percent" in common:
        events = {}
    definition = category.get("title") or measure.get("title") or ""
    if common["domain"] == "ptsd" and not _IMPROVED.search(definition):
        # Pooled as response, a count of people who did not respond would turn the answer round.
        record.doubt(
            "count-meaning",
            f"{definition!r} does not say that these people improved",
            "set the domain in the file if it counts responders",
            at=str(measure.get("title")),
        )
        common = common | {"domain": "other"}
    return Outcome(
        kind="binary",
        events=events,
        definition=definition or None,
        **{"n": {arm: sizes[arm] for arm in events if arm in sizes}, **common},
    )


def _from_shares(cells: dict[str, Any], sizes: dict[str, int]) -> dict[str, Any] | None:
    """Percentages of people as the counts they must have come from; nothing where two counts would fit."""
    percent: dict[str, Decimal] = {}
    events: dict[str, int] = {}
    for arm, cell in cells.items():
        share, n = decimal_of(cell.get("value")), sizes.get(arm)
        if share is None or not n:
            return None
        exponent = share.as_tuple().exponent
        half = Decimal(10) ** (exponent if isinstance(exponent, int) else 0) / 2
        fitting = [count for count in range(n + 1) if abs(Decimal(100 * count) / n - share) <= half]
        if len(fitting) != 1:
            return None
        percent[arm], events[arm] = share, fitting[0]
    known = {arm: sizes[arm] for arm in percent}
    formula = "the only whole count of n people that rounds to the printed percentage"
    return {"percent": percent, "n": known, "computed": ({"formula": formula, "events": events, "n": known},)}


def _denominators(
    record: Record, measure: dict[str, Any], klass: dict[str, Any], groups: dict[str, str]
) -> dict[str, int]:
    """Class denominators go before those of the whole outcome."""
    sizes: dict[str, int] = {}
    for denominators in (measure.get("denoms"), klass.get("denoms")):
        for denominator in list_of(denominators):
            if word_of(denominator.get("units") or "Participants").lower() != "participants":
                continue
            for each in list_of(denominator.get("counts")):
                number = count_of(each.get("value"))
                if number is not None and each.get("groupId") in groups:
                    sizes[groups[each["groupId"]]] = number
    return sizes


def _analysis(
    record: Record,
    measure: dict[str, Any],
    analysis: dict[str, Any],
    scale: Scale | None,
    groups: dict[str, str],
    outcome_id: str,
) -> Outcome | None:
    arms = [groups[each] for each in list_of(analysis.get("groupIds")) if each in groups]
    roles = {arm: (found.role if (found := record.arms.get(arm)) else "unclear") for arm in arms}
    treated = [arm for arm in arms if roles[arm] == "intervention"]
    control = [arm for arm in arms if roles[arm] == "comparator"]
    estimate = decimal_of(analysis.get("paramValue"))
    if len(treated) != 1 or len(control) != 1 or estimate is None:
        return None
    kind = word_of(analysis.get("paramType"))
    is_difference = "MEAN DIFFERENCE" in kind or kind in ("LS MEAN DIFFERENCE", "SLOPE DIFFERENCE")
    is_points = is_difference and not is_percent(measure, str(measure.get("title")))
    level = decimal_of(analysis.get("ciPctValue"))
    frame = measure.get("timeFrame") or ""
    return Outcome(
        id=outcome_id,
        instrument=scale.id if scale else measure.get("title") or "not stated",
        domain=scale.domain if scale else "other",
        cluster=cluster_of(str(measure.get("title"))) if scale and scale.domain == "ptsd" else "total",
        rater=scale.rater if scale else None,
        kind="between_group",
        time=_time(record, frame, frame, str(measure.get("title"))),
        primary=measure.get("type") == "PRIMARY",
        unit=measure.get("unitOfMeasure"),
        contrast=Contrast(
            measure="MD" if is_points else (analysis.get("paramType") or None),
            intervention=treated[0],
            comparator=control[0],
            analysis=analysis.get("statisticalMethod"),
            estimate=estimate,
            ci_low=decimal_of(analysis.get("ciLowerLimit")),
            ci_high=decimal_of(analysis.get("ciUpperLimit")),
            ci_level=level / 100 if level else None,
            p=analysis.get("pValue"),
            direction="sign not stated by the registry: check which arm was subtracted",
        ),
        where=f"resultsSection.outcomeMeasuresModule, analysis of {measure.get('title')}",
        sources=(PLACE,),
    )


def _is_share_of_people(param: str, unit: str) -> bool:
    unit = unit.lower()
    is_percent_of = re.search(r"percent|%", unit) and re.search(r"participant|subject|patient|people", unit)
    return param in ("NUMBER", "COUNT OF PARTICIPANTS") and bool(is_percent_of)


def _counts_people(param: str, unit: str) -> bool:
    """A count of participants; a percentage of participants is not one."""
    unit = unit.lower()
    is_share = re.search(r"percent|%|proportion|rate", unit)
    return param == "COUNT OF PARTICIPANTS" or (param == "NUMBER" and "participant" in unit and not is_share)
