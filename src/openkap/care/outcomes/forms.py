"""Forms of outcomes: asking, closing, taking back, what was done, and the decision about maintenance."""

from __future__ import annotations

from collections.abc import Iterable

from django import forms

from openkap.care.outcomes.case_page import Part
from openkap.care.outcomes.follow_up import ON_REQUEST, follow_up, form_of
from openkap.care.outcomes.models import Invitation, MaintenanceProposal
from openkap.instruments.load import instruments

# Offered first; the others follow by name.
USUAL = ("pcl-5", "phq-9", "c-ssrs-screener", "gad-7", "isi")
PATIENTS_ANSWER = ("self_report", "mixed")


def offered_instruments() -> list[tuple[str, str]]:
    """Forms a patient can fill here: self-report, every item known."""
    known = [each.id for each in instruments() if each.depth == "items" and each.kind in PATIENTS_ANSWER]
    ordered = [name for name in USUAL if name in known] + [name for name in known if name not in USUAL]
    return [(name, f"{form_of(name).short}: {form_of(name).measures}") for name in ordered]


class AskForm(forms.Form):
    """Which forms, and whether a link goes out or the tablet is handed over."""

    instruments = forms.MultipleChoiceField(
        label="Forms", choices=offered_instruments, widget=forms.CheckboxSelectMultiple
    )
    way = forms.ChoiceField(
        label="How",
        choices=[
            ("link", "Send a link now, by text message or e-mail"),
            ("tablet", "Hand over this tablet now (your session is locked meanwhile)"),
        ],
        widget=forms.RadioSelect,
        initial="link",
    )

    def usual(self) -> list[str]:
        """What is ticked at first."""
        return list(follow_up().occasion(ON_REQUEST).instruments)


class GapForm(forms.Form):
    """Why a measure will stay missing."""

    gap = forms.ChoiceField(
        label="Why it is missing", choices=Invitation.Gap.choices, widget=forms.RadioSelect
    )


class VoidForm(forms.Form):
    """Why a form does not count."""

    reason = forms.CharField(label="What was wrong", max_length=400)


class LookedAt(forms.MultipleChoiceField):
    """What was ticked; a part that has grown meanwhile is asked for anew where the case is closed."""

    def valid_value(self, value: object) -> bool:
        """Whatever the page carried."""
        return True


class DoneForm(forms.Form):
    """What was done about a case: each alarming answer in it looked at, then one note."""

    looked_at = LookedAt(
        label="Looked at",
        required=False,
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": "Read each of the answers above and tick it."},
    )
    what_was_done = forms.CharField(
        label="What was done",
        widget=forms.Textarea,
        max_length=4000,
        help_text="Whom you reached and when, what you found, what follows.",
    )

    def offer(self, parts: Iterable[Part]) -> None:
        """A tick for each part; the one that stands alone is looked at by who writes about it."""
        choices = [(each.uid, each.in_short) for each in parts]
        field = self.fields["looked_at"]
        assert isinstance(field, LookedAt)
        field.choices, field.required = choices, len(choices) > 1
        if not field.required:
            field.widget, field.initial = forms.MultipleHiddenInput(), [choices[0][0]]


class MaintenanceForm(forms.Form):
    """The prescriber's decision on a proposal."""

    decision = forms.ChoiceField(
        label="Decision", choices=MaintenanceProposal.Decision.choices, widget=forms.RadioSelect
    )
    reason = forms.CharField(label="Why", widget=forms.Textarea, max_length=4000)
