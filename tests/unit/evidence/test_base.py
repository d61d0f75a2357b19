from __future__ import annotations

import shutil
from decimal import Decimal
from pathlib import Path

import pytest

from openkap.core.content import SHIPPED
from openkap.core.errors import ContentError, InputError
from openkap.evidence.base import read_base, read_study
from openkap.evidence.study import Group, Tier
from openkap.evidence.write import study_as_yaml


def test_all_records_of_the_facts_are_held(base):
    assert len(base.records) == 44
    # 105 in the facts, and the non-completion of Feder 2021 that its README lists.
    assert sum(len(record.outcomes) for record in base.records) == 106


def test_a_companion_is_not_a_study_of_its_own(base):
    assert "norbury2021" not in {study.id for study in base.studies}


def test_the_largest_trial_holds_no_number_for_severity(base):
    severity = [o for o in base.get("abdallah2022").outcomes if o.domain == "ptsd"]
    assert base.get("abdallah2022").sample.randomised == 158
    assert all(outcome.kind == "qualitative" and not outcome.values for outcome in severity)


def test_four_clinic_series_are_marked_as_one_overlap(base):
    marked = {study.id for study in base.studies if study.overlap == "va-san-diego-esketamine"}
    assert marked == {"artin2022", "bentley2022", "titone2023", "zhang2025"}


def test_prevention_stands_apart(base):
    assert {s.group for s in base.studies if s.is_prevention} == {
        Group.PREVENTION,
        Group.REGISTERED_PREVENTION,
    }
    assert not any(study.is_prevention and study.is_controlled for study in base.studies)


def test_the_best_tier_of_several_sources_counts(base):
    study = base.get("feder2014")
    assert study.tier_of(["S6", "S4"]) is Tier.A


def test_a_written_study_reads_back_as_itself(base, tmp_path):
    for study in base.records:
        path = tmp_path / f"{study.id}.yaml"
        path.write_text(study_as_yaml(study), encoding="utf-8")
        assert read_study(path) == study


def _broken(tmp_path: Path, old: str, new: str) -> Path:
    path = tmp_path / "feder2014.yaml"
    text = (SHIPPED / "trials" / "feder2014.yaml").read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("id: feder2014", "id: other", "not the file's name"),
        ("      - S4\n", "      - S99\n", "a source that the file does not list"),
        ("intervention: ket\n", "intervention: ketamin\n", "an arm that does not exist"),
        ("randomised: 41", "randomised: many", "valid integer"),
        ("- formula: (22.8-2.5)/(2*1.96)\n        se", "- se", "needs its formula"),
    ],
)
def test_a_slip_in_a_study_file_is_refused_with_its_line(tmp_path, old, new, reason):
    with pytest.raises(ContentError, match=reason) as refused:
        read_study(_broken(tmp_path, old, new))
    assert "feder2014.yaml:" in str(refused.value.where)


def test_a_study_that_stands_twice_is_refused(tmp_path):
    shutil.copy(SHIPPED / "trials" / "feder2014.yaml", tmp_path / "feder2014.yaml")
    with pytest.raises(ContentError, match="stands twice"):
        read_base(SHIPPED / "trials", tmp_path)


def test_a_companion_without_its_study_is_refused(tmp_path):
    path = _broken(tmp_path, "record: study", "record: companion\ncompanion_of: nowhere")
    with pytest.raises(InputError, match="companion whose study"):
        read_base(path.parent)


def test_numbers_keep_the_digits_they_were_printed_with(tmp_path):
    path = _broken(tmp_path, "estimate: -12.7", "estimate: -12.70")
    assert read_study(path).outcomes[0].contrast.estimate.as_tuple() == Decimal("-12.70").as_tuple()
