"""How the login library meets our people: nobody signs up by themselves; mail carries no health data."""

from __future__ import annotations

from typing import Any, ClassVar

from allauth.account.adapter import DefaultAccountAdapter
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from django.conf import settings
from django.contrib.auth.base_user import AbstractBaseUser
from django.http import HttpRequest

# ``login_failed`` in ACCOUNT_RATE_LIMITS: as many wrong tries of one name as this many minutes take.
WAIT_MINUTES = 5
TOO_MANY = f"Too many wrong tries. Wait {WAIT_MINUTES} minutes, then try again."
WRONG_CODE = "This code is not right. Type the one that the app shows now; a recovery code works once."


class StaffAdapter(DefaultAccountAdapter):  # type: ignore[misc]
    """Accounts are made by the site administrator."""

    error_messages: ClassVar[dict[str, Any]] = {
        **DefaultAccountAdapter.error_messages,
        "account_inactive": "This account is closed. Ask the site administrator of your clinic.",
        "email_password_mismatch": "E-mail and password do not belong together. Type both again; after "
        f"{settings.LOCKOUT_ATTEMPTS} wrong passwords an account waits {settings.LOCKOUT_MINUTES} minutes.",
        "enter_current_password": "This is not the password you have now. Type it again.",
        "incorrect_code": WRONG_CODE,
        "incorrect_password": "The password is not right. Type it again.",
        "too_many_login_attempts": TOO_MANY,
        "rate_limited": TOO_MANY,
    }
    # The library's names of the ways to show once more who one is.
    ways: ClassVar[dict[str, str]] = {
        "reauthenticate": "Type your password",
        "mfa_reauthenticate": "Type a code of the app, or a recovery code",
        "mfa_reauthenticate:webauthn": "Use a passkey",
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def get_reauthentication_methods(self, user: AbstractBaseUser) -> list[dict[str, str]]:
        known = super().get_reauthentication_methods(user)
        return [{**each, "description": self.ways[each["id"]]} for each in known]


class SecondFactorAdapter(DefaultMFAAdapter):  # type: ignore[misc]
    """The second factor belongs to the person's e-mail address."""

    error_messages: ClassVar[dict[str, Any]] = {
        **DefaultMFAAdapter.error_messages,
        "cannot_delete_authenticator": "This is your only second factor, and one is needed here. Add a "
        "passkey first.",
        "cannot_generate_recovery_codes": "Recovery codes come with a passkey or an app. Add one first.",
        "incorrect_code": WRONG_CODE,
    }

    def generate_authenticator_name(self, user: AbstractBaseUser, kind: Authenticator.Type) -> str:
        return f"Passkey {Authenticator.objects.filter(user_id=user.pk, type=kind).count() + 1}"

    def get_public_key_credential_rp_entity(self) -> dict[str, str]:
        entity: dict[str, str] = super().get_public_key_credential_rp_entity()
        return {**entity, "name": "OpenKAP"}

    def get_totp_label(self, user: AbstractBaseUser) -> str:
        return str(user.get_username())

    def encrypt(self, text: str) -> str:
        """Authenticator secrets rest encrypted; the key is not in the database."""
        from openkap.care.accounts.sealing import seal

        return seal(text)

    def decrypt(self, encrypted_text: str) -> str:
        from openkap.care.accounts.sealing import unseal

        return unseal(encrypted_text)

    def can_delete_authenticator(self, authenticator: Authenticator) -> bool:
        """The last one stays where a second factor is required."""
        others = Authenticator.objects.filter(user=authenticator.user).exclude(pk=authenticator.pk)
        left = others.exclude(type=Authenticator.Type.RECOVERY_CODES).exists()
        return not settings.REQUIRE_SECOND_FACTOR or left
