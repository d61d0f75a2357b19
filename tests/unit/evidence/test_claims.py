from __future__ import annotations

from datetime import date
from decimal import Decimal as D

import pytest
import yaml

from openkap.core.content import SHIPPED
from openkap.core.errors import ContentError
from openkap.evidence.answers import answer_all
from openkap.evidence.base import Base
from openkap.evidence.claims import VerdictOverride, combine, judge_claims, read_claims
from openkap.evidence.ruling import VERDICTS, Held
from openkap.evidence.study import Group

NORMATIVE_BY_DOCUMENTS = {"C1", "C3"}
COUNTS_OF_WHAT_IS_HELD = {"G1", "G2", "G3"}


@pytest.fixture(scope="module")
def entries(report):
    return {entry.claim.id: entry for entry in report.entries}


def test_all_31_claims_are_answered_each_with_a_verdict_and_a_reason(entries):
    assert len(entries) == 31
    for entry in entries.values():
        assert entry.verdict in VERDICTS
        assert all(part.because and part.judged_from for part in entry.parts)


def test_nothing_but_documents_and_gaps_is_supported_today(entries):
    supported = {key for key, entry in entries.items() if entry.verdict == "supported"}
    assert supported == NORMATIVE_BY_DOCUMENTS | COUNTS_OF_WHAT_IS_HELD


def test_the_efficacy_statement_does_not_outrun_the_published_pool(entries, report):
    e3 = entries["E3"]
    assert e3.verdict == "not supported"
    # Borgogna 2024 as printed: 0.27 (0.03 to 0.51), bias-adjusted 0.20 (-0.08 to 0.48).
    assert "0.27 (0.03 to 0.51)" in e3.sentence
    assert "0.20 (\N{MINUS SIGN}0.08 to 0.48)" in e3.sentence
    low, high = report.answers.get("severity_end").interval
    assert low < 0.03
    assert high > 0.51


@pytest.mark.parametrize("claim", ["E1", "E2", "E3", "E4", "D1", "D2", "D3", "P2"])
def test_wherever_efficacy_is_stated_the_158_person_trial_is_named(entries, claim):
    assert "Abdallah 2022 (158 people)" in entries[claim].sentence


def test_a_claim_that_rests_on_trials_carries_its_grade_domains(entries):
    names = [domain.name for analysis, domain in entries["E3"].domains if analysis == "severity_end"]
    assert names == ["risk of bias", "inconsistency", "indirectness", "imprecision", "missing results"]
    assert entries["E3"].as_dict()["domains"][0]["reason"]
    assert entries["C1"].domains == ()


def test_published_syntheses_stand_beside_ours(entries):
    assert {estimate.id for _, estimate in entries["E3"].published} >= {
        "borgogna2024_all",
        "sicignano2024_caps",
    }


def judged(report, base) -> dict[str, str]:
    held = Held(base, answer_all(base, report.answers.plan), report.syntheses)
    return {entry.claim.id: entry.verdict for entry in judge_claims(read_claims(), held)}


def test_uncontrolled_data_alone_support_no_claim_of_effect(report):
    """Without any randomised trial not one claim of efficacy, durability, route or therapy is supported."""
    kept = tuple(record for record in report.base.records if record.group is not Group.EFFICACY_RCT)
    records = tuple(r.model_copy(update={"companion_of": None}) if r.companion_of else r for r in kept)
    verdicts = judged(report, Base(records, {}))
    about_effect = [key for key in verdicts if key[0] in "EDRP"]
    assert {verdicts[key] for key in about_effect if key not in ("R3", "P3")} <= {
        "cannot be judged",
        "not supported",
        "mixed",
    }
    assert not any(verdicts[key] == "supported" for key in about_effect if key not in ("R3", "P3"))


def strong(study, d: str):
    """Feder 2021 as if it had been large and clear."""
    outcomes = []
    for outcome in study.outcomes:
        if outcome.id == "feder2021_caps5_wk2":
            size = outcome.effect_size.model_copy(
                update={"estimate": D(d), "ci_low": D("0.9"), "ci_high": D("1.3")}
            )
            outcome = outcome.model_copy(update={"effect_size": size})
        outcomes.append(outcome)
    return study.model_copy(update={"outcomes": tuple(outcomes)})


def test_even_a_clear_result_is_at_most_mixed_while_the_largest_trial_is_silent(report):
    records = tuple(
        strong(record, "1.1") if record.id == "feder2021" else record
        for record in report.base.records
        if record.id != "duek2023"
    )
    base = Base(records, {})
    result = answer_all(base, report.answers.plan).get("severity_end")
    assert result.in_favour() == "yes"
    verdicts = judged(report, base)
    assert verdicts["E3"] != "supported"


def test_parts_that_differ_give_mixed():
    assert combine(["supported", "supported"]) == "supported"
    assert combine(["supported", "cannot be judged"]) == "mixed"


def test_a_reviewer_overrides_a_verdict_and_the_rules_verdict_stays_readable(report):
    given = VerdictOverride(
        verdict="cannot be judged", reviewer="A. Reviewer", reason="too few", on=date(2026, 11, 1)
    )
    claims = tuple(
        claim.model_copy(update={"override": given}) if claim.id == "E2" else claim for claim in read_claims()
    )
    held = Held(report.base, report.answers, report.syntheses)
    entry = next(each for each in judge_claims(claims, held) if each.claim.id == "E2")
    assert (entry.verdict, entry.proposed) == ("cannot be judged", "mixed")
    assert entry.sentence.startswith(
        "A. Reviewer judged this cannot be judged on 2026-11-01: too few (the rules propose mixed)"
    )


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("rule: every_cluster", "rule: wishful", "no such rule"),
        ("id: E2", "id: E1", "stands twice"),
        ("kind: quantitative", "kind: hopeful", "quantitative"),
    ],
)
def test_slips_in_the_claims_are_refused(tmp_path, old, new, reason):
    path = tmp_path / "claims.yaml"
    path.write_text(
        (SHIPPED / "claims.yaml").read_text(encoding="utf-8").replace(old, new, 1), encoding="utf-8"
    )
    with pytest.raises(ContentError, match=reason):
        read_claims(path)


def test_rules_read_rates_once_they_exist(report):
    """Given counts with denominators, the harms claim stops saying that there are none."""
    record = next(r for r in report.base.records if r.id == "feder2021")
    event = record.adverse_events[0].model_copy(
        update={
            "term": "Nausea",
            "serious": None,
            "events": {"ket": 5, "mid": 1},
            "at_risk": {"ket": 15, "mid": 15},
        }
    )
    records = tuple(
        r.model_copy(update={"adverse_events": (event,)}) if r.id == "feder2021" else r
        for r in report.base.records
    )
    base = Base(records, {})
    held = Held(base, report.answers, report.syntheses)
    s1 = next(e for e in judge_claims(read_claims(), held) if e.claim.id == "S1")
    assert "Nausea 5 of 15 on ketamine, 1 of 15 on control" in s1.sentence


def test_every_claim_of_the_summary_is_kept_word_for_word_in_one_file():
    raw = yaml.safe_load((SHIPPED / "claims.yaml").read_text(encoding="utf-8"))["claims"]
    assert [claim["id"] for claim in raw] == [
        *("E1", "E2", "E3", "E4"),
        *("D1", "D2", "D3"),
        *("R1", "R2", "R3"),
        *("M1", "M2", "M3", "M4", "M5"),
        *("P1", "P2", "P3"),
        *("S1", "S2"),
        *("C1", "C2", "C3", "C4"),
        *("G1", "G2", "G3", "G4"),
        *("A1", "A2"),
        "X1",
    ]
