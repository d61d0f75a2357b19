"""Removing a passkey: the library keeps an app that is the last second factor, and not the last passkey."""

from __future__ import annotations

from typing import Any

from allauth.mfa.adapter import get_adapter
from allauth.mfa.webauthn.views import RemoveWebAuthnView
from django.http import HttpRequest, HttpResponse


class RemovePasskey(RemoveWebAuthnView):  # type: ignore[misc]
    """The last second factor stays where one is required."""

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if not get_adapter().can_delete_authenticator(self.get_object()):
            return self.get(request, *args, **kwargs)  # type: ignore[no-any-return]
        return super().post(request, *args, **kwargs)  # type: ignore[no-any-return]

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        told = {"is_kept": not get_adapter().can_delete_authenticator(self.object)}
        return {**super().get_context_data(**kwargs), **told}


remove_passkey = RemovePasskey.as_view()
