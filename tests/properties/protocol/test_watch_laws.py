"""A law of the watch: after one more reading, looking at it and what follows it tells all that looking at all does."""

from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from openkap.core.quantity import Quantity
from openkap.protocol.monitoring import Reading, Watch, watch
from openkap.protocol.read import load_protocol

PROTOCOL = load_protocol("iv-racemic")
START = datetime(2026, 11, 23, 10, tzinfo=UTC)
NOW = START + timedelta(minutes=125)
UNITS = {"sbp": "mm[Hg]", "dbp": "mm[Hg]", "heart_rate": "/min", "spo2": "%"}
BASELINE = Reading(START, {"sbp": Quantity.of(122, "mm[Hg]"), "dbp": Quantity.of(78, "mm[Hg]")})
# On both sides of the limits, and measures that are missing.
CHOICES = {
    "sbp": (110, 140, 182, 201),
    "dbp": (70, 90, 112),
    "heart_rate": (45, 70, 125, 135),
    "spo2": (87, 92, 97),
}


@st.composite
def readings(draw: st.DrawFn) -> Reading:
    minute = draw(st.integers(-5, 120))
    seen = {name: draw(st.sampled_from((None, *numbers))) for name, numbers in CHOICES.items()}
    values = {name: Quantity.of(number, UNITS[name]) for name, number in seen.items() if number is not None}
    return Reading(START + timedelta(minutes=minute), values)


def told(found: Watch) -> set[tuple[str, datetime]]:
    """The alerts of readings; that one is late is worked out from what is due."""
    return {(alert.rule.id, alert.at) for alert in found.alerts if alert.rule.id != "VIT-14"}


@given(before=st.lists(readings(), max_size=7), new=readings())
@settings(deadline=None, max_examples=300)
def test_what_a_reading_can_change_is_found_by_looking_from_it_on(
    before: list[Reading], new: Reading
) -> None:
    kept = told(watch(PROTOCOL, before, started_at=START, now=NOW, baseline=BASELINE))
    whole = watch(PROTOCOL, [*before, new], started_at=START, now=NOW, baseline=BASELINE)
    part = watch(PROTOCOL, [*before, new], started_at=START, now=NOW, baseline=BASELINE, since=new.at)
    assert part.next_due == whole.next_due
    assert told(part) <= told(whole) <= kept | told(part)


@given(taken=st.lists(readings(), max_size=8))
@settings(deadline=None, max_examples=200)
def test_what_is_due_is_known_without_looking_at_the_readings_that_were_answered(
    taken: list[Reading],
) -> None:
    whole = watch(PROTOCOL, taken, started_at=START, now=NOW, baseline=BASELINE)
    assert (
        watch(PROTOCOL, taken, started_at=START, now=NOW, baseline=BASELINE, since=NOW).next_due
        == whole.next_due
    )
