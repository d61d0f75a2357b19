"""The service worker, served from the root so that it may answer for the live pages."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

SCRIPT = Path(__file__).parents[1] / "static" / "js" / "live" / "worker.js"


@lru_cache(maxsize=1)
def worker_script() -> str:
    return SCRIPT.read_text(encoding="utf-8")
