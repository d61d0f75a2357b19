"""What a check says: a finding, which never changes a number and stands beside it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Literal

Severity = Literal["contradiction", "implausible", "question"]


@dataclass(frozen=True, slots=True)
class Finding:
    """What one named check says of one number."""

    check: str
    severity: Severity
    subject: str
    sentence: str
    remedy: str = "read the source again and correct or confirm the value"

    def as_dict(self) -> dict[str, str]:
        """For ``--json``."""
        return asdict(self)
