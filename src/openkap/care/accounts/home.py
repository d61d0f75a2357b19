"""The accounts' part of the home page: credentials that end, emergencies to review, own second factor."""

from __future__ import annotations

from django.urls import reverse

from openkap.care.accounts.actor import Actor
from openkap.care.accounts.credentials import standings
from openkap.care.accounts.models import BreakGlass
from openkap.care.accounts.queries import next_to_end, staff_overview
from openkap.care.contributions import BannerItem, Section, Task
from openkap.care.permissions import Permission

# As many of the credentials that end next as a glance takes in.
SHOWN = 5


def tasks(by: Actor) -> list[Task]:
    found = []
    if by.may(Permission.MANAGE_CREDENTIALS):
        for person in staff_overview(by):
            if person.undelivered:
                found.append(
                    Task(
                        "Mend the address and invite again",
                        reverse("colleague", args=[person.uid]),
                        person.name,
                        urgency="today",
                        note=person.undelivered,
                    )
                )
            open_gaps = [gap for gap in person.gaps if not gap.is_met]
            if person.gaps:
                found.append(
                    Task(
                        "Record credentials" if open_gaps else "Renew credentials",
                        reverse("colleague", args=[person.uid]),
                        person.name,
                        urgency="today" if open_gaps else "soon",
                        note="; ".join(f"{gap.requirement.words}: {gap.words}" for gap in person.gaps),
                    )
                )
    if by.may(Permission.REVIEW_BREAK_GLASS):
        waiting = BreakGlass.objects.filter(clinic_id=by.clinic_id, reviewed_at__isnull=True)
        found += [
            Task(
                "Review an emergency",
                reverse("emergencies"),
                row.staff.name,
                row.opened_at,
                "today",
                row.reason,
            )
            for row in waiting.select_related("staff").order_by("opened_at")[:50]
        ]
    found += _own_credentials(by)
    return found


def facts(by: Actor) -> list[Section]:
    """What ends next, however far away: an empty list says that somebody has looked."""
    if not by.may(Permission.MANAGE_CREDENTIALS):
        return []
    lines = tuple(
        BannerItem(name, f"{words}, ends {ends:%-d %b %Y}", url=reverse("colleague", args=[uid]))
        for ends, name, uid, words in next_to_end(by, SHOWN)
    )
    return [Section("Credentials that end next", lines, reverse("staff"), empty="No credential has an end.")]


def _own_credentials(by: Actor) -> list[Task]:
    """What the person themselves should renew; they cannot record it, so the note says who can."""
    gaps = [
        each
        for role in by.roles
        for each in standings([by.staff_id], role)[by.staff_id]
        if each.tone != "good"
    ]
    return [
        Task(
            f"Renew: {gap.requirement.words}" if gap.tone == "watch" else f"Missing: {gap.requirement.words}",
            reverse("my_account"),
            note=f"{gap.words}; bring the document to the site administrator",
            urgency="soon",
        )
        for gap in gaps
    ]
