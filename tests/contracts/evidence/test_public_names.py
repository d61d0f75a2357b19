"""The names, shapes and signs that users of the library rely on."""

from __future__ import annotations

import numpy as np
import pytest

from openkap import evidence as ev

YI, VI = [-0.5, -0.2, 0.0, 0.3, -0.7], [0.10, 0.15, 0.05, 0.20, 0.08]
POOLED = [
    "estimate",
    "se",
    "ci_low",
    "ci_high",
    "p_value",
    "tau2",
    "tau2_se",
    "i2",
    "h2",
    "q",
    "q_p",
    "prediction_low",
    "prediction_high",
    "k",
    "converged",
]
NETWORK = ["treatments", "te_random", "se_random", "te_common", "se_common", "tau2", "q", "i2", "p_scores"]


@pytest.mark.parametrize("method", ["DL", "HE", "HS", "SJ", "ML", "REML", "EB", "PM", "CE", "FE", "EE"])
@pytest.mark.parametrize("test", ["z", "t", "knha", "adhoc"])
def test_a_pool_has_every_field_and_many_at_once_say_the_same(method, test):
    fit = ev.pool(YI, VI, method=method, test=test)
    assert all(hasattr(fit, name) for name in POOLED)
    assert (fit.k, fit.converged) == (5, True)
    many = ev.pool_many([YI, YI[::-1]], [VI, VI[::-1]], method, test)
    for name in ("estimate", "se", "ci_low", "ci_high", "p_value", "tau2", "i2", "q", "prediction_low"):
        assert getattr(many, name) == pytest.approx([getattr(fit, name)] * 2, abs=1e-9), name


def test_a_regression_adds_the_intercept_itself():
    fit = ev.meta_regression(YI, VI, [[1.0], [2.0], [3.0], [4.0], [6.0]])
    assert all(hasattr(fit, name) for name in ("beta", "se", "p_values", "tau2", "qm", "qe", "r2"))
    assert len(fit.beta) == len(fit.se) == len(fit.p_values) == 2


def test_multilevel_variances_come_outer_first():
    # Two far groups whose members agree: all variance is between the outer clusters.
    yi, outer = [0.0, 0.05, 2.0, 2.05, 4.0, 4.05], [1, 1, 2, 2, 3, 3]
    fit = ev.multilevel(yi, [0.01] * 6, clusters=[outer, list(range(6))])
    assert fit.sigma2[0] > 1 > 0.01 > fit.sigma2[1]
    assert np.isfinite(fit.loglik)
    assert fit.robust("CR2").se.shape == fit.beta.shape == fit.se.shape


def test_a_network_reads_rows_against_columns_and_ranks_the_lower_score_first():
    # One trial a comparison and no loop: the network must give the trials back (a law, not an estimate).
    net = ev.network(
        ["1", "2"], ["ketamine", "midazolam"], ["midazolam", "waitlist"], [-0.5, -0.3], [0.2, 0.1]
    )
    assert all(hasattr(net, name) for name in NETWORK)
    at = {name: place for place, name in enumerate(net.treatments)}
    for te, se in ((net.te_common, net.se_common), (net.te_random, net.se_random)):
        assert te.shape == se.shape == (3, 3)
        assert te[at["ketamine"], at["midazolam"]] == pytest.approx(-0.5)
        assert te[at["ketamine"], at["waitlist"]] == pytest.approx(-0.8)
        assert te == pytest.approx(-te.T)
        assert se[at["ketamine"], at["waitlist"]] == pytest.approx((0.2**2 + 0.1**2) ** 0.5)
    assert max(net.p_scores, key=net.p_scores.get) == "ketamine"
