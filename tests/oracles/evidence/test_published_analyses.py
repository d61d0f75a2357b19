"""Published analyses reproduced to the digits their papers print. Each test is named after its paper."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import openkap.evidence as ev
from openkap.evidence.curves import Block, fit_linear
from openkap.evidence.likelihood import MeanLikelihood

HERE = Path(__file__)
MODELS = json.loads(HERE.with_name("models.json").read_text())
SETS = json.loads(HERE.with_name("pooling.json").read_text())["sets"]

# Colditz 1994, JAMA 271:698: cases and non-cases, vaccinated and not, and absolute latitude.
BCG = np.array(
    [
        (4, 119, 11, 128, 44),
        (6, 300, 29, 274, 55),
        (3, 228, 11, 209, 42),
        (62, 13536, 248, 12619, 52),
        (33, 5036, 47, 5761, 13),
        (180, 1361, 372, 1079, 44),
        (8, 2537, 10, 619, 19),
        (505, 87886, 499, 87892, 13),
        (29, 7470, 45, 7232, 27),
        (17, 1699, 65, 1600, 42),
        (186, 50448, 141, 27197, 18),
        (5, 2493, 3, 2338, 33),
        (27, 16886, 29, 17825, 33),
    ],
    float,
)


def prints(ours: Any, digits: int, printed: Any) -> None:
    np.testing.assert_array_equal(
        np.round(np.ravel(np.asarray(ours, float)), digits) + 0.0, np.ravel(printed)
    )


def test_viechtbauer_2005_pages_271_and_272() -> None:
    methods = ("HS", "HE", "DL", "ML", "REML", "EB", "SJ")
    y = [-0.581, 0.530, 0.771, 1.031, 0.553, 0.295, 0.078, 0.573, -0.176, -0.232]
    v = [0.023, 0.052, 0.060, 0.115, 0.095, 0.203, 0.200, 0.211, 0.051, 0.040]
    fits = [ev.pool(y, v, method) for method in methods]
    prints([fit.tau2 for fit in fits], 3, [0.228, 0.148, 0.277, 0.197, 0.223, 0.192, 0.199])
    prints([fit.i2 for fit in fits], 2, [77.23, 68.80, 80.44, 74.51, 76.84, 74.05, 74.75])
    prints([fit.h2 for fit in fits], 2, [4.39, 3.21, 5.11, 3.92, 4.32, 3.85, 3.96])
    y = [0.100, -0.162, -0.090, -0.049, -0.046, -0.010, -0.431, -0.261, 0.134]
    y += [0.019, 0.175, 0.056, 0.045, 0.103, 0.121, -0.482, 0.290, 0.342]
    v = [0.016, 0.015, 0.050, 0.050, 0.032, 0.052, 0.036, 0.024, 0.034]
    v += [0.033, 0.031, 0.034, 0.039, 0.167, 0.134, 0.096, 0.016, 0.035]
    fits = [ev.pool(y, v, method) for method in methods]
    prints([fit.tau2 for fit in fits], 3, [0.010, 0.000, 0.013, 0.013, 0.016, 0.010, 0.025])
    prints([fit.i2 for fit in fits], 2, [22.93, 0.00, 27.53, 28.45, 32.02, 23.72, 42.67])
    prints([fit.h2 for fit in fits], 2, [1.30, 1.00, 1.38, 1.40, 1.47, 1.31, 1.74])


def test_normand_1999_tables_7_and_9() -> None:
    lidocaine = SETS["hine1989"]
    y, v = 100 * np.array(lidocaine["yi"]), 1e4 * np.array(lidocaine["vi"])
    for method in ("CE", "REML", "DL"):
        fit = ev.pool(y, v, method)
        prints(fit.estimate, 2, 2.94)
        prints([fit.ci_low, fit.ci_high], 1, [0.4, 5.5])
        prints(fit.tau2, 3, 0.0)
    stay = SETS["normand1999_md"]["yi"]
    # the paper pools the SDs of each trial (Table VIII)
    pooled = [40.59, 2.05, 15.28, 150.22, 20.19, 1.22, 95.38, 8.03, 20.69]
    np.testing.assert_array_equal(stay, [-20, -2, -55, -71, -4, 1, 11, -10, 7])
    for method, estimate, low, high in (
        ("CE", -3.49, -5.03, -1.96),
        ("DL", -14.10, -24.45, -3.75),
        ("REML", -15.12, -32.67, 2.43),
    ):
        fit = ev.pool(stay, pooled, method)
        # variances printed with two decimals move the answer by at most one in its second
        np.testing.assert_allclose(
            [fit.estimate, fit.ci_low, fit.ci_high], [estimate, low, high], atol=0.0151
        )


def test_berkey_1995_page_408() -> None:
    a, b, c, d, latitude = BCG.T
    y = ev.risk_ratio(events1=a, n1=a + b, events2=c, n2=c + d).yi
    smooth = (b / a).sum() / (13 * (a + b)) + (d / c).sum() / (13 * (c + d))
    fit = ev.pool(y, smooth, "EB")
    prints([fit.estimate, fit.se], 4, [-0.5429, 0.1842])
    prints(fit.tau2, 3, 0.268)
    model = ev.meta_regression(y, smooth, latitude - 33.46, method="EB")
    # the article prints -0.6304
    prints(model.beta, 4, [-0.6303, -0.0268])
    prints(model.se, 4, [0.1591, 0.0110])
    prints([model.tau2], 3, [0.157])
    prints([model.r2], 0, [41])
    prints(np.exp(model.predict([0, 42 - 33.46]).estimate), 2, [0.53, 0.42])


def test_raudenbush_and_bryk_1985_pages_83_to_92() -> None:
    d = SETS["raudenbush1985"]
    fit = ev.pool(d["yi"], d["vi"])
    prints([fit.estimate, fit.tau2], 4, [0.0837, 0.0188])
    prints([fit.statistic], 2, [1.62])
    weeks = np.minimum(np.ravel(d["X"]), 3)
    model = ev.meta_regression(d["yi"], d["vi"], weeks)
    prints(model.beta, 3, [0.407, -0.157])
    prints(model.statistic, 2, [4.68, -4.39])
    prints([model.tau2], 4, [0.0])


def test_dersimonian_and_kacker_2007_tables_3_and_4() -> None:
    effect = ev.odds_ratio(
        events1=[5, 5, 12, 69, 9, 313],
        n1=[156, 303, 565, 1570, 103, 4659],
        events2=[8, 17, 9, 94, 11, 352],
        n2=[74, 303, 477, 1565, 105, 4650],
    )
    methods = ("PM", "HE", "DL", "EB", "ML", "REML", "HS", "SJ")
    fits = [ev.pool(effect.yi, effect.vi, method) for method in methods]
    # the tables have 0.0023 and -0.1974 for ML, where an iteration stopped on its way to 0: 0 is more likely
    likelihood = MeanLikelihood(np.asarray(effect.yi), np.asarray(effect.vi))
    assert fits[4].loglik > likelihood.loglik(0.0023**2, False)
    prints([fit.tau2**0.5 for fit in fits], 4, [0.3681, 0.441, 0.2323, 0.3681, 0.0, 0.1843, 0.1330, 0.4572])
    means = [-0.3811, -0.4035, -0.3240, -0.3811, -0.1973, -0.2980, -0.2666, -0.4079]
    prints([fit.estimate for fit in fits], 4, means)
    prints([fit.se for fit in fits], 4, [0.2060, 0.2327, 0.1540, 0.2060, 0.0694, 0.1343, 0.1125, 0.2386])


def test_viechtbauer_2007_table_2() -> None:
    d = SETS["collins1985b"]
    fits = {method: ev.pool(d["yi"], d["vi"], method) for method in ("DL", "ML", "REML", "SJ")}
    prints([fit.tau2 for fit in fits.values()], 3, [0.230, 0.239, 0.301, 0.456])
    interval = ev.q_profile(d["yi"], d["vi"])
    prints([interval.tau2_low, interval.tau2_high], 3, [0.072, 2.203])
    for method, low, high in (("ML", -0.101, 0.578), ("REML", -0.131, 0.732)):
        fit = fits[method]
        prints([fit.tau2 - 1.96 * fit.tau2_se, fit.tau2 + 1.96 * fit.tau2_se], 3, [low, high])


def test_konstantopoulos_2011_tables_4_and_5() -> None:
    d = MODELS["konstantopoulos2011"]
    two = ev.pool(d["yi"], d["vi"])
    prints([two.estimate, two.se, two.tau2, two.tau2_se], 3, [0.128, 0.044, 0.088, 0.020])
    clusters = [d["district"], d["school"]]
    three = ev.multilevel(d["yi"], d["vi"], clusters, method="ML")
    prints([three.beta, three.se], 3, [0.184, 0.080])
    prints(three.sigma2, 3, [0.058, 0.033])
    year = np.subtract(d["year"], np.mean(d["year"]))
    moderated = ev.multilevel(d["yi"], d["vi"], clusters, year, method="ML")
    prints(moderated.beta[1:], 3, [0.005])
    prints(moderated.sigma2, 3, [0.056, 0.033])


def test_berkey_1998_table_2() -> None:
    d = MODELS["berkey1998"]
    years = np.repeat([1983, 1982, 1979, 1987, 1988], 2) - 1983
    pd, al = np.equal(d["outcome"], "PD") * 1.0, np.equal(d["outcome"], "AL") * 1.0
    x = np.column_stack([al, pd, al * years, pd * years])
    fit = ev.multivariate(d["yi"], d["V"], d["trial"], d["outcome"], x, struct="UN", method="ML")
    prints(fit.beta, 4, [-0.3351, 0.3479, -0.0108, 0.0010])
    prints(fit.se, 4, [0.0787, 0.0520, 0.0243, 0.0154])
    prints(fit.sigma2, 3, [0.008, 0.025])
    prints([fit.rho * np.sqrt(fit.sigma2.prod())], 4, [0.0093])


def test_van_houwelingen_2002_pages_596_to_613() -> None:
    a, b, c, d, latitude = BCG.T
    effect = ev.odds_ratio(events1=a, n1=a + b, events2=c, n2=c + d)
    common, random = (ev.pool(effect.yi, effect.vi, method) for method in ("CE", "ML"))
    # the paper prints 0.703 for the last
    prints(np.exp([common.estimate, common.ci_low, common.ci_high]), 3, [0.647, 0.595, 0.702])
    prints(np.exp([random.estimate, random.ci_low, random.ci_high]), 3, [0.476, 0.336, 0.675])
    prints([random.tau2], 3, [0.302])
    model = ev.meta_regression(effect.yi, effect.vi, latitude, method="ML")
    prints([*model.beta, *model.se, model.tau2], 3, [0.371, -0.033, 0.106, 0.003, 0.004])
    prints([model.r2], 1, [98.7])
    arms = np.column_stack([np.log(a / b), np.log(c / d)]).ravel()
    errors = np.column_stack([1 / a + 1 / b, 1 / c + 1 / d]).ravel()
    trials = np.repeat(np.arange(13), 2).tolist()
    both = ev.multivariate(arms, np.diag(errors), trials, ["EXP", "CON"] * 13, struct="UN", method="ML")
    prints(both.beta, 3, [-4.834, -4.096])
    prints(both.sigma2, 3, [1.431, 2.407])
    prints([both.rho], 3, [0.947])


def test_morris_2008_table_1() -> None:
    treated = ([30.6, 23.5, 0.5, 53.4, 35.6], [38.5, 26.8, 0.7, 75.9, 36.0], [15.0, 3.1, 0.1, 14.5, 4.7])
    control = ([23.1, 24.9, 0.6, 55.7, 34.8], [19.7, 25.3, 0.6, 60.7, 33.4], [13.8, 4.1, 0.2, 17.3, 3.1])
    n1, n2, r = [20, 50, 9, 10, 14], [20, 42, 9, 11, 14], [0.47, 0.64, 0.77, 0.89, 0.44]
    changes = [
        ev.standardised_mean_change(mean_pre=pre, mean_post=post, sd_pre=sd, n=n, r=r).yi
        for (pre, post, sd), n in ((treated, n1), (control, n2))
    ]
    prints(changes[0] - changes[1], 2, [0.74, 0.95, 1.81, 1.15, 0.51])
    pooled = ev.pretest_posttest_control(
        mean_pre1=treated[0],
        mean_post1=treated[1],
        sd_pre1=treated[2],
        n1=n1,
        mean_pre2=control[0],
        mean_post2=control[1],
        sd_pre2=control[2],
        n2=n2,
        r=r,
    )
    prints(pooled.yi, 2, [0.77, 0.80, 1.20, 1.05, 0.44])


def test_gleser_and_olkin_2009_pages_360_to_367() -> None:
    study, arm = np.array([1, 1, 2, 3, 3, 3]), np.array([1, 2, 1, 1, 2, 3])
    table = {
        "events1": np.array([40, 40, 10, 150, 150, 150]),
        "n1": np.array([1000, 1000, 200, 2000, 2000, 2000]),
        "events2": np.array([100, 150, 15, 40, 80, 50]),
        "n2": np.array([4000, 4000, 400, 1000, 1000, 1000]),
    }
    p = table["events1"] / table["n1"]
    effect = ev.risk_difference(**table)
    prints(effect.yi, 4, [0.0150, 0.0025, 0.0125, 0.0350, -0.0050, 0.0250])
    fit = _common_effects(study, arm, effect, p * (1 - p) / table["n1"])
    prints(fit.beta, 4, [0.0200, 0.0043, 0.0211])
    prints(1e6 * fit.vcov[np.triu_indices(3)], 3, [24.612, 19.954, 13.323, 28.538, 13.255, 69.806])
    effect = ev.odds_ratio(**table)
    fit = _common_effects(study, arm, effect, 1 / (table["n1"] * p * (1 - p)))
    prints(fit.beta, 4, [0.5099, 0.0044, 0.4301])
    prints(fit.vcov[np.triu_indices(3)], 5, [0.01412, 0.00712, 0.00425, 0.01178, 0.00455, 0.02703])


@pytest.mark.parametrize(
    ("measure", "effects", "variances", "digits"),
    [
        ("RD", [0.0200, 0.0043, 0.0211], [24.612e-6, 28.538e-6, 69.806e-6], 9),
        ("OR", [0.5099, 0.0044, 0.4301], [0.01412, 0.01178, 0.02703], 5),
    ],
)
def test_gleser_and_olkin_2009_as_a_network_of_arms(
    measure: str, effects: list[float], variances: list[float], digits: int
) -> None:
    net = ev.network_from_arms(
        list("111223333"),
        ["control", "1", "2", "control", "1", "control", "1", "2", "3"],
        events=[40, 100, 150, 10, 15, 150, 40, 80, 50],
        n=[1000, 4000, 4000, 200, 400, 2000, 1000, 1000, 1000],
        measure=measure,
    )
    found = np.array([net.effect("control", arm, "common") for arm in "123"])
    prints(found[:, 0], 4, effects)
    prints(found[:, 1] ** 2, digits, variances)


def _common_effects(study: Any, arm: Any, effect: Any, shared: Any) -> Any:
    blocks = []
    for name in np.unique(study):
        rows = study == name
        covariance = ev.shared_control_covariance(vi=effect.vi[rows], control=shared[rows][0])
        blocks.append(Block(str(name), effect.yi[rows], covariance, {"arm": arm[rows]}))
    names = ("1", "2", "3")
    return fit_linear(
        blocks, lambda at, _: at["arm"][:, None] == [1, 2, 3], names, random="none", method="ML"
    )
