"""A form that was not looked at: nothing typed is lost, and only secrets are typed again.

Too many tries from one address: it waits, and is told for how long. A page from before a login: it is sent
once more, by whoever is logged in now.
"""

from __future__ import annotations

from typing import Any

from allauth.account.adapter import get_adapter
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse

from openkap.care.accounts.locking import SECRETS, is_idle, lock_page

# Every limit that ends here counts the tries of one minute (``ACCOUNT_RATE_LIMITS`` and the library's own).
WAIT_SECONDS = 60
# The token of the form is made anew.
TOKEN = "csrfmiddlewaretoken"  # noqa: S105
# A passkey answers each question once: its answer is of no more use.
PASSKEY = "credential"


def too_many(request: HttpRequest) -> HttpResponse:
    """429: what happened, how long it lasts, and the form once more."""
    shown = {"address": get_adapter(request).get_client_ip(request), **_as_sent(request)}
    answer = render(request, "accounts/turned_away.html", shown, status=429)
    answer.headers["Retry-After"] = str(WAIT_SECONDS)
    return answer


def once_more(request: HttpRequest) -> HttpResponse | None:
    """403: the form as it was sent, with a token that counts; None where it may not be offered again.

    Only what a page of our own sent: another site must not fill in a form that somebody here confirms. A
    browser says which it was, and no page can say otherwise. A file cannot be offered again.
    """
    own = f"{request.scheme}://{request.get_host()}"
    if request.headers.get("Origin") != own or request.headers.get("HX-Request") or request.FILES:
        return None
    if request.user.is_authenticated and is_idle(request):
        return lock_page(request)
    return render(request, "accounts/once_more.html", _as_sent(request), status=403)


def _as_sent(request: HttpRequest) -> dict[str, Any]:
    used_up = {TOKEN, PASSKEY} if request.path.startswith(reverse("mfa_index")) else {TOKEN}
    names = [name for name in request.POST if name not in used_up]
    return {
        "path": request.get_full_path(),
        "fields": [
            (name, value) for name in names if name not in SECRETS for value in request.POST.getlist(name)
        ],
        "asks": [name for name in names if name in SECRETS],
    }
