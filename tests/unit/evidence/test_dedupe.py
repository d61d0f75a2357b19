from __future__ import annotations

from openkap.evidence.dedupe import deduplicate
from openkap.evidence.importers.pubmed import read_pubmed
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
