"""What must hold for every linear system: mass is kept, doses add up, twice the dose is twice the level."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from openkap.pharmacology import Dose, Person, Population, Regimen, load_model, simulate
from openkap.pharmacology.disposition import Inflow, Jump, LinearSystem, solve
from openkap.pharmacology.exponential import exponentials

TIMES = np.array([0.0, 1, 2, 3, 4, 5, 10, 15, 20, 25, 60, 61.75, 240])
few = settings(max_examples=25, deadline=None)
rate = st.floats(1e-4, 50)
models = st.sampled_from(
    ["kamp2020_3cmt_racemic", "clements1981_racemic_250", "fanta2015_otto2021_esketamine"]
)


@st.composite
def infusions(draw):
    # Times in 64ths of a minute are exact in binary: shifting them moves no dose across a reading.
    begin = draw(st.integers(0, 6400)) / 64
    over = draw(st.one_of(st.just(0), st.integers(1, 7680))) / 64
    return Dose("iv", draw(st.floats(0.1, 100)), start_min=begin, over_min=over)


regimens = st.lists(infusions(), min_size=1, max_size=4).map(lambda doses: Regimen(tuple(doses)))


@st.composite
def closed_systems(draw):
    """Compartments that exchange drug and lose it only into a last one that keeps it."""
    size = draw(st.integers(2, 6))
    rates = np.zeros((1, size, size))
    for i in range(size):
        for j in range(size):
            if i != j and j != size - 1:
                flow = draw(st.one_of(st.just(0.0), rate))
                rates[0, i, j] += flow
                rates[0, j, j] -= flow
    return rates


@few
@given(closed_systems(), st.floats(0.1, 300), st.floats(0.5, 100))
def test_all_that_was_given_is_somewhere(rates, until, amount):
    size = rates.shape[1]
    system = LinearSystem(rates, np.ones((1, 1, size)), (0,))
    one = np.ones(1)
    jumps = [Jump(0, 0 * one, amount * one)]
    inflows = [Inflow(0, 0 * one, until / 2 * one, 2 * one)]
    times = np.linspace(0, until, 9)
    total = solve(system, jumps, inflows, times)[0, 0]
    expected = amount + 2 * np.minimum(times, until / 2)
    # Squarings double the rounding each: for 50/min over 300 min that is 2^15 rounding units.
    np.testing.assert_allclose(total, expected, rtol=1e-10)


@few
@given(models, regimens, regimens)
def test_two_regimens_together_give_the_sum_of_both(name, first, second):
    model, person = load_model(name), Person(weight_kg=70)
    together = simulate(model, first + second, person, TIMES).parent
    apart = simulate(model, first, person, TIMES).parent + simulate(model, second, person, TIMES).parent
    np.testing.assert_allclose(together, apart, rtol=1e-11, atol=1e-13)


@few
@given(models, regimens, st.floats(0.01, 100))
def test_the_level_is_proportional_to_the_dose(name, regimen, factor):
    model, person = load_model(name), Person(weight_kg=70)
    once = simulate(model, regimen, person, TIMES).parent
    scaled = simulate(model, regimen.scaled(factor), person, TIMES).parent
    np.testing.assert_allclose(scaled, factor * once, rtol=1e-11, atol=1e-300)


@few
@given(models, regimens, st.integers(1, 500))
def test_a_later_dose_gives_the_same_curve_later(name, regimen, by):
    model, person = load_model(name), Person(weight_kg=70)
    now = simulate(model, regimen, person, TIMES).parent
    later = simulate(model, regimen.later(by), person, TIMES + by).parent
    np.testing.assert_allclose(later, now, rtol=1e-11, atol=1e-300)


@few
@given(models, regimens)
def test_a_time_gives_the_same_level_whatever_other_times_are_asked(name, regimen):
    model, person = load_model(name), Person(weight_kg=70)
    alone = [simulate(model, regimen, person, [t]).parent[0, 0] for t in TIMES]
    np.testing.assert_allclose(simulate(model, regimen, person, TIMES).parent[0], alone, rtol=1e-11)


@few
@given(models, st.floats(5, 80), st.floats(0.1, 0.9))
def test_an_infusion_cut_in_two_is_the_same_infusion(name, over, share):
    model, person = load_model(name), Person(weight_kg=70)
    whole = Regimen((Dose("iv", 40.0, over_min=over),))
    cut = Regimen.delivered(
        [(0.0, f"{40 / over:.15f} mg/min"), (over * share, f"{40 / over:.15f} mg/min")], until_min=over
    )
    np.testing.assert_allclose(
        simulate(model, cut, person, TIMES).parent, simulate(model, whole, person, TIMES).parent, rtol=1e-9
    )


@few
@given(closed_systems(), st.floats(0, 100))
def test_an_exponential_of_compartments_has_no_negative_entry_and_keeps_mass(rates, minutes):
    found = exponentials(rates, minutes)[0]
    assert (found >= 0).all()
    np.testing.assert_allclose(found.sum(axis=0), 1, rtol=1e-10)


@few
@given(st.integers(0, 2**31))
def test_a_seed_gives_the_same_people_every_time(seed):
    model = load_model("simons2022_esketamine_otf")
    regimen = Regimen.single(route="iv", dose="20 mg", over="20 min")
    people = Population.around(Person(weight_kg=70), 3, seed=seed)
    first, second = (simulate(model, regimen, people, [20.0]).parent for _ in range(2))
    np.testing.assert_array_equal(first, second)
