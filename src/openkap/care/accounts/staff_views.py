"""Pages of the site administrator about people, and of the auditor about emergencies."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render

from openkap.care.accounts import credentials, glass, hiring, queries
from openkap.care.accounts.access import colleague as colleague_for
from openkap.care.accounts.forms import CredentialForm, HireForm, InviteForm, RoleForm
from openkap.care.accounts.middleware import ClinicRequest
from openkap.care.audit.actions import record_listed
from openkap.care.permissions import Permission, Role
from openkap.core.errors import DomainError


def put_refusal(form: Any, refused: DomainError) -> None:
    """Put a refusal beside its field, or above the form."""
    words = f"{refused.what}; {refused.remedy}." if refused.remedy else f"{refused.what}."
    form.add_error(refused.where if refused.where in form.fields else None, words[:1].upper() + words[1:])


def staff_list(request: ClinicRequest) -> HttpResponse:
    """Everybody who works here, and whose credentials end."""
    form = HireForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        try:
            person = hiring.hire(by=request.actor, **data | {"role": Role(data["role"])})
        except DomainError as refused:
            put_refusal(form, refused)
        else:
            messages.success(request, f"{person.name} is {Role(data['role']).words} here now.")
            return redirect("colleague", person.uid)
    return render(
        request, "accounts/staff.html", {"people": queries.staff_overview(request.actor), "form": form}
    )


def colleague(request: ClinicRequest, colleague: str) -> HttpResponse:
    """One colleague: roles, credentials, second factor."""
    person = colleague_for(request.actor, colleague, Permission.MANAGE_STAFF)
    act = request.POST.get("act", "")
    forms = {
        "role": RoleForm(request.POST if act == "role" else None),
        "credential": CredentialForm(
            request.POST if act == "credential" else None, roles=queries.roles_here(request.actor, person)
        ),
        "invite": InviteForm(request.POST if act == "invite" else None, initial={"email": person.email}),
    }
    error = ""
    if request.method == "POST":
        try:
            if _act(request, colleague, person, act, forms):
                return redirect("colleague", colleague)
        except DomainError as refused:
            if act in forms:
                put_refusal(forms[act], refused)
            else:
                error = str(refused)
    detail = queries.colleague_detail(request.actor, person)
    context = {"detail": detail, "role_form": forms["role"], "credential_form": forms["credential"]}
    context["invite_form"] = forms["invite"]
    return render(request, "accounts/colleague.html", context | {"error": error})


def _act(request: ClinicRequest, uid: str, person: Any, act: str, forms: dict[str, Any]) -> bool:
    """Do what was asked; False when a form has to be mended first."""
    by = request.actor
    if act in forms and not forms[act].is_valid():
        return False
    if act == "role":
        hiring.give_role(by=by, person=person, role=Role(forms[act].cleaned_data["role"]))
    elif act == "credential":
        credentials.record_credential(by=by, colleague_uid=uid, **forms[act].cleaned_data)
    elif act == "invite":
        hiring.invite_again(by=by, colleague_uid=uid, email=forms[act].cleaned_data["email"])
        messages.success(request, "The invitation goes out again within a minute.")
    elif act == "end_role":
        hiring.end_role(by=by, colleague_uid=uid, role=request.POST.get("role", ""))
    elif act == "revoke":
        because = request.POST.get("because", "")
        credentials.revoke_credential(
            by=by, colleague_uid=uid, uid=request.POST.get("credential", ""), because=because
        )
    elif act == "second_factor":
        hiring.reset_second_factor(by=by, colleague_uid=uid, reason=request.POST.get("reason", ""))
        messages.success(request, f"{person.name} sets up a new second factor at the next login.")
    elif act == "unlock":
        hiring.unlock_account(by=by, colleague_uid=uid, reason=request.POST.get("reason", ""))
        messages.success(request, f"{person.name} can log in again now.")
    else:
        return False
    return True


def glass_list(request: ClinicRequest) -> HttpResponse:
    """Emergencies: who broke the glass and why, and what a reviewer thought of it."""
    error = ""
    if request.method == "POST":
        try:
            glass.review_glass(
                by=request.actor, uid=request.POST.get("glass", ""), review=request.POST.get("review", "")
            )
            return redirect("emergencies")
        except DomainError as refused:
            error = str(refused)
    emergencies = queries.emergencies(request.actor)
    record_listed(request.actor, "emergencies", [each["patient"] for each in emergencies])
    context = {"emergencies": emergencies, "error": error}
    return render(request, "accounts/emergencies.html", context)
