"""A clinic in the middle of a morning, for browsers, benchmarks and screenshots: sessions that run now."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import treated
from treated import VITALS

from openkap.care.moment import clock_at
from openkap.care.treatment.rows.stamps import Stamp

NAMES = ["Alex", "Robin", "Kim", "Sam", "Jo", "Chris", "Noor", "Lee"]
SBP = {0: 124, 10: 131, 20: 139, 30: 146, 40: 151}


class Turned:
    """A clock turned by hand."""

    def __init__(self, moment: datetime) -> None:
        self.moment = moment

    def __call__(self) -> datetime:
        return self.moment


def registered(cast, name: str):
    from openkap.care.patients.actions import NewPatient, join_team, register_referral

    actor = cast.actor("cora")
    person = NewPatient(
        family_name="Example", given_name=name, birth_date=date(1984, 5, 2), needs_interpreter=False
    )
    patient = register_referral(by=actor, person=person)
    parts = [("ada", "prescriber"), ("ben", "nurse"), ("cora", "coordinator"), ("tess", "therapist")]
    join_team(by=actor, uid=patient.uid, members=[(cast.staff(key).pk, part) for key, part in parts])
    return patient


def session_at(cast, now: datetime, *, chair: int = 1, minutes_in: int | None = 25, readings: bool = True):
    """A session whose dose began ``minutes_in`` minutes ago; ``None``: released, not started."""
    watch = Turned(now - timedelta(days=20))
    with clock_at(watch):
        patient = registered(cast, NAMES[(chair - 1) % len(NAMES)])
        begun = now - timedelta(minutes=minutes_in or 0)
        # A nurse has one session at a time in the plan: chairs beside each other are moved in afterwards.
        course = treated.planned(
            cast,
            patient,
            first=begun + timedelta(days=40 * chair),
            seat=f"Chair {chair}",
            therapist="",
            therapy=None,
            no_therapy_because="staged for the live page",
        )
        session = treated.first_session(course)
        type(session).objects.filter(pk=session.pk).update(
            starts_at=begun, ends_at=begun + timedelta(hours=2, minutes=30)
        )
        session.refresh_from_db()
        if minutes_in is None:
            return treated.cleared(cast, session, watch)
        treated.dosing(cast, session, watch)
        for minute, sbp in SBP.items():
            if readings and minute <= minutes_in:
                watch.moment = begun + timedelta(minutes=minute)
                values = VITALS | {"sbp": str(sbp), "dbp": str(sbp - 48), "heart_rate": str(68 + minute // 4)}
                treated.enter(
                    cast, session, "vitals", values, stamp=Stamp(client_id=f"staged-{chair}-{minute}")
                )
    session.refresh_from_db()
    return session
