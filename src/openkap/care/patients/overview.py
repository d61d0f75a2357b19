"""The patients' part of the chart's overview: team, contacts, crisis plan, how they came."""

from __future__ import annotations

from django.db.models import QuerySet
from django.urls import reverse
from django.utils.timezone import localtime

from openkap.care.accounts.actor import Actor
from openkap.care.contributions import BannerItem, Section
from openkap.care.patients.contact_points import ways_to_reach
from openkap.care.patients.models import Contact, CrisisPlan, Referral, TeamMember
from openkap.care.permissions import Permission, Role
from openkap.care.prepared import prepared

# In the place of a telephone that a referral did not give.
NO_NUMBER = "no number yet"
# Whether a contact may know of the treatment, in words.
TOLD = {
    True: "may be told of the treatment",
    False: "must not be told of the treatment",
    None: "not asked whether they may be told",
}


def sections(by: Actor, patient_ids: list[int], uid: str) -> list[Section]:
    may_edit = by.may(Permission.EDIT_PATIENT)
    return [
        _reach(patient_ids, uid, may_edit),
        _contacts(patient_ids, uid, may_edit),
        _plan(patient_ids, uid, may_edit),
        _team(patient_ids, uid, by.may(Permission.MANAGE_CARE_TEAM)),
        _referrals(patient_ids),
    ]


def _reach(patient_ids: list[int], uid: str, may_edit: bool) -> Section:
    lines = tuple(
        BannerItem(each.label.capitalize(), each.words, "plain" if each.is_in_use else "watch")
        for each in ways_to_reach(patient_ids)
    )
    url = reverse("patient_identity", args=[uid]) if may_edit else ""
    return Section("How to reach them", lines, url, "Change it", "No way to reach them is known.", order=28)


def _contacts(patient_ids: list[int], uid: str, may_edit: bool) -> Section:
    rows = _current_contacts(patient_ids)
    lines = [
        BannerItem(
            row.get_kind_display().capitalize(),
            f"{row.name}{f' ({row.relation})' if row.relation else ''}, {row.telephone or NO_NUMBER}"
            f"; {TOLD[row.may_be_told]}",
        )
        for row in rows
    ]
    kinds = {row.kind for row in rows}
    for kind, words in ((Contact.Kind.EMERGENCY, "Emergency contact"), (Contact.Kind.ESCORT, "Escort home")):
        if kind not in kinds:
            lines.append(BannerItem(words, "not known", "unknown"))
    url = reverse("contacts", args=[uid]) if may_edit else ""
    return Section("People around them", tuple(lines), url, "Change contacts", order=30)


def _plan(patient_ids: list[int], uid: str, may_edit: bool) -> Section:
    last = next(iter(_newest_plan(patient_ids)), None)
    lines: tuple[BannerItem, ...] = ()
    if last:
        lines = tuple(
            BannerItem(label, words)
            for label, words in (
                ("How it begins", last.warning_signs),
                ("What helps", last.what_helps),
                ("Whom to call", last.people_to_call),
                ("A safe place", last.safe_place),
            )
            if words
        )
    url = reverse("crisis_plan", args=[uid]) if may_edit else ""
    link = "Change the plan" if last else "Write the plan"
    return Section("Crisis plan", lines, url, link, "There is no crisis plan yet.", order=20)


def _team(patient_ids: list[int], uid: str, may_edit: bool) -> Section:
    lines = tuple(
        BannerItem(Role(part).words.capitalize(), name) for part, name in _current_team(patient_ids)
    )
    url = reverse("care_team", args=[uid]) if may_edit else ""
    return Section("Care team", lines, url, "Change the team", "Nobody is on the care team yet.", order=60)


def _referrals(patient_ids: list[int]) -> Section:
    rows = _all_referrals(patient_ids)
    lines = tuple(
        BannerItem(
            f"{localtime(row.received_at):%-d %b %Y}",
            ", ".join(filter(None, (f"by {row.get_by_display()}", row.referrer, row.reason))),
        )
        for row in rows
    )
    return Section("Referral", lines, order=70)


@prepared
def _current_contacts(patient_ids: list[int]) -> QuerySet[Contact]:
    return Contact.objects.filter(patient_id__in=patient_ids, ended_at__isnull=True).order_by("kind")


@prepared
def _newest_plan(patient_ids: list[int]) -> QuerySet[CrisisPlan]:
    return CrisisPlan.objects.filter(patient_id__in=patient_ids).order_by("-written_at", "-version")[:1]


@prepared
def _current_team(patient_ids: list[int]) -> QuerySet[TeamMember, tuple[str, str]]:
    members = TeamMember.objects.filter(patient_id__in=patient_ids, until__isnull=True)
    return members.order_by("part").values_list("part", "staff__name")


@prepared
def _all_referrals(patient_ids: list[int]) -> QuerySet[Referral]:
    return Referral.objects.filter(patient_id__in=patient_ids).order_by("received_at").defer("document")
