"""Made-up trials, for rules that no shipped record exercises. No number here is of a real study."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

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
    Tier,
    Timepoint,
    Window,
)

KETAMINE, CONTROL = "ket", "mid"


def severity(
    outcome_id: str,
    means: tuple[str, str],
    *,
    day: int | None = 14,
    window: Window = Window.END_OF_COURSE,
    sd: str = "10",
    n: int = 20,
    phase: str | None = None,
    instrument: str = "PCL-5",
    **more: Any,
) -> Outcome:
    """A total score in both arms at one time: means of ketamine and control."""
    values = tuple(
        ArmValue(arm_id=arm, n=n, mean=Decimal(mean), sd=Decimal(sd))
        for arm, mean in zip((KETAMINE, CONTROL), means, strict=True)
    )
    days = None if day is None else Decimal(day)
    time = Timepoint(label=f"day {day}", window=window, days_from_first_dose=days, phase=phase)
    return _outcome(outcome_id, kind="arm_level", values=values, time=time, instrument=instrument, **more)


def words(outcome_id: str, finding: str, reading: str, window: Window = Window.END_OF_COURSE) -> Outcome:
    """A statement about total severity."""
    time = Timepoint(label="in words", window=window)
    return _outcome(outcome_id, kind="qualitative", finding=finding, reading=reading, time=time)


def counts(outcome_id: str, events: tuple[int, int], n: int = 20) -> Outcome:
    """Responders in both arms."""
    return _outcome(
        outcome_id,
        kind="binary",
        time=Timepoint(label="day 14", window=Window.END_OF_COURSE),
        events=dict(zip((KETAMINE, CONTROL), events, strict=True)),
        n={KETAMINE: n, CONTROL: n},
    )


def _outcome(outcome_id: str, **fields: Any) -> Outcome:
    about = {"instrument": "PCL-5", "domain": "ptsd", "cluster": "total", "sources": ("S1",)}
    return Outcome(id=outcome_id, **{**about, **fields})


def trial(*outcomes: Outcome, study_id: str = "made", design: str = "RCT parallel", **more: Any) -> Study:
    """A randomised trial of 40 people."""
    return Study(
        id=study_id,
        label=study_id.title(),
        record="study",
        group=Group.EFFICACY_RCT,
        citation=Citation(title="Made up", sources=("S1",)),
        design=Design(type=design),
        sample=Sample(randomised=40),
        arms=(
            Arm(id=KETAMINE, label="Ketamine", role="intervention", drug="ketamine", sources=("S1",)),
            Arm(id=CONTROL, label="Midazolam", role="comparator", drug="midazolam", sources=("S1",)),
        ),
        outcomes=outcomes,
        places={"S1": Place(url="https://example.org", holds="made up", tier=Tier.A)},
        **more,
    )
