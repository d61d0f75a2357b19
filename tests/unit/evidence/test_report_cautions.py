"""The published pools and the comparators carry their own cautions, each in its own row."""

from __future__ import annotations

import re
from html import unescape

import pytest

from openkap.evidence.report.files import report_files
from openkap.evidence.wording import minus


@pytest.fixture(scope="module")
def html(report) -> str:
    return report_files(report)["report.html"]


@pytest.fixture(scope="module")
def rows(html) -> list[list[str]]:
    """The rows of the table of published pools, as text."""
    table = html[html.index("Published pools on raw scales") :]
    body = table[table.index("<tbody>") : table.index("</tbody>")]
    cells = [re.findall(r"<td[^>]*>(.*?)</td>", row) for row in re.findall(r"<tr>(.*?)</tr>", body)]
    return [[unescape(re.sub("<[^>]+>", "", cell)) for cell in row] for row in cells]


def row(rows, review, value):
    return next(each for each in rows if each[0] == review and each[1].startswith(value))


def test_every_row_names_its_review(rows):
    assert len(rows) > 10
    assert all(review for review, _, _ in rows)


def test_a_caution_stands_in_the_row_of_its_own_value(rows):
    assert "PCL interval" in row(rows, "Sicignano 2024", "PCL")[2]
    caps = row(rows, "Sicignano 2024", "CAPS, maximal")[2]
    assert "PCL" not in caps
    assert "CAPS-IV and CAPS-5" in caps
    assert "too small for any PTSD scale" in row(rows, "Du 2022", "PTSD scales, early")[2]


def test_no_caution_ends_twice(rows, html):
    assert not any(".." in cell for each in rows for cell in each)
    assert not re.search(r"[a-z]\.\. ", html)


def test_what_holds_of_a_whole_review_is_said_beside_each_of_its_values(rows, html):
    kwan = [each[2] for each in rows if each[0] == "Kwan 2024"]
    assert len(kwan) == 2
    assert all("size suggests within-group change" in each for each in kwan)
    assert "Borgogna 2024: smaller studies showed larger effects" in html


def test_a_review_whose_authors_were_not_read_goes_by_its_journal(html):
    assert "authors not printed" not in html
    assert "Focus 2023" in html


def test_printed_numbers_have_a_true_minus_and_names_their_hyphen(report):
    flag = report.flag("sicignano2024_pcl")
    assert "\N{MINUS SIGN}8.61 to \N{MINUS SIGN}3.64" in flag
    assert minus("PCL-5 at weeks 1-4: -3 (-0.5)") == "PCL-5 at weeks 1-4: \N{MINUS SIGN}3 (\N{MINUS SIGN}0.5)"


def test_the_section_on_harms_tells_each_verdict_with_its_reason(html):
    harms = html[html.index('id="harms"') : html.index('id="prevention"')]
    assert "<p>Dissociation passes within hours: mixed. Abdallah 2022" in harms
    assert "Together 161 of 360 people known." in harms


def test_an_empty_cell_leaves_no_label_on_a_narrow_screen(html):
    narrow = html[html.index("@media (max-width:44rem)") : html.index("@media print")]
    assert ".stack td:empty{display:none}" in narrow


def test_a_fit_says_its_own_doubts_below_its_figure(report, html):
    mdma = next(each for each in report.besides if each.comparator.id == "mdma")
    (told,) = [each.text for each in mdma.pooled.warnings if each.code == "prediction_interval"]
    beside = html[html.index('id="beside"') :]
    assert told in unescape(beside[: beside.index("</section>")])
    assert "2 studies: tau2 and the intervals are barely estimable" in html
