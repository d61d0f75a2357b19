"""Addresses about oneself and one's colleagues; each with its rule."""

from __future__ import annotations

from openkap.care.access_rules import anyone, needs, page, staff
from openkap.care.accounts import staff_views, views
from openkap.care.permissions import Permission

_STAFF = needs(Permission.MANAGE_STAFF)

urlpatterns = [
    page("me/", views.my_account, name="my_account", may=staff(before_second_factor=True)),
    page("me/lock/", views.lock, name="lock", may=staff(before_second_factor=True)),
    page("me/unlock/", views.unlock, name="unlock", may=anyone("asks for PIN or password itself")),
    page("me/handed-back/", views.handed_back, name="handed_back", may=staff(while_locked=True)),
    page("me/held/", views.held_form, name="held_form", may=staff()),
    page("me/clinic/", views.switch_clinic, name="switch_clinic", may=staff()),
    page("staff/", staff_views.staff_list, name="staff", may=_STAFF),
    page("staff/<uid:colleague>/", staff_views.colleague, name="colleague", may=_STAFF),
    page(
        "emergencies/",
        staff_views.glass_list,
        name="emergencies",
        may=needs(Permission.REVIEW_BREAK_GLASS),
    ),
]
