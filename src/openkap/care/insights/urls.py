"""Addresses of this app; each with its rule (``openkap.care.access_rules.page``)."""

from __future__ import annotations

from django.urls import URLPattern

from openkap.care.access_rules import needs, page
from openkap.care.insights import views
from openkap.care.permissions import Permission as May

_LEADS = needs(May.SEE_AGGREGATES)
_REGISTRY = "patients/<uid:patient>/registry/"

urlpatterns: list[URLPattern] = [
    page("insights/", views.insights, name="insights", may=_LEADS),
    page("insights/extract/", views.ask_extract, name="insights_extract", may=_LEADS),
    page("insights/<slug:page>/", views.page, name="insights_page", may=_LEADS),
    page("insights/<slug:page>/<slug:exhibit>.csv", views.exhibit_csv, name="insights_csv", may=_LEADS),
    page("insights/<slug:page>/<slug:exhibit>.pdf", views.exhibit_paper, name="insights_pdf", may=_LEADS),
    page(
        _REGISTRY, views.registry_use, name="registry_use", may=needs(May.TAKE_CONSENT, May.WITHDRAW_CONSENT)
    ),
    page(_REGISTRY + "access/", views.registry_access, name="registry_access", may=needs(May.EDIT_PATIENT)),
]
