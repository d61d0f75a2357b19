"""What the chart says first of treatment: when the patient comes next, and how far the course is."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db.models import Count, Q, QuerySet, Subquery
from django.urls import reverse
from django.utils.timezone import localtime

from openkap.care.accounts.actor import Actor
from openkap.care.contributions import BannerItem
from openkap.care.moment import day_begins, now
from openkap.care.prepared import prepared
from openkap.care.treatment.marks import DONE, GIVEN_UP
from openkap.care.treatment.models import Course, Session, Visit
from openkap.care.treatment.planning.held import session_says, visit_says, with_withdrawal
from openkap.care.treatment.rows.acts import BEFORE, RUNNING


def lines(by: Actor, patient_ids: list[int], uid: str, banner: tuple[BannerItem, ...]) -> list[BannerItem]:
    moment = now()
    # A session of this morning whose patient has not come yet is still the next one.
    morning = day_begins(moment)
    return [line for row in _newest_course(patient_ids, moment, morning) for line in _of(row, uid)]


def _of(row: Any, uid: str) -> list[BannerItem]:
    url = reverse("course", args=[uid, row.uid])
    coming = []
    if row.session_at:
        says = session_says(Session.State.PLANNED, row.withdrawn_at)
        coming.append((row.session_at, f"session {row.session_number}", says, "alarm"))
    if row.visit_at:
        says = visit_says(row.visit_kind, Visit.State.PLANNED, row.visit_at, row.withdrawn_at)
        coming.append((row.visit_at, f"{Visit.Kind(row.visit_kind).label} {row.visit_number}", says, "watch"))
    coming.sort()
    said = _under_way(row, uid) + [
        BannerItem(label, _words(at, what, says), tone if says else "plain", url)
        for label, (at, what, says, tone) in zip(("Next", "Then"), coming, strict=False)
    ]
    if not coming:
        ended = f"; the course ended {localtime(row.ended_at):%-d %b %Y}" if row.ended_at else ""
        said = [*_under_way(row, uid), BannerItem("Next", f"no date is planned{ended}", url=url)]
    without = f", {row.given_up} not held" if row.given_up else ""
    return [*said, BannerItem("Sessions", f"{row.done} of {row.whole} done{without}", url=url)]


def _under_way(row: Any, uid: str) -> list[BannerItem]:
    """The session whose patient is here, before every date to come."""
    if not row.now_uid:
        return []
    words = f"session {row.now_number}: {Session.State(row.now_state).label}"
    return [BannerItem("Now", words, "watch", reverse("session", args=[uid, row.now_uid]))]


def _words(at: datetime, what: str, says: str) -> str:
    # What holds it stands before the date: nobody should read the date alone.
    return "; ".join(filter(None, (says, f"{what}, {localtime(at):%a %-d %b %Y, %H:%M}")))


@prepared
def _newest_course(patient_ids: list[int], moment: datetime, morning: datetime) -> QuerySet[Any]:
    """The newest course with its sessions counted, and the next session and visit of the patient."""
    sessions = Session.objects.filter(
        patient_id__in=patient_ids, state=Session.State.PLANNED, starts_at__gte=morning
    ).order_by("starts_at")
    here = Session.objects.filter(patient_id__in=patient_ids, state__in=(*BEFORE, *RUNNING)).order_by(
        "-starts_at"
    )
    visits = Visit.objects.filter(
        patient_id__in=patient_ids, state=Visit.State.PLANNED, starts_at__gte=moment
    ).order_by("starts_at")
    rows = Course.objects.filter(patient_id__in=patient_ids).annotate(
        now_uid=Subquery(here.values("uid")[:1]),
        now_number=Subquery(here.values("number")[:1]),
        now_state=Subquery(here.values("state")[:1]),
        session_at=Subquery(sessions.values("starts_at")[:1]),
        session_number=Subquery(sessions.values("number")[:1]),
        visit_at=Subquery(visits.values("starts_at")[:1]),
        visit_kind=Subquery(visits.values("kind")[:1]),
        visit_number=Subquery(visits.values("number")[:1]),
        done=Count("sessions", filter=Q(sessions__state__in=DONE)),
        whole=Count("sessions", filter=~Q(sessions__state__in=GIVEN_UP)),
        given_up=Count("sessions", filter=Q(sessions__state__in=GIVEN_UP)),
    )
    return with_withdrawal(rows).order_by("-planned_at", "-pk")[:1]
