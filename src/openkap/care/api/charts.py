"""Operations on charts: find a patient, read a chart, its sessions and what was written down, add to it."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Literal

from django.http import HttpRequest
from ninja import Router, Schema
from ninja.security import django_auth
from pydantic import AfterValidator, Field

from openkap.care.access_rules import needs
from openkap.care.accounts.telephone import TELEPHONE
from openkap.care.api.operations import Answer, Moment, StaffWithPatient, asked_by, operation
from openkap.care.moment import now
from openkap.care.patients import actions, queries
from openkap.care.patients.access import patient_for
from openkap.care.permissions import Permission
from openkap.care.treatment.access import session_for
from openkap.care.treatment.monitoring.session_actions import enter
from openkap.care.treatment.rows.stamps import Stamp
from openkap.care.treatment.session import lists as session_lists

router = Router(tags=["charts"])


def _typed(text: str) -> str:
    # No person types NUL, and PostgreSQL cannot store it.
    if "\x00" in text:
        raise ValueError("a hidden character (NUL) was sent")
    return text


def _telephone(text: str) -> str:
    if not TELEPHONE.fullmatch(text.strip()):
        raise ValueError("not a telephone number: write digits, such as +1 555 010 0199")
    return text.strip()


Typed = Annotated[str, AfterValidator(_typed)]


class FoundOut(Answer):
    """One patient of a list."""

    uid: str
    name: str
    code: str
    birth_date: date | None
    status: str


class PageOut(Answer):
    """A page of patients."""

    found: list[FoundOut]
    page: int
    pages: int


@operation(
    router,
    "GET",
    "patients",
    name="find_patients",
    may=needs(Permission.SEARCH_PATIENTS),
    auth=django_auth,
    response=PageOut,
)
def find_patients(
    request: HttpRequest,
    q: Annotated[Typed, Field(max_length=200)] = "",
    page: Annotated[int, Field(ge=1, le=1_000_000)] = 1,
) -> PageOut:
    """The clinic's patients by name, code, identifier or date of birth; looking is audited."""
    shown = queries.find_patients(asked_by(request), text=q, page=page)
    found = [
        FoundOut(uid=each.uid, name=each.name, code=each.code, birth_date=each.birth_date, status=each.status)
        for each in shown.object_list
    ]
    return PageOut(found=found, page=shown.number, pages=shown.paginator.num_pages)


class LineOut(Answer):
    """One fact with its label; ``tone``: plain, good, watch, alarm, unknown."""

    label: str
    value: str
    tone: str


class SectionOut(Answer):
    """One part of the chart's overview."""

    title: str
    lines: list[LineOut]


class ChartOut(Answer):
    """A patient: who, where they stand, and the chart's overview."""

    uid: str
    name: str
    code: str
    birth_date: date | None
    status: str
    banner: list[LineOut]
    sections: list[SectionOut]


@operation(
    router,
    "GET",
    "patients/{uid:patient}",
    name="chart",
    may=needs(Permission.SEE_PATIENT),
    auth=django_auth,
    response=ChartOut,
)
def chart(request: HttpRequest, patient: str) -> ChartOut:
    """The chart's overview as the page shows it; looking is audited."""
    by = asked_by(request)
    row = patient_for(by, patient, Permission.SEE_PATIENT)
    banner = queries.banner_for(row)
    return ChartOut(
        uid=banner.uid,
        name=banner.name,
        code=banner.code,
        birth_date=banner.birth_date,
        status=row.status,
        banner=[LineOut(label=each.label, value=each.value, tone=each.tone) for each in banner.items],
        sections=[
            SectionOut(
                title=section.title,
                lines=[LineOut(label=each.label, value=each.value, tone=each.tone) for each in section.lines],
            )
            for section in queries.overview(by, row)
        ],
    )


class ContactIn(Schema):
    """Somebody around the patient."""

    kind: Literal["emergency", "escort", "carer", "clinician"]
    name: Typed = Field(min_length=1, max_length=120)
    relation: Typed = Field(default="", max_length=60)
    telephone: Annotated[str, AfterValidator(_telephone), Field(max_length=40)]
    may_be_told: bool | None = None


class Added(Answer):
    """It is in the record."""

    uid: str


@operation(
    router,
    "POST",
    "patients/{uid:patient}/contacts",
    name="add_contact",
    may=needs(Permission.EDIT_PATIENT),
    auth=StaffWithPatient(Permission.EDIT_PATIENT),
    response=Added,
)
def add_contact(request: HttpRequest, patient: str, body: ContactIn) -> Added:
    """Note an emergency contact, an escort home or another person around the patient."""
    added = actions.add_contact(by=asked_by(request), uid=patient, **body.dict())
    return Added(uid=added.uid)


class SessionOut(Answer):
    """One session of a patient."""

    uid: str
    course: str
    protocol: str
    protocol_version: str
    number: int
    state: str
    starts_at: datetime
    ends_at: datetime
    chair: str
    prescriber: str
    nurse: str
    held: str


@operation(
    router,
    "GET",
    "patients/{uid:patient}/sessions",
    name="sessions",
    may=needs(Permission.SEE_PATIENT),
    auth=django_auth,
    response=list[SessionOut],
)
def sessions(
    request: HttpRequest, patient: str, before: Moment | None = None
) -> list[session_lists.ListedSession]:
    """Fifty sessions, newest first; ``before`` the last line's moment gives the next fifty."""
    row = patient_for(asked_by(request), patient, Permission.SEE_PATIENT, seen="sessions")
    return session_lists.sessions_of(row, before or now().replace(year=now().year + 100))


class ValueOut(Answer):
    """One value: the text as it was entered, and the number in its unit where it has one."""

    element: str
    value: str
    number: Decimal | None
    unit: str
    is_confirmed: bool


class EntryOut(Answer):
    """One act of writing down; ``counts`` is false once it was corrected, or where it takes one back."""

    uid: str
    kind: str
    observed_at: datetime
    entered_at: datetime
    entered_by: str
    note: str
    reason: str
    corrects: str
    counts: bool
    values: list[ValueOut]


@operation(
    router,
    "GET",
    "patients/{uid:patient}/sessions/{uid:session}/entries",
    name="entries",
    may=needs(Permission.SEE_PATIENT),
    auth=django_auth,
    response=list[EntryOut],
)
def entries(request: HttpRequest, patient: str, session: str) -> list[session_lists.Written]:
    """What was written down in a session, corrected rows included, in the order it was true."""
    row = session_for(asked_by(request), patient, session, Permission.SEE_PATIENT, seen="session entries")
    return session_lists.entries_of(row)


class EntryIn(Schema):
    """Vital signs or a note; ``client_id`` makes a repeat harmless, ``confirmed`` takes the unusual."""

    kind: Literal["vitals", "note"]
    values: dict[Annotated[str, Field(max_length=80)], Annotated[Typed, Field(max_length=120)]] = Field(
        default_factory=dict, max_length=50
    )
    note: Typed = Field(default="", max_length=20_000)
    client_id: str = Field(min_length=8, max_length=36, pattern=r"^[0-9a-zA-Z._:-]+$")
    observed_at: Moment
    confirmed: bool = False


class Entered(Answer):
    """It is in the record."""

    uid: str
    entered_at: datetime


@operation(
    router,
    "POST",
    "patients/{uid:patient}/sessions/{uid:session}/enter",
    name="enter",
    may=needs(Permission.RECORD_SESSION),
    auth=StaffWithPatient(Permission.RECORD_SESSION),
    response=Entered,
)
def write_entry(request: HttpRequest, patient: str, session: str, body: EntryIn) -> Entered:
    """Write down vital signs or a note; what is abnormal raises its alert at once."""
    row = enter(
        by=asked_by(request),
        patient=patient,
        uid=session,
        kind=body.kind,
        values=body.values,
        note=body.note,
        confirmed=body.confirmed,
        stamp=Stamp(body.client_id, body.observed_at),
    )
    return Entered(uid=row.uid, entered_at=row.entered_at)
