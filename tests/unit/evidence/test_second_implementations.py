"""Results against a law, a table in print, or a second way to compute them."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from scipy import integrate, optimize, stats

import openkap.evidence as ev
from openkap.evidence.inconsistency import network_components
from openkap.evidence.small_study import kendall

Y = np.array([0.1, 0.5, -0.2, 0.9])
V = np.array([0.05, 0.1, 0.08, 0.3])


def test_the_readme_example_of_two_ketamine_trials() -> None:
    # Feder 2021 and Duek 2023 as worked by hand: an illustration of the software, no estimate of effect
    fit = ev.pool([1.0995, 0.202], [0.3843**2, 0.381**2], "DL")
    common = ev.pool([1.0995, 0.202], [0.3843**2, 0.381**2], "CE")
    np.testing.assert_allclose([common.estimate, common.se], [0.647, 0.271], atol=5e-4)
    np.testing.assert_allclose(
        [fit.q, fit.tau2, fit.estimate, fit.se], [2.75, 0.256, 0.649, 0.449], atol=2e-3
    )


@pytest.mark.parametrize("prior", ["half-normal", "half-cauchy"])
@pytest.mark.parametrize("mu_sd", [math.inf, 1.0])
def test_the_posterior_agrees_with_a_dense_grid_over_both_parameters(prior: str, mu_sd: float) -> None:
    scale = 0.5
    law = {"half-normal": stats.halfnorm, "half-cauchy": stats.halfcauchy}[prior](scale=scale)
    # steps even in log(1 + 10 tau), so that the long tail of the Cauchy prior is there
    step = np.linspace(0, np.log1p(4000), 801)
    tau, mu = np.expm1(step) / 10, np.linspace(-40, 40, 4001)
    log = np.zeros((tau.size, mu.size))
    for y, v in zip(Y, V, strict=True):
        spread = (v + tau**2)[:, None]
        log -= (y - mu) ** 2 / (2 * spread) + np.log(2 * np.pi * spread) / 2
    joint = np.exp(log) * (law.pdf(tau) * (tau + 0.1))[:, None]
    joint *= 1.0 if math.isinf(mu_sd) else stats.norm.pdf(mu, 0, mu_sd)

    def total(values: np.ndarray) -> float:
        return float(integrate.simpson(np.trapezoid(values, mu, axis=1), x=step))

    fit = ev.bayes(Y, V, tau_prior=prior, tau_scale=scale, mu_sd=mu_sd)
    evidence = total(joint)
    # with the flat prior the comparison loses what lies beyond |mu| = 40
    assert fit.log_marginal == pytest.approx(math.log(evidence), abs=1e-5)
    assert fit.estimate == pytest.approx(total(joint * mu) / evidence, abs=1e-5)
    below = integrate.simpson(joint[:, :2001], dx=0.02, axis=1)
    assert fit.p_below_zero == pytest.approx(float(integrate.simpson(below, x=step)) / evidence, abs=1e-5)
    if prior == "half-normal":
        assert fit.tau_mean == pytest.approx(total(joint * tau[:, None]) / evidence, rel=1e-6)


def test_obrien_fleming_boundaries_are_those_in_print() -> None:
    # Lan & DeMets spending, five equal looks, two-sided 0.05: Jennison & Turnbull 2000, and R ldbounds
    np.testing.assert_allclose(
        ev.alpha_boundaries([0.2, 0.4, 0.6, 0.8, 1.0]), [4.877, 3.357, 2.680, 2.290, 2.031], atol=6e-4
    )
    assert ev.alpha_boundaries([1.0])[0] == pytest.approx(1.959964, abs=1e-6)


def test_a_confidence_sequence_at_known_tau2_is_robbins_mixture() -> None:
    sequence = ev.confidence_sequence(Y, V, tau2_max=0.0, prior_sd=0.5)
    information = np.cumsum(1 / V)
    # exactly where the Bayes factor against the mixture reaches 20
    edge = sequence.high - sequence.estimate
    score = edge * information
    factor = np.sqrt(4 / (4 + information)) * np.exp(score**2 / (2 * (information + 4)))
    np.testing.assert_allclose(factor, 20)
    assert (np.diff(sequence.p_value) <= 0).all()


def test_a_wider_limit_for_tau2_never_narrows_a_sequence() -> None:
    narrow, wide = (ev.confidence_sequence(Y, V, tau2_max=limit) for limit in (0.01, 0.5))
    assert (wide.low <= narrow.low + 1e-9).all()
    assert (wide.high >= narrow.high - 1e-9).all()


def test_kendall_agrees_with_scipy_with_and_without_ties() -> None:
    rng = np.random.default_rng(3)
    for n in (5, 8, 15):
        a, b = rng.normal(size=n), rng.normal(size=n)
        exact = stats.kendalltau(a, b, method="exact")
        np.testing.assert_allclose(kendall(a, b), [exact.statistic, exact.pvalue], atol=1e-12)
        a = a.round(0)
        tied = stats.kendalltau(a, b, method="asymptotic")
        np.testing.assert_allclose(kendall(a, b), [tied.statistic, tied.pvalue], atol=1e-9)


def test_conversions_undo_each_other() -> None:
    assert ev.se_from_ci(low=0.2, high=1.0) == pytest.approx(0.8 / (2 * 1.959963984540054))
    t = ev.t_from_p(p=0.03, df=20)
    assert 2 * stats.t.sf(t, 20) == pytest.approx(0.03)
    assert ev.t_from_f(f=4.0, sign=-1) == -2.0
    assert ev.sd_from_se(se=2.0, n=25) == 10.0
    sd = ev.change_sd(sd_pre=3.0, sd_post=4.0, r=0.6)
    assert ev.correlation_from_sds(sd_pre=3.0, sd_post=4.0, sd_change=float(sd)) == pytest.approx(0.6)
    assert ev.counts_from_percent(percent=67, n=15) == [10]
    assert ev.counts_from_percent(percent=50, n=13) == []
    assert ev.effective_size(n=100, cluster_size=11, icc=0.1) == 50.0


def test_quartiles_of_a_normal_sample_give_back_its_mean_and_sd() -> None:
    n = 10_000
    quantiles = stats.norm.ppf([0.25, 0.5, 0.75], 5, 2)
    mean, sd = ev.mean_sd_from_quartiles(median=quantiles[1], q1=quantiles[0], q3=quantiles[2], n=n)
    assert (mean, sd) == (pytest.approx(5), pytest.approx(2, rel=1e-3))
    high = 5 + 2 * stats.norm.ppf((n - 0.375) / (n + 0.25))
    assert ev.mean_sd_from_quartiles(median=5, minimum=10 - high, maximum=high, n=n)[1] == pytest.approx(2)


def test_an_impossible_triple_of_sds_is_refused() -> None:
    with pytest.raises(ev_error(), match="no correlation"):
        ev.correlation_from_sds(sd_pre=3.0, sd_post=3.0, sd_change=9.0)


def ev_error() -> type[Exception]:
    from openkap.core.errors import InputError

    return InputError


def test_a_sign_is_turned_and_said() -> None:
    arms = {"mean1": 20, "sd1": 10, "n1": 15, "mean2": 30, "sd2": 10, "n2": 15}
    plain, good = (
        ev.standardised_mean_difference(**arms),
        ev.standardised_mean_difference(**arms, lower_is_better=True),
    )
    assert plain.yi == -good.yi < 0
    assert (plain.sign, good.sign) == ("arm 1 minus arm 2", "positive favours arm 1")


def test_a_network_of_two_treatments_is_a_pair_wise_pool() -> None:
    net = ev.network(["1", "2", "3", "4"], ["a"] * 4, ["b"] * 4, Y, np.sqrt(V))
    fit = ev.pool(Y, V, "DL")
    assert net.effect("a", "b") == (pytest.approx(fit.estimate), pytest.approx(fit.se))
    assert (net.tau2, net.q) == (pytest.approx(fit.tau2), pytest.approx(fit.q))
    assert ev.network(
        ["1", "2", "3", "4"], ["a"] * 4, ["b"] * 4, Y, np.sqrt(V), method="REML"
    ).tau2 == pytest.approx(ev.pool(Y, V).tau2, abs=1e-9)


def test_contrasts_and_arms_give_the_same_network() -> None:
    study = ["1", "1", "1", "2", "2", "3", "3"]
    arm = ["a", "b", "c", "a", "b", "b", "c"]
    mean, sd, n = [1, 2, 4, 1.5, 2, 2, 3.5], [2.0] * 7, [20, 25, 30, 40, 40, 15, 15]
    by_arm = ev.network_from_arms(study, arm, mean=mean, sd=sd, n=n)
    rows = []
    for name in ("1", "2", "3"):
        own = [i for i, each in enumerate(study) if each == name]
        for i, j in itertools.combinations(own, 2):
            rows.append((name, arm[i], arm[j], mean[i] - mean[j], math.sqrt(4 / n[i] + 4 / n[j])))
    by_contrast = ev.network(*map(list, zip(*rows, strict=True)))
    np.testing.assert_allclose(by_arm.te_random, by_contrast.te_random, atol=1e-12)
    np.testing.assert_allclose(by_arm.se_random, by_contrast.se_random, atol=1e-12)
    assert by_arm.q == pytest.approx(by_contrast.q)


SMD_ARMS = {
    "studlab": list("11122333"),
    "treatment": ["a", "b", "c", "a", "b", "c", "a", "b"],
    "mean": [30.0, 24, 20, 31, 27, 19, 29, 25],
    "sd": [9.0, 10, 11, 8, 9, 10, 9, 8],
    "n": [20, 25, 30, 40, 38, 22, 21, 24],
}


def test_a_standardised_network_of_two_arms_is_the_one_of_its_contrasts() -> None:
    two = {key: values[3:5] + values[5:7] for key, values in SMD_ARMS.items()}
    arms = {key: np.array(two[key]).reshape(2, 2).T for key in ("mean", "sd", "n")}
    effect = ev.standardised_mean_difference(
        **{f"{key}{i + 1}": values[i] for key, values in arms.items() for i in (0, 1)}
    )
    pairs = np.array(two["treatment"]).reshape(2, 2).T
    by_contrast = ev.network(["2", "3"], *pairs.tolist(), effect.yi, effect.se)
    by_arm = ev.network_from_arms(**two, measure="SMD")
    np.testing.assert_allclose(by_arm.te_common, by_contrast.te_common, atol=1e-12)
    np.testing.assert_allclose(by_arm.se_common, by_contrast.se_common, atol=1e-12)


def test_a_standardised_network_does_not_depend_on_which_arm_comes_first() -> None:
    backwards = {key: values[::-1] for key, values in SMD_ARMS.items()}
    one, two = (ev.network_from_arms(**arms, measure="SMD") for arms in (SMD_ARMS, backwards))
    np.testing.assert_allclose(one.te_random, two.te_random, atol=1e-12)
    np.testing.assert_allclose(one.se_random, two.se_random, atol=1e-12)


def test_node_splitting_in_a_triangle_is_bucher_indirect_comparison() -> None:
    net = ev.network(["1", "2", "3"], ["a", "b", "a"], ["b", "c", "c"], [1.0, 0.5, 2.0], [0.2, 0.3, 0.4])
    split = next(each for each in ev.split_nodes(net) if (each.treat1, each.treat2) == ("a", "c"))
    assert (split.direct, split.indirect) == (pytest.approx(2.0), pytest.approx(1.5))
    assert split.indirect_se == pytest.approx(math.hypot(0.2, 0.3))
    assert net.q_inconsistency == pytest.approx(0.25 / (0.04 + 0.09 + 0.16))


def test_additive_components_recover_what_was_put_in() -> None:
    effects = {"placebo": 0.0, "a": -1.0, "b": -2.0, "a+b": -3.0}
    pairs = list(itertools.combinations(effects, 2))
    te = [effects[x] - effects[y] for x, y in pairs]
    net = ev.network([str(i) for i in range(6)], *map(list, zip(*pairs, strict=True)), te, [0.3] * 6)
    parts = network_components(net, inactive="placebo")
    assert parts.components == ("a", "b")
    np.testing.assert_allclose(parts.effect, [-1.0, -2.0], atol=1e-12)
    assert parts.q_difference == pytest.approx(0, abs=1e-12)


def test_a_linear_dose_response_of_two_arm_trials_is_a_meta_regression_through_zero() -> None:
    dose = np.array([0.2, 0.5, 0.5, 1.0, 0.75])
    y, v = -0.8 * dose + [0.1, -0.1, 0.05, 0.0, -0.02], np.full(5, 0.04)
    curve = ev.dose_response(list("abcde"), dose, y, v, random="none", method="ML")
    plain = ev.meta_regression(y, v, dose, method="CE", intercept=False)
    np.testing.assert_allclose([curve.beta, curve.se], [plain.beta, plain.se])


def test_an_emax_curve_is_recovered() -> None:
    study = np.repeat(list("abcdef"), 3)
    dose = np.tile([0.2, 0.5, 1.0], 6)
    y = -2.0 * dose / (0.4 + dose)
    fit = ev.dose_response(
        study.tolist(), dose, y, np.full(18, 0.002), reference_variance=0.001, shape="emax"
    )
    assert fit.shape["ed50"] == pytest.approx(0.4, rel=0.02)
    assert fit.beta[0] == pytest.approx(-2.0, rel=0.02)


def test_greenland_longnecker_without_adjustment_is_the_plain_covariance() -> None:
    cases, total = np.array([50, 30, 40]), np.array([150, 120, 110])
    controls = total - cases
    y = np.log(cases[1:] * controls[0] / (cases[0] * controls[1:]))
    v = 1 / cases[1:] + 1 / controls[1:] + 1 / cases[0] + 1 / controls[0]
    covariance = ev.greenland_longnecker(yi=y, vi=v, cases=cases, n=total)
    assert covariance[0, 1] == pytest.approx(1 / 50 + 1 / 100)
    np.testing.assert_allclose(np.diag(covariance), v)


def test_a_decaying_effect_and_the_joint_model_are_recovered() -> None:
    study, time = np.repeat(list("abcd"), 4).tolist(), np.tile([1.0, 7, 14, 28], 4)
    fit = ev.time_course(
        study, time, -1.5 * 0.5 ** (time / 10), np.full(16, 0.01), rho=0.5, unit=7, shape="decay"
    )
    assert fit.shape["half_life"] == pytest.approx(10, rel=0.02)
    names, dose, days, sessions = [], [], [], []
    for trial, (each, number) in enumerate(itertools.product((0.2, 0.5, 1.0), (1, 3, 6))):
        for day in (1.0, 14.0):
            names.append(str(trial))
            dose.append(each)
            days.append(day)
            sessions.append(number)
    d, t, s = map(np.array, (dose, days, sessions))
    truth = -3 * d / (0.5 + d) * 0.5 ** (t / 20) * (1 - 0.5 ** (s / 2))
    joint = ev.dose_time_sessions(
        names, truth, np.full(18, 0.002), dose=d, time=t, sessions=s, rho=0.5, unit=7, grid_points=5
    )
    assert joint.shape["ed50"] == pytest.approx(0.5, rel=0.1)
    assert joint.shape["half_life"] == pytest.approx(20, rel=0.1)
    assert joint.shape["sessions_half"] == pytest.approx(2, rel=0.1)


def test_a_joint_model_refuses_what_the_trials_do_not_vary() -> None:
    same = {"dose": [0.5, 0.5], "time": [1, 7], "sessions": [1, 1]}
    with pytest.raises(ev_error(), match="leave 'dose' out of parts"):
        ev.dose_time_sessions(["a", "a"], [1, 2], [1, 1], **same, rho=0.5)


def test_a_statement_on_missing_trials_says_how_far_they_could_move_the_answer() -> None:
    said = ev.missing_results([-0.5, -0.3], [0.1, 0.1], missing={"Abdallah 2022": 158, "Dadabayev 2020": 41})
    assert said.sentence.startswith("2 of 4 known trials (Abdallah 2022, Dadabayev 2020; 199 people)")
    # weights 10 + 10 observed, 158/4 + 41/4 assumed at no effect
    assert said.if_null == pytest.approx(-8 / (20 + 199 / 4))
    unknown = ev.missing_results([-0.5, -0.3], [0.1, 0.1], missing={"Vitek 2023": None})
    assert unknown.if_null is None
    assert "cannot be said" in unknown.sentence


def test_a_multiverse_has_every_fit_and_names_what_is_impossible() -> None:
    rows = [
        {"study": name, "tool": tool, "yi": lambda r, y=y: y, "vi": lambda r, v=v: v * (1 - r)}
        for name, tool, y, v in (
            ("a", "x", 1, 0.1),
            ("b", "x", 2, 0.1),
            ("a", "z", 3, 0.1),
            ("c", "x", 0, 0.2),
        )
    ]
    fits = ev.multiverse(ev.variants_of(rows, choose={"tool": ["x", "z", "any"]}, correlations=(0.3, 0.7)))
    assert fits.size == 2 * 2 * 9 * 3
    assert fits.skipped == (
        "tool z, inclusion all, correlation 0.3",
        "tool z, inclusion all, correlation 0.7",
    )
    assert fits.locate(-99) == 0.0
    assert set(fits.by_choice()) == {"tool", "inclusion", "correlation", "method", "test"}


def test_subgroups_and_their_difference() -> None:
    answer = ev.subgroups([0, 0.1, 1, 1.1], [0.1] * 4, list("aabb"), method="CE")
    assert answer.q_between == pytest.approx(1 / (0.05 + 0.05))
    assert answer.groups["b"].estimate == pytest.approx(1.05)


def test_errors_of_an_emax_curve_are_those_of_non_linear_least_squares() -> None:
    # scipy fits maximum and ED50 together, so its error of the maximum holds what ED50 leaves open
    rng = np.random.default_rng(5)
    dose = np.tile([0.1, 0.2, 0.4, 0.8, 1.6], 8)
    study = np.repeat(list("abcdefgh"), 5)
    y = -2.0 * dose / (0.4 + dose) + rng.normal(0, 0.2, dose.size)
    ours = ev.dose_response(
        study.tolist(), dose, y, np.full(dose.size, 0.04), reference_variance=0.0, shape="emax", random="none"
    )
    theirs, covariance = optimize.curve_fit(
        lambda x, top, ed50: top * x / (ed50 + x),
        dose,
        y,
        p0=(-2, 0.4),
        sigma=np.full(dose.size, 0.2),
        absolute_sigma=True,
    )
    assert ours.beta[0] == pytest.approx(theirs[0], rel=1e-3)
    # curvature of the likelihood here, of the linearised model there
    assert ours.se[0] == pytest.approx(float(np.sqrt(covariance[0, 0])), rel=0.05)


@pytest.mark.parametrize("method", ["egger", "begg", "pet_peese"])
def test_asymmetry_of_studies_of_one_size_is_refused(method: str) -> None:
    with pytest.raises(ev_error(), match="same variance"):
        getattr(ev, method)([0.1, 0.4, 0.2, 0.9], [0.1] * 4)
