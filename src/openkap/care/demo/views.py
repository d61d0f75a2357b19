"""The demo's first page: choose whom to be. Exists only where OPENKAP_DEMO is on."""

from __future__ import annotations

from allauth.account.internal.flows.login import record_authentication
from django.conf import settings
from django.contrib.auth import login
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from openkap.care.demo.cast import CAST, PASSWORD
from openkap.care.demo.queries import find_cast_member, is_full_morning


def start(request: HttpRequest) -> HttpResponse:
    """One button a person."""
    if not settings.DEMO:
        raise Http404
    context = {"cast": CAST, "password": PASSWORD, "is_full_morning": is_full_morning()}
    return render(request, "demo/start.html", context)


@require_POST
def be(request: HttpRequest, key: str) -> HttpResponse:
    """Log in as one of the cast."""
    person = find_cast_member(key) if settings.DEMO else None
    if person is None:
        raise Http404
    login(request, person, backend=settings.AUTHENTICATION_BACKENDS[0])
    record_authentication(request, person, method="password")
    return redirect("home")
