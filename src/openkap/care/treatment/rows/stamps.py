"""When and where something was written down, and what makes it once only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils.timezone import localtime

from openkap.care.accounts.actor import Actor
from openkap.care.ids import new_uid
from openkap.care.moment import now
from openkap.core.errors import InputError

# A tablet may be this far ahead before its times are refused as being in the future.
TOLERANCE = timedelta(minutes=5)
LONGEST_CLIENT_ID = 36


@dataclass(frozen=True, slots=True)
class Stamp:
    """What the client says about an entry. Without it the server's moment and a fresh id stand."""

    client_id: str = ""
    observed_at: datetime | None = None
    device: str = ""
    # What the device's own clock showed when it sent the entry.
    device_now: datetime | None = None
    # The row that is corrected, and why.
    corrects: str = ""
    reason: str = ""

    def fields(self, by: Actor) -> dict[str, object]:
        """The columns that every row of the session's record has; refuses a time in the future."""
        moment = now()
        observed = self.observed_at or moment
        if observed > moment + TOLERANCE:
            raise InputError(
                "this time is in the future",
                value=f"{localtime(observed):%d %b %H:%M}",
                limit=f"{localtime(moment):%d %b %H:%M}",
                remedy="correct the time, or the clock of the device",
                where="observed_at",
            )
        if len(self.client_id) > LONGEST_CLIENT_ID:
            raise InputError("this id is too long", value=self.client_id, remedy="send a UUID")
        ahead = int((self.device_now - moment).total_seconds()) if self.device_now else 0
        return {
            "client_id": self.client_id or new_uid(),
            "observed_at": observed,
            "entered_at": moment,
            "entered_by_id": by.staff_id,
            "device": self.device[:40],
            "device_ahead_s": ahead,
            "reason": self.reason.strip(),
        }
