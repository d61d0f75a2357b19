"""The arithmetic of the chain: what is hashed, and in which order. Standard library only.

``openkap audit verify`` has its own copy of these rules on purpose, so that a third party can check an
export without this project; a test holds the two together.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

# Before the first event of a chain stands nothing.
GENESIS = "0" * 64


def canonical(body: dict[str, Any]) -> str:
    """The one text of an event: keys in order, no spaces, characters as themselves."""
    return json.dumps(body, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def digest(previous: str, body: str) -> str:
    """SHA-256 of the previous digest, a line feed, and the event's text."""
    return hashlib.sha256(f"{previous}\n{body}".encode()).hexdigest()
