"""Addresses of the audit; for auditors only."""

from __future__ import annotations

from openkap.care.access_rules import needs, page
from openkap.care.audit import views
from openkap.care.permissions import Permission

urlpatterns = [
    page("audit/", views.audit_list, name="audit", may=needs(Permission.READ_AUDIT)),
    page("audit/export/", views.audit_export, name="audit_export", may=needs(Permission.READ_AUDIT)),
]
