"""The published pools and the comparators carry their own cautions, each in its own row."""

from __future__ import annotations

import re
from dataclasses import replace
from html import unescape

import pytest

from openkap.evidence.answers import Answers
from openkap.evidence.claims import judge_claims, read_claims
from openkap.evidence.report.assemble import headline
from openkap.evidence.report.files import report_files
from openkap.evidence.report.page import page
from openkap.evidence.ruling import Held
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


def test_what_is_held_and_left_out_stands_in_a_table_with_its_reason(report, html):
    left_out = [each for answer in report.answers.by_id.values() for each in answer.left_out]
    assert left_out
    for each in left_out:
        row = f'data-label="Result left out">{each.outcome_id}</td><td data-label="Why">{each.reason}</td>'
        assert row in html


def test_a_pool_that_mixes_final_scores_and_changes_says_so_in_report_and_claims(report):
    answer = report.answers.get("severity_end")
    first, *others = answer.effects
    blended = replace(answer, effects=(replace(first, statistic="change"), *others))
    answers = Answers(report.answers.plan, {**report.answers.by_id, "severity_end": blended})
    told = f"<b>MIXED IN THIS NUMBER:</b> changes from before ({first.study}) and scores afterwards"
    assert told in page(replace(report, answers=answers))
    held = Held(report.base, answers, report.syntheses)
    (e3,) = [entry for entry in judge_claims(read_claims(), held) if entry.claim.id == "E3"]
    assert f"MIXED IN THIS NUMBER: changes from before ({first.study})" in e3.sentence
    assert "MIXED IN THIS NUMBER" not in page(report)


def test_the_number_after_a_day_says_why_it_stands_in_points(report, html):
    told = "IN POINTS ONLY: Feder 2014 gave both treatments to the same people."
    assert told in html
    (e2,) = [entry for entry in report.entries if entry.claim.id == "E2"]
    assert told in e2.sentence
    assert (
        "needs the standard deviations and the correlation between the periods; neither was read"
        in e2.sentence
    )


def test_the_headline_names_what_is_supported_so_that_no_count_sells_the_drug(report):
    last = headline(report)[-1]
    assert "5 are supported (ethics: C1, C3; gaps in research: G1, G2, G3), " in last
    assert "no claim of efficacy is supported" in last


def test_no_sentence_prints_a_hyphen_for_a_minus_or_for_a_range(report):
    sentences = [entry.sentence for entry in report.entries] + list(headline(report))
    sentences += [minus(each.sentence) for each in report.findings]
    sentences += [review.sentence(each) for review in report.syntheses.reviews for each in review.estimates]
    for sentence in sentences:
        assert not re.search(r"(?<![\w.-])-\d|(?<![\w-])\d+(\.\d+)?-\d+(?![\w-])", sentence), sentence


def test_a_narrow_screen_cuts_lines_at_the_edge_and_no_mark(html):
    # A mark is a drawing inside the row's drawing: cut, a square shows a quarter of itself.
    css = html[html.index("<style>") : html.index("</style>")]
    clipped = re.findall(r"([^{}]*svg[^{}]*)\{[^{}]*overflow:hidden", css)
    assert clipped == [".forest tbody td>svg"]


def test_on_paper_every_claim_is_open_and_its_heading_keeps_its_columns(html):
    css = html[html.index("@media print") :]
    assert "details>:not(summary){display:block!important}" in css
