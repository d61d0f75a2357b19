"""What waits in outcomes: alarming answers first, then proposals, then forms nobody can be sent."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.db.models import Exists, Q, QuerySet
from django.urls import reverse
from django.utils.timezone import localtime

from openkap.care.accounts.actor import Actor
from openkap.care.contributions import Section, Task
from openkap.care.first_lines import first_lines
from openkap.care.messaging.undelivered import MEASURE, in_words, undelivered, undelivered_fields
from openkap.care.moment import now, today
from openkap.care.outcomes.aggregates import clinic_numbers
from openkap.care.outcomes.follow_up import title_of
from openkap.care.outcomes.models import Invitation, SafetySignal
from openkap.care.outcomes.queries import OpenSignal, open_proposals, open_signals
from openkap.care.patients.access import in_care, scope_of
from openkap.care.patients.queries import display_name
from openkap.care.permissions import Permission, Role
from openkap.care.prepared import prepared

# More than a person can do today is a list of its own, not a home page.
MOST = 15
SOON = timedelta(days=1)
# How long a prescriber has for a proposal.
TO_DECIDE = timedelta(days=7)


def tasks(by: Actor) -> list[Task]:
    found: list[Task] = []
    if by.may(Permission.MANAGE_STAFF):
        found += [_name_more(since) for since in _all_called(by.clinic_id)]
    if not by.may(Permission.SEE_OUTCOMES):
        return found
    found += [_signal_task(each) for each in open_signals(by)]
    if by.may(Permission.PRESCRIBE):
        found += [_proposal_task(each) for each in open_proposals(by)]
    if by.roles & {Role.COORDINATOR, Role.NURSE}:
        found += _unreachable(by)
    return found


def facts(by: Actor) -> list[Section]:
    """For the lead: how the clinic does, in numbers that name nobody."""
    return clinic_numbers(by) if by.may(Permission.SEE_AGGREGATES) else []


def _signal_task(each: OpenSignal) -> Task:
    """One line a person, whatever they answered."""
    how_many = f"{each.answers} alarming answers" if each.answers > 1 else ""
    if each.is_acknowledged:
        return Task(
            "Write down what was done",
            each.url,
            each.patient_name,
            each.raised_at + SOON,
            "today",
            f"{how_many or 'an alarming answer'}, acknowledged",
        )
    waits = "nobody has acknowledged it yet"
    if each.is_anew:
        waits = f"another came after somebody took it on: {waits}"
    if each.all_called:
        waits = f"everybody who is named was called: {waits}"
    elif each.level:
        waits = f"escalated to more people: {waits}"
    return Task(
        "Call the patient: an answer needs a person",
        each.url,
        each.patient_name,
        each.raised_at,
        "now",
        "; ".join(filter(None, [how_many, waits, each.undelivered])),
    )


def _name_more(since: datetime) -> Task:
    """For who names people: that an alarming answer has run out of them; whose it is they do not see."""
    return Task(
        "Name more people who can be called",
        reverse("staff"),
        urgency="now",
        note="everybody who is named was called about an alarming answer, and nobody has taken it on, "
        f"since {localtime(since):%-d %b %Y %H:%M}",
    )


@prepared
def _all_called(clinic_id: int) -> QuerySet[SafetySignal, Any]:
    run_out = SafetySignal.objects.filter(
        patient__clinic_id=clinic_id, acknowledged_at__isnull=True, all_called_at__isnull=False
    )
    return run_out.order_by("all_called_at").values_list("all_called_at", flat=True)[:1]


def _proposal_task(row: object) -> Task:
    from openkap.care.outcomes.models import MaintenanceProposal

    assert isinstance(row, MaintenanceProposal)
    due = row.made_at + TO_DECIDE
    return Task(
        "Decide: symptoms came back",
        reverse("maintenance", args=[row.patient.uid, row.uid]),
        display_name(row.patient.identity),
        due,
        "today" if localtime(due).date() <= today() else "soon",
        "maintenance is proposed, nothing is planned",
    )


def _unreachable(by: Actor) -> list[Task]:
    """Due forms of people who cannot be reached or whose message did not arrive, or that close soon."""
    rows = _due(*scope_of(by, Permission.SEE_OUTCOMES), now() + SOON)
    due = [(row, in_words(row.undelivered_to, row.undelivered_since)) for row in rows]
    return rows.rest("today") + [
        Task(
            _verb(row, lost),
            reverse("invitation", args=[row.patient.uid, row.uid]),
            display_name(row.patient.identity),
            row.closes_at,
            "today" if row.closes_at < now() + SOON else "soon",
            "; ".join(filter(None, [title_of(row.occasion), lost])),
        )
        for row, lost in due
    ]


def _verb(row: Invitation, lost: str) -> str:
    if lost:
        return "Call, or mend the address: the questions did not arrive"
    if row.link_number == 0:
        return "Fill in on the tablet, or call"
    if row.reminded_at and row.reminded_at > now() - SOON:
        return "Call: reminded, and the questions close soon"
    return "Remind: the questions close soon"


@first_lines(MOST, "questions")
def _due(clinic_id: int, staff_id: int, soon: datetime) -> QuerySet[Any]:
    waiting = Invitation.objects.filter(
        Q(link_number=0) | Q(closes_at__lt=soon) | Q(Exists(undelivered(MEASURE))),
        patient__in=in_care(clinic_id, staff_id),
        sent_at__isnull=False,
        finished_at__isnull=True,
        closed_at__isnull=True,
    )
    told = waiting.annotate(**undelivered_fields(MEASURE))
    return told.select_related("patient__identity").order_by("closes_at", "id")
