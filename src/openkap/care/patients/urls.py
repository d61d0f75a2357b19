"""Addresses of patients; each with its rule."""

from __future__ import annotations

from openkap.care.access_rules import needs, page
from openkap.care.patients import closing_views, erasure_views, referral_views, views
from openkap.care.permissions import Permission

_SEE = needs(Permission.SEE_PATIENT)
_EDIT = needs(Permission.EDIT_PATIENT)
_REGISTER = needs(Permission.REGISTER_PATIENT)
_CHART = "patients/<uid:patient>/"

urlpatterns = [
    page("patients/", views.patient_list, name="patients", may=needs(Permission.SEARCH_PATIENTS)),
    page("referrals/new/", referral_views.new_referral, name="new_referral", may=_REGISTER),
    page("referrals/upload/", referral_views.upload_referral, name="upload_referral", may=_REGISTER),
    page(
        "referrals/<uid:incoming>/", referral_views.incoming_referral, name="incoming_referral", may=_REGISTER
    ),
    page(_CHART, views.chart, name="patient", may=_SEE),
    page(f"{_CHART}to-do/", views.to_do, name="patient_to_do", may=_SEE),
    page(f"{_CHART}timeline/", views.timeline, name="patient_timeline", may=_SEE),
    page(f"{_CHART}identity/", views.identity, name="patient_identity", may=_EDIT),
    page(f"{_CHART}reach/", views.contact_point, name="contact_point", may=_EDIT),
    page(f"{_CHART}contacts/", views.contacts, name="contacts", may=_EDIT),
    page(f"{_CHART}warnings/", views.look_at_warning, name="look_at_warning", may=_EDIT),
    page(f"{_CHART}crisis-plan/", views.crisis_plan, name="crisis_plan", may=_EDIT),
    page(f"{_CHART}team/", views.care_team, name="care_team", may=needs(Permission.MANAGE_CARE_TEAM)),
    page(
        f"{_CHART}same-person/", views.same_person, name="same_person", may=needs(Permission.MERGE_PATIENTS)
    ),
    page(f"{_CHART}restrict/", views.restrict, name="restrict", may=needs(Permission.RESTRICT_PATIENT)),
    page(
        f"{_CHART}close/",
        closing_views.close_record,
        name="close_record",
        may=needs(Permission.PLAN_COURSE, Permission.RECORD_DEATH),
    ),
    page(
        f"{_CHART}erase/",
        erasure_views.propose,
        name="erase_identity",
        may=needs(Permission.PROPOSE_ERASURE),
    ),
    page(
        "erasures/<uid:erasure>/",
        erasure_views.confirm,
        name="erasure",
        may=needs(Permission.CONFIRM_ERASURE),
    ),
    page(
        f"{_CHART}break-glass/",
        referral_views.open_in_emergency,
        name="break_glass",
        may=needs(Permission.BREAK_GLASS),
    ),
]
