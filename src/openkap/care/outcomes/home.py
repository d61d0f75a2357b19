"""What waits in outcomes: alarming answers first, then proposals, then forms nobody can be sent."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db.models import Q, QuerySet
from django.urls import reverse

from openkap.care.accounts.actor import Actor
from openkap.care.contributions import Section, Task
from openkap.care.moment import now
from openkap.care.outcomes.aggregates import clinic_numbers
from openkap.care.outcomes.models import Invitation
from openkap.care.outcomes.queries import open_proposals, open_signals, title_of
from openkap.care.patients.access import scope_of, visible
from openkap.care.patients.queries import display_name
from openkap.care.permissions import Permission, Role
from openkap.care.prepared import prepared

# More than a person can do today is a list of its own, not a home page.
MOST = 15
SOON = timedelta(days=1)


def tasks(by: Actor) -> list[Task]:
    if not by.may(Permission.SEE_OUTCOMES):
        return []
    found = [_signal_task(each) for each in open_signals(by)]
    if by.may(Permission.PRESCRIBE):
        found += [_proposal_task(each) for each in open_proposals(by)]
    if by.roles & {Role.COORDINATOR, Role.NURSE}:
        found += _unreachable(by)
    return found


def facts(by: Actor) -> list[Section]:
    """For the lead: how the clinic does, in numbers that name nobody."""
    return clinic_numbers(by) if by.may(Permission.SEE_AGGREGATES) else []


def _signal_task(each: object) -> Task:
    from openkap.care.outcomes.queries import OpenSignal

    assert isinstance(each, OpenSignal)
    if each.is_acknowledged:
        return Task(
            "Write down what was done",
            each.url,
            each.patient_name,
            each.raised_at + SOON,
            "today",
            "an alarming answer, acknowledged",
        )
    return Task(
        "Call the patient: an answer needs a person",
        each.url,
        each.patient_name,
        each.raised_at,
        "now",
        "nobody has acknowledged it yet"
        if each.level == 0
        else "escalated to more people: nobody has acknowledged it yet",
    )


def _proposal_task(row: object) -> Task:
    from openkap.care.outcomes.models import MaintenanceProposal

    assert isinstance(row, MaintenanceProposal)
    return Task(
        "Decide: symptoms came back",
        reverse("maintenance", args=[row.patient.uid, row.uid]),
        display_name(row.patient.identity),
        row.made_at + timedelta(days=7),
        "today",
        "maintenance is proposed, nothing is planned",
    )


def _unreachable(by: Actor) -> list[Task]:
    """Due forms of people without telephone or e-mail, or whose open time ends soon."""
    due = _due(*scope_of(by, Permission.SEE_OUTCOMES), now() + SOON)
    return [
        Task(
            "Fill in on the tablet, or call" if row.link_number == 0 else "Remind: the questions close soon",
            reverse("invitation", args=[row.patient.uid, row.uid]),
            display_name(row.patient.identity),
            row.closes_at,
            "today" if row.closes_at < now() + SOON else "soon",
            title_of(row.occasion),
        )
        for row in due
    ]


@prepared
def _due(clinic_id: int, staff_id: int, soon: datetime) -> QuerySet[Invitation]:
    waiting = Invitation.objects.filter(
        Q(link_number=0) | Q(closes_at__lt=soon),
        patient__in=visible(clinic_id, staff_id),
        sent_at__isnull=False,
        finished_at__isnull=True,
        closed_at__isnull=True,
    )
    return waiting.select_related("patient__identity").order_by("closes_at")[:MOST]
