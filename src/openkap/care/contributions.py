"""How the apps add to shared pages without knowing each other: a module of an agreed name in each.

``home.py`` offers ``tasks(by)`` and may offer ``facts(by)``, ``banner.py`` ``banner_items(patient)``,
``timeline.py`` ``events(patient_ids)``, ``figures.py`` ``figures(patient_ids)``, ``marks.py``
``marks(patient_ids)``, ``overview.py`` ``sections(by, patient_ids, uid)``,
``glance.py`` ``lines(by, patient_ids, uid, banner)``, ``jobs.py`` ``JOBS``,
``navigation.py`` ``links(patient_uid)``, ``leaving.py`` ``role_ended(by, person, role)``,
``session_record.py`` ``parts(session_ids)``, ``erasure_hold.py`` ``hold(patient_id)``, ``identity_copies.py``
``erase(patient_ids)``, ``record_closing.py`` ``hold(patient_ids)`` and
``end(by, patient_ids, words)``, ``assignments.py`` ``assignments(by, person)``, ``consent_ended.py``
``hold(patient_id)`` and ``withdrawn(by, patient_id, at)``, ``phase.py`` ``doses(patient)``,
``referral_kept.py`` ``kept(by, referral)``, ``patient_codes.py`` ``uid_of(clinic_uid, code)``.
What an app lacks, it does not offer. Each is asked once a page.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from importlib.util import find_spec
from types import ModuleType

from django.apps import apps

from openkap.care.permissions import Permission


@dataclass(frozen=True, slots=True)
class Task:
    """One thing to do: a verb, for whom, by when, and where to do it."""

    verb: str
    url: str
    whom: str = ""
    due: datetime | None = None
    # "now" is shown first and asks for somebody at once; "today", "soon" follow.
    urgency: str = "soon"
    note: str = ""
    # Where nothing is due: since when somebody waits for it.
    since: datetime | None = None
    # How many things the line is: one that leads to others counts them.
    stands_for: int = 1


@dataclass(frozen=True, slots=True)
class BannerItem:
    """One fact of the patient banner. ``tone``: plain, good, watch, alarm, unknown."""

    label: str
    value: str
    tone: str = "plain"
    url: str = ""


@dataclass(frozen=True, slots=True)
class TimelineEvent:
    """One mark on a patient's timeline."""

    at: datetime
    kind: str
    title: str
    url: str = ""
    detail: str = ""
    tone: str = "plain"


@dataclass(frozen=True, slots=True)
class CourseMark:
    """A dated point of a patient's treatment: measures are planned from it, figures draw it.

    ``kind``: course_start, session_planned, session_done, session_missed, therapy, course_end, or
    course_given_up where no dose was given in it. ``uid`` is the public id of the session or course. Apps
    side by side meet here instead of importing each other.
    """

    patient_id: int
    kind: str
    at: datetime
    uid: str
    label: str = ""


@dataclass(frozen=True, slots=True)
class Section:
    """One part of the chart's overview, as lines of label and value with where to change them."""

    title: str
    lines: tuple[BannerItem, ...]
    url: str = ""
    link: str = ""
    empty: str = "nothing yet"
    # What somebody must know to read the lines.
    note: str = ""
    # The section stands first when it needs somebody.
    order: int = 50


@dataclass(frozen=True, slots=True)
class Assignment:
    """One date on which somebody is needed; ``lacks`` says what they do not hold on that day."""

    at: datetime
    what: str
    lacks: str = ""


@dataclass(frozen=True, slots=True)
class ChartLink:
    """One entry of the chart's navigation."""

    label: str
    url: str
    name: str
    needs: Permission
    # Other folders of the chart whose pages belong to this entry.
    folders: tuple[str, ...] = ()


def contributions(name: str) -> Iterator[ModuleType]:
    """The modules called ``name`` of the clinic's apps, in the order of the apps."""
    for module in _modules(name):
        yield importlib.import_module(module)


@lru_cache(maxsize=32)
def _modules(name: str) -> tuple[str, ...]:
    candidates = [
        f"{app.name}.{name}" for app in apps.get_app_configs() if app.name.startswith("openkap.care.")
    ]
    return tuple(module for module in candidates if find_spec(module))
