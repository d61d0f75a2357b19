"""Too many tries from one address: it waits, is told for how long, and types only its secrets again."""

from __future__ import annotations

from allauth.account.adapter import get_adapter
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from openkap.care.accounts.locking import SECRETS

# Every limit that ends here counts the tries of one minute (``ACCOUNT_RATE_LIMITS`` and the library's own).
WAIT_SECONDS = 60
# The token of the form is made anew; a passkey answers each question once, so its answer is of no more use.
USED_UP = ("csrfmiddlewaretoken", "credential")


def too_many(request: HttpRequest) -> HttpResponse:
    """429: what happened, how long it lasts, and the form once more."""
    names = [name for name in request.POST if name not in USED_UP]
    shown = {
        "address": get_adapter(request).get_client_ip(request),
        "path": request.get_full_path(),
        "fields": [
            (name, value) for name in names if name not in SECRETS for value in request.POST.getlist(name)
        ],
        "asks": [name for name in names if name in SECRETS],
    }
    answer = render(request, "accounts/turned_away.html", shown, status=429)
    answer.headers["Retry-After"] = str(WAIT_SECONDS)
    return answer
