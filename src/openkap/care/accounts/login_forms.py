"""The login library's forms, in our words; a label is not said again inside its field."""

from __future__ import annotations

from typing import Any, ClassVar

from allauth.account import forms as account
from allauth.mfa.base import forms as factor
from allauth.mfa.totp.forms import ActivateTOTPForm
from allauth.mfa.webauthn.forms import AddWebAuthnForm, EditWebAuthnForm
from django.conf import settings
from django.core.exceptions import ValidationError

from openkap.care.accounts.backends import is_locked
from openkap.care.accounts.models import Staff

TOO_MANY_CODES = (
    f"Too many wrong tries. Wait {settings.LOCKOUT_MINUTES} minutes, then log in again; or ask the site "
    "administrator of your clinic to unlock the account."
)
CODE_HELP = "Six figures that the app shows now, or one of your recovery codes."


class Worded:
    """Before one of the library's forms: the labels and the help that differ from the library's."""

    labels: ClassVar[dict[str, str]] = {}
    helps: ClassVar[dict[str, str]] = {}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, field in self.fields.items():  # type: ignore[attr-defined]
            field.label = self.labels.get(name, field.label)
            field.help_text = self.helps.get(name, field.help_text)
            field.widget.attrs.pop("placeholder", None)


class LogIn(Worded, account.LoginForm):  # type: ignore[misc]
    labels: ClassVar = {"login": "E-mail"}


class AskForLink(Worded, account.ResetPasswordForm):  # type: ignore[misc]
    labels: ClassVar = {"email": "E-mail"}


class ChoosePassword(Worded, account.ResetPasswordKeyForm):  # type: ignore[misc]
    labels: ClassVar = {"password1": "The new password", "password2": "The new password, once more"}


class ChangePassword(Worded, account.ChangePasswordForm):  # type: ignore[misc]
    labels: ClassVar = ChoosePassword.labels | {"oldpassword": "The password you have now"}


class Password(Worded, account.ReauthenticateForm):  # type: ignore[misc]
    labels: ClassVar = {"password": "Your password"}


class SecondFactor(Worded, factor.AuthenticateForm):  # type: ignore[misc]
    helps: ClassVar = {"code": CODE_HELP}

    def clean_code(self) -> Any:
        # Also from a browser that had given the password before the account began to wait.
        if is_locked(Staff.objects.get(pk=self.user.pk)):
            raise ValidationError(TOO_MANY_CODES)
        return super().clean_code()


class SecondFactorAgain(Worded, factor.ReauthenticateForm):  # type: ignore[misc]
    helps: ClassVar = {"code": CODE_HELP}


class SetUpApp(Worded, ActivateTOTPForm):  # type: ignore[misc]
    labels: ClassVar = {"code": "The code that the app shows"}
    helps: ClassVar = {"code": "Six figures; a new code comes every 30 seconds."}


class AddPasskey(Worded, AddWebAuthnForm):  # type: ignore[misc]
    """Named by its owner; it may stand for the password too."""

    labels: ClassVar = {"name": "Name", "passwordless": "It opens my account without the password"}
    helps: ClassVar = {
        "name": "By which you know it again, such as “my telephone”.",
        "passwordless": "Only where the device itself asks for a finger, a face or a code.",
    }


class RenamePasskey(Worded, EditWebAuthnForm):  # type: ignore[misc]
    helps: ClassVar = {"name": AddPasskey.helps["name"]}
