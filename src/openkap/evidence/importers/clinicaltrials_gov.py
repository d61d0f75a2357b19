"""ClinicalTrials.gov API v2: one study's JSON, with results where posted, as a study of ours.

Traps this reader knows: every value is text; ``dispersionType`` decides whether a spread is an SD, an SE or
an interval; group ids hold inside one outcome only; time is free text and may hide in class titles;
crossover groups are sequences, not arms; the protocol section may contradict the results. What cannot be
decided is kept as text and named in a finding; nothing is guessed.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from openkap.core.errors import InputError
from openkap.evidence.conversion import se_from_ci
from openkap.evidence.importers.reference import find_registrations, find_year
from openkap.evidence.importers.registry_arms import Arms, read_arms
from openkap.evidence.importers.registry_fields import (
    cluster_of,
    confidence_of,
    count_of,
    decimal_of,
    dig,
    list_of,
    word_of,
)
from openkap.evidence.importers.timeframe import read_time
from openkap.evidence.integrity import Finding
from openkap.evidence.scales import Scale, Scales
from openkap.evidence.study import (
    AdverseEvent,
    ArmValue,
    Citation,
    Contrast,
    Design,
    Diagnosis,
    Group,
    Outcome,
    Place,
    Population,
    Sample,
    Study,
    Tier,
    Timepoint,
    Window,
)

PLACE = "R1"
_RANGE = re.compile(r"\b(\d{1,3})\s*(?:-|–|to)\s*(\d{1,3})\b")


# A count says that people got better, and not that they did not.
_IMPROVED = re.compile(
    r"^(?!.*\b(non|not|no|without|fail\w*|loss of response|relaps\w*|worse\w*)\b)"
    r".*(respon|remission|remit|improve|reduction|decrease)",
    re.IGNORECASE | re.DOTALL,
)


def _counts_people(param: str, unit: str) -> bool:
    """A count of participants; a percentage of participants is not one."""
    unit = unit.lower()
    is_share = re.search(r"percent|%|proportion|rate", unit)
    return param == "COUNT OF PARTICIPANTS" or (param == "NUMBER" and "participant" in unit and not is_share)


@dataclass
class Imported:
    """A study read from a registry record, and what a person must look at."""

    study: Study
    findings: list[Finding] = field(default_factory=list)


def read_clinicaltrials_gov(text: str, scales: Scales, where: str = "ClinicalTrials.gov") -> Imported:
    """One study of the v2 API (or a list or ``studies`` page holding one).

    Raises
    ------
    InputError
        when the text is not JSON, or is not a v2 study record.
    """
    try:
        record = json.loads(text)
    except json.JSONDecodeError as failed:
        raise InputError(
            f"not readable as JSON: {failed.msg}",
            where=f"{where}:{failed.lineno}",
            remedy="download it again",
        ) from None
    except RecursionError:
        raise InputError(
            "nested too deeply to be a registry record", where=where, remedy="download it again"
        ) from None
    if isinstance(record, dict) and isinstance(record.get("studies"), list):
        record = record["studies"]
    if isinstance(record, list) and len(record) == 1:
        record = record[0]
    number = dig(record, "protocolSection", "identificationModule", "nctId")
    if not isinstance(number, str) or not re.fullmatch(r"NCT\d{8}", number):
        raise InputError(
            "not a study record of the ClinicalTrials.gov API, version 2",
            value=number,
            limit="protocolSection.identificationModule.nctId",
            remedy="download https://clinicaltrials.gov/api/v2/studies/<number>",
            where=where,
        )
    try:
        return _Reader(record, number, scales).read()
    except (KeyError, TypeError, AttributeError, ValueError) as failed:
        raise InputError(
            f"the record is not shaped as the API describes: {failed!r}",
            remedy="download it again; if it stays, report it with the number",
            where=f"{where}, {number}",
        ) from None


def read_file(path: Path, scales: Scales) -> Imported:
    """As ``read_clinicaltrials_gov``, from a file."""
    return read_clinicaltrials_gov(path.read_text(encoding="utf-8-sig"), scales, str(path))


class _Reader:
    """Holds one record while it is read; every doubt goes to ``findings``."""

    def __init__(self, record: dict[str, Any], number: str, scales: Scales) -> None:
        self.record, self.number, self.scales = record, number, scales
        self.protocol: dict[str, Any] = record["protocolSection"]
        self.results: dict[str, Any] = record.get("resultsSection") or {}
        self.findings: list[Finding] = []
        self.arms: Arms = read_arms(self.protocol, self.results)

    def doubt(self, check: str, sentence: str, remedy: str, severity: Any = "question", at: str = "") -> None:
        subject = f"{self.number}, {at}" if at else self.number
        self.findings.append(Finding(check, severity, subject, sentence, remedy))

    def read(self) -> Imported:
        outcomes = tuple(self._outcomes())
        harms = tuple(self._harms())
        sample = self._sample()
        self._contradictions(outcomes)
        for group in self.arms.sequences:
            self.doubt(
                "crossover-sequence",
                f"the group {group!r} is a sequence of treatments, not an arm",
                "enter first-period values by hand; period results are not pooled as arms",
            )
        for group in self.arms.unclear:
            self.doubt(
                "arm-unclear",
                f"the group {group!r} names no drug that is known here",
                "set its role and drug in the file",
            )
        identification = self.protocol["identificationModule"]
        start = dig(self.protocol, "statusModule", "startDateStruct", "date")
        references = list_of(dig(self.protocol, "referencesModule", "references"))
        result_pmids = [
            str(each["pmid"]) for each in references if each.get("type") == "RESULT" and each.get("pmid")
        ]
        study = Study(
            id=self.number.lower(),
            record="study" if outcomes else "registration",
            group=self._group(bool(outcomes)),
            status=dig(self.protocol, "statusModule", "overallStatus"),
            citation=Citation(
                title=identification.get("briefTitle") or identification.get("officialTitle") or self.number,
                year=find_year(start),
                pmid=result_pmids[0] if result_pmids else None,
                registrations=(self.number, *self._other_numbers()),
                sources=(PLACE,),
            ),
            design=self._design(),
            sample=sample,
            population=self._population(),
            diagnosis=Diagnosis(
                instrument=next((o.instrument for o in outcomes if o.domain == "ptsd"), None),
                sources=(PLACE,),
            ),
            comparator=", ".join(arm.label for arm in self.arms.all if arm.role == "comparator") or None,
            arms=self.arms.all,
            outcomes=outcomes,
            adverse_events=harms,
            missing=() if self.results else ("results not posted",),
            notes=("Read by the ClinicalTrials.gov importer; check each finding before use.",),
            places={
                PLACE: Place(
                    url=f"https://clinicaltrials.gov/study/{self.number}",
                    holds="registry record read through the version 2 API",
                    tier=Tier.B,
                )
            },
        )
        return Imported(study, self.findings)

    def _other_numbers(self) -> tuple[str, ...]:
        others = list_of(dig(self.protocol, "identificationModule", "secondaryIdInfos"))
        found = find_registrations(*(str(each.get("id")) for each in others))
        return tuple(number for number in found if number != self.number)

    def _group(self, has_outcomes: bool) -> Group:
        design = self.protocol.get("designModule") or {}
        prevention = dig(design, "designInfo", "primaryPurpose") == "PREVENTION"
        if not has_outcomes:
            return Group.REGISTERED_PREVENTION if prevention else Group.REGISTERED
        if prevention:
            return Group.PREVENTION
        if design.get("studyType") == "OBSERVATIONAL":
            return Group.OBSERVATIONAL
        randomised = dig(design, "designInfo", "allocation") == "RANDOMIZED"
        return Group.EFFICACY_RCT if randomised else Group.EFFICACY_UNCONTROLLED

    def _design(self) -> Design:
        info = dig(self.protocol, "designModule", "designInfo") or {}
        words = [info.get("allocation"), info.get("interventionModel"), info.get("primaryPurpose")]
        masking = dig(info, "maskingInfo", "masking")
        who = list_of(dig(info, "maskingInfo", "whoMasked"))
        dates = [
            dig(self.protocol, "statusModule", key, "date")
            for key in ("startDateStruct", "completionDateStruct")
        ]
        return Design(
            type=", ".join(str(word).lower().replace("_", " ") for word in words if word) or None,
            blinding=f"{masking.lower()} ({', '.join(str(each).lower() for each in who)})"
            if masking and who
            else masking,
            recruitment=" to ".join(date for date in dates if date) or None,
            sources=(PLACE,),
        )

    def _sample(self) -> Sample:
        started, completed = self._flow()
        enrolled = count_of(dig(self.protocol, "designModule", "enrollmentInfo", "count"))
        randomised = sum(started.values()) if started else None
        if randomised is not None and enrolled is not None and randomised != enrolled:
            self.doubt(
                "enrolment-differs",
                f"{enrolled} enrolled, but {randomised} started in the participant flow",
                "say which one is the denominator",
            )
        lost = {arm: 1 - completed[arm] / n for arm, n in started.items() if n and arm in completed}
        if lost and max(lost.values()) - min(lost.values()) > 0.1:
            told = ", ".join(f"{arm} {share:.0%}" for arm, share in lost.items())
            self.doubt(
                "attrition-differs",
                f"the share that did not complete differs by arm: {told}",
                "judge the risk of bias from missing outcomes",
            )
        is_randomised = dig(self.protocol, "designModule", "designInfo", "allocation") == "RANDOMIZED"
        return Sample(
            randomised=randomised if is_randomised else None,
            enrolled=enrolled,
            arms=started,
            details={"completed": {arm: str(n) for arm, n in completed.items()}} if completed else {},
            sources=(PLACE,),
        )

    def _flow(self) -> tuple[dict[str, int], dict[str, int]]:
        module = self.results.get("participantFlowModule") or {}
        titles = {group["id"]: group.get("title", group["id"]) for group in list_of(module.get("groups"))}
        counts: dict[str, dict[str, int]] = {"STARTED": {}, "COMPLETED": {}}
        periods = list_of(module.get("periods"))
        # The first period starts the trial, the last one completes it.
        for kind, period in (("STARTED", periods[:1]), ("COMPLETED", periods[-1:])):
            for milestone in list_of(period[0].get("milestones")) if period else []:
                if milestone.get("type") != kind:
                    continue
                for each in list_of(milestone.get("achievements")):
                    number = count_of(each.get("numSubjects"))
                    if number is not None:
                        counts[kind][self.arms.id_of(titles.get(each.get("groupId"), "?"))] = number
        return counts["STARTED"], counts["COMPLETED"]

    def _population(self) -> Population:
        module = self.protocol.get("eligibilityModule") or {}
        ages = " to ".join(each for each in (module.get("minimumAge"), module.get("maximumAge")) if each)
        conditions = "; ".join(list_of(dig(self.protocol, "conditionsModule", "conditions")))
        text = f"{conditions} {module.get('eligibilityCriteria') or ''}".lower()
        return Population(
            setting=conditions or None,
            military="true" if re.search(r"\bveterans?\b|active[- ]duty", text) else None,
            details={"age_range": ages} if ages else {},
            sources=(PLACE,),
        )

    def _outcomes(self) -> Iterator[Outcome]:
        measures = list_of(dig(self.results, "outcomeMeasuresModule", "outcomeMeasures"))
        for at, measure in enumerate(measures, 1):
            if (measure.get("reportingStatus") or "POSTED").upper() == "POSTED":
                yield from self._measure(measure, at)

    def _measure(self, measure: dict[str, Any], at: int) -> Iterator[Outcome]:
        title = measure.get("title") or f"outcome {at}"
        text = " ".join([title, measure.get("description") or ""])
        scale = self.scales.mentioned(title) or self.scales.mentioned(text)
        self._scale_range(measure, scale, title)
        groups = {
            each["id"]: self.arms.id_of(each.get("title", each["id"]))
            for each in list_of(measure.get("groups"))
        }
        classes = list_of(measure.get("classes"))
        for position, klass in enumerate(classes, 1):
            label = klass.get("title") or measure.get("timeFrame") or ""
            stem = f"{self.number.lower()}_{at}" + (f"_{position}" if len(classes) > 1 else "")
            frame = measure.get("timeFrame") or ""
            when = self._time(label, frame, title)
            yield from self._class(measure, klass, scale, groups, stem, when, text)
        for position, analysis in enumerate(list_of(measure.get("analyses")), 1):
            outcome = self._analysis(
                measure, analysis, scale, groups, f"{self.number.lower()}_{at}_a{position}"
            )
            if outcome:
                yield outcome

    def _time(self, label: str, frame: str, title: str) -> Timepoint:
        time = read_time(label)
        if time.window is Window.UNCLEAR and frame != label:
            time = read_time(frame)
        if time.window is Window.UNCLEAR:
            reason = "names several times" if time.several else "names no time that can be read"
            self.doubt("time-unclear", f"{label or frame!r} {reason}", "set the window in the file", at=title)
        days = None if time.days is None else Decimal(str(round(time.days, 3)))
        return Timepoint(
            label=label or frame or "not stated",
            window=time.window,
            days_from_first_dose=None if time.after_last else days,
            days_from_last_dose=days if time.after_last else None,
        )

    def _class(
        self,
        measure: dict[str, Any],
        klass: dict[str, Any],
        scale: Scale | None,
        groups: dict[str, str],
        stem: str,
        when: Timepoint,
        text: str,
    ) -> Iterator[Outcome]:
        param = word_of(measure.get("paramType"))
        sizes = self._denominators(measure, klass, groups)
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
            if param in ("MEAN", "LEAST SQUARES MEAN"):
                values = tuple(self._value(arm, cell, sizes, measure) for arm, cell in cells.items())
                is_change = bool(re.search(r"\bchange\b", named, re.IGNORECASE))
                yield Outcome(
                    kind="arm_level", values=values, statistic="change" if is_change else "final", **common
                )
            elif _counts_people(param, measure.get("unitOfMeasure") or ""):
                yield self._binary(cells, sizes, category, measure, common)
            else:
                told = "; ".join(f"{arm}: {cell.get('value')}" for arm, cell in cells.items())
                self.doubt(
                    "shape-unknown",
                    f"{param or 'no paramType'} is not read as numbers",
                    "enter it by hand",
                    at=common["instrument"],
                )
                yield Outcome(kind="qualitative", finding=f"{param.lower()} {told}", **common)

    def _binary(
        self,
        cells: dict[str, Any],
        sizes: dict[str, int],
        category: dict[str, Any],
        measure: dict[str, Any],
        common: dict[str, Any],
    ) -> Outcome:
        events = {
            arm: count for arm, cell in cells.items() if (count := count_of(cell.get("value"))) is not None
        }
        definition = category.get("title") or measure.get("title") or ""
        if common["domain"] == "ptsd" and not _IMPROVED.search(definition):
            # Pooled as response, a count of people who did not respond would turn the answer round.
            self.doubt(
                "count-meaning",
                f"{definition!r} does not say that these people improved",
                "set the domain in the file if it counts responders",
                at=str(measure.get("title")),
            )
            common = common | {"domain": "other"}
        return Outcome(
            kind="binary",
            events=events,
            n={arm: sizes[arm] for arm in events if arm in sizes},
            definition=definition or None,
            **common,
        )

    def _denominators(
        self, measure: dict[str, Any], klass: dict[str, Any], groups: dict[str, str]
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

    def _value(
        self, arm: str, cell: dict[str, Any], sizes: dict[str, int], measure: dict[str, Any]
    ) -> ArmValue:
        spread, n = decimal_of(cell.get("spread")), sizes.get(arm)
        kind = word_of(measure.get("dispersionType"))
        sd = se = None
        if kind == "STANDARD DEVIATION":
            sd = spread
        elif kind in ("STANDARD ERROR", "STANDARD ERROR OF THE MEAN"):
            se = spread
        level, df = confidence_of(kind), n - 1 if n and n > 1 else None
        low, high = decimal_of(cell.get("lowerLimit")), decimal_of(cell.get("upperLimit"))
        if level and low is not None and high is not None and low < high:
            # An arm's own interval is one of t: a normal quantile would inflate the spread of small arms.
            se = Decimal(repr(float(se_from_ci(low=float(low), high=float(high), level=level, df=df))))
        elif kind not in ("STANDARD DEVIATION", "STANDARD ERROR", "STANDARD ERROR OF THE MEAN"):
            self.doubt(
                "dispersion-unknown",
                f"the spread of {arm} is {kind.lower() or 'not named'}: neither SD, SE nor a confidence "
                "interval",
                "enter the spread by hand if the paper gives it",
                at=str(measure.get("title")),
            )
        if se is not None and sd is None and n:
            sd = Decimal(repr(round(float(se) * math.sqrt(n), 6)))
        mean = decimal_of(cell.get("value"))
        if mean is None and cell.get("value") not in (None, "NA"):
            self.doubt(
                "value-unreadable",
                f"{cell.get('value')!r} is not a number",
                "enter it by hand",
                at=str(measure.get("title")),
            )
        return ArmValue(arm_id=arm, n=n, mean=mean, sd=sd, se=se, ci_low=low, ci_high=high)

    def _analysis(
        self,
        measure: dict[str, Any],
        analysis: dict[str, Any],
        scale: Scale | None,
        groups: dict[str, str],
        outcome_id: str,
    ) -> Outcome | None:
        arms = [groups[each] for each in list_of(analysis.get("groupIds")) if each in groups]
        roles = {arm: (found.role if (found := self.arms.get(arm)) else "unclear") for arm in arms}
        treated = [arm for arm in arms if roles[arm] == "intervention"]
        control = [arm for arm in arms if roles[arm] == "comparator"]
        estimate = decimal_of(analysis.get("paramValue"))
        if len(treated) != 1 or len(control) != 1 or estimate is None:
            return None
        kind = word_of(analysis.get("paramType"))
        is_difference = "MEAN DIFFERENCE" in kind or kind in ("LS MEAN DIFFERENCE", "SLOPE DIFFERENCE")
        level = decimal_of(analysis.get("ciPctValue"))
        return Outcome(
            id=outcome_id,
            instrument=scale.id if scale else measure.get("title") or "not stated",
            domain=scale.domain if scale else "other",
            cluster=cluster_of(str(measure.get("title"))) if scale and scale.domain == "ptsd" else "total",
            rater=scale.rater if scale else None,
            kind="between_group",
            time=self._time(
                measure.get("timeFrame") or "", measure.get("timeFrame") or "", str(measure.get("title"))
            ),
            primary=measure.get("type") == "PRIMARY",
            contrast=Contrast(
                measure="MD" if is_difference else (analysis.get("paramType") or None),
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

    def _harms(self) -> Iterator[AdverseEvent]:
        module = self.results.get("adverseEventsModule") or {}
        groups = {
            each["id"]: self.arms.id_of(each.get("title", each["id"]))
            for each in list_of(module.get("eventGroups"))
        }
        frame, threshold = module.get("timeFrame"), module.get("frequencyThreshold")
        for key, serious in (("seriousEvents", True), ("otherEvents", False)):
            for event in list_of(module.get(key)):
                affected: dict[str, int] = {}
                at_risk: dict[str, int] = {}
                for stat in list_of(event.get("stats")):
                    arm, number, risk = (
                        groups.get(stat.get("groupId")),
                        count_of(stat.get("numAffected")),
                        count_of(stat.get("numAtRisk")),
                    )
                    if arm and number is not None:
                        affected[arm] = number
                        if risk is not None:
                            at_risk[arm] = risk
                note = "; ".join(
                    each
                    for each in (
                        f"over {frame}" if frame else "",
                        f"listed above {threshold}%" if threshold and not serious else "",
                    )
                    if each
                )
                yield AdverseEvent(
                    term=event.get("term") or "not named",
                    serious=serious,
                    events=affected,
                    at_risk=at_risk,
                    note=note or None,
                    sources=(PLACE,),
                )

    def _scale_range(self, measure: dict[str, Any], scale: Scale | None, title: str) -> None:
        if scale is None or scale.maximum is None:
            return
        text = measure.get("description") or ""
        for low, high in _RANGE.findall(text):
            if int(low) == 0 and int(high) > scale.maximum and "range" in text.lower():
                self.doubt(
                    "scale-range",
                    f"the record gives {scale.id} a range of {low} to {high}; its highest total is "
                    f"{scale.maximum}",
                    "find out which scale was used",
                    "contradiction",
                    title,
                )

    def _contradictions(self, outcomes: tuple[Outcome, ...]) -> None:
        identification = self.protocol["identificationModule"]
        title = f"{identification.get('briefTitle')} {identification.get('officialTitle')}"
        allocation = dig(self.protocol, "designModule", "designInfo", "allocation")
        if re.search(r"\brandomi[sz]ed\b", title, re.IGNORECASE) and allocation not in ("RANDOMIZED", None):
            self.doubt(
                "allocation-contradiction",
                f"the title says randomised, the allocation is {allocation}",
                "ask the investigators; until then it counts as not randomised",
                "contradiction",
            )
        if bool(self.record.get("hasResults")) != bool(self.results):
            self.doubt(
                "results-flag",
                "hasResults and the results section disagree",
                "download it again",
                "contradiction",
            )
        for measure in [
            *list_of(dig(self.protocol, "outcomesModule", "primaryOutcomes")),
            *list_of(dig(self.protocol, "outcomesModule", "secondaryOutcomes")),
        ]:
            name = measure.get("measure") or ""
            scale = self.scales.mentioned(name) or self.scales.mentioned(measure.get("description") or "")
            self._scale_range(measure, scale, name)
        started = sum(self._flow()[0].values())
        for outcome in outcomes:
            sizes = [value.n for value in outcome.values if value.n] or list(outcome.n.values())
            if started and sum(sizes) > started:
                self.doubt(
                    "more-analysed-than-started",
                    f"{sum(sizes)} analysed, {started} started",
                    "check the denominators",
                    "contradiction",
                    outcome.id,
                )
