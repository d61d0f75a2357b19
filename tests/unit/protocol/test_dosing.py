"""A dose shows its arithmetic; what no source gives is said to be missing."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openkap.core.errors import InputError
from openkap.core.quantity import Quantity
from openkap.protocol.dosing import propose
from openkap.protocol.elements import dictionary
from openkap.protocol.facts import Facts, parse_facts
from openkap.protocol.read import load_protocol

from .conftest import AS_OF

IV, IN, IM = (load_protocol(name) for name in ("iv-racemic", "intranasal-esketamine", "im-racemic"))
Person = Callable[..., Facts]


def weighing(weight: str, **more: Any) -> Facts:
    return parse_facts({"facts": {"body_weight": weight, **more}}, dictionary(), as_of=AS_OF)


def test_half_a_milligram_a_kilogram_over_forty_minutes_by_hand() -> None:
    # 0.5 mg/kg x 70 kg = 35 mg; 35 mg in 40 min = 52.5 mg/h; at 10 mg/mL 3.5 mL, 5.25 mL/h.
    amount = propose(weighing("70 kg"), IV).amounts[0]
    assert str(amount.dose) == "35.0 mg"
    assert str(amount.rate) == "52.5 mg/h"
    ten, fifty, hundred = amount.draws
    assert (str(ten.volume), str(ten.rate)) == ("3.50 mL", "5.2 mL/h")
    assert (str(fifty.volume), str(fifty.rate)) == ("0.70 mL", "1.0 mL/h")
    # Made up to 100 mL over 40 min: 150 mL/h.
    assert (str(hundred.volume), str(hundred.rate)) == ("0.35 mL", "150.0 mL/h")


def test_the_strongest_vial_is_never_given_undiluted_by_vein() -> None:
    strongest = propose(weighing("70 kg"), IV).amounts[0].draws[2]
    assert strongest.product.strength == "100 mg/mL"
    assert strongest.warning.startswith("Never give 100 mg/mL undiluted")
    assert "syringe pump" not in strongest.text
    into_muscle = propose(weighing("70 kg"), IM).amounts[0].draws
    assert not any(draw.warning for draw in into_muscle)


def test_pounds_are_converted_before_the_arithmetic() -> None:
    # 207 lb x 0.45359237 = 93.8936... kg; half a milligram each is 46.9 mg.
    assert str(propose(weighing("207 lb"), IV).amounts[0].dose) == "46.9 mg"


def test_nasal_doses_are_whole_devices_without_weight() -> None:
    proposal = propose(parse_facts({"facts": {}}, dictionary(), as_of=AS_OF), IN, step="higher")
    assert proposal.amounts[0].draws[0].devices == 3
    assert "Rest five minutes between devices" in proposal.notices


def test_an_old_or_unusual_weight_gives_no_dose() -> None:
    for weight in ({"value": "70 kg", "at": "2020-01-01"}, "300 kg"):
        with pytest.raises(InputError, match="needs the body weight"):
            propose(weighing(weight), IV)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="needs the body weight"):
        propose(parse_facts({"facts": {}}, dictionary(), as_of=AS_OF), IV)


def test_a_high_body_mass_index_shows_both_bases_once_the_ideal_weight_is_entered() -> None:
    heavy = weighing("110 kg", height="170 cm")
    alone = propose(heavy, IV)
    assert len(alone.amounts) == 1
    assert any("the sources give no formula" in notice for notice in alone.notices)
    both = propose(heavy, IV, ideal_weight=Quantity.parse("66 kg"))
    assert [str(amount.dose) for amount in both.amounts] == ["55.0 mg", "33.0 mg"]
    assert str(both.amounts[1].per_kg_of_actual) == "0.300 mg/kg"


def test_an_older_adult_is_shown_the_lower_step() -> None:
    assert propose(weighing("70 kg", age="70 a"), IV).suggested_step == "lower"
    assert propose(weighing("70 kg", age="64 a"), IV).suggested_step is None


def test_a_missing_ceiling_is_said() -> None:
    assert any(notice.startswith("No ceiling") for notice in propose(weighing("70 kg"), IV).notices)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"step": "double"}, "no such dosing step"),
        ({"over": Quantity.parse("0 min")}, "leaves the range"),
        ({"over": Quantity.parse("1 s")}, "leaves the range"),
        ({"over": Quantity.parse("40 h")}, "leaves the range"),
        ({"over": Quantity.parse("40 mg")}, "two dimensions"),
        ({"ideal_weight": Quantity.parse("200 kg")}, "would raise the dose"),
        ({"ideal_weight": Quantity.parse("5 mL")}, "two dimensions"),
    ],
)
def test_what_makes_no_sense_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        propose(weighing("70 kg"), IV, **options)


def test_only_an_infusion_has_a_duration() -> None:
    with pytest.raises(InputError, match="only an infusion"):
        propose(weighing("70 kg"), IM, over=Quantity.parse("10 min"))


@pytest.mark.parametrize(
    ("fact", "rule"),
    [
        ({"age": "17 a"}, "EXC-19"),
        ({"hypersensitivity_ketamine_or_esketamine": "yes"}, "EXC-04"),
        ({"pregnancy_test": "positive", "could_be_pregnant": "no"}, "EXC-06"),
    ],
)
def test_no_dose_is_proposed_for_somebody_who_is_excluded(fact: dict[str, Any], rule: str) -> None:
    for protocol in (IV, IN, IM):
        with pytest.raises(InputError, match=rule):
            propose(weighing("70 kg", **fact), protocol)


def test_an_infusion_may_take_any_time_between_the_steps_of_the_protocol() -> None:
    # 35 mg in 60 min.
    assert str(propose(weighing("70 kg"), IV, over=Quantity.parse("60 min")).amounts[0].rate) == "35.0 mg/h"


@given(st.decimals(Decimal(35), Decimal(250), places=1))
def test_the_amounts_agree_with_each_other_for_any_weight(kilograms: Decimal) -> None:
    amount = propose(weighing(f"{kilograms} kg"), IV).amounts[0]
    assert abs(amount.dose.value - kilograms / 2) <= Decimal("0.05")
    for draw in amount.draws:
        assert draw.volume is not None
        strength = Quantity.parse(draw.product.strength or "").value
        assert abs(draw.volume.value * strength - amount.dose.value) <= Decimal("0.005") * strength
