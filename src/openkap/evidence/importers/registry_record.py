"""One registry record while it is read: its two sections, its arms, and every doubt about it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from openkap.evidence.importers.registry_arms import Arms, read_arms
from openkap.evidence.integrity_finding import Finding
from openkap.evidence.scales import Scales

# The one place every number of a record was read at.
PLACE = "R1"


@dataclass
class Record:
    """``data`` as the API gives it; ``findings`` grows while the parts are read."""

    data: dict[str, Any]
    number: str
    scales: Scales
    findings: list[Finding] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.protocol: dict[str, Any] = self.data["protocolSection"]
        self.results: dict[str, Any] = self.data.get("resultsSection") or {}
        self.arms: Arms = read_arms(self.protocol, self.results)

    def doubt(
        self,
        check: str,
        sentence: str,
        remedy: str,
        severity: Literal["question", "contradiction"] = "question",
        at: str = "",
    ) -> None:
        """Something a person must look at, with what to do about it."""
        subject = f"{self.number}, {at}" if at else self.number
        finding = Finding(check, severity, subject, sentence, remedy)
        if finding not in self.findings:
            self.findings.append(finding)
