"""Forms of the site administrator."""

from __future__ import annotations

from collections.abc import Collection

from django import forms

from openkap.care.accounts.requirements import kinds
from openkap.care.accounts.telephone import check_telephone
from openkap.care.permissions import Role


class HireForm(forms.Form):
    """Somebody new, or somebody known in a further role."""

    name = forms.CharField(max_length=120)
    email = forms.EmailField(
        label="E-mail", help_text="They log in with it, and get a link to choose a password."
    )
    role = forms.ChoiceField(choices=[(role.value, role.words) for role in Role])
    register_number = forms.CharField(max_length=40, required=False, label="Licence or register number")
    telephone = forms.CharField(
        max_length=40,
        required=False,
        widget=forms.TextInput(attrs={"type": "tel"}),
        help_text="For text messages when somebody must be called about a patient. They can change it.",
    )

    def clean_telephone(self) -> str:
        return check_telephone(self.cleaned_data["telephone"])


class InviteForm(forms.Form):
    """The address to which the link to choose a password goes once more."""

    email = forms.EmailField(label="E-mail")


class RoleForm(forms.Form):
    """A further role."""

    role = forms.ChoiceField(choices=[(role.value, role.words) for role in Role])


class CredentialForm(forms.Form):
    """A credential somebody has seen."""

    kind = forms.ChoiceField()
    amount = forms.DecimalField(
        required=False, min_value=0, max_digits=7, decimal_places=1, help_text="For hours and cases only."
    )
    issued_on = forms.DateField(widget=forms.DateInput(attrs={"type": "date"}))
    expires_on = forms.DateField(
        required=False, widget=forms.DateInput(attrs={"type": "date"}), label="Ends on"
    )
    evidence = forms.CharField(max_length=200, help_text="What you saw: certificate number, register entry.")

    def __init__(self, *args: object, roles: Collection[Role] = (), **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        choices = [(key, each.words) for key, each in kinds(roles).items()]
        self.fields["kind"].choices = choices  # type: ignore[attr-defined]
