"""What the gallery page shows: each component in each of its states, with invented text only."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any

from django import forms

from openkap.care.contributions import BannerItem, Task

LONG = "Donaudampfschifffahrtsgesellschaftskapitänswitwenrentenauszahlungsstelle"
MOMENT = datetime(2026, 11, 23, 10, 40, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Shown:
    """One component in one state."""

    component: str
    state: str
    values: dict[str, Any] = field(default_factory=dict)
    direction: str = "ltr"


def _banner(**changes: Any) -> dict[str, Any]:
    return {
        "name": "EXAMPLE, Alex",
        "url": "#banner",
        "birth_date": date(1984, 5, 2),
        "code": "K4T-9PX",
        "items": [BannerItem("Phase", "in screening"), BannerItem("Weight", "not known", "unknown")],
        "alarms": False,
    } | changes


SHOWN: list[Shown] = [
    Shown("banner", "usual", _banner()),
    Shown(
        "banner",
        "alarm, long name, birth date not known",
        _banner(
            name=f"{LONG.upper()}, Alexandra-Konstantina “Lexa”",
            birth_date=None,
            items=[
                BannerItem("Alert", "suicide item answered 40 min ago", "alarm"),
                BannerItem("Consent", "ends in 3 days", "watch"),
            ],
            alarms=True,
        ),
    ),
    Shown(
        "task",
        "now, late",
        {
            "task": Task(
                "Answer the safety page",
                "#task",
                "EXAMPLE, Alex",
                MOMENT,
                "now",
                "nobody has acknowledged it",
            )
        },
    ),
    Shown("task", "soon, no due time", {"task": Task("Plan the course", "#task", "EXAMPLE, Robin")}),
    Shown("task", "long text", {"task": Task(LONG, "#task", LONG, MOMENT, "today", LONG)}),
    Shown("task", "right to left", {"task": Task("توقيع الموافقة", "#task", "مثال", MOMENT, "soon")}, "rtl"),
    Shown("empty", "empty", {"say": "When something needs you, it stands here."}),
    Shown("note", "plain", {"title": "For your information.", "say": "Nothing has to be done."}),
    Shown("note", "good", {"title": "Saved.", "say": "10:40 on the clinic's server.", "tone": "good"}),
    Shown(
        "note",
        "watch",
        {"title": "The consent ends in three days.", "tone": "watch", "url": "#note", "link": "Ask again"},
    ),
    Shown(
        "note",
        "not known",
        {"title": "Weight is not known.", "say": "A dose cannot be proposed.", "tone": "unknown"},
    ),
    Shown("status", "plain", {"words": "referred"}),
    Shown("status", "good", {"words": "✓ eligible", "tone": "good"}),
    Shown("status", "watch", {"words": "! due", "tone": "watch"}),
    Shown("status", "alarm", {"words": "‼ overdue", "tone": "alarm"}),
    Shown("status", "not known", {"words": "? not known", "tone": "unknown"}),
    Shown(
        "source",
        "read in part",
        {
            "title": "A trial of 2021",
            "seen": "abstract read, full text not seen",
            "grade": "weak",
            "url": "#source",
        },
    ),
    Shown("progress", "part of the way", {"id": "progress-part", "done": 4, "whole": 20}),
    Shown("progress", "not begun", {"id": "progress-none", "done": 0, "whole": 20}),
    Shown("saved", "saved", {"at": MOMENT}),
    Shown("saved", "not yet", {}),
]


class ExampleForm(forms.Form):
    """Fields in their states: usual, optional with help, refused, a choice, a check box."""

    name = forms.CharField(label="Family name")
    telephone = forms.CharField(required=False, help_text="Messages never say what they are about.")
    weight = forms.DecimalField(label="Weight in kg", max_value=300)
    kind = forms.ChoiceField(choices=[("a", "one"), ("b", "another")], widget=forms.RadioSelect)
    agrees = forms.BooleanField(label="May get text messages")


def example_form() -> ExampleForm:
    """The form as it comes back with refusals."""
    return ExampleForm({"name": LONG, "weight": "7000", "kind": "a"})
