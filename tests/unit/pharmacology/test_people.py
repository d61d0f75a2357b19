"""Covariates and variability do what their papers say."""

import sys

import numpy as np
import pytest

from openkap.core.errors import InputError
from openkap.pharmacology import Person, Population, Regimen, load_model, simulate
from openkap.pharmacology.crowd import virtual_crowd
from openkap.pharmacology.individual import Measurement, learn
from openkap.pharmacology.variability import individual_parameters, random_effects

IV = Regimen.single(route="iv", dose="0.5 mg/kg", over="40 min")


def test_clearance_grows_with_three_quarters_of_weight():
    people = Population.of([Person(weight_kg=70), Person(weight_kg=140)])
    values, _ = individual_parameters(load_model("kamp2020_3cmt_racemic"), people)
    assert values["CL"][1] / values["CL"][0] == pytest.approx(2**0.75)
    assert values["V1"][1] / values["V1"][0] == pytest.approx(2)


def test_hepatic_flow_falls_by_2_19_litres_an_hour_for_each_year_above_sixty():
    people = Population.of([Person(age_years=a) for a in (30, 60, 70)])
    values, _ = individual_parameters(load_model("perezruixo2021_esketamine"), people)
    np.testing.assert_allclose(values["Qh"] * 60, [151, 151, 151 - 21.9])


def test_japanese_ancestry_counts_as_asian_too():
    people = Population.of([Person(), Person(ancestry="asian"), Person(ancestry="japanese")])
    values, _ = individual_parameters(load_model("perezruixo2021_esketamine"), people)
    np.testing.assert_allclose(values["kel"] * 60, [1.11, 1.11 * 0.36, 1.11 * 0.36])
    np.testing.assert_allclose(values["FRn"], [0.54, 0.54, 0.54 * 1.34])


def test_random_effects_have_the_published_variances_and_covariance():
    people = Population.around(Person(weight_kg=70), 40_000, seed=3)
    values, _ = individual_parameters(load_model("fanta2015_otto2021_esketamine"), people)
    found = np.cov(np.log([values["V1"], values["CL"], values["Vnk"], values["CLnk"]]))
    # Otto 2021, OMEGA blocks; the standard error of a variance from 40,000 draws is 0.7 % of it.
    expected = [[0.084177, 0.02261], [0.02261, 0.026048]]
    np.testing.assert_allclose(found[:2, :2], expected, rtol=0.04)
    np.testing.assert_allclose(found[2:, 2:], [[0.040426, 0.04456], [0.04456, 0.10319]], rtol=0.04)


def test_a_fraction_varies_on_the_logit_scale_and_stays_a_fraction():
    people = Population.around(Person(), 20_000, seed=4)
    values, _ = individual_parameters(load_model("perezruixo2021_esketamine"), people)
    logits = np.log(values["FRn"] / (1 - values["FRn"]))
    assert logits.std() == pytest.approx(0.708, rel=0.03)
    assert values["FRn"].max() < 1


def test_borrowed_variability_is_said_and_has_the_lenders_size():
    people = Population.around(Person(weight_kg=70), 2000, seed=1)
    result = simulate("clements1981_racemic_250", IV, people, [40.0])
    assert any("borrowed from fanta2015_otto2021_esketamine" in note for note in result.warnings)
    effects = random_effects(load_model("clements1981_racemic_250"))
    # k10 = CL / V1: var(CL) + var(V1) - 2 cov
    assert effects.covariance[1, 1] == pytest.approx(0.026048 + 0.084177 - 2 * 0.02261)
    # k10 and V1 pull against each other: cov(CL - V1, V1)
    assert effects.covariance[0, 1] == pytest.approx(0.02261 - 0.084177)


def test_a_model_without_any_variability_says_so():
    people = Population.around(Person(weight_kg=40), 3, seed=1)
    result = simulate("herd2007_paed_racemic", IV, people, [40.0])
    assert any("no between-person variability" in note for note in result.warnings)
    assert np.ptp(result.parent) == 0


def test_parameter_uncertainty_widens_the_band():
    people = Population.around(Person(weight_kg=70), 3000, seed=2)
    narrow = simulate("simons2022_esketamine_otf", IV, people, [40.0]).parent.std()
    wide = simulate("simons2022_esketamine_otf", IV, people, [40.0], uncertainty=True).parent.std()
    assert wide > narrow


def test_a_virtual_crowd_has_the_bodies_of_the_published_people():
    crowd = virtual_crowd(20_000, seed=1)
    assert np.median(crowd.weight_kg) == pytest.approx(74, rel=0.01)
    assert np.median(crowd.age_years) == pytest.approx(45, abs=0.5)
    assert crowd.flags["female"].mean() == pytest.approx(0.584, abs=0.01)
    assert (crowd.weight_kg.min(), crowd.weight_kg.max()) >= (39, 0)
    assert crowd.weight_kg.max() <= 170


def test_many_people_in_chunks_are_the_same_people(monkeypatch):
    people = Population.around(Person(weight_kg=70), 300, seed=9)
    whole = simulate("kamp2020_3cmt_racemic", IV, people, [10.0, 40.0, 90.0]).parent
    # The function of the same name hides the module behind the package's attribute.
    monkeypatch.setattr(sys.modules["openkap.pharmacology.simulate"], "_CHUNK", 70)
    monkeypatch.setattr("openkap.pharmacology.disposition.PEOPLE_AT_ONCE", 33)
    np.testing.assert_allclose(
        simulate("kamp2020_3cmt_racemic", IV, people, [10.0, 40.0, 90.0]).parent, whole, rtol=1e-12
    )


def test_measured_levels_pull_a_person_towards_the_truth():
    model = load_model("fanta2015_otto2021_esketamine")
    regimen = Regimen.single(route="iv", dose="30 mg", over="40 min")
    truth = Person(weight_kg=80, effects={"CL": 0.3, "V1": -0.2})
    minutes = [20.0, 40.0, 60.0, 120.0, 240.0, 360.0]
    levels = simulate(model, regimen, truth, minutes).parent[0]
    measured = [Measurement(t, float(c)) for t, c in zip(minutes, levels, strict=True)]
    found = learn(model, regimen, Person(weight_kg=80), measured)
    before, after = found.change["CL"]
    assert before * 60 == pytest.approx(95.2 * (80 / 70) ** 0.75)
    assert before < after < before * np.exp(0.3)  # shrunk towards the prior, past half way
    assert found.person.effects["CL"] > 0.15
    assert found.effect_sd["CL"][1] < found.effect_sd["CL"][0]
    misfits = [abs(np.log(c / p[i])) for i in (0, 1) for c, p in zip(levels, found.predicted, strict=True)]
    assert sum(misfits[6:]) < sum(misfits[:6])


def test_one_vague_measurement_hardly_moves_a_person():
    model = load_model("fanta2015_otto2021_esketamine")
    regimen = Regimen.single(route="iv", dose="30 mg", over="40 min")
    typical = float(simulate(model, regimen, Person(weight_kg=80), [60.0]).parent[0, 0])
    found = learn(model, regimen, Person(weight_kg=80), [Measurement(60.0, typical)])
    assert found.person.effects["CL"] == pytest.approx(0, abs=1e-6)


def test_a_model_without_variability_cannot_learn():
    with pytest.raises(InputError, match="nothing can be learnt"):
        learn("herd2007_paed_racemic", IV, Person(weight_kg=40), [Measurement(10.0, 100.0)])


def test_a_level_of_zero_is_not_a_measurement():
    with pytest.raises(InputError, match="above zero"):
        Measurement(10.0, 0.0)
