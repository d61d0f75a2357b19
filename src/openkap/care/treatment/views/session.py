"""The session page and its acts: obtain, parse, act, and back to the place one came from."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST

from openkap.care.accounts.middleware import ClinicRequest
from openkap.care.accounts.signing import prove_identity
from openkap.care.looks import looked, looks_on
from openkap.care.permissions import Permission
from openkap.care.treatment import forms
from openkap.care.treatment.access import session_for
from openkap.care.treatment.dose import actions as dose_actions
from openkap.care.treatment.dose import amount_actions, delivery_actions
from openkap.care.treatment.drug import actions as drug_actions
from openkap.care.treatment.monitoring import adverse_actions, alert_actions, session_actions, value_actions
from openkap.care.treatment.release import actions as release_actions
from openkap.care.treatment.session import closing_actions
from openkap.care.treatment.session import queries as session_queries
from openkap.care.treatment.session.paper import session_pdf
from openkap.care.treatment.views.courses import frame
from openkap.core.errors import InputError
from openkap.protocol.elements import dictionary

# What the audit calls a look at the page of a session, and at the part of it that asks by itself.
PAGE = "session"


def session(request: ClinicRequest, patient: str, session: str) -> HttpResponse:
    """The session: what is due now, and everything so far."""
    return _page(request, patient, session)


def _page(
    request: ClinicRequest, patient: str, uid: str, section: str = "", error: InputError | None = None
) -> HttpResponse:
    seen = "" if error else PAGE
    row = session_for(request.actor, patient, uid, Permission.SEE_PATIENT, seen=seen)
    if seen:
        looked(request, PAGE, uid)
    context = frame(request, row.patient) | session_queries.session_page(row, request.actor)
    context |= {"error": error, "section": section, "typed": request.POST}
    context["is_its_day"] = session_queries.is_its_day(row)
    context["confirm"] = isinstance(error, session_actions.Implausible)
    if error is not None and error.where == session_actions.OTHER_DAY:
        context["soon"] = session_queries.soonest()
    return render(request, "treatment/session.html", context, status=422 if error else 200)


def _acted(
    request: ClinicRequest, patient: str, uid: str, section: str, act: Callable[[], Any], then: str = ""
) -> HttpResponse:
    """Do it and go back to its section, or to what comes ``then``; a refusal stands there, with what was
    typed.
    """
    try:
        act()
    except InputError as refused:
        return _page(request, patient, uid, section, refused)
    return redirect(reverse("session", args=[patient, uid]) + f"#{then or section}")


@require_POST
def arrive(request: ClinicRequest, patient: str, session: str) -> HttpResponse:
    """The patient is here."""
    act = lambda: session_actions.arrive(by=request.actor, patient=patient, uid=session)  # noqa: E731
    return _acted(request, patient, session, "arrive", act, then="gates")


@require_POST
def entry(request: ClinicRequest, patient: str, session: str) -> HttpResponse:
    """A set of values; or an entry, or one value of it, taken back."""
    data = request.POST
    kind = data.get("kind", "")

    def act() -> None:
        if data.get("in_error"):
            wrong: dict[str, Any] = {
                "by": request.actor,
                "patient": patient,
                "uid": session,
                "entry": data["in_error"],
                "reason": data.get("reason", ""),
                "stamp": forms.stamp_given(data),
            }
            if data.get("element"):
                value_actions.cross_out(**wrong, element=data["element"])
            else:
                session_actions.take_back(**wrong)
            return
        session_actions.enter(
            by=request.actor,
            patient=patient,
            uid=session,
            kind=kind,
            values={name: data[name] for name in data if name in dictionary()},
            stamp=forms.stamp_given(data),
            confirmed=data.get("confirmed") == "yes",
            note=data.get("note", ""),
        )

    section = {"gate": "gates", "discharge": "leave", "vitals": "vitals"}.get(kind, "record")
    return _acted(request, patient, session, section, act)


@require_POST
def gate(request: ClinicRequest, patient: str, session: str, rule: str) -> HttpResponse:
    """The prescriber decides on a gate."""
    data = request.POST
    act = lambda: dose_actions.decide_gate(  # noqa: E731
        by=request.actor,
        patient=patient,
        uid=session,
        rule=rule,
        goes_on=data.get("goes_on") == "yes",
        reason=data.get("reason", ""),
        stamp=forms.stamp_given(data),
    )
    return _acted(request, patient, session, "gates", act)


@require_POST
def prescribe(request: ClinicRequest, patient: str, session: str) -> HttpResponse:
    """Order the dose, signed."""
    data = request.POST

    def act() -> None:
        dose_mg = forms.number_given(data, "dose_mg")
        person = prove_identity(request.actor, data.get("password", ""))
        dose_actions.prescribe(
            by=request.actor,
            patient=patient,
            uid=session,
            step=data.get("step", ""),
            basis=data.get("basis", ""),
            person=person,
            dose_mg=dose_mg,
            reason=data.get("reason", ""),
        )

    return _acted(request, patient, session, "order", act)


@require_POST
def check(request: ClinicRequest, patient: str, session: str) -> HttpResponse:
    """Draw the dose; the second person proves who they are."""
    data = request.POST

    def act() -> None:
        drawn = forms.needed_number(data, "drawn_mg")
        witness = _witness(request)
        dose_actions.check_dose(
            by=request.actor,
            patient=patient,
            uid=session,
            lot=data.get("lot", ""),
            drawn_mg=drawn,
            witness=witness,
            way=data.get("way", ""),
            stamp=forms.stamp_given(data),
        )

    return _acted(request, patient, session, "draw", act)


def _witness(request: ClinicRequest) -> drug_actions.Witness:
    data = request.POST
    return drug_actions.second_person(
        by=request.actor, uid=data.get("second", ""), password=data.get("password", "")
    )


@require_POST
def clear(request: ClinicRequest, patient: str, session: str) -> HttpResponse:
    """Release the dose."""
    act = lambda: release_actions.clear(  # noqa: E731
        by=request.actor, patient=patient, uid=session, stamp=forms.stamp_given(request.POST)
    )
    return _acted(request, patient, session, "release", act)


@require_POST
def dose(request: ClinicRequest, patient: str, session: str) -> HttpResponse:
    """Start, pause, resume, change the rate, stop."""
    data = request.POST
    act = lambda: delivery_actions.dose_event(  # noqa: E731
        by=request.actor,
        patient=patient,
        uid=session,
        kind=data.get("kind", ""),
        rate_ml_h=forms.number_given(data, "rate_ml_h"),
        given_mg=forms.number_given(data, "given_mg"),
        stamp=forms.stamp_given(data),
        confirmed=data.get("confirmed") == "yes",
    )
    # A dose that begins is watched first: the reading at the start is due.
    then = "now" if data.get("kind") == "start" and not data.get("corrects") else ""
    return _acted(request, patient, session, "dose", act, then=then)


@require_POST
def waste(request: ClinicRequest, patient: str, session: str) -> HttpResponse:
    """Destroy what is left, before a witness."""

    def act() -> None:
        amount = forms.needed_number(request.POST, "amount_mg")
        witness = _witness(request)
        dose_actions.waste(
            by=request.actor,
            patient=patient,
            uid=session,
            amount_mg=amount,
            witness=witness,
            reason=request.POST.get("reason", ""),
            stamp=forms.stamp_given(request.POST),
        )

    return _acted(request, patient, session, "waste", act)


@require_POST
def amount(request: ClinicRequest, patient: str, session: str) -> HttpResponse:
    """A mistyped amount of the drug, corrected before a witness."""
    data = request.POST

    def act() -> None:
        amount_mg = forms.needed_number(data, "amount_mg")
        witness = _witness(request)
        amount_actions.correct_amount(
            by=request.actor,
            patient=patient,
            uid=session,
            entry=data.get("entry", ""),
            amount_mg=amount_mg,
            reason=data.get("reason", ""),
            witness=witness,
            stamp=forms.stamp_given(data),
        )

    return _acted(request, patient, session, "amounts", act)


@require_POST
def alert(request: ClinicRequest, patient: str, session: str, alert: str) -> HttpResponse:
    """An alert was seen, and this was done."""
    act = lambda: alert_actions.acknowledge(  # noqa: E731
        by=request.actor, patient=patient, uid=session, alert=alert, done=request.POST.get("done", "")
    )
    return _acted(request, patient, session, "now", act)


@require_POST
def adverse_event(request: ClinicRequest, patient: str, session: str) -> HttpResponse:
    """Something untoward, or the crossing out of what did not happen to this patient."""
    data = request.POST
    named: dict[str, Any] = {"by": request.actor, "patient": patient, "uid": session}
    named["client_id"] = data.get("client_id", "")

    def act() -> object:
        if wrong := data.get("in_error"):
            reason = data.get("reason", "")
            return adverse_actions.cross_out_adverse_event(**named, event=wrong, reason=reason)
        return adverse_actions.record_adverse_event(**named, event=forms.event_given(data))

    return _acted(request, patient, session, "adverse-events", act)


@require_POST
def leave(request: ClinicRequest, patient: str, session: str) -> HttpResponse:
    """The patient leaves."""
    data = request.POST

    def act() -> None:
        password = data.get("password", "")
        closing_actions.let_go(
            by=request.actor,
            patient=patient,
            uid=session,
            escort=data.get("escort", ""),
            against_because=data.get("against_because", ""),
            person=prove_identity(request.actor, password) if password else None,
            stamp=forms.stamp_given(data),
        )

    return _acted(request, patient, session, "leave", act)


@require_POST
def give_up(request: ClinicRequest, patient: str, session: str) -> HttpResponse:
    """No dose today."""
    act = lambda: session_actions.give_up(  # noqa: E731
        by=request.actor,
        patient=patient,
        uid=session,
        reason=request.POST.get("reason", ""),
        came={"yes": True, "no": False}.get(request.POST.get("came", "")),
    )
    return _acted(request, patient, session, "give-up", act)


@require_POST
def sign(request: ClinicRequest, patient: str, session: str) -> HttpResponse:
    """Sign and lock the record."""

    def act() -> None:
        person = prove_identity(request.actor, request.POST.get("password", ""))
        closing_actions.sign_session(
            by=request.actor,
            patient=patient,
            uid=session,
            person=person,
            despite_unsent=request.POST.get("despite_unsent") == "yes",
        )

    return _acted(request, patient, session, "sign", act)


@require_POST
def addendum(request: ClinicRequest, patient: str, session: str) -> HttpResponse:
    """Words added to a locked record."""
    data = request.POST

    def act() -> None:
        person = prove_identity(request.actor, data.get("password", ""))
        closing_actions.add_addendum(
            by=request.actor, patient=patient, uid=session, text=data.get("text", ""), person=person
        )

    return _acted(request, patient, session, "addenda", act)


def now(request: ClinicRequest, patient: str, session: str) -> HttpResponse:
    """The part that moves: due readings and alerts, asked for every few seconds."""
    is_new = not looks_on(request, PAGE, session)
    row = session_for(request.actor, patient, session, Permission.SEE_PATIENT, seen=PAGE if is_new else "")
    if is_new:
        looked(request, PAGE, session)
    context = session_queries.live(row) | {"session": row, "banner": {"uid": patient}, "typed": {}}
    return render(request, "treatment/now.html", context)


def paper(request: ClinicRequest, patient: str, session: str) -> HttpResponse:
    """The record as PDF."""
    row = session_for(request.actor, patient, session, Permission.SEE_PATIENT, seen="session record")
    answer = HttpResponse(session_pdf(row), content_type="application/pdf")
    answer["Content-Disposition"] = f'inline; filename="session-{row.patient.code}-{row.number}.pdf"'
    return answer
