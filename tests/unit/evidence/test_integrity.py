"""Each check is seen to fire on a planted error and to stay silent on the true value beside it."""

from __future__ import annotations

from decimal import Decimal as D

import pytest

from made_up_trials import severity, trial
from openkap.evidence.integrity import (
    Yardstick,
    check_base,
    check_contrast,
    check_interval,
    check_study,
    grim,
    spread_swap,
)
from openkap.evidence.integrity_pools import check_syntheses, compare_extractions
from openkap.evidence.study import Contrast
from openkap.evidence.syntheses import read_syntheses


def names(findings) -> list[str]:
    return [finding.check for finding in findings]


@pytest.fixture(scope="module")
def flagged(base, scales):
    return {(each.subject, each.check) for each in check_syntheses(read_syntheses(), base, scales)}


def test_exactly_the_published_intervals_that_the_facts_call_unreliable_are_flagged(flagged):
    assert flagged == {
        ("almeida2024_pcl_end", "interval-excludes-estimate"),
        ("sicignano2024_relapse", "interval-off-centre"),
        ("sicignano2024_pcl", "interval-too-narrow"),
        ("du2022_early", "interval-too-narrow"),
    }


def test_the_records_hold_no_contradiction_and_one_question(base, scales):
    assert [(f.check, f.severity, f.subject) for f in check_base(base, scales)] == [
        ("near-maximum", "question", "wjp2026_avoid, arm unexposed")
    ]


@pytest.mark.parametrize(
    ("estimate", "low", "high", "ratio", "expected"),
    [
        ("0.27", "0.03", "0.51", False, []),
        ("0.25", "0.57", "17.02", False, ["interval-excludes-estimate"]),
        ("0.57", "0.57", "17.02", True, ["interval-off-centre"]),
        ("5.85", "1.32", "25.95", True, []),
        ("5.85", "1.32", "25.95", False, ["interval-off-centre"]),
        ("1", "3", "2", False, ["interval-reversed"]),
        ("0.5", "-1", "2", True, ["interval-excludes-estimate"]),
    ],
)
def test_an_interval_must_hold_its_estimate_near_its_middle(estimate, low, high, ratio, expected):
    assert names(check_interval(D(estimate), D(low), D(high), ratio, "x")) == expected


def test_a_p_value_on_the_other_side_of_its_interval_is_flagged():
    def contrast(p: str) -> Contrast:
        return Contrast(
            measure="MD", intervention="a", comparator="b", estimate="2", ci_low="-1", ci_high="5", p=p
        )

    assert names(check_contrast(contrast("0.001"), "x")) == ["p-against-interval"]
    assert names(check_contrast(contrast("0.19"), "x")) == []
    assert names(check_contrast(contrast("small"), "x")) == ["p-unreadable"]


@pytest.mark.parametrize(
    ("mean", "n", "expected"),
    [
        # Brown & Heathers 2017, doi 10.1177/1948550616673876: 5.19 of 28 cannot be (145/28 = 5.18).
        ("5.19", 28, ["grim"]),
        ("5.18", 28, []),
        # With 200 people two decimals decide nothing.
        ("5.193", 2000, []),
    ],
)
def test_grim(mean, n, expected):
    assert names(grim(D(mean), n, D(1), "x")) == expected


def test_a_standard_error_given_as_sd_is_noticed_and_the_other_way_round():
    assert names(spread_swap(D("2.5"), None, 35, 14.0, "x")) == ["sd-looks-like-se"]
    assert names(spread_swap(D("14.8"), None, 35, 14.0, "x")) == []
    assert names(spread_swap(None, D("14.8"), 35, 14.0, "x")) == ["se-looks-like-sd"]
    assert names(spread_swap(None, D("2.5"), 35, 14.0, "x")) == []


def change(study, **fields):
    """The Duek record with the first arm-level value of one outcome changed."""
    outcomes = list(study.outcomes)
    outcome = outcomes[0]
    value = outcome.values[0].model_copy(update={k: D(v) if k != "n" else v for k, v in fields.items()})
    outcomes[0] = outcome.model_copy(update={"values": (value, *outcome.values[1:])})
    return study.model_copy(update={"outcomes": tuple(outcomes)})


@pytest.mark.parametrize(
    ("planted", "expected"),
    [
        ({"mean": "81"}, "mean-outside-scale"),
        ({"sd": "60"}, "impossible-sd"),
        ({"mean": "47.33"}, "grim"),
        ({"mean": "5", "sd": "3"}, "impossible-effect"),
        ({"sd": "4"}, "sd-looks-like-se"),
        ({"mean": "75"}, "near-maximum"),
    ],
)
def test_planted_errors_in_an_arm_are_caught(base, scales, planted, expected):
    study = base.get("duek2023")
    yardstick = Yardstick.of(base, scales)
    assert expected not in names(check_study(study, scales, yardstick))
    assert expected in names(check_study(change(study, **planted), scales, yardstick))


def test_arms_that_do_not_add_up_are_caught(base, scales):
    study = base.get("feder2014")
    wrong = study.model_copy(update={"sample": study.sample.model_copy(update={"randomised": 42})})
    assert names(check_study(wrong, scales, Yardstick.of(base, scales))) == ["arm-sum"]


def outcome_changed(study, outcome_id, **fields):
    outcomes = tuple(o.model_copy(update=fields) if o.id == outcome_id else o for o in study.outcomes)
    return study.model_copy(update={"outcomes": outcomes})


def test_clusters_that_do_not_add_up_to_the_total_are_caught(base, scales):
    study, yardstick = base.get("wjp2026_lung"), Yardstick.of(base, scales)
    total = next(o for o in study.outcomes if o.id == "wjp2026_pcl5")
    assert "cluster-sum" not in names(check_study(study, scales, yardstick))
    moved = (total.values[0].model_copy(update={"mean": D("25.3")}), total.values[1])
    wrong = outcome_changed(study, total.id, values=moved)
    assert "cluster-sum" in names(check_study(wrong, scales, yardstick))


def test_counts_and_percentages_must_agree(base, scales):
    study, yardstick = base.get("albott2018"), Yardstick.of(base, scales)
    assert not names(check_study(study, scales, yardstick))
    wrong = outcome_changed(study, "albott2018_remission", percent={"ket": D("86.0")})
    assert names(check_study(wrong, scales, yardstick)) == ["percent-to-count"]
    wrong = outcome_changed(study, "albott2018_remission", events={"ket": 16}, percent={})
    assert names(check_study(wrong, scales, yardstick)) == ["events-above-n"]


def test_a_change_must_be_the_difference_with_a_possible_spread(base, scales):
    study, yardstick = base.get("artin2022"), Yardstick.of(base, scales)
    good = next(o for o in study.outcomes if o.id == "artin2022_pcl5")
    assert not names(check_study(study, scales, yardstick))
    wrong = outcome_changed(study, good.id, change=good.change.model_copy(update={"mean": D("-21.1")}))
    assert names(check_study(wrong, scales, yardstick)) == ["change-consistency"]
    wrong = outcome_changed(study, good.id, change=good.change.model_copy(update={"se": D("6.5")}))
    assert names(check_study(wrong, scales, yardstick)) == ["change-sd-impossible"]


def test_an_effect_and_its_difference_must_favour_the_same_side(base, scales):
    study, yardstick = base.get("feder2021"), Yardstick.of(base, scales)
    good = next(o for o in study.outcomes if o.id == "feder2021_caps5_wk2")
    turned = good.contrast.model_copy(update={"estimate": D("11.88")})
    wrong = outcome_changed(study, good.id, contrast=turned)
    assert names(check_study(wrong, scales, yardstick)) == ["sign-direction"]
    wrong = outcome_changed(study, good.id, higher_is_better=True)
    assert names(check_study(wrong, scales, yardstick)) == ["sign-direction"]
    wrong = outcome_changed(study, good.id, contrast=turned, effect_size=None, reading="benefit")
    assert names(check_study(wrong, scales, yardstick)) == ["sign-direction"]


def test_two_extractors_who_differ_are_told_the_field_and_both_values(base):
    study = base.get("duek2023")
    found = compare_extractions(study, change(study, mean="47.1"))
    assert [finding.subject for finding in found] == ["duek2023: outcomes.duek2023_pcl5_base.values"]
    assert "47.1" in found[0].sentence
    assert not compare_extractions(study, study)


@pytest.mark.parametrize(("adjusted", "found"), [(False, True), (True, False)])
def test_a_models_mean_need_not_be_a_mean_of_whole_scores(scales, adjusted, found):
    # 20 whole scores have a mean in steps of 0.05.
    outcome = severity("o", ("30.13", "40"), is_adjusted=adjusted)
    checks = {each.check for each in check_study(trial(outcome), scales, Yardstick({}, None, ()))}
    assert ("grim" in checks) == found
