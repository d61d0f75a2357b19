from __future__ import annotations

import pytest

from openkap.evidence.dedupe import deduplicate
from openkap.evidence.importers.pubmed import read_nbib, read_pubmed, read_pubmed_xml
from openkap.evidence.importers.reference import Notice, Reference, find_doi, find_registrations
from openkap.evidence.importers.ris import read_ris


def test_three_exports_of_one_article_are_one_report_and_stay_retracted(files):
    records = [
        *read_ris((files / "articles.ris").read_text(), "ris"),
        *read_pubmed(files / "articles.xml"),
        *read_pubmed(files / "articles.nbib"),
    ]
    found = deduplicate(records)
    assert (len(records), len(found.reports)) == (5, 3)
    first = found.reports[0]
    # The RIS copy knows of no retraction; the merged report does.
    assert first.is_retracted
    assert first.pmid == "99990001"
    assert {report.title for report in found.retracted} == {first.title, "RETRACTED: Another made-up paper"}


def test_reports_of_one_trial_number_are_one_family(files):
    found = deduplicate(read_pubmed(files / "articles.nbib"))
    assert [len(family.reports) for family in found.families] == [2]
    assert found.joins[-1].reason == "same study, NCT09990001"


def test_a_report_is_joined_to_the_study_held(base):
    by_number = Reference("Imaging", "a", registrations=("NCT02397889",))
    by_doi = Reference("Main", "b", doi="10.1038/S41386-022-01266-9")
    found = deduplicate([by_number, by_doi], base.records)
    assert [family.study_id for family in found.families] == ["feder2021", "abdallah2022"]


REVIEW = """PMID- 99990011
TI  - Ketamine for PTSD: a made-up meta-analysis.
AB  - We pooled NCT00749203, NCT02397889 and NCT02655692.
PT  - {kind}
{more}RIN - Made Up J. 2025;1:1. PMID: 99990012
"""


@pytest.mark.parametrize("kind", ["Meta-Analysis", "Systematic Review", "Journal Article"])
def test_trials_that_an_abstract_names_are_proposed_one_by_one_and_never_joined(base, kind):
    found = deduplicate(read_nbib(REVIEW.format(kind=kind, more="")), base.records)
    assert [(family.study_id, family.is_retracted) for family in found.families] == [(None, True)]
    assert [(each.number, each.study_id, each.reason) for each in found.mentions] == [
        ("NCT00749203", "feder2014", "named in its text only"),
        ("NCT02397889", "feder2021", "named in its text only"),
        ("NCT02655692", "abdallah2022", "named in its text only"),
    ]


@pytest.mark.parametrize(
    "kind", ["Review", "Meta-Analysis", "Network Meta-Analysis", "Retraction of Publication"]
)
def test_a_paper_about_papers_joins_no_study_even_when_indexed_under_its_number(base, kind):
    text = REVIEW.format(kind=kind, more="SI  - ClinicalTrials.gov/NCT00749203\n")
    found = deduplicate(read_nbib(text), base.records)
    assert [family.study_id for family in found.families] == [None]
    assert found.mentions[0].reason == f"indexed under it, but its type is {kind}"
    assert len(found.mentions) == 3


def test_a_report_indexed_under_two_numbers_joins_neither(base):
    both = Reference("Pooled", "a", registrations=("NCT00749203", "NCT02397889"))
    found = deduplicate([both], base.records)
    assert [family.study_id for family in found.families] == [None]
    assert [(each.study_id, each.reason) for each in found.mentions] == [
        ("feder2014", "indexed under 2 trial numbers"),
        ("feder2021", "indexed under 2 trial numbers"),
    ]


def test_a_trial_report_indexed_under_its_one_number_joins_though_it_names_others(base):
    text = REVIEW.format(kind="Randomized Controlled Trial", more="SI  - ClinicalTrials.gov/NCT00749203\n")
    found = deduplicate(read_nbib(text), base.records)
    assert [family.study_id for family in found.families] == ["feder2014"]
    assert [each.study_id for each in found.mentions] == ["feder2021", "abdallah2022"]


@pytest.mark.parametrize("tag", ["AB", "N2", "N1", "KW"])
def test_a_number_in_a_ris_record_only_proposes(base, tag):
    (record,) = read_ris(f"TY  - JOUR\nTI  - T\n{tag}  - see NCT00749203\nER  - ")
    found = deduplicate([record], base.records)
    assert [family.study_id for family in found.families] == [None]
    assert [each.study_id for each in found.mentions] == ["feder2014"]


def test_a_study_found_by_its_doi_is_joined_whatever_its_type(base):
    main = Reference(
        "Main", "b", doi="10.1038/s41386-022-01266-9", types=("Review",), mentioned=("NCT02655692",)
    )
    found = deduplicate([main], base.records)
    assert [family.study_id for family in found.families] == ["abdallah2022"]
    assert found.mentions == []


def test_titles_alike_are_proposed_never_joined():
    one = Reference("Repeated ketamine for chronic PTSD: a trial", "a", authors=("Doe A",), year=2020)
    two = Reference("Repeated ketamine in chronic PTSD: a trial", "b", authors=("Doe, A.",), year=2021)
    companion = Reference(
        "Brain imaging in repeated ketamine for chronic PTSD", "c", authors=("Doe A",), year=2021
    )
    stranger = Reference("Repeated ketamine for chronic PTSD: a trial", "d", authors=("Roe B",), year=2020)
    found = deduplicate([one, two, companion, stranger])
    assert len(found.reports) == 4
    assert [(join.first, join.second, join.certain) for join in found.proposals] == [("a", "b", False)]


def test_a_concern_is_not_a_retraction():
    report = Reference("T", "a", notices=(Notice("concern", "J 2024"),))
    assert (report.is_retracted, report.has_concern) == (False, True)


def test_numbers_are_found_in_text():
    assert find_registrations("see nct02397889 and ACTRN12618001965291; NCT02397889") == (
        "NCT02397889", "ACTRN12618001965291",
    )  # fmt: skip
    assert find_doi("https://doi.org/10.1176/appi.ajp.2020.20050596.") == "10.1176/appi.ajp.2020.20050596"


def test_xml_takes_the_number_of_its_databank_and_only_mentions_that_of_its_abstract():
    (record,) = read_pubmed_xml(
        "<PubmedArticleSet><PubmedArticle><MedlineCitation><PMID>1</PMID><Article><ArticleTitle>T</ArticleTitle>"
        "<Abstract><AbstractText>As in NCT00749203.</AbstractText></Abstract><DataBankList><DataBank>"
        "<AccessionNumberList><AccessionNumber>NCT02397889</AccessionNumber></AccessionNumberList></DataBank>"
        "</DataBankList></Article></MedlineCitation></PubmedArticle></PubmedArticleSet>"
    )
    assert (record.registrations, record.mentioned) == (("NCT02397889",), ("NCT00749203",))
