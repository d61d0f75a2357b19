"""What every request gets before anybody asks who it is."""

from __future__ import annotations

from collections.abc import Callable

from csp.constants import HEADER
from csp.utils import build_policy
from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse

from openkap.care.ids import new_uid
from openkap.care.logs import request_id


class RequestId:
    """Gives the request an id: in its log lines and on the error page, so that a caller can quote it."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        token = request_id.set(new_uid())
        try:
            response = self.get_response(request)
            response.headers["X-Request-Id"] = request_id.get()
            # Pages hold health data: no cache keeps them, on the device or on the way.
            response.headers.setdefault("Cache-Control", "no-store")
            response.headers.setdefault("Permissions-Policy", "camera=(), microphone=(), geolocation=()")
            return response
        finally:
            request_id.reset(token)


class ContentPolicy:
    """Says what a page may load. No page of ours has a policy of its own: it is put together once."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response
        self.policy = build_policy()

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        response.headers.setdefault(HEADER, self.policy)
        return response


class NoHiddenCharacters:
    """Refuses NUL in what is sent: no person types it, and PostgreSQL cannot store it."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(self, request: HttpRequest, view: object, args: object, kwargs: object) -> None:
        for sent in (request.GET, request.POST):
            if any("\x00" in text for name, texts in sent.lists() for text in (name, *map(str, texts))):
                raise BadRequest("a hidden character (NUL) was sent")
