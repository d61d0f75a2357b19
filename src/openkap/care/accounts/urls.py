"""Addresses about oneself and one's colleagues; each with its rule."""

from __future__ import annotations

from openkap.care.access_rules import anyone, page, staff
from openkap.care.accounts import views

urlpatterns = [
    page("me/", views.my_account, name="my_account", may=staff(before_second_factor=True)),
    page("me/lock/", views.lock, name="lock", may=staff(before_second_factor=True)),
    page("me/unlock/", views.unlock, name="unlock", may=anyone("asks for PIN or password itself")),
    page("me/clinic/", views.switch_clinic, name="switch_clinic", may=staff()),
]
