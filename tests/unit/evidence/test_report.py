from __future__ import annotations

import itertools
import json
import re
from dataclasses import replace
from datetime import date
from html.parser import HTMLParser
from xml.etree import ElementTree

import pytest

from openkap.core.errors import InputError
from openkap.evidence.answers import answer_all
from openkap.evidence.base import Base
from openkap.evidence.beside import connection
from openkap.evidence.diff import compare, read_report
from openkap.evidence.grade import Override
from openkap.evidence.joined import join
from openkap.evidence.report.assemble import as_json, build
from openkap.evidence.report.files import _cell, report_files, write_report
from openkap.evidence.report.maps import gap_map, prisma_flow, route_map
from openkap.evidence.report.marks import (
    forest_of,
    funnel_of,
    nice_ticks,
    time_course,
)
from openkap.evidence.report.page import page
from openkap.evidence.study import RiskOfBias


@pytest.fixture(scope="module")
def written(report) -> dict[str, str]:
    return report_files(report)


def test_two_builds_are_byte_identical(written):
    assert report_files(build(as_of=date(2026, 11, 23))) == written


def test_the_day_is_handed_in_and_changes_the_fingerprint(report):
    assert build(as_of=date(2026, 11, 24)).fingerprint != report.fingerprint


class Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.targets: list[str] = []
        self.loads: list[str] = []
        self.headings: list[int] = []

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        if tag not in ("meta", "line", "path", "rect", "circle", "br"):
            self.open.append(tag)
        if "id" in given:
            self.ids.append(given["id"])
        if tag == "a" and given["href"].startswith("#"):
            self.targets.append(given["href"][1:])
        self.loads += [value for key, value in attrs if key == "src" or (tag == "link" and key == "href")]
        if tag == "script":
            self.loads.append("script")
        if re.fullmatch("h[1-6]", tag):
            self.headings.append(int(tag[1]))

    def handle_endtag(self, tag):
        if tag in ("path", "line", "rect", "circle"):
            return
        assert self.open.pop() == tag


def test_the_page_is_well_formed_loads_nothing_and_its_links_lead_somewhere(written):
    page = Page()
    page.feed(written["report.html"])
    assert page.open == []
    assert page.loads == []
    assert "url(" not in written["report.html"]
    assert len(page.ids) == len(set(page.ids))
    assert set(page.targets) <= set(page.ids)
    assert page.headings[0] == 1
    assert all(later - earlier <= 1 for earlier, later in zip(page.headings, page.headings[1:], strict=False))


def test_the_page_says_loudly_first_what_is_not_in_the_number(written):
    text = written["report.html"]
    assert text.index("NOT IN THIS NUMBER") < text.index('id="claims"')
    assert "no claim of efficacy is supported" in text


def test_every_drawing_is_xml_with_a_title_and_a_description(written):
    for name, content in written.items():
        if name.endswith(".svg"):
            root = ElementTree.fromstring(content)
            assert root.find("{*}title").text
            assert root.find("{*}desc").text
            assert "NaN" not in content
            assert "inf" not in re.sub(r"[a-z]+inf|inf[a-z]+", "", content)


def test_all_parts_of_the_report_are_there(written):
    for part in (
        "forest_severity_end.svg",
        "funnel_severity_end.svg",
        "time_course.svg",
        "routes.svg",
        "gaps.svg",
        "flow.svg",
        "claims.csv",
        "effects.csv",
        "studies.csv",
        "findings.csv",
        "report.json",
    ):
        assert written[part]
    for section in ("certainty", "bias", "methods", "sources", "integrity"):
        assert f'id="{section}"' in written["report.html"]


def test_files_are_written_as_computed(report, written, tmp_path):
    paths = write_report(report, tmp_path / "new" / "folder")
    assert {path.name: path.read_bytes().decode() for path in paths} == written


def test_a_forest_names_every_study_in_or_out(report):
    answer = report.answers.get("severity_end")
    marks = forest_of(answer)
    text = " ".join(f"{row.label} {row.note}" for row in marks.rows)
    for each in (*answer.effects, *answer.silent):
        assert each.study in text
    weights = [row.weight for row in marks.rows if row.weight is not None]
    assert sum(weights) == pytest.approx(1)
    # A prediction interval from two studies has no freedom: it is not drawn.
    assert all(row.prediction is None for row in marks.rows)


def test_a_funnel_of_few_says_so_and_one_study_has_none(report):
    assert "cannot be judged below about ten" in funnel_of(report.answers.get("severity_end")).caution
    assert funnel_of(report.answers.get("severity_day_1")) is None


def test_the_flow_ends_at_the_main_pool(report):
    counts = [box.count for box in prisma_flow(report.base, report.answers)]
    assert counts == sorted(counts, reverse=True)
    assert (counts[0], counts[-2], counts[-1]) == (44, 8, 2)


def test_the_maps_show_gaps_as_gaps(report):
    routes = route_map(report.base)
    assert routes.cell("SC", "randomised") is None
    assert routes.cell("IV", "randomised").people == 327
    assert gap_map(report.base).cell("ptsd", "6 months or later") is None


def test_the_time_course_holds_two_trials_and_names_the_silent(report):
    course = time_course(report.base, report.answers)
    assert [name for name, _ in course.lines] == ["Duek 2023", "Feder 2021"]
    assert any("Abdallah 2022 (158)" in each for each in course.silent)


def test_comparators_are_read_with_their_own_sign_and_not_joined(report):
    by_id = {each.comparator.id: each for each in report.besides}
    assert (len(by_id["psychotherapy"].trials), len(by_id["mdma"].trials)) == (102, 6)
    # The two files write the sign of a benefit differently; after reading both are benefits.
    assert by_id["psychotherapy"].pooled.ci_low > 0
    assert by_id["mdma"].pooled.ci_low > 0
    assert not connection(report.base, report.besides).connects
    assert "No difference between parts is computed" in report.connection.sentence
    assert all("Open Data Commons" in each.comparator.attribution for each in report.besides)


@pytest.mark.parametrize(("low", "high"), [(-1.6, 2.2), (0.0, 30.0), (-0.3, 0.31)])
def test_ticks_are_inside_and_evenly_spaced(low, high):
    ticks = nice_ticks(low, high)
    steps = {round(b - a, 9) for a, b in itertools.pairwise(ticks)}
    assert len(steps) == 1
    assert low <= ticks[0]
    assert ticks[-1] <= high


def test_a_cell_that_a_spreadsheet_would_run_is_made_text():
    assert _cell("=1+1") == "'=1+1"
    assert _cell(-0.5) == "-0.5"


def test_a_report_compared_with_itself_has_not_changed(report):
    data = json.loads(as_json(report))
    assert compare(data, data) == []


@pytest.fixture(scope="module")
def with_trial(report, files, scales, tmp_path_factory):
    """The report after a made-up trial with posted results was imported."""
    from openkap.evidence.importers.clinicaltrials_gov import read_file
    from openkap.evidence.write import study_as_yaml

    folder = tmp_path_factory.mktemp("trials")
    study = read_file(files / "three_arms.json", scales).study
    (folder / f"{study.id}.yaml").write_text(study_as_yaml(study), encoding="utf-8")
    return build(as_of=report.as_of, extra=(folder,))


def test_adding_a_trial_is_told_in_sentences(report, with_trial):
    old, new = json.loads(as_json(report)), json.loads(as_json(with_trial))
    changes = compare(old, new)
    kinds = {change.kind for change in changes}
    assert {"record added", "study now in", "number", "sentence"} <= kinds
    said = " ".join(change.sentence for change in changes)
    assert "NCT09990001 was added (efficacy rct, 163 people)." in said
    assert "was g 0.65" in said
    back = {change.kind for change in compare(new, old)}
    assert {"record removed", "study no longer in"} <= back


def test_a_changed_verdict_certainty_and_domain_are_each_said(report):
    old = json.loads(as_json(report))
    new = json.loads(as_json(report))
    new["claims"][0]["verdict"] = "supported"
    answer = new["answers"]["severity_end"]
    answer["certainty"], answer["domains"][0]["level"], answer["says"] = "low", 0, "g 0.7"
    answer["interval"] = [0.2, 1.2]
    said = [change.sentence for change in compare(old, new)]
    assert any("was not supported, is supported" in each for each in said)
    assert any("certainty was very low, is low" in each for each in said)
    assert any("risk of bias went from -1 to 0" in each for each in said)
    assert any("the interval includes no effect; now it lies above no effect" in each for each in said)


@pytest.mark.parametrize(("text", "reason"), [("{", "not JSON"), ("{}", "not a report of ours")])
def test_what_is_not_a_report_is_refused(tmp_path, text, reason):
    (tmp_path / "report.json").write_text(text)
    with pytest.raises(InputError, match=reason):
        read_report(tmp_path)
    with pytest.raises(InputError, match="cannot read the report"):
        read_report(tmp_path / "nowhere.json")


def test_a_published_value_that_the_gate_flags_says_so_wherever_it_stands(report, written):
    data = json.loads(written["report.json"])
    e3 = next(claim for claim in data["claims"] if claim["id"] == "E3")
    flags = {each["id"]: each["flag"] for each in e3["published"]}
    assert flags["almeida2024_pcl_end"].startswith("interval-excludes-estimate")
    assert flags["sicignano2024_pcl"].startswith("interval-too-narrow")
    assert flags["borgogna2024_all"] == ""
    assert written["report.html"].count("⚑ interval-excludes-estimate") >= 2


def tied(study):
    """Feder 2021 as if its control had been a waiting list."""
    arms = tuple(
        arm.model_copy(update={"drug": "no drug", "label": "Waiting list"})
        if arm.role == "comparator"
        else arm
        for arm in study.arms
    )
    return study.model_copy(update={"arms": arms})


def test_a_network_is_fitted_only_where_a_trial_ties_ketamine_to_first_line_care(report):
    assert report.joined is None
    records = tuple(tied(r) if r.id == "feder2021" else r for r in report.base.records)
    base = Base(records, {})
    answers = answer_all(base, report.answers.plan)
    joined = join(base, answers, report.besides)
    against = {each.treatment: each for each in joined.against}
    assert set(against) == {"waitlist", "psychotherapy", "tau", "other"}
    # One trial ties the two: ketamine against waiting list is that trial, and against therapy it is the sum.
    assert against["waitlist"].estimate == pytest.approx(1.0995, abs=1e-3)
    direct = joined.network.effect("psychotherapy", "waitlist")[0]
    assert against["psychotherapy"].estimate == pytest.approx(against["waitlist"].estimate - direct, abs=1e-9)
    assert "Indirect".lower() in joined.sentence.lower()


def test_a_reviewers_judgements_stand_in_the_report_with_name_day_and_reason(report):
    """A domain judged free of concern, and a trial's risk of bias: both are shown, and why."""
    judged = RiskOfBias(
        tool="RoB 2",
        judged_by="B. Reviewer",
        reason="read the full paper <and> its protocol",
        on=date(2026, 11, 2),
        domains={"missing outcomes": "low"},
        overall="some concerns",
    )
    records = tuple(
        r.model_copy(update={"risk_of_bias": judged}) if r.id == "feder2021" else r
        for r in report.base.records
    )
    given = Override(
        analysis="severity_end",
        domain="indirectness",
        level="0",
        reviewer="A. Reviewer",
        reason="the regimens answer one question",
        on=date(2026, 11, 1),
    )
    base, plan = Base(records, {}), report.answers.plan.model_copy(update={"overrides": (given,)})
    text = page(replace(report, base=base, answers=answer_all(base, plan)))
    assert "the regimens answer one question" in text
    assert "[A. Reviewer, 2026-11-01]" in text
    told = "some concerns (RoB 2; B. Reviewer, 2026-11-02: read the full paper &lt;and&gt; its protocol)"
    assert told in text
    assert "1 of 2 studies without a judgement" in text


def test_what_each_arm_lost_stands_beside_its_risk_of_bias(written):
    assert "Saline: 19 of 55" in written["report.html"]
