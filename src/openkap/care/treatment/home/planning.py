"""What waits for whoever plans: courses, visits without a dose, dates with nobody who may take them."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import BooleanField, CharField, Exists, F, IntegerField, OuterRef, QuerySet, Value
from django.urls import reverse
from django.utils.timezone import localtime

from openkap.care.accounts.actor import Actor
from openkap.care.contributions import Task
from openkap.care.moment import day_begins, now
from openkap.care.patients.access import in_care, scope_of, visible
from openkap.care.patients.models import Closing, Patient
from openkap.care.patients.queries import NAME, name_shown
from openkap.care.permissions import Role
from openkap.care.prepared import prepared
from openkap.care.treatment.home.after_withdrawal import courses_after_withdrawal, decide_on_course
from openkap.care.treatment.models import Course, Session, Visit
from openkap.care.treatment.planning.due_dates import WEEK
from openkap.care.treatment.planning.parts import ACTS, OPEN, Part, here, missing_of

# Courses to plan come first. What is beyond this many is the furthest away: it is said, and comes up in time.
MOST = 1000
UNDOSED, UNPLANNED, WITHDRAWN, DEAD = STEPS = ("undosed", "unplanned", "withdrawn", "dead")


@dataclass(frozen=True, slots=True)
class _Waiting:
    """One row of the question below."""

    kind: str
    # The session without a dose, or the course of a planned date.
    key: str
    at: datetime
    # Why there was no dose, who has the part, or who recorded the death.
    words: str
    staff_id: int
    is_here: bool
    uid: str
    family: str
    given: str
    preferred: str

    @property
    def whom(self) -> str:
        return name_shown(self.family, self.given, self.preferred)


def tasks(by: Actor) -> list[Task]:
    """Everything that waits to be planned or planned anew."""
    rows = [_Waiting(*row) for row in _waiting(*scope_of(by), day_begins(now()))]
    looked_at, beyond = rows[:MOST], rows[MOST:]
    found = [_step(row) for row in looked_at if row.kind in STEPS]
    found += _to_replace([row for row in looked_at if row.kind not in STEPS])
    return found + ([_not_all(looked_at[-1].at)] if beyond else [])


def _not_all(last: datetime) -> Task:
    """Nothing ends silently: up to which day the dates were looked at."""
    return Task(
        "Look at later dates yourself",
        reverse("patients"),
        note=f"only the nearest {MOST} are checked here for who may take them, up to "
        f"{localtime(last):%a %-d %b %Y}; later ones come up as they come nearer",
    )


def _step(row: _Waiting) -> Task:
    if row.kind == UNDOSED:
        url, note = reverse("session_replan", args=[row.uid, row.key]), _no_dose(row)
        return Task("Re-plan the visit", url, row.whom, urgency="today", note=note)
    if row.kind == WITHDRAWN:
        return decide_on_course(row.uid, row.key, row.whom, row.at)
    if row.kind == DEAD:
        note = f"recorded by {row.words}; end what still runs first; no message goes out any more"
        url = reverse("close_record", args=[row.uid])
        return Task("Close the record: the patient has died", url, row.whom, None, "today", note, row.at)
    note = "eligible, no course planned yet"
    return Task("Plan the course", reverse("course_plan", args=[row.uid]), row.whom, note=note, since=row.at)


def _no_dose(row: _Waiting) -> str:
    return f"no dose on {localtime(row.at):%d %b %Y}: {row.words}"


def _to_replace(rows: list[_Waiting]) -> list[Task]:
    """One line a course and person whose part cannot be theirs any more."""
    parts = {row: Part(Role(row.kind), row.staff_id, row.is_here, row.at) for row in rows}
    missing = missing_of(parts.values())
    of: dict[tuple[str, str, int], list[_Waiting]] = defaultdict(list)
    for row, part in parts.items():
        if part in missing:
            of[row.key, row.kind, row.staff_id].append(row)
    return [_replace(each, missing[parts[each[0]]]) for each in of.values()]


def _replace(rows: list[_Waiting], because: str) -> Task:
    first, role = rows[0], Role(rows[0].kind)
    dates = "visit" if role is Role.THERAPIST else "session"
    has = f"{dates} has" if len(rows) == 1 else f"{dates}s have"
    return Task(
        f"Replace the {role.words}",
        reverse("course_people", args=[first.uid, first.key]),
        first.whom,
        first.at,
        "today" if first.at < now() + WEEK else "soon",
        f"{len(rows)} planned {has} nobody who may {ACTS[role]}: {first.words}, {because}",
    )


@prepared
def _waiting(clinic_id: int, staff_id: int, since: datetime) -> QuerySet[Any, tuple[Any, ...]]:
    """Sessions without a dose that nobody has re-planned, who has no course, courses after a withdrawal, open
    records of who has died, and every date to come with each person in it: one question for all.
    """
    patients = in_care(clinic_id, staff_id)
    nobody = {"who": Value(0, IntegerField()), "is_here": Value(True, BooleanField())}
    undosed = Session.objects.filter(
        patient__in=patients,
        state=Session.State.ABORTED,
        replanning__isnull=True,
        course__ended_at__isnull=True,
    ).annotate(what=_word(UNDOSED), key=F("uid"), at=F("starts_at"), words=F("state_because"))
    unplanned = patients.filter(
        ~Exists(Course.objects.filter(patient=OuterRef("pk"))), status=Patient.Status.ELIGIBLE
    ).annotate(what=_word(UNPLANNED), key=_word(""), at=F("created_at"), words=_word(""))
    withdrawn = courses_after_withdrawal(patients).annotate(
        what=_word(WITHDRAWN), key=F("uid"), at=F("withdrawn_at"), words=_word("")
    )
    still_open = visible(clinic_id, staff_id).exclude(
        status__in=(Patient.Status.CLOSED, Patient.Status.MERGED)
    )
    deaths = Closing.objects.filter(reason=Closing.Reason.DIED, reopened_at__isnull=True).annotate(
        what=_word(DEAD), key=_word(""), at=F("closed_at"), words=F("closed_by__name")
    )
    dead = deaths.filter(patient__in=still_open).annotate(**nobody)
    # Told under a record that was merged: the one in use is to be closed.
    dead_merged = deaths.filter(patient__merged_into__in=still_open).annotate(**nobody)
    sessions = Session.objects.filter(patient__in=patients, state__in=OPEN, starts_at__gte=since)
    visits = Visit.objects.filter(patient__in=patients, state=Visit.State.PLANNED, starts_at__gte=since)
    columns = ("what", "key", "at", "words", "who", "is_here")
    names = [f"patient__{name}" for name in ("uid", *NAME)]
    whole: QuerySet[Any, tuple[Any, ...]] = (
        undosed.annotate(**nobody)
        .values_list(*columns, *names)
        .union(
            unplanned.annotate(**nobody).values_list(*columns, "uid", *NAME),
            withdrawn.annotate(**nobody).values_list(*columns, *names),
            dead.values_list(*columns, *names),
            dead_merged.values_list(*columns, *(f"patient__merged_into__{name}" for name in ("uid", *NAME))),
            *(
                _with(rows, role).values_list(*columns, *names)
                for rows, role in (
                    (sessions, Role.PRESCRIBER),
                    (sessions, Role.NURSE),
                    (visits, Role.THERAPIST),
                )
            ),
            all=True,
        )
    )
    return whole.order_by("at")[: MOST + 1]


def _with(rows: QuerySet[Any], role: Role) -> QuerySet[Any]:
    """Each date with the person who has that part in it."""
    told: QuerySet[Any] = rows.annotate(
        what=_word(role.value),
        key=F("course__uid"),
        at=F("starts_at"),
        words=F(f"{role.value}__name"),
        who=F(f"{role.value}_id"),
        is_here=here(role.value, "patient__clinic", role),
    )
    return told


def _word(text: str) -> Value:
    return Value(text, CharField())
