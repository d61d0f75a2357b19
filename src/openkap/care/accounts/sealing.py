"""Small secrets at rest: encrypted with a key derived from the installation's secret."""

from __future__ import annotations

import base64
import hashlib

from cryptography.fernet import Fernet
from django.conf import settings


def _box() -> Fernet:
    key = hashlib.blake2b(settings.SECRET_KEY.encode(), digest_size=32, person=b"openkap-seal").digest()
    return Fernet(base64.urlsafe_b64encode(key))


def seal(text: str) -> str:
    """The text, encrypted and authenticated."""
    return _box().encrypt(text.encode()).decode()


def unseal(sealed: str, *, seconds: int | None = None) -> str:
    """The text again; raises ``cryptography.fernet.InvalidToken`` when it was tampered with or is older."""
    return _box().decrypt(sealed.encode(), ttl=seconds).decode()
