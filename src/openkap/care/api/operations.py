"""How an operation is declared: with its access rule, its name, and the one shape of a refusal."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any, TypeVar

from django.http import HttpRequest
from ninja import Router, Schema
from ninja.security import SessionAuth
from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict

from openkap.care.access_rules import RULES, Rule
from openkap.care.accounts.actor import Actor
from openkap.care.patients.access import patient_for
from openkap.care.permissions import Permission
from openkap.care.typed import refuse_far
from openkap.core.errors import InputError

NAMESPACE = "api"
# address -> the operation that has it
_AT: dict[str, str] = {}
Operation = TypeVar("Operation", bound=Callable[..., Any])


class Answer(BaseModel):
    """What an operation answers with. Plain: the library's own base reads every value through Python."""

    model_config = ConfigDict(from_attributes=True)


class Problem(Schema):
    """What could not be done, the limit, and the next step."""

    what: str
    value: str | None = None
    limit: str | None = None
    remedy: str | None = None
    where: str | None = None


def _inside_the_calendar(moment: datetime) -> datetime:
    try:
        refuse_far(moment.date(), moment.isoformat(), where="")
    except InputError as far:
        raise ValueError(f"{far.what}: {far.limit}") from None
    return moment


# A moment that another time zone can tell too.
Moment = Annotated[AwareDatetime, AfterValidator(_inside_the_calendar)]


def asked_by(request: HttpRequest) -> Actor:
    """Who calls."""
    actor: Actor = request.actor  # type: ignore[attr-defined]
    return actor


class StaffWithPatient(SessionAuth):
    """Somebody of the staff who may have the patient of the address, asked before the body is read."""

    def __init__(self, right: Permission) -> None:
        super().__init__()
        self.right = right

    def authenticate(self, request: HttpRequest, key: str | None) -> Any:
        person = super().authenticate(request, key)
        if person and request.resolver_match:
            patient_for(asked_by(request), request.resolver_match.kwargs["patient"], self.right, seen="")
        return person


def operation(
    router: Router, method: str, route: str, *, name: str, may: Rule, **options: Any
) -> Callable[[Operation], Operation]:
    """An operation together with who may call it; the name is the one for ``reverse``."""
    # The rule belongs to the address: of two operations at one, the second's rule would never be asked.
    if _AT.setdefault(route, name) != name:
        raise TypeError(f"{_AT[route]!r} and {name!r} share the address {route!r}")
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
