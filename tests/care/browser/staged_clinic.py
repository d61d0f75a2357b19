"""Run by the browser tests: fills a database that has only its tables with sessions that are under way, and says where."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parents[1]), str(HERE.parent)]

import django  # noqa: E402


class Cast:
    """The cast as the helpers of the tests know it."""

    def __init__(self, troupe) -> None:
        self.troupe = troupe

    def actor(self, key):
        from openkap.care.accounts.actor import actor_for

        return actor_for(self.troupe.people[key])

    def staff(self, key):
        return self.troupe.people[key]


def main(chairs: str) -> None:
    django.setup()
    import staged

    from openkap.care.demo.cast import hire

    now = datetime.now(UTC)
    cast = Cast(hire(now - timedelta(days=365)))
    paths = []
    for chair, minutes in enumerate(json.loads(chairs), start=1):
        session = staged.session_at(cast, now, chair=chair, minutes_in=minutes)
        paths.append(f"/patients/{session.patient.uid}/sessions/{session.uid}/live/")
    sys.stdout.write(json.dumps(paths))


if __name__ == "__main__":
    main(sys.argv[1])
