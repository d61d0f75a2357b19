"""Addresses of the JSON API; each operation declares who may, like every page."""

from __future__ import annotations

from django.urls import path

from openkap.care.api.api import api

urlpatterns = [path("api/", api.urls)]
