"""Recurring work of the audit: noting the last digest of every chain outside the database."""

from __future__ import annotations

import json
import os
from datetime import timedelta

from django.conf import settings

from openkap.care.audit.queries import chains, head_of
from openkap.care.jobs import Job
from openkap.care.moment import now

ANCHORS_FILE = "audit-anchors.jsonl"


def note_anchors(worker: str) -> int:
    """Append the head of each chain to the anchors file; whoever rewrites a chain has to rewrite that too."""
    heads = [(chain, *head_of(chain)) for chain in chains()]
    lines = [
        json.dumps({"at": now().isoformat(), "chain": chain, "anchor": f"{sequence}:{digest}"})
        for chain, sequence, digest in heads
    ]
    if lines:
        with open(settings.VAR / ANCHORS_FILE, "a", encoding="utf-8") as file:
            file.write("\n".join(lines) + "\n")
            file.flush()
            os.fsync(file.fileno())
    return len(lines)


JOBS = [
    Job(
        name="note-audit-anchors",
        run=note_anchors,
        every=timedelta(hours=1),
        says="Note the last digest of every audit chain outside the database",
    )
]
