from __future__ import annotations

import json
from decimal import Decimal as D

import pytest
from scipy import stats

from openkap.core.content import SHIPPED
from openkap.core.errors import InputError
from openkap.evidence.contrasts import controlled_effect
from openkap.evidence.importers.clinicaltrials_gov import read_clinicaltrials_gov, read_file
from openkap.evidence.importers.metapsy import read_metapsy
from openkap.evidence.importers.own_csv import read_own_csv
from openkap.evidence.importers.pubmed import read_nbib, read_pubmed, read_pubmed_xml
from openkap.evidence.importers.registry_fields import confidence_of, count_of, decimal_of, word_of
from openkap.evidence.importers.revman import read_revman
from openkap.evidence.importers.ris import read_ris
from openkap.evidence.importers.timeframe import read_time
from openkap.evidence.study import Group, Window


@pytest.fixture(scope="module")
def three_arms(files, scales):
    return read_file(files / "three_arms.json", scales)


def outcome(imported, outcome_id):
    return next(each for each in imported.study.outcomes if each.id == outcome_id)


def test_each_results_group_becomes_an_arm_with_drug_dose_route_and_role(three_arms):
    arms = {arm.id: arm for arm in three_arms.study.arms}
    low = arms["ketamine_0.2_mg_kg"]
    assert (low.role, low.drug, low.dose, low.dose_unit, low.route, low.administrations) == (
        "intervention",
        "ketamine",
        D("0.2"),
        "mg/kg",
        "IV",
        8,
    )
    assert (arms["placebo"].role, arms["placebo"].drug) == ("comparator", "placebo")
    assert three_arms.study.group is Group.EFFICACY_RCT


def test_a_standard_error_becomes_an_sd_by_the_denominator_of_its_own_class(three_arms):
    day1 = outcome(three_arms, "nct09990001_1_2")
    value = day1.values[0]
    assert (day1.time.window, value.n, value.mean, value.se) == (Window.DAY_1, 50, D("36.0"), D("2.3"))
    # SE times the root of 50.
    assert float(value.sd) == pytest.approx(2.3 * 50**0.5, abs=1e-5)


def test_an_interval_becomes_a_standard_error_and_counts_from_the_last_dose(three_arms):
    caps = outcome(three_arms, "nct09990001_2")
    assert (caps.instrument, caps.rater, caps.time.window) == ("CAPS-5", "clinician", Window.MONTH_1)
    assert (caps.time.days_from_first_dose, caps.time.days_from_last_dose) == (None, D("28.0"))
    # 40 people: t with 39 degrees of freedom is 2.0227 (any table).
    assert float(caps.values[0].se) == pytest.approx((27.9 - 20.1) / 2 / 2.0227, rel=1e-4)


def test_participants_are_counted_with_their_denominators(three_arms):
    found = outcome(three_arms, "nct09990001_3")
    assert (found.kind, found.events["placebo"], found.n["placebo"]) == ("binary", 13, 54)


def test_a_median_is_not_read_as_a_mean(three_arms):
    madrs = outcome(three_arms, "nct09990001_4")
    assert (madrs.kind, madrs.values) == ("qualitative", ())
    assert "shape-unknown" in {finding.check for finding in three_arms.findings}


def test_a_posted_analysis_becomes_a_contrast_whose_sign_is_not_trusted(three_arms):
    contrast = outcome(three_arms, "nct09990001_1_a1").contrast
    assert (contrast.estimate, contrast.ci_low, contrast.p) == (D("-0.9"), D("-7.7"), "0.80")
    assert "check which arm" in contrast.direction


def test_harms_keep_numerator_and_denominator(three_arms):
    dizzy = next(event for event in three_arms.study.adverse_events if event.term == "Dizziness")
    assert (dizzy.serious, dizzy.events["placebo"], dizzy.at_risk["placebo"]) == (False, 3, 55)


def test_attrition_that_differs_by_arm_is_said(three_arms):
    assert "attrition-differs" in {finding.check for finding in three_arms.findings}


def test_a_contradictory_record_is_read_and_each_contradiction_named(files, scales):
    imported = read_file(files / "contradictions.json", scales)
    checks = {finding.check: finding for finding in imported.findings}
    assert imported.study.group is Group.REGISTERED
    assert "NON_RANDOMIZED" in checks["allocation-contradiction"].sentence
    assert "0 to 120" in checks["scale-range"].sentence
    assert checks["scale-range"].severity == "contradiction"


def test_crossover_sequences_are_not_arms(files, scales):
    imported = read_file(files / "crossover.json", scales)
    assert {arm.role for arm in imported.study.arms} == {"unclear"}
    assert [f.check for f in imported.findings].count("crossover-sequence") == 2
    assert imported.study.sample.randomised == 41


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("Ketamine First", "Midazolam First"),
        ("Ketamine / Midazolam", "Midazolam / Ketamine"),
        ("Ketamine, then Midazolam", "Midazolam, then Ketamine"),
        ("Ketamine → Midazolam", "Midazolam → Ketamine"),
    ],
)
def test_a_sequence_is_known_by_any_way_of_writing_it(files, scales, first, second):
    text = (files / "crossover.json").read_text()
    text = text.replace("Ketamine First, Then Midazolam", first)
    imported = read_clinicaltrials_gov(text.replace("Midazolam First, Then Ketamine", second), scales)
    assert {arm.role for arm in imported.study.arms} == {"unclear"}
    assert [f.check for f in imported.findings].count("crossover-sequence") == 2


@pytest.fixture
def by_treatment(files):
    """The crossover reported by treatment: 35 and 37 of its 41 people, most of them in both."""
    record = json.loads((files / "crossover.json").read_text(encoding="utf-8"))
    measure = record["resultsSection"]["outcomeMeasuresModule"]["outcomeMeasures"][0]
    measure["groups"] = [{"id": "OG000", "title": "Ketamine"}, {"id": "OG001", "title": "Midazolam"}]
    measure["denoms"][0]["counts"] = [
        {"groupId": "OG000", "value": "35"},
        {"groupId": "OG001", "value": "37"},
    ]
    return record


def test_a_crossover_reported_by_treatment_is_a_finding_and_enters_no_pool(by_treatment, scales):
    imported = read_clinicaltrials_gov(json.dumps(by_treatment), scales)
    assert {"crossover", "more-analysed-than-started"} <= {each.check for each in imported.findings}
    (iesr,) = imported.study.outcomes
    assert [arm.role for arm in imported.study.arms][:2] == ["intervention", "comparator"]
    assert controlled_effect(imported.study, iesr, "MD") is None


def test_an_outcome_that_contradicts_the_flow_is_not_settled_in_a_parallel_trial_either(by_treatment, scales):
    by_treatment["protocolSection"]["designModule"]["designInfo"]["interventionModel"] = "PARALLEL"
    imported = read_clinicaltrials_gov(json.dumps(by_treatment), scales)
    (iesr,) = imported.study.outcomes
    assert iesr.unsettled == ("more-analysed-than-started: 72 analysed, 41 started",)
    assert controlled_effect(imported.study, iesr, "MD") is None


def test_an_impossible_range_of_a_measure_leaves_its_outcomes_unsettled(files, scales):
    record = json.loads((files / "three_arms.json").read_text(encoding="utf-8"))
    measures(record)[0]["description"] = "PCL-5, range 0 to 120"
    found = read_clinicaltrials_gov(json.dumps(record), scales).study.outcomes
    marked = {each.id for each in found if any("scale-range" in reason for reason in each.unsettled)}
    assert {"nct09990001_1_2", "nct09990001_1_a1"} <= marked
    assert "nct09990001_2" not in marked


@pytest.mark.parametrize("spread", ["STANDARD_DEVIATION", "Standard Deviation"])
def test_both_spellings_of_a_dispersion_are_known(files, scales, spread):
    record = json.loads((files / "crossover.json").read_text())
    record["resultsSection"]["outcomeMeasuresModule"]["outcomeMeasures"][0]["dispersionType"] = spread
    study = read_clinicaltrials_gov(json.dumps(record), scales).study
    assert study.outcomes[0].values[0].sd == D("15.1")


@pytest.mark.parametrize(
    ("text", "reason"), [("{", "not readable as JSON"), ('{"a": 1}', "not a study record")]
)
def test_what_is_not_a_registry_record_is_refused(scales, text, reason):
    with pytest.raises(InputError, match=reason):
        read_clinicaltrials_gov(text, scales)


@pytest.mark.parametrize(
    ("text", "days", "window"),
    [
        ("24 hours post-infusion", 1, Window.DAY_1),
        ("Baseline to Week 2", 14, Window.END_OF_COURSE),
        ("Day 7", 7, Window.END_OF_COURSE),
        ("two weeks", 14, Window.END_OF_COURSE),
        ("4 weeks after the last infusion", 28, Window.MONTH_1),
        ("6 months", 182.625, Window.LATER),
        ("40 minutes", 40 / 1440, Window.ACUTE),
        ("Baseline", 0, Window.BASELINE),
        ("Baseline, 24 hours and 7 days", None, Window.UNCLEAR),
        ("weeks 1, 2 and 4", None, Window.UNCLEAR),
        ("24, 48 and 72 hours", None, Window.UNCLEAR),
        ("at discharge", None, Window.UNCLEAR),
    ],
)
def test_free_text_times(text, days, window):
    time = read_time(text)
    assert time.window is window
    assert time.days == (None if days is None else pytest.approx(days))


def test_pubmed_xml_and_nbib_agree_on_one_article_and_its_retraction(files):
    xml = read_pubmed(files / "articles.xml")[0]
    nbib = read_pubmed(files / "articles.nbib")[0]
    for name in ("pmid", "doi", "year", "registrations", "journal"):
        assert getattr(xml, name) == getattr(nbib, name)
    assert xml.title == nbib.title == "Dose-related effects of a made-up drug."
    assert xml.is_retracted
    assert nbib.is_retracted
    assert xml.notices[0].pmid == nbib.notices[0].pmid == "99990009"
    assert xml.authors == ("Doe AB", "The Made-up Group")
    assert xml.abstract == "METHODS: Registered as NCT09990001.\nRESULTS: No difference."


def test_xml_that_declares_entities_is_refused():
    with pytest.raises(InputError, match="declares entities"):
        read_pubmed_xml('<!DOCTYPE a [<!ENTITY b "c">]><PubmedArticleSet/>')


@pytest.mark.parametrize(
    ("read", "text", "reason"),
    [
        (read_pubmed_xml, "<a/>", "no PubmedArticle"),
        (read_pubmed_xml, "<a>", "not readable as XML"),
        (read_nbib, "hello", "neither a tag nor a continuation"),
        (read_nbib, "", "no record"),
        (read_ris, "TY  - JOUR\nTI  - a", "without its end"),
        (read_ris, "TI  - a\nER  - ", "before the first TY"),
        (read_ris, "", "no record"),
        (read_metapsy, "study,g\na,1", "columns are missing"),
        (read_revman, "a,b\n1,2", "no column of studies"),
        (read_revman, "", "file is empty"),
    ],
)
def test_broken_reference_files_are_refused_with_a_reason(read, text, reason):
    with pytest.raises(InputError, match=reason):
        read(text)


def test_ris_records(files):
    first, second = read_ris((files / "articles.ris").read_text())
    assert (first.doi, first.year, first.pages, first.authors[1]) == (
        "10.9999/made.1",
        2022,
        "1-9",
        "Roe, C.",
    )
    assert second.is_retracted
    assert not first.is_retracted


@pytest.mark.parametrize(
    ("folder", "rows", "studies"), [("metapsy-ptsd-psyctr", 131, 102), ("metapsy-ptsd-mdmactr", 61, 6)]
)
def test_the_published_metapsy_files_are_read_whole(folder, rows, studies):
    # Rows and studies as the files' own notes say (LICENCE-NOTE.md, number_studies.txt).
    found = read_metapsy((SHIPPED / "comparators" / folder / "data.csv").read_text(encoding="utf-8-sig"))
    assert (len(found), len({row.study for row in found})) == (rows, studies)


def test_metapsy_decimal_commas_are_decimals():
    found = read_metapsy(
        (SHIPPED / "comparators/metapsy-ptsd-mdmactr/data.csv").read_text(encoding="utf-8-sig")
    )
    # First row of the file: Mitchell 2021, week 4, .g = -0,27798448080229415.
    assert found[0].g == pytest.approx(-0.27798448080229415)


HEADER = "study;condition_arm1;condition_arm2;outcome_type;instrument;.g;.g_se\n"


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("a;x;y;msd;z;0,5;0", "above zero"),
        ("a;x;y;msd;z;half;0,2", "text where a number belongs"),
        (";x;y;msd;z;0,5;0,2", "without a study"),
        ("a;x;y;msd;z;0,5;0,2\nb;x;y;msd;z;0.5;0,2", "mixes decimal commas"),
    ],
)
def test_bad_metapsy_rows_are_refused_with_their_line(row, reason):
    with pytest.raises(InputError, match=reason) as refused:
        read_metapsy(HEADER + row, "file")
    assert "file:" in refused.value.where


def test_revman_rows_of_the_three_kinds():
    head = "Study,Study year,Experimental mean,Experimental SD,Experimental cases,Experimental N,"
    head += "Control mean,Control SD,Control cases,Control N,GIV Mean,GIV SE\n"
    rows = read_revman(head + "A,2020,1,2,,10,3,2,,11,,\nB,2021,,,3,10,,,5,11,,\nC,,,,,,,,,,-0.5,0.2\n")
    assert [row.kind for row in rows] == ["continuous", "dichotomous", "generic"]
    assert (rows[0].year, rows[1].numbers["events2"], rows[2].numbers["giv_se"]) == (2020, 5, 0.2)
    with pytest.raises(InputError, match="complete set"):
        read_revman(head + "A,,1,,,10,3,2,,11,,\n")
    with pytest.raises(InputError, match="above zero"):
        read_revman(head + "A,,1,0,,10,3,2,,11,,\n")


@pytest.mark.parametrize(
    ("row", "reason", "value"),
    [
        ("A,,,,12,10,,,5,11,,", "Experimental cases is above Experimental N", "12 of 10"),
        ("A,,,,5,10,,,12,11,,", "Control cases is above Control N", "12 of 11"),
        ("A,,,,2.5,10,,,5,11,,", "Experimental cases is not a count", "2.5"),
        ("A,,,,-1,10,,,5,11,,", "Experimental cases is not a count", "-1.0"),
        ("A,,,,0,-3,,,5,11,,", "Experimental N is not a count", "-3.0"),
        ("A,,,,0,0,,,5,11,,", "Experimental N is too small", "0"),
        ("A,,1,2,,10.5,3,2,,11,,", "Experimental N is not a count", "10.5"),
        ("A,,1,2,,10,3,2,,1,,", "Control N is too small", "1"),
    ],
)
def test_impossible_counts_of_a_revman_row_are_refused_with_row_value_and_remedy(row, reason, value):
    head = "Study,Study year,Experimental mean,Experimental SD,Experimental cases,Experimental N,"
    head += "Control mean,Control SD,Control cases,Control N,GIV Mean,GIV SE\n"
    with pytest.raises(InputError, match=reason) as refused:
        read_revman(f"{head}{row}\n", "rm.csv")
    assert (refused.value.where, refused.value.value) == ("rm.csv:2", value)
    assert refused.value.remedy


def test_revman_counts_on_their_limits_are_read():
    head = "Study,Events1,Total1,Events2,Total2\n"
    (row,) = read_revman(f"{head}A,10,10,0,1\n")
    assert row.numbers == {"events1": 10, "n1": 10, "events2": 0, "n2": 1}


OWN = "study,group,outcome,instrument,window,arm,role,drug,n,url,tier,page,mean,sd,events\n"


def test_our_own_csv_becomes_a_study(scales):
    text = OWN + (
        "new2027,efficacy_rct,sev,PCL-5,end_of_course,ket,intervention,ketamine,20,https://x.org,A,p. "
        "3,30.10,12,\n"
        "new2027,efficacy_rct,sev,PCL-5,end_of_course,pla,comparator,saline,21,https://x.org,A,p. 3,34,13,\n"
        "new2027,efficacy_rct,resp,PCL-5,end_of_course,ket,intervention,ketamine,20,https://x.org,A,p. "
        "4,,,9\n"
        "new2027,efficacy_rct,resp,PCL-5,end_of_course,pla,comparator,saline,21,https://x.org,A,p. 4,,,5\n"
    )
    (study,) = read_own_csv(text, scales)
    assert [o.kind for o in study.outcomes] == ["arm_level", "binary"]
    assert study.outcomes[0].values[0].mean.as_tuple() == D("30.10").as_tuple()
    assert study.outcomes[1].events == {"ket": 9, "pla": 5}


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("s,efficacy_rct,o,PCL-5,soon,ket,intervention,ketamine,20,https://x.org,A,p,1,1,", "window"),
        (
            "s,trial,o,PCL-5,day_1,ket,intervention,ketamine,20,https://x.org,A,p,1,1,",
            "not one of the known words",
        ),
        ("s,efficacy_rct,o,PCL-5,day_1,ket,intervention,ketamine,20.5,https://x.org,A,p,1,1,", "not a count"),
        ("s,efficacy_rct,o,PCL-5,day_1,ket,intervention,ketamine,20,https://x.org,A,,1,1,", "page is empty"),
        ("s,efficacy_rct,o,PCL-5,day_1,ket,intervention,ketamine,20,https://x.org,A,p,1,-1,", "sd"),
        ("s,efficacy_rct,o,PCL-5,day_1,ket,intervention,ketamine,20,https://x.org,A,p,1,nan,", "finite"),
    ],
)
def test_bad_rows_of_our_csv_are_refused_with_their_line(scales, line, reason):
    with pytest.raises(InputError, match=reason) as refused:
        read_own_csv(OWN + line, scales, "own.csv")
    assert refused.value.where == "own.csv:2"


def test_our_csv_says_what_is_a_crossover_a_first_period_a_change_and_the_end_of_a_course(scales):
    head = OWN.strip() + ",design,phase,statistic\n"
    both = "s,efficacy_rct,both,PCL-5,day_1,{},20,https://x.org,A,p,{},10,,RCT crossover,,\n"
    first = "s,efficacy_rct,first,PCL-5,day_1,{},20,https://x.org,A,p,{},10,,RCT crossover,first period,\n"
    arms = (("ket,intervention,ketamine", 30), ("mid,comparator,midazolam", 40))
    (study,) = read_own_csv(head + "".join(x.format(*arm) for x in (both, first) for arm in arms), scales)
    found = [controlled_effect(study, outcome, "MD") for outcome in study.outcomes]
    assert (found[0], found[1].yi) == (None, pytest.approx(10))
    end = "s,efficacy_rct,o,PCL-5,end_of_course,ket,intervention,k,20,https://x.org,A,p,-9,10,,,{},{}\n"
    (study,) = read_own_csv(head + end.format("end of treatment", "change"), scales)
    assert (study.outcomes[0].statistic, study.outcomes[0].time.phase) == ("change", "end of treatment")
    with pytest.raises(InputError, match="statistic"):
        read_own_csv(head + end.format("", "changed"), scales)


@pytest.mark.parametrize(
    ("frame", "phase"),
    [
        ("End of treatment (week 2)", "end of treatment"),
        ("Week 4, end of infusions", "end of treatment"),
        ("Week 2", None),
        ("3 months after the end of treatment", None),
    ],
)
def test_a_visit_that_a_record_calls_the_end_of_treatment_is_marked(files, scales, frame, phase):
    record = json.loads((files / "crossover.json").read_text(encoding="utf-8"))
    measures(record)[0]["timeFrame"] = frame
    (found,) = read_clinicaltrials_gov(json.dumps(record), scales).study.outcomes
    assert found.time.phase == phase


def test_an_arm_that_stands_twice_is_refused(scales):
    line = "s,efficacy_rct,o,PCL-5,day_1,ket,intervention,ketamine,20,https://x.org,A,p,1,1,\n"
    with pytest.raises(InputError, match="stands twice") as refused:
        read_own_csv(OWN + line + line, scales, "own.csv")
    assert refused.value.where == "own.csv:3"


@pytest.fixture
def nasty(files):
    return json.loads((files / "three_arms.json").read_text(encoding="utf-8"))


def measures(record):
    return record["resultsSection"]["outcomeMeasuresModule"]["outcomeMeasures"]


def test_a_percentage_of_participants_is_no_count(nasty, scales):
    counted = next(each for each in measures(nasty) if each["paramType"] == "COUNT_OF_PARTICIPANTS")
    counted |= {"paramType": "NUMBER", "unitOfMeasure": "percentage of participants"}
    found = read_clinicaltrials_gov(json.dumps(nasty), scales)
    assert all(outcome.kind != "binary" for outcome in found.study.outcomes)
    assert "shape-unknown" in {each.check for each in found.findings}


@pytest.mark.parametrize("title", ["Non-responders", "Loss of response", "Did not respond", "Participants"])
def test_a_count_that_does_not_say_better_is_never_pooled_as_response(nasty, scales, title):
    counted = next(each for each in measures(nasty) if each["paramType"] == "COUNT_OF_PARTICIPANTS")
    counted["classes"][0]["categories"][0]["title"] = title
    found = read_clinicaltrials_gov(json.dumps(nasty), scales)
    assert {o.domain for o in found.study.outcomes if o.kind == "binary"} == {"other"}
    assert "count-meaning" in {each.check for each in found.findings}


def test_an_arms_own_interval_is_read_with_t(nasty, scales):
    arms = next(each for each in measures(nasty) if each.get("dispersionType") == "95% Confidence Interval")
    cell = arms["classes"][0]["categories"][0]["measurements"][0]
    size = int(
        next(
            each["value"]
            for each in (arms["classes"][0].get("denoms") or arms["denoms"])[0]["counts"]
            if each["groupId"] == cell["groupId"]
        )
    )
    outcome = next(
        o
        for o in read_clinicaltrials_gov(json.dumps(nasty), scales).study.outcomes
        if o.instrument == "CAPS-5"
    )
    width = float(cell["upperLimit"]) - float(cell["lowerLimit"])
    assert float(outcome.values[0].se) == pytest.approx(width / 2 / stats.t.ppf(0.975, size - 1))


@pytest.mark.parametrize(
    ("kind", "level"),
    [
        ("CONFIDENCE_975", 0.975),
        ("CONFIDENCE_80", 0.8),
        ("90% Confidence Interval", 0.9),
        ("FULL_RANGE", None),
    ],
)
def test_the_level_of_an_interval_is_read_from_its_name(kind, level):
    assert confidence_of(word_of(kind)) == level


@pytest.mark.parametrize("text", ["1e3000000", "9" * 60, "1E+16", "-1e400000"])
def test_a_number_that_no_trial_prints_is_no_number(text):
    assert count_of(text) is None
    assert decimal_of(text) is None


def test_a_record_nested_without_end_is_refused(scales):
    with pytest.raises(InputError, match="nested too deeply"):
        read_clinicaltrials_gov("[" * 200_000, scales)


@pytest.mark.parametrize(
    ("study", "url", "reason"), [("../../out", "https://x.org", "id"), ("s", "javascript:alert(1)", "url")]
)
def test_a_table_cannot_leave_its_folder_or_put_a_script_behind_a_link(scales, study, url, reason):
    line = f"{study},efficacy_rct,o,PCL-5,day_1,ket,intervention,ketamine,20,{url},A,p,1,1,\n"
    with pytest.raises(InputError, match=f"^{reason}|{reason}: "):
        read_own_csv(OWN + line, scales)
