"""Shared tablets: after some idle minutes the page asks who is there. What was typed is carried across."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from functools import lru_cache

from cryptography.fernet import InvalidToken
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import logout
from django.contrib.auth.hashers import make_password
from django.core import signing
from django.db import transaction
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse

from openkap.care.accounts.actor import Actor
from openkap.care.accounts.backends import check_password, check_pin, is_locked
from openkap.care.accounts.models import Staff
from openkap.care.accounts.sealing import seal, unseal
from openkap.care.audit.actions import record
from openkap.care.moment import now
from openkap.core.errors import InputError

TOUCHED_KEY = "touched"
WRONG_KEY = "wrong_pins"
# Which questions were answered at this screen: their last page shows the person's own curve here, once.
ANSWERED_KEY = "answered_here"
# The one page that the patient who holds the tablet may use while everything else is locked.
HANDED_KEY = "handed_over"
# What stands on the screen until the tablet is given back, and where staff go on.
BACK_KEY = "handed_back"
# A form that was sent when nobody was logged in any more, and the cookie that says who was last.
HELD_KEY = "held_form"
LAST_PERSON = "last_person"
# Fields that prove who somebody is: they never leave the server again.
SECRETS = ("password", "oldpassword", "password1", "password2", "pin", "code")
PIN_LENGTH = 6
# The session ends after this many wrong PINs: then only password and second factor open it.
MOST_WRONG_PINS = 3
# The touch is written at most this often, so that looking at pages does not write the session each time.
TOUCH_EVERY = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class GivenBack:
    """The page a patient sees last: thanks, and to give the tablet back."""

    heading: str
    say: str
    language: str
    # Where staff go on once they have proved who they are, and what they are told there.
    go_on: str
    told: str = ""


def is_idle(request: HttpRequest) -> bool:
    """Whether the session was left alone for longer than the limit."""
    text = request.session.get(TOUCHED_KEY)
    if not text:
        return False
    return now() - datetime.fromisoformat(text) > timedelta(minutes=settings.LOCK_AFTER_MINUTES)


def touch(request: HttpRequest) -> None:
    """Somebody is here."""
    text = request.session.get(TOUCHED_KEY)
    if not text or now() - datetime.fromisoformat(text) > TOUCH_EVERY:
        request.session[TOUCHED_KEY] = now().isoformat()


def lock(request: HttpRequest) -> None:
    """Lock now: the person leaves the tablet on the table; who held it before sees nothing more of theirs."""
    _forget_the_patient(request)
    long_ago = timedelta(minutes=settings.LOCK_AFTER_MINUTES + 1)
    request.session[TOUCHED_KEY] = (now() - long_ago).isoformat()


def _forget_the_patient(request: HttpRequest) -> None:
    for key in (ANSWERED_KEY, HANDED_KEY, BACK_KEY):
        request.session.pop(key, None)


def hand_over(request: HttpRequest, what: str) -> None:
    """The patient takes the tablet for one page, named by ``what``: everything else is locked."""
    lock(request)
    request.session[HANDED_KEY] = what


def is_handed(request: HttpRequest, what: str) -> bool:
    """Whether the patient holds the tablet for this page."""
    return bool(request.session.get(HANDED_KEY) == what)


def hand_back(request: HttpRequest, shown: GivenBack) -> HttpResponse:
    """The patient is done: nothing opens until whoever the tablet belongs to proves who they are."""
    lock(request)
    request.session[BACK_KEY] = asdict(shown)
    return redirect("handed_back")


def given_back(request: HttpRequest) -> GivenBack | None:
    """What to show while the tablet is on its way back, if it is."""
    kept = request.session.get(BACK_KEY)
    return GivenBack(**kept) if kept else None


def lock_page(request: HttpRequest) -> HttpResponse:
    """The page that asks who is there; a form that was being sent waits inside it, sealed."""
    held = _hold(request) if request.method == "POST" else ""
    is_part = bool(request.headers.get("HX-Request"))
    if is_part and not held:
        return HttpResponse(status=401, headers={"HX-Refresh": "true"})
    page = asking_page(request, request.get_full_path() if request.method == "GET" else reverse("home"), held)
    if is_part:
        # The answer to a part of a page takes the place of the whole: what was typed is in it.
        page.headers["HX-Retarget"], page.headers["HX-Reswap"] = "body", "innerHTML"
    return page


def asking_page(request: HttpRequest, back: str, held: str) -> HttpResponse:
    """Asks for PIN or password, and holds the sealed form meanwhile."""
    shown = {"back": back, "held": held, "has_pin": bool(_person(request).pin), "pin_length": PIN_LENGTH}
    return render(request, "accounts/locked.html", shown, status=423)


def keep_until_login(request: HttpRequest, sealed: str = "") -> bool:
    """Keep a form that was sent after the session had ended, for whoever was last logged in here."""
    whose = last_person(request)
    if not whose:
        # Where nobody was, nobody gets it back: strangers do not fill the table of sessions.
        return False
    sealed = sealed or (_hold(request) if request.method == "POST" and request.POST else "")
    if sealed:
        request.session[HELD_KEY] = [sealed, whose]
    return bool(sealed)


def last_person(request: HttpRequest) -> str:
    """Who was last logged in at this browser, by a cookie that only we can write."""
    return _named_in(request.COOKIES.get(LAST_PERSON, ""))


def name_last_person(answer: HttpResponse, uid: str) -> None:
    """Whose the form is that is sent here after the session has ended."""
    answer.set_cookie(
        LAST_PERSON,
        signing.Signer(salt=LAST_PERSON).sign(uid),
        max_age=settings.SESSION_COOKIE_AGE,
        httponly=True,
        samesite="Lax",
        secure=settings.SESSION_COOKIE_SECURE,
    )


# Every request brings it, and working a signature out takes longer than all else that is done with it.
@lru_cache(maxsize=1024)
def _named_in(cookie: str) -> str:
    try:
        return signing.Signer(salt=LAST_PERSON).unsign(cookie)
    except signing.BadSignature:
        return ""


def kept_form(request: HttpRequest) -> Held | None:
    """The form that waited for this person's login; another person does not see it."""
    sealed, whose = request.session.get(HELD_KEY, ("", ""))
    if not sealed or whose != _person(request).uid:
        return None
    del request.session[HELD_KEY]
    return held_form(sealed)


def _hold(request: HttpRequest) -> str:
    """The form, encrypted; what proves who somebody is, is left out and asked for again."""
    form = request.POST.copy()
    asks = [name for name in form if name in SECRETS]
    for name in (*asks, "csrfmiddlewaretoken"):
        form.pop(name, None)
    return seal(json.dumps({"path": request.get_full_path(), "form": form.urlencode(), "asks": asks}))


def unlock(request: HttpRequest, *, pin: str = "", password: str = "") -> bool:
    """Open the session again with PIN or password; too many wrong ones end it."""
    person = _person(request)
    opened = check_password(person, password) if password else check_pin(person, pin)
    if opened:
        if (back := given_back(request)) and back.told:
            messages.success(request, back.told)
        # The tablet is back: the next patient's “Back” must not open this one's last page.
        _forget_the_patient(request)
        request.session[TOUCHED_KEY] = now().isoformat()
        request.session[WRONG_KEY] = 0
        return True
    wrong = int(request.session.get(WRONG_KEY, 0)) + 1
    request.session[WRONG_KEY] = wrong
    if wrong >= MOST_WRONG_PINS or is_locked(Staff.objects.get(pk=person.pk)):
        logout(request)
    return False


def _person(request: HttpRequest) -> Staff:
    if not isinstance(request.user, Staff):
        raise TypeError("only somebody who is logged in can be locked out")
    return Staff.objects.get(pk=request.user.pk)


@dataclass(frozen=True)
class Held:
    """A form that waited behind the lock page: its address, its fields, and the secrets to type again."""

    path: str
    fields: list[tuple[str, str]]
    asks: list[str]


def held_form(sealed: str) -> Held | None:
    """The form that waited, or None if it was tampered with or waited too long."""
    try:
        held = json.loads(unseal(sealed, seconds=settings.SESSION_COOKIE_AGE))
    except InvalidToken:
        return None
    form = QueryDict(held["form"])
    return Held(held["path"], [(name, value) for name in form for value in form.getlist(name)], held["asks"])


def check_own_password(by: Actor, password: str) -> None:
    """Raise ``InputError`` unless it is the password of who asks."""
    if not check_password(Staff.objects.get(pk=by.staff_id), password):
        raise InputError("the password is not right", remedy="type it again", where="password")


def set_pin(*, by: Actor, pin: str, password: str) -> None:
    """Choose the PIN for quick re-entry; asks for the password."""
    person = Staff.objects.get(pk=by.staff_id)
    if not (pin.isascii() and pin.isdigit() and len(pin) == PIN_LENGTH):
        raise InputError(
            "the PIN cannot be used", limit=f"{PIN_LENGTH} digits", remedy="choose digits only", where="pin"
        )
    if len(set(pin)) < 3 or pin in "01234567890" or pin in "09876543210":
        raise InputError(
            "the PIN is too easy to guess",
            limit="three different digits, not in a row",
            remedy="choose another",
            where="pin",
        )
    check_own_password(by, password)
    with transaction.atomic():
        Staff.objects.filter(pk=person.pk).update(pin=make_password(pin))
        record("staff.pin_set", by=by, entity="staff", uid=by.uid)
