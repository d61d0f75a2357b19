"""By when a serious adverse event is reported: only what a site has signed, and a programme only for its drug."""

from pathlib import Path

import pytest

from openkap.core.errors import ContentError
from openkap.protocol.reporting import programmes, tally
from openkap.protocol.site import read_site

SIGNED = "signed_by: [{name: A. Moreau, role: medical lead, on: 2026-11-20}]"
DAY, WEEK = 24 * 60, 7 * 24 * 60


def settings(folder: Path, lines: str, signed: str = SIGNED):
    path = folder / "site.yaml"
    text = f"site: Riverside\nserious_events:\n  {lines}\n  reason: our board\n  {signed}\n"
    path.write_text(text, encoding="utf-8")
    return read_site(path)[0].serious_events


def minutes(given, drug: str):
    time = given.time_for(drug)
    return None if time is None else time.within.total_seconds() / 60


def test_a_programme_holds_for_its_drug_and_for_a_site_that_names_it(tmp_path):
    given = settings(tmp_path, "programmes: [esketamine-rems]")
    assert minutes(given, "esketamine") == WEEK
    assert minutes(given, "racemic ketamine") is None
    assert "United States" in given.time_for("esketamine").why


def test_the_site_s_own_time_holds_for_every_drug_and_no_programme_comes_uncalled(tmp_path):
    given = settings(tmp_path, "within: 30 d")
    assert minutes(given, "esketamine") == minutes(given, "racemic ketamine") == 30 * DAY
    assert "A. Moreau" in given.time_for("esketamine").why


@pytest.mark.parametrize(("own", "holds"), [("24 h", DAY), ("15 d", WEEK)])
def test_of_two_times_the_shorter_holds(tmp_path, own, holds):
    given = settings(tmp_path, f"within: {own}\n  programmes: [esketamine-rems]")
    assert minutes(given, "esketamine") == holds


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ("within: 24 kg", "dimension"),
        ("within: 0 h", "some time"),
        ("within: soon", "soon"),
        ("programmes: [yellow-card]", "no such programme: yellow-card"),
    ],
)
def test_a_time_or_programme_that_cannot_be_is_refused(tmp_path, lines, said):
    with pytest.raises(ContentError, match=said):
        settings(tmp_path, lines)


def test_a_time_that_nobody_signed_is_refused(tmp_path):
    with pytest.raises(ContentError, match="signed_by"):
        settings(tmp_path, "within: 24 h", signed="signed_by: []")


def test_every_programme_says_where_it_comes_from_and_for_whom_it_holds():
    assert all(each.sources and each.applies_to and each.basis for each in programmes())
    assert not tally()[0].errors
