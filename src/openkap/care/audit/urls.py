"""Addresses of this app; each with its rule (``openkap.care.access_rules.page``)."""

from __future__ import annotations

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
