"""What the plan asks for and nobody has done yet: tests before a dose, contacts after it."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime

from django.db.models import Q, QuerySet
from django.urls import reverse

from openkap.care.accounts.actor import Actor
from openkap.care.contributions import Task
from openkap.care.first_lines import first_lines
from openkap.care.moment import now
from openkap.care.patients.access import in_care, scope_of, visible
from openkap.care.patients.out_of_care import dead
from openkap.care.patients.queries import display_name
from openkap.care.treatment.models import DueItem
from openkap.care.treatment.planning.due_dates import GIVEN, TODAY, WEEK
from openkap.care.treatment.planning.held import with_withdrawal

MOST = 200
NAMED = 3
DUE = {DueItem.Kind.TEST: "Do the tests", DueItem.Kind.CONTACT: "Call: the contact after the dose is due"}


def tasks(by: Actor) -> list[Task]:
    """One line a course and kind: tests due within the week, contacts due today, and what is late of both."""
    of: dict[tuple[str, str], list[DueItem]] = defaultdict(list)
    waiting = _due_before(*scope_of(by), now() + WEEK, now() + TODAY)
    for item in waiting:
        of[item.course.uid, item.kind].append(item)
    return waiting.rest("today") + [
        Task(
            DUE[DueItem.Kind(kind)],
            reverse("course", args=[items[0].patient.uid, course]) + "#due",
            display_name(items[0].patient.identity),
            items[0].due_at,
            "today" if items[0].due_at < now() or kind == DueItem.Kind.CONTACT else "soon",
            _named(items),
        )
        for (course, kind), items in of.items()
    ]


def _named(items: list[DueItem]) -> str:
    """What is due, each said once although several doses ask for it."""
    names = list(dict.fromkeys(each.what for each in items))
    return ", ".join(names[:NAMED]) + (f" and {len(names) - NAMED} more" if len(names) > NAMED else "")


@first_lines(MOST, "tests and contacts")
def _due_before(clinic_id: int, staff_id: int, tests: datetime, contacts: datetime) -> QuerySet[DueItem]:
    # A contact belongs to a dose that was given; it stays due when the course has ended with that dose.
    # Whoever got one is called although their record was closed, but for a death.
    alive = visible(clinic_id, staff_id).exclude(dead())
    contact = Q(kind=DueItem.Kind.CONTACT, due_at__lt=contacts, session__state__in=GIVEN, patient__in=alive)
    treated = in_care(clinic_id, staff_id)
    test = Q(kind=DueItem.Kind.TEST, due_at__lt=tests, course__ended_at__isnull=True, patient__in=treated)
    # Nobody is pricked for a dose that a withdrawal holds; the line of the withdrawal stands meanwhile.
    wanted = Q(withdrawn_at__isnull=True) | Q(session__state__in=GIVEN)
    rows = with_withdrawal(DueItem.objects.filter(done_at__isnull=True)).filter(contact | test & wanted)
    return rows.select_related("patient__identity", "course").order_by("due_at", "id")
