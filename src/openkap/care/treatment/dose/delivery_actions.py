"""What was done with the drug: start, pause, resume, rate, stop, corrected times, and acts that do not fit.

A page with a person in front of it is refused at once (``dose_event``). What a tablet held back is kept
(``keep_dose_event``): in its place when it fits, else in doubt until a person decides.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from django.db import transaction
from django.utils.timezone import localdate, localtime

from openkap.care.accounts.actor import Actor
from openkap.care.enrolment.facts import consent_in_force
from openkap.care.moment import now
from openkap.care.permissions import Permission
from openkap.care.treatment.dose.delivered import as_ordered, given_so_far
from openkap.care.treatment.dose.order import PUMP_AFTER, Done, fits, that_fit, why_not
from openkap.care.treatment.drug.actions import micrograms, move
from openkap.care.treatment.drug.drawn import in_use_ug, mg_of
from openkap.care.treatment.models import Clearance, DoseCheck, DoseDoubt, DoseEvent, Prescription, Session
from openkap.care.treatment.monitoring.alert_actions import raise_alerts, started_unfit, started_while_held
from openkap.care.treatment.monitoring.session_actions import Implausible
from openkap.care.treatment.release.actions import gates_now, refuse_held
from openkap.care.treatment.release.duties import lacking_at_the_dose, refuse_unfit_person
from openkap.care.treatment.release.gates import Gate, holding
from openkap.care.treatment.rows import facts as reading
from openkap.care.treatment.rows.acts import (
    State,
    corrected,
    locked_session,
    move_on,
    once,
    refuse_before_its_day,
    told_audit,
)
from openkap.care.treatment.rows.stamps import Stamp
from openkap.core.errors import InputError
from openkap.protocol.facts import CLOCK_TOLERANCE_S
from openkap.protocol.windows import windows

KINDS = tuple(dict.fromkeys(kind for _, kind in PUMP_AFTER))
CORRECTED_ALREADY = "another correction of it is in the record already"


@dataclass(frozen=True)
class Act:
    """One act as somebody entered it, ready to be stored."""

    by: Actor
    session: Session
    kind: str
    rate_ml_h: Decimal | None
    given_ug: int | None
    check: DoseCheck
    fields: dict[str, object]
    corrects: DoseEvent | None = None

    def columns(self) -> dict[str, object]:
        return {"kind": self.kind, "rate_ml_h": self.rate_ml_h, "given_ug": self.given_ug, **self.fields}


@transaction.atomic
def dose_event(
    *,
    by: Actor,
    patient: str,
    uid: str,
    kind: str,
    rate_ml_h: Decimal | None = None,
    given_mg: Decimal | None = None,
    stamp: Stamp | None = None,
    confirmed: bool = False,
) -> DoseEvent:
    """Start, pause, resume, change the rate, or stop; a corrected time is a new row that names the old."""
    session, stamp = locked_session(by, patient, uid, Permission.GIVE_DOSE), stamp or Stamp()
    held = once(DoseEvent, session, stamp)
    if held is not None:
        return held
    _refuse_kind(kind)
    refuse_before_its_day(session, stamp)
    old = corrected(DoseEvent, session, stamp)
    if old is None:
        _refuse_state(session, kind)
    act = _act(by, session, kind, rate_ml_h, given_mg, stamp, old)
    if amiss := _not_in_hand(act):
        raise amiss
    trouble = _trouble(act)
    if trouble:
        raise InputError(trouble, value=act.kind, remedy="look at the dose so far, correct the time")
    waiting = _what_holds(act)
    refuse_held(waiting)
    if act.kind == "start" and old is None:
        refuse_unfit_person(by, "start a dose")
    if not confirmed:
        _ask_where_the_times_say_otherwise(act)
    return _into_the_record(act, waiting)


@transaction.atomic
def keep_dose_event(
    *,
    by: Actor,
    patient: str,
    uid: str,
    kind: str,
    rate_ml_h: Decimal | None = None,
    given_mg: Decimal | None = None,
    stamp: Stamp,
    confirmed: bool = False,
) -> DoseEvent | DoseDoubt:
    """The same from a tablet that may have been cut off: what does not fit is kept for a decision."""
    session = locked_session(by, patient, uid, Permission.GIVE_DOSE)
    held = once(DoseEvent, session, stamp) or once(DoseDoubt, session, stamp)
    if held is not None:
        return held
    _refuse_kind(kind)
    old = DoseEvent.objects.filter(session=session, uid=stamp.corrects).first() if stamp.corrects else None
    if stamp.corrects and not stamp.reason.strip():
        raise InputError("a correction needs its reason", remedy="write why", where="reason")
    act = _act(by, session, kind, rate_ml_h, given_mg, stamp, old)
    trouble = CORRECTED_ALREADY if old is not None and hasattr(old, "corrected_by") else _trouble(act)
    if not trouble and (amiss := _not_in_hand(act)):
        trouble = f"{amiss.what}: {amiss.value}, limit {amiss.limit}; {amiss.remedy}"
    if not trouble and not confirmed:
        _ask_where_the_times_say_otherwise(act)
    return _in_doubt(act, trouble) if trouble else _into_the_record(act, _what_holds(act))


def open_doubts(session: Session) -> list[DoseDoubt]:
    """Acts with the drug that wait for a decision, in the order they were observed."""
    rows = DoseDoubt.objects.filter(session=session, settlement="").select_related("entered_by", "names")
    return list(rows.order_by("observed_at", "id"))


def _refuse_kind(kind: str) -> None:
    if kind not in KINDS:
        raise InputError("no such act", value=kind, limit=", ".join(KINDS))


def refuse_no_rate(rate_ml_h: Decimal | None) -> None:
    """A pump that stands still is paused or stopped, and has no rate."""
    if rate_ml_h == 0:
        raise InputError(
            "a rate of 0 is a pause",
            value="0 mL/h",
            limit="more than 0 mL/h",
            remedy="enter the pause or the stop; a wrong rate is corrected to what was set, or left",
            where="rate_ml_h",
        )


def _refuse_state(session: Session, kind: str) -> None:
    if session.state != State.CLEARED if kind == "start" else session.state in (State.PLANNED, State.ARRIVED):
        raise InputError(
            "this is not possible now",
            value=f"{kind}, session is {session.get_state_display()}"
            + (f"; {session.state_because}" if session.state_because else ""),
            remedy="clear every gate before the start"
            if kind == "start"
            else "look at the state of the session",
        )


def _act(
    by: Actor,
    session: Session,
    kind: str,
    rate_ml_h: Decimal | None,
    given_mg: Decimal | None,
    stamp: Stamp,
    old: DoseEvent | None,
) -> Act:
    kind = old.kind if old is not None else kind
    refuse_no_rate(rate_ml_h)
    check = DoseCheck.objects.filter(session=session, corrected_by__isnull=True).order_by("-id").first()
    if check is None:
        raise InputError("nobody has checked the dose", remedy="draw it and have it checked")
    if kind == "start":
        rate_ml_h = rate_ml_h if rate_ml_h is not None else check.rate_ml_h
    given_ug = _given(kind, given_mg, old)
    return Act(by, session, kind, rate_ml_h, given_ug, check, stamp.fields(by), old)


def _given(kind: str, given_mg: Decimal | None, old: DoseEvent | None) -> int | None:
    if kind != "stop":
        return None
    if old is not None:
        # The ledger holds what was given; a corrected time does not change it.
        return old.given_ug
    if given_mg is None:
        raise InputError("how much was given is missing", remedy="enter milligrams", where="given_mg")
    return micrograms(given_mg)


def _not_in_hand(act: Act) -> InputError | None:
    """Nobody starts with less than is ordered, or gives more than is left of what was drawn."""
    if act.corrects is not None or act.kind not in ("start", "stop"):
        return None
    left = in_use_ug(act.session)
    if act.kind == "stop" and (act.given_ug or 0) > left:
        return InputError(
            "more cannot have been given than is left",
            value=mg_of(act.given_ug or 0),
            limit=f"{mg_of(left)} of what was drawn and not wasted",
            remedy="check the pump; a waste that is wrong is corrected first",
            where="given_mg",
        )
    needed = int(act.check.prescription.dose_mg * 1000)
    if act.kind == "start" and left < needed:
        return InputError(
            "less is drawn than is ordered",
            value=mg_of(left),
            limit=mg_of(needed),
            remedy="waste what is left, draw anew and have it checked",
        )
    return None


def _ask_where_the_times_say_otherwise(act: Act) -> None:
    """The pump's display counts; where start, pauses and rates say another amount, somebody looks twice."""
    order = act.check.prescription
    if act.kind != "stop" or act.corrects is not None or not order.over_min:
        return
    moment = act.fields["observed_at"]
    assert isinstance(moment, datetime)
    computed, said = by_the_times(act.session, order, act.check, moment), (act.given_ug or 0) / 1000
    in_doubt = windows().minutes("pump_entered_within") * float(order.dose_mg) / order.over_min
    if abs(computed - said) > in_doubt:
        raise Implausible(("given_mg",), f"{said:g} mg given, the pump's times say {computed:.1f} mg")


def by_the_times(session: Session, order: Prescription, check: DoseCheck, moment: datetime) -> float:
    """How many milligrams start, pauses and rates say were given by then."""
    return given_so_far(as_ordered(order, check), reading.dose_events(session), moment).given_mg


def _trouble(act: Act) -> str:
    """Why the act does not fit the record as it stands; empty when it does."""
    moment = act.fields["observed_at"]
    assert isinstance(moment, datetime)
    if act.kind == "start" and act.corrects is None and act.session.state not in RELEASED_ONCE:
        return (
            "the dose was started already"
            if act.session.state != State.ABORTED
            else "the visit ended undosed"
        )
    if act.kind == "start" and (trouble := _not_released(act.session, moment)):
        return trouble
    if _lacks_consent(act.session, act.kind, moment):
        return "no dose without valid consent"
    others = [_done(row) for row in reading.dose_events(act.session) if row != act.corrects]
    this = Done(str(act.fields["client_id"]), act.kind, moment, (now(), _LAST))
    return "" if fits([*others, this]) else why_not(others, this) or "it does not fit the dose so far"


def _lacks_consent(session: Session, kind: str, moment: datetime) -> bool:
    """To go on is to give more: a resumed pump asks as the start does."""
    return kind in ("start", "resume") and consent_in_force(session.patient, moment) is None


# A tablet that saw the release may start before it hears that the release was taken back.
RELEASED_ONCE = (State.CLEARED, State.ARRIVED)
# Clocks differ a little: a start that seems to come just before its release is that.
CLOCKS_DIFFER = timedelta(seconds=CLOCK_TOLERANCE_S)


def _not_released(session: Session, moment: datetime) -> str:
    """Why no release of that day stands behind a start; empty when one does."""
    released = Clearance.objects.filter(session=session).order_by("-observed_at").first()
    if released is None:
        return "the dose was never released"
    if moment < released.observed_at - CLOCKS_DIFFER:
        return f"the start is before the release of {localtime(released.observed_at):%H:%M}"
    if localdate(moment) > localdate(released.observed_at):
        return f"the release was for {localtime(released.observed_at):%-d %B} and has ended"
    return ""


# What arrives now comes after every stored row of the same moment.
_LAST = 2**62


def _done(row: DoseEvent | DoseDoubt) -> Done:
    return Done(row.client_id, row.kind, row.observed_at, (row.entered_at, row.pk))


def _what_holds(act: Act) -> list[Gate]:
    """What holds the dose at its start, by the credentials of the day it happened; looked at once."""
    if act.kind != "start" or act.corrects is not None:
        return []
    moment = act.fields["observed_at"]
    assert isinstance(moment, datetime)
    return holding(gates_now(act.session, on=localdate(moment)))


def _into_the_record(act: Act, held: list[Gate]) -> DoseEvent:
    row = _stored(act.by, act.session, act.columns(), act.corrects)
    if held:
        started_while_held(act.session, held, row.observed_at)
    _call_for_a_fit_person(act, row)
    let_in(act.by, act.session)
    return row


def _call_for_a_fit_person(act: Act, row: DoseEvent) -> None:
    """Who started it without being planned for it is looked at too; the planned two are gates."""
    if row.kind != "start" or act.corrects is not None:
        return
    if act.by.staff_id in (act.session.nurse_id, act.session.prescriber_id):
        return
    if lack := lacking_at_the_dose(act.by, localdate(row.observed_at)):
        started_unfit(act.session, act.by.name, lack, row.observed_at)


def _stored(
    by: Actor, session: Session, columns: dict[str, object], corrects: DoseEvent | None, *, late: bool = False
) -> DoseEvent:
    row = DoseEvent.objects.create(session=session, patient=session.patient, corrects=corrects, **columns)
    if row.kind == "stop" and corrects is None:
        check = DoseCheck.objects.filter(session=session, corrected_by__isnull=True).order_by("-id")[0]
        move(
            by=by,
            lot=check.lot,
            kind="given",
            amount_ug=row.given_ug or 0,
            client_id=row.client_id,
            session=session,
            at=row.observed_at,
        )
    after = {
        ("start", State.CLEARED): State.DOSING,
        ("start", State.ARRIVED): State.DOSING,
        ("stop", State.DOSING): State.RECOVERY,
    }
    moved = after.get((row.kind, State(session.state))) if corrects is None else None
    if moved is not None:
        move_on(session, moved)
    if row.kind == "start" and corrects is not None:
        # Every reading has another minute now.
        raise_alerts(session)
    detail = {"given_ug": row.given_ug, "rate_ml_h": str(row.rate_ml_h or "")} | (
        {"late": True} if late else {}
    )
    told_audit(by, f"dose.{row.kind}", session, row, **detail)
    return row


def _in_doubt(act: Act, why: str) -> DoseDoubt:
    row = DoseDoubt.objects.create(session=act.session, names=act.corrects, why=why, **act.columns())
    told_audit(act.by, "dose.in_doubt", act.session, row, kind=act.kind, why=why)
    let_in(act.by, act.session)
    return row


def let_in(by: Actor, session: Session) -> None:
    """What was in doubt and fits now, because what was missing has arrived, takes its place by itself."""
    waiting = open_doubts(session)
    for row in waiting:
        if row.names is not None and not hasattr(row.names, "corrected_by"):
            others = [_done(each) for each in reading.dose_events(session) if each != row.names]
            if fits([*others, _done(row)]):
                _becomes_event(by, session, row)
    # A second start is never let in: which one was the start is a decision.
    new = [row for row in waiting if row.names is None and row.kind != "start"]
    new = [row for row in new if not _lacks_consent(session, row.kind, row.observed_at)]
    left = in_use_ug(session)
    new = [row for row in new if row.kind != "stop" or (row.given_ug or 0) <= left]
    found = that_fit([_done(row) for row in reading.dose_events(session)], [_done(row) for row in new])
    for row in new:
        if row.client_id in found:
            _becomes_event(by, session, row)


COPIED = (
    *("kind", "rate_ml_h", "given_ug", "client_id", "observed_at", "entered_at"),
    *("entered_by_id", "device", "device_ahead_s", "reason"),
)


def _becomes_event(by: Actor, session: Session, doubt: DoseDoubt) -> None:
    _stored(by, session, {name: getattr(doubt, name) for name in COPIED}, doubt.names, late=True)
    doubt.settlement, doubt.settled_at = DoseDoubt.Settlement.FITS, now()
    doubt.save(update_fields=["settlement", "settled_at"])
