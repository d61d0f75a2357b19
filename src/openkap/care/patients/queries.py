"""Reads for pages about patients; plain values out, no row escapes to a template."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.core.paginator import Page, Paginator
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.urls import reverse

from openkap.care.accounts.actor import Actor
from openkap.care.audit.actions import record_listed
from openkap.care.contributions import BannerItem, Section, TimelineEvent, contributions
from openkap.care.patients.access import scope_of, visible
from openkap.care.patients.actions import CRISIS_FIELDS, IDENTITY_FIELDS
from openkap.care.patients.duplicates import Candidate, find_candidates
from openkap.care.patients.models import (
    Closing,
    Contact,
    CrisisPlan,
    Identifier,
    Identity,
    Merge,
    Patient,
    TeamMember,
)
from openkap.care.patients.out_of_care import DIED, standing_closings
from openkap.care.patients.overview import TOLD
from openkap.care.patients.phases import WORDS, phase, phase_words
from openkap.care.patients.referral_warnings import warned_items
from openkap.care.patients.searching import Criteria, criteria
from openkap.care.patients.telephones import telephoned
from openkap.care.permissions import Role
from openkap.care.prepared import prepared

PAGE_SIZE = 50
# What stands in the place of a name that was erased.
ERASED = "identity erased"
# The columns of a name, for reads that need nothing else of the identity.
NAME = ("identity__family_name", "identity__given_name", "identity__preferred_name")


@dataclass(frozen=True, slots=True)
class Banner:
    """The patient banner: never the wrong patient."""

    uid: str
    name: str
    url: str
    code: str
    birth_date: date | None
    items: tuple[BannerItem, ...] = ()

    @property
    def alarms(self) -> bool:
        return any(item.tone == "alarm" for item in self.items)


def display_name(identity: Identity) -> str:
    """Family name first and in capitals, as the banner of every page shows it."""
    return name_shown(identity.family_name, identity.given_name, identity.preferred_name)


def name_shown(family: str, given: str, preferred: str) -> str:
    """As ``display_name``, from the columns of ``NAME``."""
    if not family and not given:
        return ERASED
    called = f" “{preferred}”" if preferred else ""
    return f"{family.upper()}, {given}{called}"


def banner_for(patient: Patient) -> Banner:
    """Name, age, code and what the other apps add: weight, allergies, consent, phase, alerts."""
    items = [BannerItem("Phase", phase_words(patient)), *_closed(patient)]
    for module in contributions("banner"):
        items.extend(module.banner_items(patient))
    items += warned_items(patient)
    return Banner(
        uid=patient.uid,
        name=display_name(patient.identity),
        url=reverse("patient", args=[patient.uid]),
        code=patient.code,
        birth_date=patient.identity.birth_date,
        items=tuple(items),
    )


def _closed(patient: Patient) -> list[BannerItem]:
    """Why the record is closed; a death first of all, whatever still runs."""
    row = closing_of(patient)
    if row is None:
        return []
    if row.reason == DIED:
        return [BannerItem("Died", f"{row.died_on:%-d %b %Y}" if row.died_on else "day not known", "alarm")]
    return [BannerItem("Closed", row.get_reason_display())]


def closing_of(patient: Patient) -> Closing | None:
    """What closed the record, or the death that will; not asked where the record's own read says: nothing."""
    return standing_closings(patient.pk).first() if getattr(patient, "has_closing", True) else None


def record_ids(patient: Patient) -> list[int]:
    """The patient and every record merged into it: what a chart shows together."""
    if not getattr(patient, "has_absorbed", True):
        return [patient.pk]
    return [patient.pk, *Patient.objects.filter(merged_into=patient).values_list("pk", flat=True)]


@dataclass(frozen=True, slots=True)
class ListedPatient:
    """One line of the list."""

    uid: str
    name: str
    code: str
    birth_date: date | None
    status: str


def find_patients(by: Actor, *, text: str = "", status: str = "", page: int = 1) -> Page[Any]:
    """A page of the clinic's patients, by name, number, telephone or birth date; looking is audited."""
    shown = _page(scope_of(by), criteria(text, status), page)
    shown.object_list = [
        ListedPatient(uid, name_shown(*name), code, born, WORDS[standing])
        for uid, code, standing, born, *name in shown.object_list
    ]
    # The words are not kept: they are usually a name.
    record_listed(
        by, "list of patients", [each.uid for each in shown.object_list], searched=bool(text.strip())
    )
    return shown


def _page(scope: tuple[int, int], wanted: Criteria, number: int) -> Page[Any]:
    given = (
        *scope,
        wanted.statuses,
        wanted.days,
        wanted.words,
        wanted.texts,
        [each.upper() for each in wanted.texts],
        wanted.telephones,
    )
    if number <= 1 and len(first := _first_page(*given)) <= PAGE_SIZE:
        paginator: Paginator[Any] = Paginator(first, PAGE_SIZE)
        return paginator.page(1)
    return Paginator(_found(*given), PAGE_SIZE).get_page(number)


@prepared
def _first_page(
    clinic_id: int,
    staff_id: int,
    statuses: list[str],
    days: list[date],
    words: list[str],
    texts: list[str],
    codes: list[str],
    telephones: list[str],
) -> QuerySet[Patient, tuple[Any, ...]]:
    # One more than fits says that there is a second page.
    return _found(clinic_id, staff_id, statuses, days, words, texts, codes, telephones)[: PAGE_SIZE + 1]


def _found(
    clinic_id: int,
    staff_id: int,
    statuses: list[str],
    days: list[date],
    words: list[str],
    texts: list[str],
    codes: list[str],
    telephones: list[str],
) -> QuerySet[Patient, tuple[Any, ...]]:
    found = visible(clinic_id, staff_id).exclude(status=Patient.Status.MERGED)
    if not (statuses or days or texts):
        # Who is looked through; who is looked for is found, closed or not.
        found = found.exclude(status=Patient.Status.CLOSED)
    if statuses:
        found = found.filter(status__in=statuses)
    asked = Q(identity__birth_date__in=days) if days else Q()
    if texts:
        names = Q()
        for word in words:
            names &= Q(identity__search_name__contains=word)
        numbered = Identifier.objects.filter(patient=OuterRef("pk"), value__in=texts)
        asked = names | Q(code__in=codes) | Q(Exists(numbered))
        for digits in telephones:
            asked |= telephoned(digits)
    if asked:
        # Whoever is known by what a merged record says is found too, in the record in use.
        merged = Patient.objects.filter(asked, clinic_id=clinic_id, status=Patient.Status.MERGED)
        found = found.filter(asked | Q(pk__in=merged.values("merged_into")))
    return found.order_by("identity__search_name", "id").values_list(
        "uid", "code", phase(), "identity__birth_date", *NAME
    )


def birth_dates(by: Actor, uids: Iterable[str]) -> dict[str, date | None]:
    """The birth dates of patients somebody may see, to tell those with one name apart."""
    return dict(_born(*scope_of(by), sorted(uids)))


@prepared
def _born(clinic_id: int, staff_id: int, uids: list[str]) -> QuerySet[Patient, tuple[Any, ...]]:
    return visible(clinic_id, staff_id).filter(uid__in=uids).values_list("uid", "identity__birth_date")


def overview(by: Actor, patient: Patient) -> list[Section]:
    """The chart's first page: what each app has to say about the patient."""
    ids = record_ids(patient)
    sections = [
        section for module in contributions("overview") for section in module.sections(by, ids, patient.uid)
    ]
    return sorted(sections, key=lambda section: section.order)


def glance(by: Actor, patient: Patient, banner: Banner) -> list[BannerItem]:
    """What a caller asks first: when they come next, how far they are, how they are."""
    ids = record_ids(patient)
    return [
        line
        for module in contributions("glance")
        for line in module.lines(by, ids, patient.uid, banner.items)
    ]


def timeline(patient: Patient) -> list[TimelineEvent]:
    """Everything that happened, oldest first, the merged records' part included."""
    ids = record_ids(patient)
    marks = [event for module in contributions("timeline") for event in module.events(ids)]
    return sorted(marks, key=lambda event: event.at)


def timeline_figures(patient: Patient) -> list[Any]:
    """What apps draw over the timeline: the whole story in one look."""
    ids = record_ids(patient)
    return [figure for module in contributions("figures") for figure in module.figures(ids)]


@dataclass(frozen=True, slots=True)
class Merged:
    """A record that was merged into this one."""

    uid: str
    code: str
    at: datetime
    reason: str
    by: str
    patient: str
    name: str


def merged_records(patient: Patient) -> list[Merged]:
    """The merges of this record that still hold."""
    if not getattr(patient, "has_absorbed", True):
        return []
    rows = Merge.objects.filter(kept=patient, undone_at__isnull=True)
    return [
        Merged(
            row.uid,
            row.absorbed.code,
            row.merged_at,
            row.reason,
            row.merged_by.name,
            row.absorbed.uid,
            display_name(row.absorbed.identity),
        )
        for row in rows.select_related("absorbed__identity", "merged_by")
    ]


def kept_record(patient: Patient) -> str:
    """The public id of the record this one was merged into, or an empty string."""
    return patient.merged_into.uid if patient.merged_into else ""


def candidates_of(by: Actor, patient: Patient) -> list[Candidate]:
    """Records that may be the same person as this one."""
    identity = patient.identity
    return candidates_for(
        by,
        family_name=identity.family_name,
        given_name=identity.given_name,
        birth_date=identity.birth_date,
        telephone=identity.telephone,
        identifiers=[(each.system, each.value) for each in patient.identifiers.all()],
        but_not=patient.pk,
    )


def candidates_for(by: Actor, **person: Any) -> list[Candidate]:
    """Records that may be the person described; whom the page then shows is audited."""
    found = find_candidates(by, **person)
    record_listed(by, "possible duplicates", [each.uid for each in found])
    return found


def crisis_plan(patient: Patient) -> dict[str, Any]:
    """The crisis plan in force as a form shows it; version 0 when there is none."""
    last = (
        CrisisPlan.objects.filter(patient=patient).order_by("-version").select_related("written_by").first()
    )
    if last is None:
        return {"version": 0}
    words = {name: getattr(last, name) for name in CRISIS_FIELDS}
    return words | {
        "version": last.version,
        "written_by": last.written_by.name,
        "written_at": last.written_at,
    }


def contacts_of(patient: Patient) -> list[dict[str, Any]]:
    """Contacts that hold now, emergency contacts first."""
    rows = Contact.objects.filter(patient=patient, ended_at__isnull=True).order_by("kind", "added_at")
    return [
        {
            "uid": row.uid,
            "kind": row.get_kind_display(),
            "name": row.name,
            "relation": row.relation,
            "telephone": row.telephone,
            "told": TOLD[row.may_be_told],
        }
        for row in sorted(rows, key=lambda row: row.kind != Contact.Kind.EMERGENCY)
    ]


def team_of(patient: Patient) -> list[dict[str, Any]]:
    """Who is on the care team, and in which part."""
    rows = (
        TeamMember.objects.filter(patient=patient, until__isnull=True)
        .select_related("staff")
        .order_by("part")
    )
    return [
        {"uid": row.staff.uid, "name": row.staff.name, "part": Role(row.part).words, "since": row.since}
        for row in rows
    ]


def identity_values(patient: Patient) -> dict[str, Any]:
    """The identity as a form shows it, with its version."""
    values = {name: getattr(patient.identity, name) for name in IDENTITY_FIELDS}
    return values | {"version": patient.identity.version}


def chart_links(by: Actor, uid: str) -> list[Any]:
    """The chart's navigation: what each app offers and this person may open."""
    return [
        link for module in contributions("navigation") for link in module.links(uid) if by.may(link.needs)
    ]
