"""Every linear model against an independent integration of its differential equations.

SciPy's DOP853 with a relative tolerance of 1e-13 is good to about 1e-11 on these systems; the limit of 1e-8
is the one the room promises. Values are compared wherever they exceed 1e-12 of their own peak: below, the
integrator's rounding is what differs.
"""

import numpy as np
import pytest
from scipy.integrate import solve_ivp
from scipy.special import lambertw

from openkap.pharmacology.absorption import choose
from openkap.pharmacology.assembly import assemble
from openkap.pharmacology.catalogue import is_complete
from openkap.pharmacology.disposition import Inflow, Jump, LinearSystem, solve
from openkap.pharmacology.model import load_model, model_ids
from openkap.pharmacology.population import Person, everybody
from openkap.pharmacology.regimen import Dose, Regimen
from openkap.pharmacology.simulate import simulate
from openkap.pharmacology.variability import individual_parameters

PROMISE = 1e-8
TIMES = np.unique(np.concatenate([np.linspace(0, 480, 49), [0.37, 3.3, 41.0, 133.7]]))
RUNNING = [name for name in model_ids() if is_complete(load_model(name))]


def integrated(system, jumps, inflows, times, person=0):
    """The same system, integrated between its breaks."""
    rates = system.rates[person]
    breaks = {float(times[0]), float(times[-1])}
    breaks |= {float(j.time_min[person]) for j in jumps}
    breaks |= {float(t[person]) for i in inflows for t in (i.start_min, i.stop_min)}
    marks = sorted(t for t in breaks if t <= times[-1])
    state, found = np.zeros(len(rates)), np.zeros((len(rates), len(times)))
    for k, begin in enumerate(marks):
        for jump in jumps:
            if jump.time_min[person] == begin:
                state[jump.state] += jump.amount_mg[person]
        found[:, times == begin] = state[:, None]
        if k + 1 == len(marks):
            break
        end, entering = marks[k + 1], np.zeros(len(rates))
        for inflow in inflows:
            if inflow.start_min[person] <= begin < inflow.stop_min[person]:
                entering[inflow.state] += inflow.rate_mg_min[person]
        # From time to time, not by dense output: its interpolation is coarser than the steps.
        for until in [*times[(times > begin) & (times < end)], end]:
            result = solve_ivp(
                lambda t, x, u=entering: rates @ x + u,
                (begin, until),
                state,
                method="DOP853",
                rtol=1e-13,
                atol=1e-40,
            )
            begin, state = until, result.y[:, -1]
            found[:, times == until] = state[:, None]
    return system.outputs[person] @ found


def furthest(ours, theirs):
    seen = theirs > 1e-12 * theirs.max(axis=1, keepdims=True)
    return np.max(np.abs(ours - theirs)[seen] / theirs[seen])


def random_regimen(routes, seed):
    """A bolus, infusions that overlap, stop and restart, and doses by every other route."""
    generator = np.random.default_rng(seed)
    doses = []
    if "iv" in routes:
        doses.append(Dose("iv", generator.uniform(1, 20), start_min=generator.uniform(0, 60)))
        for _ in range(3):
            begin, over = generator.uniform(0, 100), generator.uniform(1, 90)
            doses.append(Dose("iv", generator.uniform(5, 50), start_min=begin, over_min=over))
        doses.append(Dose("iv", 10.0, start_min=20.0, over_min=10.0))
        doses.append(Dose("iv", 10.0, start_min=45.0, over_min=10.0))
    doses += [
        Dose(route, generator.uniform(10, 90), start_min=generator.uniform(0, 200))
        for route in routes
        if route != "iv"
    ]
    return Regimen(tuple(doses))


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("name", RUNNING)
def test_a_model_agrees_with_its_differential_equations_under_a_random_regimen(name, seed):
    model = load_model(name)
    weight = np.array([83.0])
    values, _ = individual_parameters(model, everybody(Person(weight_kg=83.0)))
    regimen = random_regimen(list(model.file.routes), seed)
    built = assemble(model, values, regimen, weight, ke0_per_min=np.array([0.21]), integrate=True)
    ours = solve(built.system, built.jumps, built.inflows, TIMES)[0]
    assert furthest(ours, integrated(built.system, built.jumps, built.inflows, TIMES)) < PROMISE


@pytest.mark.parametrize(
    ("route", "drug"),
    [("oral", "racemic_ketamine"), ("intramuscular", "racemic_ketamine"), ("sublingual", "racemic_ketamine")],
)
def test_borrowed_absorption_agrees_with_its_differential_equations(route, drug):
    model = choose(route, drug).model
    values, _ = individual_parameters(model, everybody(Person(weight_kg=70.0)))
    regimen = random_regimen([route, "iv"], 3)
    built = assemble(model, values, regimen, np.array([70.0]))
    ours = solve(built.system, built.jumps, built.inflows, TIMES)[0]
    assert furthest(ours, integrated(built.system, built.jumps, built.inflows, TIMES)) < PROMISE


@pytest.mark.parametrize(
    ("ka", "elimination"),
    [(0.1, 0.1), (0.1, 0.1 * (1 + 1e-9)), (0.1, 0.1 * (1 + 1e-5)), (30.0, 1e-3), (1e-3, 30.0)],
)
def test_equal_nearly_equal_and_stiff_rates_keep_their_accuracy(ka, elimination):
    # Depot -> three transit compartments of one rate -> body with a slow pocket.
    size = 6
    rates = np.zeros((1, size, size))
    for i in range(4):
        rates[0, i, i] -= ka
        rates[0, i + 1, i] += ka
    rates[0, 4, 4] -= elimination + 0.02
    rates[0, 5, 4] += 0.02
    rates[0, 5, 5] -= 0.003
    rates[0, 4, 5] += 0.003
    outputs = np.eye(size)[None, [4, 5]]
    system = LinearSystem(rates, outputs, (4,))
    one = np.ones(1)
    jumps = [Jump(0, 0 * one, 10 * one), Jump(0, 50 * one, 5 * one)]
    inflows = [Inflow(4, 5 * one, 65 * one, 0.3 * one), Inflow(4, 30 * one, 40 * one, 2 * one)]
    times = np.linspace(0, 240, 121)
    ours = solve(system, jumps, inflows, times)[0]
    assert furthest(ours, integrated(system, jumps, inflows, times)) < PROMISE


def test_breaks_that_differ_between_people_are_met_exactly():
    people = 7
    generator = np.random.default_rng(5)
    rates = np.zeros((people, 2, 2))
    rates[:, 0, 0], rates[:, 1, 0] = -0.2, 0.15
    rates[:, 1, 1], rates[:, 0, 1] = -0.05, 0.05
    system = LinearSystem(rates, np.tile(np.eye(2), (people, 1, 1)), (0,))
    jumps = [Jump(1, generator.uniform(0, 60, people), generator.uniform(1, 5, people))]
    start = generator.uniform(0, 50, people)
    inflows = [Inflow(0, start, start + generator.uniform(0.01, 60, people), np.ones(people))]
    times = np.linspace(0, 120, 41)
    ours = solve(system, jumps, inflows, times)
    for person in range(people):
        assert furthest(ours[person], integrated(system, jumps, inflows, times, person)) < PROMISE


def test_the_nasal_model_agrees_with_its_equations_written_out_by_hand():
    # Perez-Ruixo 2021, Table 3 values in hours and litres, 84 mg in three devices; equations as the
    # facts describe them, not read from the model file.
    first, later, ka_n, ka_sw, release, gut = 0.54, 0.54 * 0.62, 2.93, 1.45, 0.53, 0.64
    vc, q1, vp1, q2, vp2, qh, vh, kel, kmet = 192, 84.3, 143, 37.6, 417, 151, 101, 1.11, 2.77
    vn, cln, vpn, q3 = 70.0, 38.0, 115, 26.1
    nasal = 28 * first + 56 * later
    swallowed = (28 * (1 - first) + 56 * (1 - later)) * gut

    def change(t, x, on):
        nose, depot, c, p1, p2, liver, n, pn = x
        absorbed, from_gut = ka_n * nose, ka_sw * depot
        return [
            -absorbed,
            on * swallowed / release - from_gut,
            absorbed + q1 * (p1 / vp1 - c / vc) + q2 * (p2 / vp2 - c / vc) + qh * (liver / vh - c / vc),
            q1 * (c / vc - p1 / vp1),
            q2 * (c / vc - p2 / vp2),
            from_gut + qh * (c / vc - liver / vh) - (kel + kmet) * liver,
            kmet * liver - cln * n / vn + q3 * (pn / vpn - n / vn),
            q3 * (n / vn - pn / vpn),
        ]

    settings = {"method": "DOP853", "rtol": 1e-13, "atol": 1e-30}
    during = solve_ivp(change, (0, release), [nasal, *[0] * 7], args=(1,), **settings)
    hours = np.array([0.6, 1, 2, 4, 8, 16, 24])
    after = solve_ivp(change, (release, 24), during.y[:, -1], args=(0,), t_eval=hours, **settings)
    regimen = Regimen.single(route="intranasal", dose="84 mg")
    ours = simulate("perezruixo2021_esketamine", regimen, Person(weight_kg=120), hours * 60)
    np.testing.assert_allclose(ours.parent[0], after.y[2] / vc * 1000, rtol=PROMISE)
    np.testing.assert_allclose(ours.concentrations["s_norketamine"][0], after.y[6] / vn * 1000, rtol=PROMISE)


def test_a_saturable_transfer_follows_the_closed_solution_of_michaelis_and_menten(tmp_path):
    # v = vmax C / (km + C) in one compartment of 10 L: rate = vmax / (km V).
    source = "source: [calc], grade: calc"
    path = tmp_path / "saturable.yaml"
    path.write_text(
        f"""
id: saturable
title: one compartment that saturates
drug: esketamine
status: complete
structure: one compartment
population: null
n: null
sampling: {{site: unknown, as_written: null}}
validity: null
analytes: [esketamine]
parameters:
  V: {{value: 10, unit: L, meaning: volume, {source}}}
  k: {{value: 0.05, unit: /min, meaning: rate at low levels, {source}}}
  km: {{value: 400, unit: ng/mL, meaning: half saturation, {source}}}
compartments:
  central: {{analyte: esketamine, volume: V}}
flows:
  - {{from: central, to: out, rate: k, km: km}}
routes:
  iv: [{{name: vein, into: central}}]
variability: null
source: [calc]
"""
    )
    times = np.linspace(0, 300, 31)
    ours = simulate(load_model(path), Regimen.single(route="iv", dose="30 mg"), Person(), times)
    # The closed solution of Michaelis-Menten elimination: Schnell and Mendoza, J Theor Biol 187 (1997) 207.
    ratio = 3000.0 / 400.0
    exact = 400.0 * lambertw(ratio * np.exp(ratio - 0.05 * times)).real
    # LSODA's local tolerance of 1e-10, added up over some hundred steps.
    np.testing.assert_allclose(ours.parent[0], exact, rtol=1e-7)
