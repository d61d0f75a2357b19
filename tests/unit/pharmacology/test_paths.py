"""Ways into the blood: devices, lag, transit and parallel paths."""

import math

import numpy as np
import pytest

from openkap.core.errors import InputError
from openkap.pharmacology import Person, Regimen, load_model, simulate

VALUE = "meaning: x, source: [mine], grade: platform"
MODEL = f"""
id: paths
title: one compartment with every kind of path
drug: racemic_ketamine
status: complete
structure: one compartment
population: null
n: null
sampling: {{site: venous, as_written: null}}
validity: null
analytes: [ketamine]
parameters:
  V: {{value: 50, unit: L, {VALUE}}}
  k: {{value: 0.01, unit: /min, {VALUE}}}
  ka: {{value: 0.1, unit: /min, {VALUE}}}
  T: {{value: 20, unit: min, {VALUE}}}
  wait: {{value: 7.5, unit: min, {VALUE}}}
  F: {{value: 0.4, unit: "1", {VALUE}}}
compartments:
  central: {{analyte: ketamine, volume: V}}
flows:
  - {{from: central, to: out, rate: k}}
routes:
  iv: [{{name: vein, into: central}}]
  oral: [{{name: gut, fraction: F, rate: ka, into: central}}]
  sublingual: [{{name: gut, fraction: F, lag: wait, rate: ka, into: central}}]
  buccal: [{{name: gut, transit: {{compartments: 3, mean_time: T}}, into: central}}]
  rectal:
    - {{name: fast, fraction: F, rate: ka, into: central}}
    - {{name: slow, fraction: 1 - F, lag: wait, over: T, into: central}}
variability: null
source: [mine]
"""


@pytest.fixture
def model(tmp_path):
    path = tmp_path / "paths.yaml"
    path.write_text(MODEL)
    return load_model(path)


def levels(model, route, times):
    return simulate(model, Regimen.single(route=route, dose="10 mg"), Person(), times).parent[0]


def bateman(t, ka=0.1, k=0.01):
    """First-order absorption into one compartment, 10 mg, ng/mL; zero before the dose."""
    t = np.clip(t, 0, None)
    return 10 / 50 * 1000 * ka / (ka - k) * (np.exp(-k * t) - np.exp(-ka * t))


def test_first_order_absorption_follows_batemans_equation(model):
    times = np.array([1.0, 5.0, 30.0, 200.0, 900.0])
    np.testing.assert_allclose(levels(model, "oral", times), 0.4 * bateman(times), rtol=1e-11)


def test_a_lag_is_the_same_curve_later(model):
    times = np.array([1.0, 7.0, 8.0, 30.0, 200.0])
    np.testing.assert_allclose(levels(model, "sublingual", times), 0.4 * bateman(times - 7.5), rtol=1e-11)


def test_a_transit_chain_delays_as_the_erlang_distribution(model):
    # Three equal compartments of mean time 20 min in all: input of shape 3 and rate 0.15/min, convolved with
    # elimination; closed form of the convolution of t^2 exp(-0.15 t) with exp(-0.01 t).
    rate, k = 3 / 20, 0.01
    gap = rate - k
    times = np.array([0.5, 5.0, 20.0, 60.0, 300.0])
    lost = sum((gap * times) ** i / math.factorial(i) for i in range(3)) * np.exp(-gap * times)
    expected = 200 * (rate / gap) ** 3 * np.exp(-k * times) * (1 - lost)
    np.testing.assert_allclose(levels(model, "buccal", times), expected, rtol=1e-9)


def test_parallel_paths_add_up_with_their_fractions(model):
    times = np.array([5.0, 7.5, 20.0, 27.5, 100.0])
    rate = 6 / 20 / 50 * 1000
    on = np.clip(times - 7.5, 0, 20)
    slow = rate / 0.01 * (1 - np.exp(-0.01 * on)) * np.exp(-0.01 * np.clip(times - 27.5, 0, None))
    np.testing.assert_allclose(levels(model, "rectal", times), 0.4 * bateman(times) + slow, rtol=1e-11)


@pytest.mark.parametrize(("devices", "effective"), [(1, 0.540), (2, 0.4374), (3, 0.4032)])
def test_later_nasal_devices_are_absorbed_less(devices, effective):
    # Effective nasal fractions as the facts state them. With the swallowed path shut (Fgut = 0) and mucosal
    # drug alone, the area is dose x fraction over clearance.
    model = load_model("perezruixo2021_esketamine").assume({"Fgut": "0"})
    vein = simulate(model, Regimen.single(route="iv", dose="28 mg"), Person(), [0.0, 30_000.0])
    nose = simulate(model, Regimen.nasal(devices), Person(), [0.0, 30_000.0])
    ratio = nose.areas["esketamine"][0, -1] / vein.areas["esketamine"][0, -1] / devices
    assert ratio == pytest.approx(effective, abs=5e-5)


def test_devices_at_once_are_the_dose_written_as_a_sum():
    model, times = load_model("perezruixo2021_esketamine"), [10.0, 40.0, 300.0]
    split = simulate(model, Regimen.nasal(3), Person(), times).parent
    whole = simulate(model, Regimen.single(route="intranasal", dose="84 mg"), Person(), times).parent
    np.testing.assert_allclose(split, whole, rtol=1e-12)


def test_devices_five_minutes_apart_peak_later():
    model, times = load_model("perezruixo2021_esketamine"), np.arange(0, 181.0)
    at_once = simulate(model, Regimen.nasal(3), Person(), times).parent[0]
    apart = simulate(model, Regimen.nasal(3, apart="5 min"), Person(), times).parent[0]
    assert apart.argmax() > at_once.argmax()
    with pytest.raises(InputError, match="devices"):
        Regimen.nasal(0)
