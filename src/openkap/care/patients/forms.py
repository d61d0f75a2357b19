"""Forms about the person. What cannot be read is refused beside its field; nothing is repaired quietly."""

from __future__ import annotations

from contextlib import suppress
from typing import Any, ClassVar

from django import forms
from django.utils.dateparse import parse_date

from openkap.care.accounts.telephone import check_telephone
from openkap.care.moment import today
from openkap.care.patients.models import Closing

SEXES = [("unknown", "not known"), ("female", "female"), ("male", "male"), ("other", "other")]
YES_NO = [("", "not known"), ("yes", "yes"), ("no", "no")]
NOT_ASKED = ("", "not asked yet")
LANGUAGES = [
    ("en", "English"),
    ("es", "Spanish"),
    ("de", "German"),
    ("fr", "French"),
    ("uk", "Ukrainian"),
    ("ar", "Arabic"),
    ("ku", "Kurdish"),
    ("pt", "Portuguese"),
    ("other", "another language"),
]
OLDEST_BIRTH_YEAR = 1900


def yes_no(label: str, unknown: tuple[str, str] = YES_NO[0]) -> forms.TypedChoiceField:
    """Yes, no or not known: a box left unticked would say no for somebody who was never asked."""
    return forms.TypedChoiceField(
        choices=[unknown, *YES_NO[1:]],
        required=False,
        label=label,
        coerce=lambda word: {"yes": True, "no": False}[word],
        empty_value=None,
    )


def chosen(answer: bool | None) -> str:
    """The choice of ``yes_no`` that an answer is."""
    return {True: "yes", False: "no", None: ""}[answer]


def said_in_field(field: forms.Field, value: str) -> str:
    """What a field holds, as the page says it: the words of a choice, a day as everywhere else."""
    if isinstance(field, forms.BooleanField):
        return "yes" if value in {"on", "yes"} else "no"
    if isinstance(field, forms.ChoiceField):
        return str(dict(field.choices).get(value, value))  # type: ignore[arg-type]
    if isinstance(field, forms.DateField):
        with suppress(ValueError):
            day = parse_date(value)
            return f"{day:%-d %b %Y}" if day else value
    return value


class IdentityForm(forms.Form):
    """Name, birth date, language and how to reach the person."""

    family_name = forms.CharField(max_length=120)
    given_name = forms.CharField(max_length=120)
    preferred_name = forms.CharField(max_length=120, required=False, help_text="What they like to be called.")
    birth_date = forms.DateField(
        required=False, widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    )
    gender = forms.CharField(max_length=40, required=False)
    pronouns = forms.CharField(max_length=40, required=False)
    language = forms.ChoiceField(choices=[NOT_ASKED, *LANGUAGES], required=False)
    needs_interpreter = yes_no("Needs an interpreter", NOT_ASKED)
    email = forms.EmailField(required=False, label="E-mail")
    telephone = forms.CharField(max_length=40, required=False, widget=forms.TextInput(attrs={"type": "tel"}))
    may_text = forms.BooleanField(
        required=False, label="May get text messages", help_text="Messages never say what they are about."
    )
    address = forms.CharField(required=False, widget=forms.Textarea(attrs={"rows": 3}))

    def clean_telephone(self) -> str:
        return check_telephone(self.cleaned_data["telephone"])

    def clean_birth_date(self) -> Any:
        born = self.cleaned_data["birth_date"]
        if born and (born > today() or born.year < OLDEST_BIRTH_YEAR):
            raise forms.ValidationError(
                f"{born:%Y-%m-%d} cannot be a date of birth: it lies between {OLDEST_BIRTH_YEAR} and today."
            )
        return born

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if cleaned.get("may_text") and not cleaned.get("telephone"):
            self.add_error("telephone", "Text messages need a telephone number.")
        return cleaned


class ChangeIdentityForm(IdentityForm):
    """The same fields for a known person, with the version that was on the screen."""

    version = forms.IntegerField(widget=forms.HiddenInput)


REFERRAL_ORDER = [
    *("family_name", "given_name", "preferred_name", "birth_date", "sex", "gender", "pronouns", "is_veteran"),
    *("telephone", "may_text", "email", "language", "needs_interpreter", "address", "referrer", "reason"),
]


ASKED_FIRST = (
    *("family_name", "given_name", "birth_date", "sex", "language", "needs_interpreter"),
    *("telephone", "email", "referrer", "reason"),
)


class ReferralForm(IdentityForm):
    """A person referred by letter, telephone or themselves; what opens a record is asked first."""

    field_order = REFERRAL_ORDER
    sex = forms.ChoiceField(choices=SEXES, label="Sex at birth")
    is_veteran = yes_no("Veteran")
    referrer = forms.CharField(max_length=200, required=False, help_text="Who referred them.")
    reason = forms.CharField(
        required=False, label="Reason for referral", widget=forms.Textarea(attrs={"rows": 4})
    )

    @property
    def asked_first(self) -> list[forms.BoundField]:
        """What opens a record and brings the person back to the telephone."""
        return [self[name] for name in ASKED_FIRST]

    @property
    def asked_later(self) -> list[forms.BoundField]:
        """What may wait."""
        return [field for field in self.visible_fields() if field.name not in ASKED_FIRST]

    @property
    def shows_all(self) -> bool:
        """Something stands or is wrong among what may wait."""
        return bool(self.initial) or any(field.errors for field in self.asked_later)


class UploadForm(forms.Form):
    """A record as a FHIR R4 bundle."""

    bundle = forms.FileField(
        label="FHIR bundle",
        help_text="One patient's record as JSON, up to 5 MB.",
        widget=forms.ClearableFileInput(attrs={"accept": ".json,application/json,application/fhir+json"}),
    )


class ContactForm(forms.Form):
    """Somebody around the patient."""

    kind = forms.ChoiceField(
        choices=[
            ("emergency", "emergency contact"),
            ("escort", "escort home"),
            ("carer", "carer"),
            ("clinician", "outside clinician"),
        ]
    )
    name = forms.CharField(max_length=120)
    relation = forms.CharField(
        max_length=60, required=False, help_text="Such as sister, neighbour, general practitioner."
    )
    telephone = forms.CharField(max_length=40, widget=forms.TextInput(attrs={"type": "tel"}))
    may_be_told = yes_no("May be told that the patient is treated here")

    def clean_telephone(self) -> str:
        return check_telephone(self.cleaned_data["telephone"])


def _words(label: str, help_text: str) -> forms.CharField:
    return forms.CharField(
        required=False, label=label, help_text=help_text, widget=forms.Textarea(attrs={"rows": 3})
    )


class CrisisPlanForm(forms.Form):
    """What helps in a crisis, in the patient's own words."""

    version = forms.IntegerField(widget=forms.HiddenInput)
    warning_signs = _words("How a crisis begins", "What the patient and others notice first.")
    what_helps = _words("What helps", "What the patient can do, and what others should do or leave.")
    people_to_call = _words("Whom to call", "Names and numbers, in order.")
    safe_place = _words("A safe place", "Where to go, and how to get there.")


class ReasonForm(forms.Form):
    """Why."""

    reason = forms.CharField(widget=forms.Textarea(attrs={"rows": 3}), label="Reason")


class RestrictionForm(ReasonForm):
    """Why, and which of the two was on the screen: what somebody else has just done is not turned round."""

    TITLES: ClassVar[dict[str, str]] = {
        "team": "Open to the care team only",
        "clinic": "Open to the whole clinic again",
    }
    to = forms.ChoiceField(
        choices=list(TITLES.items()),
        label="Who opens the chart",
        widget=forms.HiddenInput,
        error_messages={"required": "The page does not say it. Reload the page."},
    )

    @property
    def title(self) -> str:
        """What sending this form does."""
        return self.TITLES.get(self["to"].value() or "", "Who opens the chart")


def _day_of_death(label: str) -> forms.DateField:
    widget = forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    return forms.DateField(required=False, label=label, widget=widget)


class DeathForm(forms.Form):
    """That somebody has died: on a day, or on one that is not known; one of the two is said."""

    died_on = _day_of_death("Day of the death")
    day_unknown = forms.BooleanField(required=False, label="The day is not known")
    said = forms.CharField(
        required=False,
        label="How we know, and what else matters; no names of others",
        widget=forms.Textarea(attrs={"rows": 3}),
    )

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        is_death = cleaned.get("reason", "died") == "died"
        if "died_on" in self.errors or not is_death:
            return cleaned
        if bool(cleaned["died_on"]) == bool(cleaned["day_unknown"]):
            self.add_error("died_on", "Give the day of the death, or tick that it is not known.")
        return cleaned


class ClosingForm(DeathForm):
    """Why a record is needed no longer."""

    died_on = _day_of_death("Day of the death, if they have died")
    field_order = ("reason", "died_on", "day_unknown", "said")
    reason = forms.ChoiceField(
        choices=[("", "choose"), *Closing.Reason.choices], label="Why the record is closed"
    )
