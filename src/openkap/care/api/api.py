"""The JSON API: item-level reads and writes for our own pages, with an OpenAPI schema at /api/openapi.json.

Every operation is registered together with its access rule; errors have one shape. The credential of a link
operation is the signed token in its address; staff operations use the session and need the CSRF token.
"""

from __future__ import annotations

from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.http.request import RawPostDataException
from ninja import NinjaAPI
from ninja.errors import AuthenticationError, HttpError, ValidationError
from ninja.renderers import BaseRenderer
from pydantic_core import to_json

from openkap.care.access_rules import RULES, anyone
from openkap.care.api import charts, measures
from openkap.care.api.operations import NAMESPACE, Problem
from openkap.core.errors import DomainError


class Json(BaseRenderer):
    """Answers as JSON text, written by the library that has checked them."""

    media_type = "application/json"

    def render(self, request: HttpRequest, data: Any, *, response_status: int) -> bytes:
        return to_json(data)


api = NinjaAPI(
    title="OpenKAP clinic",
    version="1.0.0",
    description="Item-level reads and writes for the clinic's own pages. It proposes; a person decides.",
    urls_namespace=NAMESPACE,
    docs_url=None,
    renderer=Json(),
)
# The schema's own two addresses; it describes doors and opens none.
RULES[f"{NAMESPACE}:openapi-json"] = anyone("the description of the API holds no data")
RULES[f"{NAMESPACE}:api-root"] = anyone("a name that shows nothing")


@api.exception_handler(DomainError)
def refused(request: HttpRequest, error: DomainError) -> HttpResponse:
    """A person's mistake: what, limit, next step."""
    return _answer(request, 400, error.as_dict())


@api.exception_handler(ValidationError)
def malformed(request: HttpRequest, error: ValidationError) -> HttpResponse:
    """A request that the schema refuses; the first fault is named, none of the values is repeated."""
    first = error.errors[0]
    where = ".".join(str(step) for step in first.get("loc", ()))
    return _answer(
        request,
        422,
        {
            "what": "the request does not fit the schema",
            "limit": first.get("msg"),
            "where": where,
            "remedy": "see /api/openapi.json",
        },
    )


@api.exception_handler(PermissionDenied)
def not_open(request: HttpRequest, error: PermissionDenied) -> HttpResponse:
    return _answer(
        request, 403, {"what": str(error) or "not open to you", "remedy": "ask the site administrator"}
    )


@api.exception_handler(Http404)
def not_there(request: HttpRequest, error: Http404) -> HttpResponse:
    return _answer(request, 404, {"what": "nothing at this address for you", "remedy": "check the address"})


@api.exception_handler(AuthenticationError)
def not_known(request: HttpRequest, error: AuthenticationError) -> HttpResponse:
    return _answer(
        request, 403, {"what": "the request carries no valid CSRF token", "remedy": "reload the page"}
    )


@api.exception_handler(RawPostDataException)
def not_json(request: HttpRequest, error: RawPostDataException) -> HttpResponse:
    """A form with parts, whose body has been read as one."""
    return _answer(
        request,
        415,
        {"what": "the body is a form", "limit": "application/json", "remedy": "see /api/openapi.json"},
    )


@api.exception_handler(HttpError)
def other(request: HttpRequest, error: HttpError) -> HttpResponse:
    return _answer(request, error.status_code, {"what": str(error), "remedy": "see /api/openapi.json"})


def _answer(request: HttpRequest, status: int, problem: dict[str, Any]) -> HttpResponse:
    names = Problem.model_fields
    body = {name: None if problem.get(name) is None else str(problem[name]) for name in names}
    return api.create_response(request, body, status=status)


api.add_router("", charts.router)
api.add_router("", measures.router)
