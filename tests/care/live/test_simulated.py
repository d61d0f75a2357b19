"""The simulated patient is content: what it assumes is labelled so, and the monitor shows what content says."""

from __future__ import annotations

import shutil

import pytest

from openkap.care.live import simulated
from openkap.care.live.assumptions import PLACE, assumptions, tally
from openkap.care.live.scenario import scenarios
from openkap.care.treatment.dose.delivered import Given
from openkap.core.content import SHIPPED
from openkap.core.errors import DomainError
from openkap.protocol.elements import dictionary

NOTHING_GIVEN = Given(((0.0, 0.0),), 0.0, 0.0, "stopped", None)
TEXT = (SHIPPED / PLACE).read_text(encoding="utf-8")


def written(root, text):
    shutil.copytree(SHIPPED / "sources", root / "sources")
    (root / PLACE).parent.mkdir()
    (root / PLACE).write_text(text, encoding="utf-8")
    return root


def monitor(name="hypertension"):
    scenario, _ = scenarios()[name]
    return scenario, simulated.trace(scenario, NOTHING_GIVEN, 7, {})["values"]


def test_every_number_that_is_nobody_s_finding_is_labelled_a_training_assumption():
    held = assumptions().all
    assert {each.grade.value for each in held} == {"platform"}
    assert all(each.basis.startswith("training assumption: ") for each in held)


def test_the_monitor_shows_the_levels_and_the_scatter_of_content(tmp_path, monkeypatch):
    _, before = monitor()
    assert before["spo2"][0] == 98
    assert len(set(before["sbp"][:40])) > 1
    other = TEXT.replace("98 %", "95 %").replace("2.5 mm[Hg]", "0 mm[Hg]")
    held = assumptions(written(tmp_path, other))
    monkeypatch.setattr(simulated, "assumptions", lambda: held)
    scenario, after = monitor()
    assert set(after["spo2"]) == {95}
    # Before the event nothing moves the pressure but the scatter.
    assert set(after["sbp"][:40]) == {int(scenario.person.sbp)}


def test_a_change_comes_and_goes_in_the_time_that_content_gives_it(tmp_path, monkeypatch):
    text = TEXT.replace("2.5 mm[Hg]", "0 mm[Hg]")
    held = assumptions(written(tmp_path, text.replace("value: 3 min", "value: 10 min")))
    monkeypatch.setattr(simulated, "assumptions", lambda: held)
    scenario, values = monitor()
    (event,) = scenario.events
    half_way = int((float(event.at) + 5) / simulated.STEP_MIN)
    assert values["sbp"][half_way] == int(scenario.person.sbp) + int(event.change["sbp"]) // 2


@pytest.mark.parametrize("name", sorted(scenarios()))
def test_the_monitor_stays_within_what_each_element_can_be(name):
    _, values = monitor(name)
    for element, curve in values.items():
        bounds = dictionary()[element].impossible
        assert bounds.below <= min(curve)
        assert max(curve) <= bounds.above


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("id: rises", "id: climbs"),
        ("value: 3 min", "value: 3 mg"),
        ('value: "98 %"', 'value: "98"'),
        ("id: spo2,", "id: oxygen,"),
        ("id: respiratory_rate,", "id: heart_rate,"),
        ('sources: [OPENKAP], basis: "training assumption: half way"', "sources: [NOBODY], basis: half way"),
    ],
)
def test_an_assumption_that_is_missing_or_in_no_unit_or_without_a_source_is_refused(tmp_path, old, new):
    assert old in TEXT
    root = written(tmp_path, TEXT.replace(old, new))
    with pytest.raises(DomainError):
        assumptions(root)
    assert tally(root)[0].errors
