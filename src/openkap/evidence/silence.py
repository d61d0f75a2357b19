"""What studies say without a number that a question can use: the silent ones, and words beside numbers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from openkap.evidence.choice import Chosen, in_order, is_about, matches
from openkap.evidence.contrasts import Effect, controlled_effect
from openkap.evidence.plan import Analysis
from openkap.evidence.study import Outcome, Reading, Study, Window

# Of two readings of one study the more cautious stands.
_CAUTION: tuple[Reading, ...] = ("harm", "no_difference", "benefit", "unclear")


@dataclass(frozen=True)
class Silent:
    """A study that belongs to the question and gave no number for it."""

    study_id: str
    study: str
    people: int | None
    said: str
    reading: str | None
    urls: tuple[str, ...]


@dataclass(frozen=True)
class OwnWords:
    """What a study whose number is used says itself, in words, on the same question."""

    study_id: str
    study: str
    said: str
    reading: str | None
    urls: tuple[str, ...]


def silent_studies(
    studies: list[Study], chosen: Chosen, analysis: Analysis, aims: Mapping[Window, float]
) -> tuple[Silent, ...]:
    """Studies of the question without a number, the largest first."""
    samples = {study.overlap: study.name for study in studies if study.overlap and study.id in chosen.heard}
    silent = []
    for study in studies:
        if study.id in chosen.heard or study.record != "study":
            continue
        if study.overlap in samples:
            same = (
                f"no usable numbers; its sample probably overlaps that of {samples[study.overlap]}, not "
                "counted"
            )
            silent.append(Silent(study.id, study.name, None, same, None, ()))
            continue
        silent.append(_silent(study, chosen, analysis, aims))
    return tuple(sorted(silent, key=lambda each: (-(each.people or 0), each.study_id)))


def _silent(study: Study, chosen: Chosen, analysis: Analysis, aims: Mapping[Window, float]) -> Silent:
    told: list[tuple[str, Reading | None, tuple[str, ...]]] = []
    other = _on_another_measure(study, analysis, aims)
    if other:
        told.append(other)
    withheld = dict.fromkeys(each.reason for each in chosen.left_out if each.study_id == study.id)
    told += [(f"numbers are held and not used: {reason}", None, ()) for reason in withheld]
    words = next(_words(study, analysis), None)
    if words:
        told.append((*_said(words, analysis), words.sources))
    if not told:
        told.append(("nothing usable for this question in what was read", None, study.citation.sources))
    readings = [reading for _, reading, _ in told if reading]
    sources = dict.fromkeys(key for _, _, keys in told for key in keys or study.citation.sources)
    return Silent(
        study.id,
        study.name,
        study.sample.largest,
        "; ".join(said for said, _, _ in told),
        min(readings, key=_CAUTION.index, default=None),
        tuple(study.places[key].url for key in sources if key in study.places),
    )


def own_words(studies: list[Study], effects: tuple[Effect, ...], analysis: Analysis) -> tuple[OwnWords, ...]:
    """What the studies behind the effects say in words on the same question, each statement."""
    inside = {effect.study_id for effect in effects}
    return tuple(
        OwnWords(
            study.id,
            study.name,
            *_said(words, analysis),
            tuple(study.places[key].url for key in words.sources if key in study.places),
        )
        for study in studies
        if study.id in inside
        for words in _words(study, analysis)
    )


def _words(study: Study, analysis: Analysis) -> Iterator[Outcome]:
    """What a study said in words about this domain and cluster at this time, else at a time unclear."""
    told = [o for o in study.outcomes if o.kind == "qualitative" and o.domain == analysis.domain]
    if analysis.cluster == "total":
        told = [o for o in told if o.cluster == "total" and o.finding]
    else:
        told = [o for o in told if analysis.cluster in o.findings_by_cluster]
    wanted = set(analysis.windows)
    near = [o for o in told if wanted & {o.time.window, *o.time.covers}]
    yield from near or [o for o in told if o.time.window is Window.UNCLEAR and not o.time.covers]


def _said(words: Outcome, analysis: Analysis) -> tuple[str, Reading | None]:
    if analysis.cluster != "total":
        reading = words.readings_by_cluster.get(analysis.cluster)
        return words.findings_by_cluster[analysis.cluster], reading
    return words.finding or "", words.reading


def _on_another_measure(
    study: Study, analysis: Analysis, aims: Mapping[Window, float]
) -> tuple[str, Reading | None, tuple[str, ...]] | None:
    """A number that this question's measure or scale cannot take: it is told, not pooled."""
    for outcome in in_order(study, aims):
        if not is_about(outcome, analysis):
            continue
        told = None
        if analysis.measure in ("MD", "SMD") and not matches(outcome, analysis):
            told = _on_another_scale(study, outcome)
        if matches(outcome, analysis) and not outcome.unsettled:
            told = told or _printed(outcome)
        if told:
            return (*told, outcome.sources)
    return None


def _on_another_scale(study: Study, outcome: Outcome) -> tuple[str, Reading] | None:
    effect = controlled_effect(study, outcome, "SMD")
    if effect is None:
        return None
    low, high = effect.interval
    size, left, right = (f"{x:.2f}".replace("-", "\N{MINUS SIGN}") for x in (effect.yi, low, high))
    text = (
        f"{outcome.instrument}, {outcome.time.label}: g {size} ({left} to {right}), "
        "positive favours ketamine; another scale, not pooled"
    )
    reading: Reading = "benefit" if low > 0 else "harm" if high < 0 else "no_difference"
    return text, reading


def _printed(outcome: Outcome) -> tuple[str, Reading] | None:
    contrast = outcome.contrast
    if contrast is None or contrast.estimate is None:
        return None
    text = f"{contrast.measure} {contrast.estimate} ({contrast.ci_low} to {contrast.ci_high})"
    ends = (contrast.ci_low, contrast.ci_high) if contrast.measure in ("OR", "RR") else (None, None)
    no_effect = ends[0] is not None and ends[1] is not None and ends[0] < 1 < ends[1]
    return f"{text}, another measure, not pooled", "no_difference" if no_effect else "unclear"
