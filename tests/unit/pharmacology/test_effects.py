"""Blood pressure, dissociation, occupancy, interactions, exposure: only as far as sourced, and said so."""

import math

import numpy as np
import pytest

from openkap.core.errors import InputError
from openkap.pharmacology import Person, Population, Regimen, load_model, simulate
from openkap.pharmacology.effect import dissociation, occupancy
from openkap.pharmacology.exposure import equivalent_dose, exposure, output_times, time_above
from openkap.pharmacology.haemodynamics import EarlierSession, expected_vitals
from openkap.pharmacology.interaction import apply_interaction

IV = Regimen.single(route="iv", dose="0.5 mg/kg", over="40 min")
ADA = Person(weight_kg=70)
TIMES = np.arange(0, 241.0)


def test_the_mean_rise_at_the_end_of_an_infusion_is_the_published_one():
    found = expected_vitals(IV, ADA, TIMES)
    at_185 = found.bands["systolic"].slope.mean * 185
    assert at_185 == pytest.approx(16.0)
    assert TIMES[found.bands["systolic"].middle.argmax()] == 40


def test_the_band_holds_the_published_spread():
    slope = expected_vitals(IV, ADA, TIMES).bands["systolic"].slope
    spread = slope.mean * math.sqrt(math.exp(slope.log_sd**2) - 1) * 185
    assert spread == pytest.approx(11.2)


def test_a_paused_infusion_lowers_the_band_at_once():
    paused = Regimen.delivered([(0.0, "52.5 mg/h"), (20.0, "0 mg/h")], until_min=40.0)
    band = expected_vitals(paused, ADA, TIMES).bands["systolic"].middle
    assert band[40] < band[20]


def test_earlier_sessions_shift_the_band_and_show_the_change():
    high = EarlierSession(IV, [20.0, 40.0, 60.0], [25.0, 33.0, 22.0], [15.0, float("nan"), 14.0])
    found = expected_vitals(IV, ADA, TIMES, earlier=[high])
    systolic = found.bands["systolic"]
    assert systolic.slope.median > systolic.prior.median
    assert systolic.slope.log_sd < systolic.prior.log_sd
    assert systolic.slope.readings == 3
    assert found.bands["diastolic"].slope.readings == 2
    assert found.bands["heart_rate"].slope == found.bands["heart_rate"].prior


def test_what_the_band_lacks_is_said():
    found = expected_vitals(IV, Person(weight_kg=70, age_years=63), TIMES)
    assert any("50 years" in note for note in found.warnings)
    assert any("heart_rate" in note and "borrowed" in note for note in found.warnings)
    assert "openkap" in found.sources  # the assumed spread of one reading is owned up to


def test_absolute_values_start_at_the_persons_own_reading():
    found = expected_vitals(IV, ADA, TIMES)
    low, middle, high = found.absolute("systolic", 128.0)
    assert low[0] == middle[0] == high[0] == 128.0


def test_readings_without_their_times_are_refused():
    with pytest.raises(InputError, match="one reading for each time"):
        expected_vitals(IV, ADA, TIMES, earlier=[EarlierSession(IV, [20.0], [1.0, 2.0], [1.0])])


def test_half_of_the_strongest_high_is_reached_at_the_c50():
    model = load_model("simons2022_esketamine_otf")
    result = simulate(model, Regimen.single(route="iv", dose="20 mg", over="20 min"), ADA, TIMES)
    course = dissociation(result)
    np.testing.assert_allclose(course.intensity, result.parent / (result.parent + 71))
    assert course.probability.max() == 1


def test_dissociation_of_a_nasal_dose_quotes_the_trials_and_computes_no_incidence():
    model = load_model("perezruixo2021_esketamine")
    result = simulate(model, Regimen.single(route="intranasal", dose="84 mg"), ADA, TIMES)
    rows = {(row.id, row.percent) for row in dissociation(result).incidences}
    assert {("transform1_84", 27.6), ("aspire_84", 33.9)} <= rows


def test_occupancy_is_called_theoretical_and_matches_the_worked_example():
    # The library's own: 92.5 ng/mL S, unbound 0.56, Ki 71.3 ng/mL give 0.42.
    model = load_model("simons2022_esketamine_otf")
    result = simulate(model, Regimen.single(route="iv", dose="20 mg", over="20 min"), ADA, TIMES)
    found = occupancy(result)
    near = np.abs(result.parent - 92.5).argmin()
    level = result.parent.flat[near]
    assert found.share.flat[near] == pytest.approx(level * 0.56 / (level * 0.56 + 71.3))
    assert found.warnings[0].startswith("theoretical")


@pytest.mark.parametrize(
    ("model", "route", "ratio"),
    [
        ("fanta2015_otto2021_esketamine", "iv", 0.86),
        ("simons2022_esketamine_otf", "iv", 0.86),
        ("perezruixo2021_esketamine", "iv", 0.86),
        ("perezruixo2021_esketamine", "oral", 0.14),
    ],
)
def test_rifampicin_cuts_the_oral_area_far_more_than_the_intravenous(model, route, ratio):
    plain, regimen = load_model(model), Regimen.single(route=route, dose="28 mg")
    changed = apply_interaction(plain, regimen, "rifampicin")

    def area(which, doses):
        return exposure(simulate(which, doses, ADA, output_times(doses, 1440))).auc_infinite[0]

    assert area(changed.model, changed.regimen) / area(plain, regimen) == pytest.approx(ratio)


def test_an_interaction_without_a_ratio_changes_nothing_and_says_so():
    model, regimen = load_model("perezruixo2021_esketamine"), Regimen.single(route="intranasal", dose="56 mg")
    changed = apply_interaction(model, regimen, "rifampicin")
    assert (changed.model, changed.regimen) == (model, regimen)
    assert "no ratio found" in changed.warnings[0]


def test_an_unknown_interaction_is_not_taken_for_none():
    with pytest.raises(InputError, match="unknown"):
        apply_interaction(load_model("perezruixo2021_esketamine"), IV, "aspirin")


def test_equal_areas_need_the_dose_that_linearity_demands():
    kamp, nasal = load_model("kamp2020_3cmt_racemic"), load_model("perezruixo2021_esketamine")
    spray = Regimen.single(route="intranasal", dose="84 mg")
    found = equivalent_dose((kamp, IV), (nasal, spray), ADA, n=400)
    # Typical values: 35 mg / 84 L/h against the area of 84 mg; the crowd's median lies near their ratio.
    area = exposure(simulate(nasal, spray, ADA, output_times(spray, 1440))).auc_infinite[0]
    assert found.median_mg == pytest.approx(84 * (35 / 84 * 1000) / area, rel=0.07)
    assert found.low_mg < found.median_mg < found.high_mg
    assert any("racemic" in note for note in found.warnings)


def test_time_above_a_level_counts_crossings_between_points():
    result = simulate("kamp2020_3cmt_racemic", IV, ADA, np.arange(0, 241, 2.0))
    fine = simulate("kamp2020_3cmt_racemic", IV, ADA, np.arange(0, 240.01, 0.01))
    expected = (fine.parent[0] > 100).sum() * 0.01
    assert time_above(result, 100)[0] == pytest.approx(expected, abs=0.3)


def test_an_area_is_exact_however_coarse_the_times():
    coarse = simulate("kamp2020_3cmt_racemic", IV, ADA, [0.0, 600.0])
    fine = simulate("kamp2020_3cmt_racemic", IV, ADA, np.linspace(0, 600, 60_001))
    trapezes = np.trapezoid(fine.parent[0], fine.time_min) / 60
    assert coarse.areas["ketamine"][0, -1] == pytest.approx(trapezes, rel=1e-7)


def test_the_effect_site_lags_the_blood_and_meets_it():
    people = Population.of([ADA])
    result = simulate("kamp2020_3cmt_racemic", IV, people, TIMES, ke0="0.1 /min")
    site, blood = result.effect_site[0], result.parent[0]
    assert site[20] < blood[20]
    assert site[60] > blood[60]
    with pytest.raises(InputError, match="above zero"):
        simulate("kamp2020_3cmt_racemic", IV, people, TIMES, ke0="0 /min")
