"""Where the report sends a reader: to a work's keeper, never to a copy of its page."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

import pytest

from openkap.evidence.report.addresses import address_of, is_kept
from openkap.evidence.report.blocks import link, source
from openkap.evidence.report.files import report_files
from openkap.evidence.report.marks import forest_of
from openkap.evidence.study import Citation

MIRRORS = (
    "http://47.251.13.51:8081/record",
    "https://cricutcom-setup.com/page",
    "http://www.120ty.net/bencandy.php?aid=58243",
    "https://springer.longhoe.net/article/10.1038/s41380-022-01465-2",
    "https://mdsite.deno.dev/x",
    "https://doi.org.example.org/10.1000/1",
    "javascript:alert(1)",
    "-",
)


@pytest.fixture(scope="module")
def html(report) -> str:
    return report_files(report)["report.html"]


@pytest.mark.parametrize("url", MIRRORS)
def test_a_copy_of_a_page_is_printed_and_not_linked(url):
    assert not is_kept(url)
    assert "<a" not in link("Somebody 2020", url)
    assert "<a" not in source(url, "1")
    assert source(url, "1").startswith(url.partition("?")[0])


@pytest.mark.parametrize(
    "url",
    ["https://doi.org/10.1000/1", "https://www.nature.com/x", "https://clinicaltrials.gov/study/NCT09990001"],
)
def test_a_keepers_page_is_linked(url):
    assert link("here", url) == f'<a href="{url}">here</a>'


def test_every_link_of_the_page_leads_to_a_keeper(html):
    outside = [each for each in re.findall(r'href="([^"]*)"', html) if not each.startswith("#")]
    assert len(outside) > 100
    assert [each for each in outside if not is_kept(each)] == []
    assert not any(urlsplit(each).hostname.replace(".", "").isdigit() for each in outside)


def test_a_copys_address_stays_readable_where_a_number_was_read_in_it(html):
    assert "http://www.120ty.net/bencandy.php" in html
    assert 'href="http://www.120ty.net' not in html


def test_behind_a_study_stands_its_doi_else_its_pubmed_else_its_registry_number_else_nothing(report):
    record = report.base.get("feder2014")
    known = {"doi": "10.1000/1", "pmid": "24740528", "registrations": ("ACTRN1", "NCT00749203")}
    wanted = ["https://doi.org/10.1000/1", "https://pubmed.ncbi.nlm.nih.gov/24740528/"]
    wanted += ["https://clinicaltrials.gov/study/NCT00749203", None]
    for at, address in enumerate(wanted):
        left = dict(list(known.items())[at:])
        study = record.model_copy(update={"citation": Citation(title="invented", **left)})
        assert address_of(study) == address


def test_the_names_in_forests_and_tables_lead_to_identifiers(html):
    # Feder 2014: doi:10.1001/jamapsychiatry.2014.62, as the facts cite it.
    found = set(re.findall(r'<a href="([^"]*)">Feder 2014</a>', html))
    assert found == {"https://doi.org/10.1001/jamapsychiatry.2014.62"}


def test_every_row_of_a_forest_leads_to_its_own_study(report):
    rows = forest_of(report.answers.get("severity_day_1"), addresses=report.addresses).rows
    named = {row.study_id: row.url for row in rows if row.study_id}
    assert {"feder2014", "abdallah2022"} <= set(named)
    assert named == {key: f"https://doi.org/{report.base.get(key).citation.doi}" for key in named}
