"""Numbers as a reader sees them, and the sentences that must stand beside a pool."""

from __future__ import annotations

import re
from collections.abc import Container, Sequence

from openkap.evidence.answers import Answer
from openkap.evidence.base import Base
from openkap.evidence.silence import OwnWords, Silent
from openkap.evidence.study import Study

# What one unit of each measure is called.
UNITS = {"SMD": "g", "MD": "points", "RR": "risk ratio", "change": "points"}
# Which way each measure points: a number without it is read by guess.
SIDES = {
    "SMD": "above 0 favours ketamine",
    "MD": "above 0 favours ketamine",
    "RR": "above 1 is more on ketamine",
    "change": "above 0 is a fall",
}


def number(value: float, digits: int = 2) -> str:
    """Fixed digits with a true minus sign, and never minus zero."""
    text = f"{value:.{digits}f}"
    if float(text) == 0:
        text = text.lstrip("-")
    return text.replace("-", "\N{MINUS SIGN}")


def minus(text: str) -> str:
    """Printed numbers with a true minus sign; ranges and names such as CAPS-5 keep their hyphen."""
    return re.sub(r"(?<![\w-])-(?=\d)", "\N{MINUS SIGN}", text)


def dashed(text: str) -> str:
    """Ranges of pages and years with an en dash."""
    return re.sub(r"(?<=\d)-(?=[A-Za-z]?\d)", "\N{EN DASH}", text)


def percent(share: float) -> str:
    """A share with one decimal, as harms are read."""
    return f"{100 * share:.1f}%"


def effect(answer: Answer) -> str:
    """Estimate and 95% interval on the reader's scale with the side it favours, or that there is none."""
    return size(answer, f"; {SIDES[answer.analysis.measure]}")


def size(answer: Answer, side: str = "") -> str:
    """Estimate and 95% interval, where the text around it says the side already."""
    if answer.estimate is None or answer.interval is None:
        return "no usable controlled number" if answer.analysis.design == "controlled" else "no usable number"
    value = number(answer.shown(answer.estimate))
    low, high = (number(answer.shown(each)) for each in answer.interval)
    span = f"(95% interval {low} to {high}{side})"
    if answer.analysis.measure not in ("MD", "change"):
        return f"{UNITS[answer.analysis.measure]} {value} {span}"
    if answer.analysis.domain == "durability":
        return f"{value} days {span}"
    scales = ", ".join(dict.fromkeys(each.instrument for each in answer.effects))
    return f"{value} {scales} points {span}"


def behind(answer: Answer) -> str:
    """How many studies and people an estimate rests on."""
    studies = len(answer.effects)
    names = ", ".join(each.study for each in answer.effects)
    people = f"{answer.people} people"
    if answer.measured != answer.people:
        # Without the word a reader would add up counts of two kinds.
        people += f", {answer.measured} in the numbers"
    return f"{studies} {'study' if studies == 1 else 'studies'} ({names}; {people})"


def against(answer: Answer) -> tuple[OwnWords, ...]:
    """The studies behind a number that themselves say, in words, that there was no difference or harm."""
    return tuple(each for each in answer.own_words if each.reading in ("no_difference", "harm"))


def own_said(answer: Answer) -> str:
    """Those words, each study's together and none twice, to stand beside the number."""
    by_study: dict[str, list[str]] = {}
    for each in against(answer):
        by_study.setdefault(each.study, []).append(each.said)
    told = "; ".join(f"{study} ({'; '.join(_once(said))})" for study, said in by_study.items())
    return f"Beside the number, their own reports say: {told}." if told else ""


def _once(said: list[str]) -> list[str]:
    """Each statement but those that a longer one holds already."""
    given = dict.fromkeys(said)
    return [text for text in given if not any(text in other and text != other for other in given)]


def loud(answer: Answer, told: Container[str] = (), head: str | None = None) -> str:
    """Who is not in the number: the largest silent trial first, by name, size and what it said.

    ``told`` are trials whose numbers stand in the text though they could not be used: they are not silent.
    """
    silent = [each for each in answer.silent if each.study_id not in told]
    if not silent:
        return ""
    first, *others = silent
    if head is None:
        head = "NOT IN THIS NUMBER" if answer.effects else "NOT TOLD HERE" if told else "WITHOUT A NUMBER"
    said = f"said: {first.said}" if first.reading else "gave nothing usable here"
    largest = "the largest trial known, " if _is_largest(first, answer) else ""
    text = f"{head}: {first.study} ({_people(first.people)}), {largest}{said}."
    if others:
        named = ", ".join(f"{each.study} ({_people(each.people)})" for each in others)
        text += f" Nor {'are' if len(others) > 1 else 'is'} {named}."
    people = sum(each.people or 0 for each in silent)
    return f"{text} Together {people} of {answer.people + answer.silent_people} people known."


def held_back(answer: Answer) -> str:
    """Which results the integrity gate keeps out of an answer, each with what contradicts what."""
    return _held([(e.study, e.outcome_id, e.reason) for e in answer.left_out if e.held_back])


def held_back_anywhere(base: Base) -> str:
    """Every result with numbers that is not settled, in whichever answer it would stand."""
    outcomes = [(study, each.id, each.unsettled) for study in base.studies for each in study.outcomes]
    harms = [(study, each.term, each.unsettled) for study in base.studies for each in study.adverse_events]
    return _held([(study.name, what, "; ".join(why)) for study, what, why in (*outcomes, *harms) if why])


def _held(results: Sequence[tuple[str, str, str]]) -> str:
    """Results of one study for one reason stand together."""
    together: dict[tuple[str, str], list[str]] = {}
    for study, what, why in results:
        together.setdefault((study, why), []).append(what)
    told = [f"{study} ({', '.join(what)}: {why})" for (study, why), what in together.items()]
    return f"HELD BACK by the integrity gate: {minus('; '.join(told))}." if told else ""


def is_awaited(answer: Answer) -> bool:
    """Is all that some study could say to the question held back? It may speak against the rest."""
    heard = {each.study_id for each in answer.effects}
    return any(each.held_back and each.study_id not in heard for each in answer.left_out)


def unstandardised(answer: Answer) -> str:
    """Why a crossover's difference stands in points of its own scale and beside no other number."""
    names = [each.study for each in answer.effects if each.is_crossover]
    if answer.analysis.measure != "MD" or not names:
        return ""
    return (
        f"IN POINTS ONLY: {', '.join(names)} gave both treatments to the same people. A standardised "
        "difference of pairs needs the standard deviations and the correlation between the periods; neither "
        "was read, and neither is made up, so this number cannot be set beside those in standard deviations."
    )


def heading(word: str) -> str:
    """A word of the records as it stands in a heading."""
    return "PTSD" if word == "ptsd" else word


def mixed(answer: Answer) -> str:
    """That a pool mixes what should not be pooled, as a sentence; empty where it does not."""
    return f"MIXED IN THIS NUMBER: {answer.mixed_scores}." if answer.mixed_scores else ""


def _is_largest(silent: Silent, answer: Answer) -> bool:
    return (silent.people or 0) > max((each.recruited or 0 for each in answer.effects), default=0)


def _people(size: int | None) -> str:
    return f"{size} people" if size is not None else "size not found"


def silent_trials(
    head: str, trials: Sequence[Study], heard: Container[str], partly: Container[str] = ()
) -> tuple[str, float]:
    """The trials that say nothing, by name and the largest first, and their share of all people known.

    ``partly`` say some of what was asked: they stand in the list and are marked.
    """
    silent = [study for study in trials if study.id not in heard]
    people, known = (sum(each.sample.largest or 0 for each in group) for group in (silent, trials))
    if not silent:
        return "", 0.0
    named = ", ".join(
        f"{each.name} ({_people(each.sample.largest)}{', counted in part' if each.id in partly else ''})"
        for each in sorted(silent, key=lambda each: (-(each.sample.largest or 0), each.id))
    )
    return f"{head}: {named}. Together {people} of {known} people known.", people / known if known else 1.0


def normal_theory(answer: Answer) -> str:
    """The narrower normal interval of a pool of few, and why it is not the one shown."""
    if not answer.pooled or not answer.normal or answer.pooled.k > 4:
        return ""
    low, high = (number(answer.shown(x)) for x in (answer.normal.ci_low, answer.normal.ci_high))
    return (
        f"With {answer.pooled.k} studies the Knapp-Hartung interval has {answer.pooled.df} degree"
        f"{'s' if answer.pooled.df != 1 else ''} of freedom; a normal interval, which is too narrow for so "
        "few, "
        f"would run from {low} to {high}."
    )
