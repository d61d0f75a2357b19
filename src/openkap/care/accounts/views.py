"""Pages about oneself: account, PIN, lock, clinic; and the emergency door."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth import SESSION_KEY
from django.contrib.auth.views import redirect_to_login
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST

from openkap.care.accounts import locking
from openkap.care.accounts.middleware import CLINIC_KEY, ClinicRequest
from openkap.care.accounts.telephone import set_own_telephone
from openkap.core.errors import InputError


def inside(request: ClinicRequest, address: str, fallback: str = "home") -> str:
    """The address if it is one of ours, else the fallback: no link may send people elsewhere."""
    # A word without a slash would be taken for the name of a page.
    is_ours = address.startswith("/") and url_has_allowed_host_and_scheme(address, {request.get_host()})
    return address if is_ours else fallback


def my_account(request: ClinicRequest) -> HttpResponse:
    """Name, roles, telephone, second factor and PIN of the person who is logged in."""
    error: InputError | None = None
    act = request.POST.get("act", "")
    if request.method == "POST":
        try:
            done = _set_telephone(request) if act == "telephone" else _set_pin(request)
        except InputError as refused:
            error = refused
        else:
            messages.success(request, done)
            return redirect("my_account")
    telephone = request.POST.get("telephone", "") if act == "telephone" else request.user.telephone  # type: ignore[union-attr]
    shown = {"error": error, "act": act, "pin_length": locking.PIN_LENGTH, "telephone": telephone}
    return render(request, "accounts/my_account.html", shown)


def _set_telephone(request: ClinicRequest) -> str:
    set_own_telephone(
        by=request.actor,
        telephone=request.POST.get("telephone", ""),
        password=request.POST.get("password", ""),
    )
    return "Saved. You get text messages there when somebody must be called, where the clinic can send them."


def _set_pin(request: ClinicRequest) -> str:
    locking.set_pin(
        by=request.actor, pin=request.POST.get("pin", ""), password=request.POST.get("password", "")
    )
    return "The PIN is set. It opens a locked screen, never a new login."


@require_POST
def lock(request: ClinicRequest) -> HttpResponse:
    """Lock this screen now."""
    locking.lock(request)
    return redirect("home")


def handed_back(request: ClinicRequest) -> HttpResponse:
    """The patient is done with the tablet: thanks, and nothing that leads on without proof."""
    shown = locking.given_back(request)
    if shown is None:
        return redirect("home")
    return render(request, "accounts/handed_back.html", {"shown": shown})


@require_POST
def unlock(request: ClinicRequest) -> HttpResponse:
    """Open the locked screen; a form that waited is offered again, not sent by itself."""
    back = inside(request, request.POST.get("back", ""))
    if not request.user.is_authenticated:
        return redirect("account_login")
    if not locking.unlock(
        request, pin=request.POST.get("pin", ""), password=request.POST.get("password", "")
    ):
        messages.error(request, "That was not right.")
        if SESSION_KEY not in request.session:
            is_kept = locking.keep_until_login(request, request.POST.get("held", ""))
            return redirect_to_login(reverse("held_form" if is_kept else "home"))
        return locking.asking_page(request, back, request.POST.get("held", ""))
    held = locking.held_form(request.POST.get("held", "")) if request.POST.get("held") else None
    return _offered(request, held) if held else redirect(back)


def held_form(request: ClinicRequest) -> HttpResponse:
    """What somebody sent after their session had ended, offered again once they are back."""
    held = locking.kept_form(request)
    return _offered(request, held) if held else redirect("home")


def _offered(request: ClinicRequest, held: locking.Held) -> HttpResponse:
    context = {"path": inside(request, held.path, "/"), "fields": held.fields, "asks": held.asks}
    return render(request, "accounts/held.html", context)


@require_POST
def switch_clinic(request: ClinicRequest) -> HttpResponse:
    """Work at another of one's clinics."""
    wanted = request.POST.get("clinic", "")
    if wanted in {uid for uid, _ in request.actor.others}:
        request.session[CLINIC_KEY] = wanted
    return redirect("home")
