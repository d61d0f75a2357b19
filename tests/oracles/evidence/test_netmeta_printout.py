"""Networks against a published printout of R netmeta: the diabetes network of Senn 2013 (26 trials, 10 drugs).

Printed at cttir.github.io/courses/course3_design_causal/labs/lab_week4_session3_slides.html (read 2026-11-27):
the first contrasts with their standard errors to four digits, Q and its parts to two. netmeta's data set holds
contrasts rounded that way, so ours are rounded too before they are pooled; printed digits are then expected.
"""

import json
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.linalg import block_diag, null_space
from scipy.stats import norm

import openkap.evidence as ev

SENN = json.loads((Path(__file__).parent / "models.json").read_text(encoding="utf-8"))["senn2013"]
PRINTED_CONTRASTS = {
    ("De Fronzo (1995)", "metformin", "placebo"): (-1.90, 0.1414),
    ("Lewin (2007)", "metformin", "placebo"): (-0.82, 0.0992),
    ("Willms (1999)", "acarbose", "metformin"): (0.20, 0.3579),
    ("Davidson (2007)", "placebo", "rosiglitazone"): (1.34, 0.1435),
    ("Wolffenbuttel (1999)", "placebo", "rosiglitazone"): (1.10, 0.1141),
    ("Kipnes (2001)", "pioglitazone", "placebo"): (-1.30, 0.1268),
}


def contrasts() -> list[tuple[str, str, str, float, float]]:
    arms: dict[str, list[tuple[str, float, float]]] = {}
    for study, drug, mean, sd, n in zip(
        *(SENN[key] for key in ("study", "treatment", "mi", "sdi", "ni")), strict=True
    ):
        arms.setdefault(study, []).append((drug, mean, sd**2 / n))
    return [
        (study, one[0], two[0], round(one[1] - two[1], 2), round((one[2] + two[2]) ** 0.5, 4))
        for study, own in arms.items()
        for one, two in combinations(own, 2)
    ]


@pytest.fixture(scope="module")
def net() -> Any:
    return ev.network(*zip(*contrasts(), strict=True))


@pytest.mark.parametrize("printed", PRINTED_CONTRASTS, ids=lambda key: key[0])
def test_our_contrasts_are_those_that_were_printed(printed: tuple[str, str, str]) -> None:
    ours = {row[:3]: row[3:] for row in contrasts()}
    assert ours[printed] == PRINTED_CONTRASTS[printed]


def test_q_and_its_parts_are_the_printed_ones(net: Any) -> None:
    assert [(f"{q:.2f}", df) for q, df in ((net.q, net.df), (net.q_heterogeneity, net.df_heterogeneity))] == [
        ("96.99", 18),
        ("74.46", 11),
    ]
    assert (f"{net.q_inconsistency:.2f}", net.df_inconsistency) == ("22.53", 7)
    assert net.q_p < 0.0001
    assert net.q_heterogeneity_p < 0.0001
    assert f"{net.q_inconsistency_p:.4f}" == "0.0021"


@pytest.mark.parametrize(
    ("design", "q", "df", "p"),
    [
        ("metformin:placebo", "42.16", 2, "0.0000"),
        ("placebo:rosiglitazone", "21.27", 5, "0.0007"),
        ("benfluorex:placebo", "4.38", 1, "0.0363"),
        ("miglitol:placebo", "6.45", 2, "0.0398"),
        ("metformin:rosiglitazone", "0.19", 1, "0.6655"),
    ],
)
def test_q_within_each_design_is_the_printed_one(net: Any, design: str, q: str, df: int, p: str) -> None:
    ours = next(each for each in ev.decompose_designs(net) if ":".join(each.arms) == design)
    assert (f"{ours.q_within:.2f}", ours.df_within, f"{ours.p_within:.4f}") == (q, df, p)


@pytest.mark.parametrize(
    ("design", "q", "df", "p"),
    [
        ("rosiglitazone:sulfonylurea", "6.77", 6, "0.3425"),
        ("metformin:sulfonylurea", "7.51", 6, "0.2760"),
        ("placebo:rosiglitazone", "16.29", 6, "0.0123"),
    ],
)
def test_q_between_designs_without_one_is_the_printed_one(
    net: Any, design: str, q: str, df: int, p: str
) -> None:
    ours = next(each for each in ev.decompose_designs(net) if ":".join(each.arms) == design)
    assert (f"{ours.q_detached:.2f}", ours.df_detached, f"{ours.p_detached:.4f}") == (q, df, p)


def test_a_design_that_nothing_else_can_contradict_changes_nothing_between(net: Any) -> None:
    spur = next(each for each in ev.decompose_designs(net) if "vildagliptin" in each.arms)
    assert spur.q_detached == pytest.approx(net.q_inconsistency, rel=1e-9)
    assert spur.df_detached == net.df_inconsistency


def test_the_parts_within_designs_add_up(net: Any) -> None:
    parts = ev.decompose_designs(net)
    assert sum(each.q_within for each in parts) == pytest.approx(net.q_heterogeneity, rel=1e-9)
    assert sum(each.df_within for each in parts) == net.df_heterogeneity


# --- a second route to the same network: edges of a graph instead of trials ------------------------------


def incidence(pairs: list[tuple[int, int]], n: int) -> np.ndarray:
    matrix = np.zeros((len(pairs), n))
    for row, (one, two) in enumerate(pairs):
        matrix[row, one], matrix[row, two] = 1.0, -1.0
    return matrix


def edge_weights(rows: list[tuple[str, str, str, float, float]], tau2: float) -> np.ndarray:
    """Weights of the edges; those of a multi-arm trial from its Laplacian (Ruecker 2012, theorem of Gutman)."""
    weights = np.array([1 / (row[4] ** 2 + tau2) for row in rows])
    for study in {row[0] for row in rows}:
        own = [i for i, row in enumerate(rows) if row[0] == study]
        if len(own) < 3:
            continue
        arms = sorted({arm for i in own for arm in rows[i][1:3]})
        pairs = [(arms.index(rows[i][1]), arms.index(rows[i][2])) for i in own]
        resistance = np.zeros((len(arms), len(arms)))
        for (one, two), i in zip(pairs, own, strict=True):
            resistance[one, two] = resistance[two, one] = rows[i][4] ** 2 + tau2
        complete = incidence(list(combinations(range(len(arms)), 2)), len(arms))
        gram = complete.T @ complete
        laplacian = np.linalg.pinv(-0.5 * gram @ resistance @ gram / len(arms) ** 2)
        weights[own] = [-laplacian[one, two] for one, two in pairs]
    return weights


def graph_network(rows: list[tuple[str, str, str, float, float]], names: list[str], tau2: float) -> Any:
    """Effects, standard errors, Q and the moment estimate of tau2 of an electrical network."""
    b = incidence([(names.index(row[1]), names.index(row[2])) for row in rows], len(names))
    w, te = edge_weights(rows, tau2), np.array([row[3] for row in rows])
    plus = np.linalg.pinv(b.T @ (w[:, None] * b))
    level = plus @ b.T @ (w * te)
    residual = te - b @ level
    q = float(residual @ (w * residual))
    hat = b @ plus @ b.T * w
    same = np.array([[one[0] == two[0] for two in rows] for one in rows])
    sizes = {row[0]: len({arm for each in rows if each[0] == row[0] for arm in each[1:3]}) for row in rows}
    df = sum(size - 1 for size in sizes.values()) - (len(names) - 1)
    slope = np.trace((np.eye(len(rows)) - hat) @ (b @ b.T * same / 2 * w))
    own = np.diag(plus)
    se = np.sqrt(np.maximum(own[:, None] + own[None, :] - 2 * plus, 0))
    return level[:, None] - level[None, :], se, q, max(0.0, (q - df) / slope)


def test_the_graph_route_of_netmeta_gives_the_same_network_and_tau2(net: Any) -> None:
    rows, names = contrasts(), list(net.treatments)
    te, se, q, tau2 = graph_network(rows, names, 0.0)
    np.testing.assert_allclose(net.te_common, te, atol=1e-9)
    np.testing.assert_allclose(net.se_common, se, atol=1e-7)  # the root of a difference of inverses
    assert (net.q, net.tau2) == (pytest.approx(q, rel=1e-9), pytest.approx(tau2, rel=1e-9))
    te, se, *_ = graph_network(rows, names, tau2)
    np.testing.assert_allclose(net.te_random, te, atol=1e-9)
    np.testing.assert_allclose(net.se_random, se, atol=1e-7)
    beats = norm.cdf(-te / np.where(se > 0, se, np.inf))
    np.fill_diagonal(beats, 0)
    np.testing.assert_allclose(list(net.p_scores.values()), beats.sum(1) / (len(names) - 1), atol=1e-8)


def test_inconsistency_with_heterogeneity_is_the_wald_test_of_designs_that_may_differ(net: Any) -> None:
    # A second route: one linear model with a column for each contrast of each design, at tau2 within designs.
    rows, names = contrasts(), list(net.treatments)
    y, x, blocks, designs = [], [], [], {}
    for study in dict.fromkeys(row[0] for row in rows):
        own = [row for row in rows if row[0] == study]
        arms = sorted({arm for row in own for arm in row[1:3]}, key=names.index)
        against = {frozenset(row[1:3]): row for row in own}
        variance = {pair: row[4] ** 2 + net.tau2_within for pair, row in against.items()}
        for arm in arms[1:]:
            row = against[frozenset((arms[0], arm))]
            y.append(row[3] if row[1] == arm else -row[3])
            x.append(designs.setdefault((tuple(arms), arm), len(designs)))
        one = [variance[frozenset((arms[0], arm))] for arm in arms[1:]]
        blocks.append(
            np.array(
                [
                    [
                        one[i] if i == j else (one[i] + one[j] - variance[frozenset((a, b))]) / 2
                        for j, b in enumerate(arms[1:])
                    ]
                    for i, a in enumerate(arms[1:])
                ]
            )
        )
    full = np.eye(len(designs))[x]
    weight = np.linalg.inv(block_diag(*blocks))
    vcov = np.linalg.inv(full.T @ weight @ full)
    beta = vcov @ full.T @ weight @ np.array(y)
    # consistent effects are a linear image of the basic ones; what is orthogonal to it tests the designs
    basic = np.array(
        [
            np.eye(len(names))[names.index(arm)] - np.eye(len(names))[names.index(arms[0])]
            for arms, arm in designs
        ]
    )
    left = null_space(basic.T)
    wald = left.T @ beta @ np.linalg.inv(left.T @ vcov @ left) @ left.T @ beta
    assert net.q_inconsistency_random == pytest.approx(float(wald), rel=1e-8)
    assert net.df_inconsistency == left.shape[1]
