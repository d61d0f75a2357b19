"""What waits in treatment, for whom: each right brings its own part of the list.

Sessions under way stand in the live page's own list.
"""

from __future__ import annotations

from openkap.care.accounts.actor import Actor
from openkap.care.contributions import Task
from openkap.care.permissions import Permission
from openkap.care.treatment.home import after_withdrawal, around, due, planning, reports, sessions, visits

# Right, and what waits for who has it.
PARTS = (
    (Permission.RECORD_SESSION, sessions.tasks),
    (Permission.RECORD_TEST, due.tasks),
    (Permission.PLAN_COURSE, planning.tasks),
    (Permission.PLAN_COURSE, around.tasks),
    (Permission.WRITE_THERAPY_NOTE, visits.tasks),
    (Permission.PRESCRIBE, reports.tasks),
)


def tasks(by: Actor) -> list[Task]:
    """What must be done now, for whom, by when."""
    found = [task for right, part in PARTS if by.may(right) for task in part(by)]
    # Whoever plans hears of every withdrawal already.
    if by.may(Permission.WRITE_THERAPY_NOTE) and not by.may(Permission.PLAN_COURSE):
        found += after_withdrawal.tasks_of_therapist(by)
    return found
