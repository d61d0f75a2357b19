"""For the lead's home page: when the night's extract went wrong, and how the clinic does by the registry."""

from __future__ import annotations

from django.urls import reverse

from openkap.care.accounts.actor import Actor
from openkap.care.contributions import BannerItem, Section, Task
from openkap.care.insights.access import prepared_book_for, runs_for
from openkap.care.insights.jobs import is_lost
from openkap.care.insights.plain import COMPARED
from openkap.care.permissions import Permission

# The pages of the book whose first exhibit the home page leads with, and what the section is called.
LEADING = {"results": "How patients do", "durability": "How long it lasts"}
# Why two shares of one page differ; windows stand in content/measures, days of forms in follow-up.
NOTES = {
    "results": f"{COMPARED} “Have a score” counts people with a score in this window, in weeks from the "
    "first dose. “Answered of those due”, under Measures, counts every form that was asked for, and forms "
    "after the course are asked in weeks from its last day: many that were answered fall between two windows "
    "and count in neither."
}


def tasks(by: Actor) -> list[Task]:
    if not by.may(Permission.SEE_AGGREGATES):
        return []
    last = runs_for(by).first()
    if last is None or not (last.trouble or is_lost(last)):
        return []
    why = last.trouble or "it did not finish"
    return [Task("Look at the last extract", reverse("insights"), "the registry", urgency="today", note=why)]


def facts(by: Actor) -> list[Section]:
    """The registry's leading estimates, each with its completeness and bounds, from the book made at night.

    The book holds an estimate only together with what is missing, so no share can stand alone here.
    """
    if not by.may(Permission.SEE_AGGREGATES):
        return []
    book = prepared_book_for(by)
    if book is None:
        empty = "No extract has been taken yet: an outcome is shown only with what is missing beside it."
        return [Section("How patients do", (), reverse("insights"), empty=empty)]
    found = []
    for page, title in LEADING.items():
        url = reverse("insights_page", args=[page])
        for exhibit in book.exhibits[page][:1]:
            lines = tuple(
                BannerItem(each.label[:1].upper() + each.label[1:], each.value, each.tone, url)
                for each in exhibit.headlines
            )
            when = f"{title}: {exhibit.title}, data up to {book.as_of:%-d %b %Y}"
            words = " ".join([*exhibit.plain[:1], *filter(None, [NOTES.get(page)])])
            found.append(Section(when, lines, url, note=words))
    return found
