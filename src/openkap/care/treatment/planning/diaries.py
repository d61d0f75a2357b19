"""The diaries a plan looks at: what chairs, people and patients have already, and the clinic's hours."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, time, timedelta

from django.db.models import Max, Min
from django.db.models.functions import TruncTime
from django.utils.timezone import localtime

from openkap.care.accounts.models import Staff
from openkap.care.enrolment.site import opening_hours
from openkap.care.moment import now
from openkap.care.treatment.models import Chair, Session
from openkap.care.treatment.planning.conflicts import Slot, Taken
from openkap.care.treatment.planning.placing import OPEN, Diary, Hours

# How far back the use of the chairs tells the clinic's hours: of the program, not of a therapy.
LOOK_BACK = timedelta(days=90)
MIDNIGHT = time(0, 0)


@dataclass(frozen=True, slots=True)
class Board:
    """What a plan is made against: what is taken, the clinic's hours and its chairs."""

    taken: Taken
    hours: Hours
    chairs: tuple[Chair, ...]


def hours_of(clinic_id: int, since: datetime, own: Iterable[tuple[datetime, datetime]]) -> Hours:
    """The site's opening hours; without any, those in which its chairs are used, these sessions too."""
    if stated := opening_hours():
        return Hours(*stated, OPEN)
    used = Session.objects.filter(chair__clinic_id=clinic_id, starts_at__gt=since - LOOK_BACK)
    told = used.exclude(state=Session.State.CANCELLED).aggregate(
        opens=Min(TruncTime("starts_at")), closes=Max(TruncTime("ends_at"))
    )
    spans = [(localtime(starts).time(), localtime(ends).time()) for starts, ends in own]
    opens = [each for each in (told["opens"], *(starts for starts, _ in spans)) if each is not None]
    closes = [each for each in (told["closes"], *(ends for _, ends in spans)) if each is not None]
    return Hours(min(opens, default=MIDNIGHT), max(closes, default=MIDNIGHT))


def diary_of(
    taken: Taken,
    hours: Hours,
    person: Staff,
    patient: int,
    *,
    except_sessions: Sequence[int] = (),
    except_visits: Sequence[int] = (),
) -> Diary:
    """When this therapist and this patient are both free; rows that move themselves are not in the way."""
    moment = now()

    def clash(starts_at: datetime, ends_at: datetime) -> str:
        if starts_at <= moment:
            return "it is in the past"
        slot = Slot(
            starts_at,
            ends_at,
            "",
            (person,),
            patient=patient,
            except_sessions=tuple(except_sessions),
            except_visits=tuple(except_visits),
        )
        return next(iter(taken.in_the_way(slot)), "")

    return Diary(hours, clash)


def ways_out(sessions: Sequence[Slot], board: Board, nurse: Staff) -> list[str]:
    """Where all these sessions would be free: another hour, another chair; nothing where they are free."""
    if not sessions or _is_free(sessions, board):
        return []
    first = sessions[0]
    found = []
    minutes = (first.ends_at - first.starts_at) // timedelta(minutes=1)
    for hour in board.hours.of_the_day(first.starts_at, minutes):
        later = hour - first.starts_at
        moved = [
            replace(each, starts_at=each.starts_at + later, ends_at=each.ends_at + later) for each in sessions
        ]
        if first.chair and _is_free(moved, board):
            found.append(
                f"{first.chair.name} and {nurse.name} are free at {localtime(hour):%H:%M} on all days"
            )
            break
    for chair in board.chairs:
        if chair != first.chair and _is_free([replace(each, chair=chair) for each in sessions], board):
            found.append(f"{chair.name} is free at {localtime(first.starts_at):%H:%M} on all days")
            break
    return found


def _is_free(sessions: Sequence[Slot], board: Board) -> bool:
    return not any(True for slot in sessions for _ in board.taken.in_the_way(slot))
