"""Addresses of the demo; both answer 404 outside it."""

from __future__ import annotations

from openkap.care.access_rules import anyone, page
from openkap.care.demo import views

urlpatterns = [
    page("demo/", views.start, name="demo_start", may=anyone("the demo's choice of people; 404 elsewhere")),
    page("demo/<slug:key>/", views.be, name="demo_be", may=anyone("the demo's login; 404 elsewhere")),
]
