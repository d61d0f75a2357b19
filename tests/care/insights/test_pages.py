"""What the lead sees: every number in company, nobody in it, and only their own clinic's."""

from __future__ import annotations

import csv
import io
import re
from html.parser import HTMLParser

import pytest
from django.urls import reverse

from openkap.care.insights.book import PAGES

pytestmark = pytest.mark.django_db


class Exhibits(HTMLParser):
    """The sections of a page with the classes and tags inside each."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: dict[str, list[str]] = {}
        self.current = ""
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        if tag == "section" and given.get("class") == "exhibit":
            self.current = given["id"]
            self.found[self.current] = []
        elif self.current:
            self.found[self.current] += [tag, *(given.get("class") or "").split(), given.get("href") or ""]

    def handle_endtag(self, tag):
        if tag == "section":
            self.current = ""


@pytest.mark.parametrize("slug", PAGES)
def test_each_exhibit_has_chart_table_words_counts_age_and_downloads(published, cast, slug):
    page = cast.client("dov").get(f"/insights/{slug}/").content.decode()
    exhibits = Exhibits(page).found
    assert exhibits
    for name, parts in exhibits.items():
        assert parts.count("headline") >= 2, f"{name}: a number stands alone"
        assert "table" in parts
        assert "caption" in parts
        assert parts.count("svg") in {0, 2}
        assert f"/insights/{slug}/{name}.csv" in parts
        assert f"/insights/{slug}/{name}.pdf" in parts
    assert page.count("Last extract 1 Jul 2026") == len(exhibits), "each chart says how old it is"
    assert page.count("What this is") == len(exhibits)


def test_a_result_never_stands_without_completeness_bounds_and_tipping_point(published, cast):
    page = cast.client("dov").get("/insights/results/").content.decode()
    first = page[page.index('id="change-pcl5"') : page.index('id="change-caps5"')]
    headlines = re.findall(r"<dd>(.*?)</dd><dt>(.*?)</dt>", first)
    assert "weighted for who answered" in headlines[0][1]
    assert "room that chance alone leaves" in headlines[1][1]
    assert "of those due have a score" in headlines[2][1]
    assert "whatever those without a score would have said" in headlines[3][1]
    assert "points worse" in headlines[4][0]


def test_each_result_is_said_in_words_before_its_numbers_and_the_term_stands_in_small_print(published, cast):
    page = cast.client("dov").get("/insights/results/").content.decode()
    first = page[page.index('id="response-pcl5"') : page.index('id="response-caps5"')]
    words = first[first.index('class="plain"') : first.index('class="headlines"')]
    assert re.search(
        r"About \d+.% of patients had got better at week 12 after the first dose: a fall of 15 points", words
    )
    assert "How sure: " in words
    assert "Missing: " in words
    for term in ("interval", "weighted", "bounds", "tipping", "mean"):
        assert term not in words
        assert term in re.sub("<[^>]*>", " ", page)
    assert "Compared with: the same patients before their first dose" in first
    assert re.findall(r'<span class="exact">(.*?)</span>', first)[:2] == [
        "share, weighted for who answered",
        "95 % interval",
    ]


def test_who_got_worse_is_said_where_who_got_better_is(published, cast):
    page = cast.client("dov").get("/insights/results/").content.decode()
    worse = page[page.index('id="deterioration-pcl5"') : page.index('id="deterioration-caps5"')]
    assert re.search(r"fewer than 10 of the patients with a score had got worse \(under \d+.%\)", worse)
    assert "between 0 and " in worse


def test_that_nothing_happened_is_told_with_what_could_still_be():
    from openkap.care.insights.course_pages import _in_sessions
    from openkap.registry.report import RateRow

    row = RateRow("adverse-events", "Adverse events", "all", "all", 70, 68, 0, 0, 12, 12, 0)
    # Wilson's upper limit for 0 of 68 is z2 / (n + z2) = 3.84 / 71.84.
    assert list(_in_sessions(row)) == [
        "In none of 68 sessions. How sure: with so many sessions it could still be up to 5.3\u202f% of them.",
        "fewer than 10 of 70 sessions do not tell of it.",
    ]


def test_the_benchmark_says_what_it_cannot_say_and_keeps_the_contrast_apart(published, cast):
    page = cast.client("dov").get("/insights/benchmark/").content.decode()
    assert "This cannot say what the treatment caused" in page
    assert "only the randomised contrast answers that" in page
    exhibits = Exhibits(page).found
    assert list(exhibits) == ["benchmark", "randomised-contrast"]
    curve = page[page.index('id="benchmark"') : page.index('id="randomised-contrast"')]
    assert "expected of one more group (95 % prediction)" in curve
    assert "positive favours ketamine" not in curve


@pytest.mark.parametrize(
    ("estimates", "says"),
    [
        ([3.9, -4.1, -10.6], "clearly better than control in 0 and clearly worse in 0; in 3 chance alone"),
        ([30.0, -30.0, 1.0], "clearly better than control in 1 and clearly worse in 1; in 1 chance alone"),
    ],
)
def test_a_trial_that_shows_no_difference_is_counted_as_plainly_as_one_that_does(estimates, says):
    from types import SimpleNamespace

    from openkap.care.insights.benchmark_pages import _added

    assert says in _added([SimpleNamespace(estimate=each, se=7.0) for each in estimates])


def test_no_number_from_one_to_nine_people_is_in_the_book(published):
    """Every count of people in the tables, wherever it stands, is none, or ten and more."""
    from openkap.care.insights.book import read_book

    book = read_book(published)
    assert book
    people = {
        "Seen of due": r"(\d+) of (\d+)",
        "Missing": r"^(\d+)$",
        "People with it": r"^(\d+)$",
        "People": r"^(\d+)$",
    }
    found = [
        (exhibit.id, row[0], column, cell)
        for page in ("results", "completeness", "safety", "equity")
        for exhibit in book.exhibits[page]
        for row in exhibit.rows
        for column, cell in zip(exhibit.columns, row, strict=True)
        for match in [re.search(people.get(column, "^$a"), cell)]
        if match and any(0 < int(number) < 10 for number in match.groups())
    ]
    assert found == []


def test_missing_does_not_follow_from_seen_and_due(published):
    from openkap.care.insights.book import read_book

    book = read_book(published)
    assert book
    for page in ("results", "completeness"):
        for exhibit in book.exhibits[page]:
            for row in exhibit.rows:
                for cell in row:
                    if match := re.match(r"(\d+) of (\d+) \(", cell):
                        seen, due = map(int, match.groups())
                        assert not 0 < due - seen < 10, (exhibit.id, row)


def test_the_table_leaves_as_csv_with_its_definition_and_fingerprints(published, cast):
    answer = cast.client("dov").get("/insights/results/response-pcl5.csv")
    rows = list(csv.reader(io.StringIO(answer.content.decode())))
    about = {row[0].removeprefix("# "): row[1] for row in rows if row[0].startswith("#")}
    assert about["definition"].startswith("The share of people whose score fell")
    assert len(about["data fingerprint"]) == 64
    header = rows[len([row for row in rows if row[0].startswith("#")])]
    assert header[:3] == ["Time", "Estimate, weighted for who answered", "Seen of due"]
    assert (
        answer.headers["Content-Disposition"] == 'attachment; filename="results-response-pcl5-2026-06-30.csv"'
    )


def test_a_cell_that_a_spreadsheet_would_run_is_only_text():
    from openkap.care.insights.queries import plain

    assert [plain(text) for text in ("=1+1", "@now", "+cmd", "\u22123.5 points", "\r=1", "")] == [
        "'=1+1",
        "'@now",
        "'+cmd",
        "-3.5 points",
        "'\r=1",
        "",
    ]


def test_the_benchmark_leaves_with_what_it_cannot_say(published, cast):
    answer = cast.client("dov").get("/insights/benchmark/benchmark.csv").content.decode()
    assert '# caution,"This cannot say what the treatment caused' in answer


def test_the_exhibit_comes_on_paper(published, cast):
    answer = cast.client("dov").get("/insights/benchmark/benchmark.pdf")
    assert answer.content.startswith(b"%PDF")
    assert answer.headers["Content-Type"] == "application/pdf"


@pytest.mark.parametrize("key", ["ada", "ben", "cora", "tess", "sia", "ari", "eve"])
def test_only_the_lead_sees_the_numbers(published, cast, key):
    for path in ("", "results/", "benchmark/", "benchmark/benchmark.csv", "benchmark/benchmark.pdf"):
        assert cast.client(key).get(f"/insights/{path}").status_code == 403
    assert cast.client(key).post("/insights/extract/").status_code == 403


def test_the_lead_of_another_clinic_sees_nothing_of_ours(published, cast, watch):
    from openkap.care.accounts.models import RoleAssignment

    RoleAssignment.objects.create(
        staff=cast.staff("eve"), clinic=cast.troupe.other, role="lead", since=watch()
    )
    page = cast.client("eve").get("/insights/")
    assert page.status_code == 200
    assert "No extract has been taken yet" in page.content.decode()
    assert cast.client("eve").get("/insights/benchmark/benchmark.csv").status_code == 409


def test_the_lead_finds_no_way_from_a_number_to_a_patient(published, cast, patient):
    for slug in PAGES:
        page = cast.client("dov").get(f"/insights/{slug}/").content.decode()
        assert "/patients/" not in page
        assert patient.uid not in page


def test_the_first_page_says_what_to_wait_for_and_asks_for_an_extract(cast, patient):
    from openkap.care.insights.models import ExtractRun

    client = cast.client("dov")
    assert "No extract has been taken yet" in client.get("/insights/").content.decode()
    assert "is asked for" in client.post("/insights/extract/", follow=True).content.decode()
    client.post("/insights/extract/")
    assert ExtractRun.objects.count() == 1
    assert "A new extract is under way" in client.get("/insights/").content.decode()


def test_pages_ask_the_database_little(published, cast, django_assert_max_num_queries):
    client = cast.client("dov")
    client.get("/insights/results/")
    with django_assert_max_num_queries(8):
        client.get("/insights/results/")


def test_who_may_record_what_a_patient_decided(cast, patient):
    path = f"/patients/{patient.uid}/registry/"
    assert "Not asked yet" in cast.client("cora").get(path).content.decode()
    assert cast.client("tess").post(path, {"choice": "given"}).status_code == 403
    assert cast.client("cora").post(path, {"choice": "given"}).status_code == 302
    assert cast.client("dov").get(path).status_code == 403
    assert cast.client("eve").get(path).status_code == 404
    told = (
        cast.client("tess")
        .post(path, {"choice": "withdrawn", "said": "no more"}, follow=True)
        .content.decode()
    )
    assert "has withdrawn" in told


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({}, "no choice was made"),
        ({"choice": "withdrawn"}, "nothing to take back"),
        ({"choice": "perhaps"}, "no choice was made"),
    ],
)
def test_a_decision_that_cannot_be_is_refused_with_words(cast, patient, given, says):
    answer = cast.client("cora").post(f"/patients/{patient.uid}/registry/", given)
    assert answer.status_code == 422
    assert says in answer.content.decode().lower()


@pytest.mark.parametrize("kilometres", ["far", "-3", "999999", "1.5"])
def test_a_distance_that_cannot_be_is_refused_and_kept_on_the_page(cast, patient, kilometres):
    path = f"/patients/{patient.uid}/registry/access/"
    answer = cast.client("cora").post(path, {"distance_km": kilometres, "coverage": "public"})
    assert answer.status_code == 422
    assert f'value="{kilometres}"' in answer.content.decode()


def test_the_home_page_gives_the_estimate_only_with_its_missing_beside_it(published, cast):
    page = cast.client("dov").get(reverse("home")).content.decode()
    facts = re.findall(r"<dt>(.*?)</dt><dd[^>]*>(?:<a[^>]*>)?(.*?)<", page)
    labels = [label for label, _ in facts]
    place = next(number for number, label in enumerate(labels) if label.startswith("On average at week"))
    assert "after the first dose" in labels[place]
    assert labels[place + 1] == "Room that chance alone leaves"
    assert labels[place + 2].startswith("Of those due have a score")
    assert labels[place + 3].startswith("At the worst and at the best")
    assert "points worse" in facts[place + 4][1]
    assert "Better: at week 12 after the first dose the score was" in page
    assert not [label for label in labels if label.startswith(("Response at any", "Remission", "Relapse"))]


def test_the_home_page_says_why_fewer_are_seen_than_answered(published, cast):
    page = cast.client("dov").get(reverse("home")).content.decode()
    assert page.count("fall between two windows and count in neither") == 1


def test_the_home_page_shows_no_outcome_before_the_first_extract(cast, patient):
    page = cast.client("dov").get(reverse("home")).content.decode()
    assert "an outcome is shown only with what is missing beside it" in page
    assert "Response" not in page


@pytest.mark.parametrize("slug", ["results", "completeness", "durability", "benchmark"])
def test_each_chart_along_time_says_from_when_time_is_counted(published, cast, slug):
    page = cast.client("dov").get(f"/insights/{slug}/").content.decode()
    figures = re.findall(r"<figcaption.*?</figcaption>", page, re.S)
    assert figures
    assert all("Time zero: " in figure for figure in figures)
    assert page.count("<dt>Time zero</dt>") == len(Exhibits(page).found)
