"""Doses are read with their units; an infusion is what the pump really did."""

import pytest

from openkap.core.errors import InputError
from openkap.pharmacology import Person, Population, Regimen, simulate
from openkap.pharmacology.absorption import check_dose, check_person, choose
from openkap.pharmacology.model import load_model


@pytest.mark.parametrize("text", ["35", "0.5", "35 min", "35 mL", "-35 mg", "35,5 mg", "mg", "", "35 banana"])
def test_a_dose_without_a_unit_of_mass_is_refused(text):
    with pytest.raises(InputError):
        Regimen.single(route="iv", dose=text)


def test_a_percentage_is_not_a_dose_by_weight():
    with pytest.raises(InputError, match="not a dose"):
        Regimen.single(route="iv", dose="50 %")


@pytest.mark.parametrize(
    ("given", "mg"), [("35 mg", 35), ("0.5 mg/kg", 35), ("500 ug/kg", 35), ("35000 ug", 35), ("0.035 g", 35)]
)
def test_one_dose_written_in_several_units_is_one_dose(given, mg):
    assert Regimen.single(route="iv", dose=given).doses[0].mg(70) == pytest.approx(mg)


def test_an_unknown_route_is_refused_with_the_known_ones():
    with pytest.raises(InputError, match="intranasal"):
        Regimen.single(route="nasal", dose="56 mg")


def test_only_a_vein_takes_an_infusion():
    with pytest.raises(InputError, match="no infusion time"):
        Regimen.single(route="oral", dose="50 mg", over="40 min")


def test_negative_times_are_refused():
    with pytest.raises(InputError, match="negative"):
        Regimen.single(route="iv", dose="35 mg", over=-5.0)
    with pytest.raises(InputError, match="negative"):
        simulate("kamp2020_3cmt_racemic", Regimen.single(route="iv", dose="35 mg"), Person(), [-1.0, 2.0])


def test_times_out_of_order_are_refused():
    with pytest.raises(InputError, match="increase"):
        simulate("kamp2020_3cmt_racemic", Regimen.single(route="iv", dose="35 mg"), Person(), [2.0, 1.0])


def test_a_pause_and_a_change_of_rate_give_what_was_delivered():
    ran = [(0.0, "60 mg/h"), (12.0, "0 mg/h"), (15.0, "30 mg/h")]
    regimen = Regimen.delivered(ran, until_min=45.0)
    assert sum(dose.mg(70) for dose in regimen.doses) == pytest.approx(12 + 15)
    assert [(d.start_min, d.over_min) for d in regimen.doses] == [(0.0, 12.0), (15.0, 30.0)]


def test_rates_out_of_order_are_refused():
    with pytest.raises(InputError, match="order of time"):
        Regimen.delivered([(10.0, "60 mg/h"), (5.0, "0 mg/h")], until_min=20.0)


def test_a_rate_by_weight_follows_the_weight():
    regimen = Regimen.delivered([(0.0, "0.75 mg/kg/h")], until_min=40.0)
    assert regimen.doses[0].mg(94) == pytest.approx(0.5 * 94)


def test_sessions_repeat_with_their_distance():
    course = Regimen.single(route="iv", dose="0.5 mg/kg", over="40 min").repeated(6, every="3.5 d")
    assert [dose.start_min for dose in course.doses][:3] == [0, 5040, 10080]
    with pytest.raises(InputError, match="at least one"):
        course.repeated(0, every="1 d")


def test_a_thousandfold_dose_asks_again_and_names_micrograms():
    regimen = Regimen.single(route="intranasal", dose="56000 mg")
    with pytest.raises(InputError, match="were micrograms meant"):
        check_dose(regimen, "esketamine", 70)
    assert check_dose(regimen, "esketamine", 70, confirmed=True)


def test_a_dose_above_the_label_is_answered_with_a_warning():
    notes = check_dose(Regimen.single(route="intranasal", dose="112 mg"), "esketamine", 70)
    assert "above the highest" in notes[0]


def test_a_dose_on_the_label_passes_silently():
    assert check_dose(Regimen.single(route="intranasal", dose="84 mg"), "esketamine", 70) == []


def test_a_weight_outside_the_models_people_is_called_extrapolation():
    model, regimen = load_model("perezruixo2021_esketamine"), Regimen.single(route="intranasal", dose="56 mg")
    assert any("extrapolation" in note for note in check_person(model, Person(weight_kg=30), regimen))
    inside = check_person(model, Person(weight_kg=39), regimen)
    assert not any("extrapolation" in note for note in inside)


@pytest.mark.parametrize(
    "given", [{"weight": "0.1 kg"}, {"weight": "700 kg"}, {"shoe": "44"}, {"sex": "x"}, {"weight": "70"}]
)
def test_an_impossible_or_unknown_covariate_is_refused(given):
    with pytest.raises(InputError):
        Person.of(**given)


def test_subcutaneous_racemic_ketamine_is_refused_because_no_human_kinetics_exist():
    with pytest.raises(InputError, match="no human subcutaneous kinetics"):
        choose("subcutaneous", "racemic_ketamine")


def test_a_crowd_of_nobody_is_refused():
    with pytest.raises(InputError, match="that many people"):
        Population.around(Person(), 0, seed=1)
