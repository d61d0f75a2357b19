"""How an operation is declared: with its access rule, its name, and the one shape of a refusal."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from django.http import HttpRequest
from ninja import Router, Schema

from openkap.care.access_rules import RULES, Rule
from openkap.care.accounts.actor import Actor

NAMESPACE = "api"
Operation = TypeVar("Operation", bound=Callable[..., Any])


class Problem(Schema):
    """What could not be done, the limit, and the next step."""

    what: str
    value: str | None = None
    limit: str | None = None
    remedy: str | None = None
    where: str | None = None


def asked_by(request: HttpRequest) -> Actor:
    """Who calls."""
    actor: Actor = request.actor  # type: ignore[attr-defined]
    return actor


def operation(
    router: Router, method: str, route: str, *, name: str, may: Rule, **options: Any
) -> Callable[[Operation], Operation]:
    """An operation together with who may call it; the name is the one for ``reverse``."""
    known = RULES.setdefault(f"{NAMESPACE}:{name}", may)
    if known != may:
        raise TypeError(f"two rules for the operation {name!r}")
    options.setdefault("operation_id", name)
    responses = {400: Problem, 403: Problem, 404: Problem, 410: Problem, 422: Problem}
    options["response"] = {200: options["response"]} | responses
    decorate: Callable[[Operation], Operation] = router.api_operation(
        [method], route, url_name=name, **options
    )
    return decorate
