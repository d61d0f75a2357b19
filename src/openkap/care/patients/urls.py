"""Addresses of patients; each with its rule."""

from __future__ import annotations

from openkap.care.access_rules import needs, page
from openkap.care.patients import views
from openkap.care.permissions import Permission

urlpatterns = [
    page("patients/", views.patient_list, name="patients", may=needs(Permission.SEARCH_PATIENTS)),
    page("patients/new/", views.new_referral, name="new_referral", may=needs(Permission.REGISTER_PATIENT)),
    page("patients/<uid:patient>/", views.chart, name="patient", may=needs(Permission.SEE_PATIENT)),
    page(
        "patients/<uid:patient>/identity/",
        views.identity,
        name="patient_identity",
        may=needs(Permission.EDIT_PATIENT),
    ),
]
