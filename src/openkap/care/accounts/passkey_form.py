"""The library's form for a new passkey, in our words."""

from __future__ import annotations

from typing import Any

from allauth.mfa.webauthn.forms import AddWebAuthnForm


class AddPasskey(AddWebAuthnForm):  # type: ignore[misc]
    """Named by its owner; it may stand for the password too."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        name, alone = self.fields["name"], self.fields["passwordless"]
        name.label, name.help_text = "Name", "By which you know it again, such as “my telephone”."
        alone.label = "It opens my account without the password"
        alone.help_text = "Only where the device itself asks for a finger, a face or a code."
