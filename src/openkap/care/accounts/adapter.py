"""How the login library meets our people: nobody signs up by themselves; mail carries no health data."""

from __future__ import annotations

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.mfa.adapter import DefaultMFAAdapter
from django.contrib.auth.base_user import AbstractBaseUser
from django.http import HttpRequest


class StaffAdapter(DefaultAccountAdapter):  # type: ignore[misc]
    """Accounts are made by the site administrator."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False


class SecondFactorAdapter(DefaultMFAAdapter):  # type: ignore[misc]
    """The second factor belongs to the person's e-mail address."""

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

    def can_delete_authenticator(self, authenticator: Any) -> bool:
        """The last one stays where a second factor is required."""
        from allauth.mfa.models import Authenticator
        from django.conf import settings

        others = Authenticator.objects.filter(user=authenticator.user).exclude(pk=authenticator.pk)
        left = others.exclude(type=Authenticator.Type.RECOVERY_CODES).exists()
        return not settings.REQUIRE_SECOND_FACTOR or left
