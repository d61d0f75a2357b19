"""Before a view runs: who is asking, is this tablet still theirs, and does the URL let them in."""

from __future__ import annotations

import zoneinfo
from collections.abc import Callable
from typing import Any

from allauth.mfa.models import Authenticator
from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone

from openkap.care.access_rules import RULES, Door, Rule
from openkap.care.accounts.actor import NOBODY, Actor, actor_for
from openkap.care.accounts.locking import (
    is_idle,
    keep_until_login,
    last_person,
    lock_page,
    name_last_person,
    touch,
)
from openkap.care.audit.actions import record

CLINIC_KEY = "clinic"
# Answers that refuse, and what they say to the auditor.
REFUSED = {403: "not open to them", 404: "not there for them"}
NOT_DONE = {409: "somebody else was there before", 422: "not possible so, as the page said"}


class ClinicRequest(HttpRequest):
    """A request after ``WhoIsAsking``: what views may rely on."""

    actor: Actor


class WhoIsAsking:
    """Puts the ``Actor`` on the request and tells time in their clinic's zone."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        actor = NOBODY
        if request.user.is_authenticated:
            actor = actor_for(request.user, request.session.get(CLINIC_KEY, ""))
        request.actor = actor  # type: ignore[attr-defined]
        with timezone.override(zoneinfo.ZoneInfo(actor.time_zone)):
            answer = self.get_response(request)
        if actor.uid and last_person(request) != actor.uid:
            name_last_person(answer, actor.uid)
        return answer


class RuleOfTheUrl:
    """The outer door of every URL; a URL without a rule is shut."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        answer = self.get_response(request)
        note_refusal(request, answer)
        return answer

    def process_view(self, request: ClinicRequest, view: Any, args: Any, kwargs: Any) -> HttpResponse | None:
        match = request.resolver_match
        rule = RULES.get(match.view_name) if match else None
        if rule is None:
            raise PermissionDenied("this address has no access rule")
        request.rule = rule  # type: ignore[attr-defined]
        return self._refusal(request, rule)

    def _refusal(self, request: ClinicRequest, rule: Rule) -> HttpResponse | None:
        if not request.user.is_authenticated:
            return None if rule.door in {Door.ANYONE, Door.LINK} else to_login(request)
        if not rule.while_locked:
            if is_idle(request):
                return lock_page(request)
            touch(request)
        if rule.door in {Door.ANYONE, Door.LINK}:
            return None
        if not rule.before_second_factor and lacks_second_factor(request):
            return redirect("mfa_index")
        if not rule.admits(request.actor.permissions, request.method or "GET"):
            raise PermissionDenied("none of your roles here opens this page")
        return None


def note_refusal(request: HttpRequest, answer: HttpResponse) -> None:
    """Put into the audit that somebody was refused, after what they had begun was undone.

    Looks that are not theirs, and whatever they tried to do to a patient. What they typed is not repeated.
    """
    actor: Actor | None = getattr(request, "actor", None)
    match = request.resolver_match
    if actor is None or not actor.uid or match is None or not hasattr(request, "rule"):
        return
    patient = match.kwargs.get("patient", "")
    is_write = request.method not in {"GET", "HEAD", "OPTIONS"}
    tried = answer.status_code in REFUSED or (is_write and answer.status_code in NOT_DONE)
    if not tried or not (patient or answer.status_code == 403):
        return
    record(
        "request.refused",
        by=actor,
        entity="patient" if patient else "",
        uid=patient,
        patient=patient,
        detail={
            "page": match.view_name.replace("_", " "),
            "tried_to": "write" if is_write else "look",
            "because": (REFUSED | NOT_DONE)[answer.status_code],
        },
    )


def to_login(request: HttpRequest) -> HttpResponse:
    """The login page, with the way back or a form that was being sent; a fragment loads the whole page."""
    from django.contrib.auth.views import redirect_to_login

    is_kept = keep_until_login(request)
    answer = redirect_to_login(reverse("held_form") if is_kept else request.get_full_path())
    if request.headers.get("HX-Request"):
        return HttpResponse(status=401, headers={"HX-Redirect": answer.headers["Location"]})
    return answer


def lacks_second_factor(request: HttpRequest) -> bool:
    """Whether this person still has to set one up; asked once a session."""
    if not settings.REQUIRE_SECOND_FACTOR or request.session.get("has_second_factor"):
        return False
    held = Authenticator.objects.filter(user=request.user).exclude(type=Authenticator.Type.RECOVERY_CODES)
    if held.exists():
        request.session["has_second_factor"] = True
        return False
    return True
