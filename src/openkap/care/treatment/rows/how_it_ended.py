"""How a session ended, in words that tell apart who went home, who left early, and who did not come."""

from __future__ import annotations

from typing import Any

from django.db.models import Exists, OuterRef, QuerySet, Subquery

from openkap.care.prepared import prepared
from openkap.care.treatment.models import Discharge, DoseEvent, Prescription, Session

# By whether the patient was there; nobody has said where it is not known.
WITHOUT_A_DOSE = {True: "came, no dose", False: "did not come", None: Session.State.ABORTED.label}


def with_endings(rows: QuerySet[Session]) -> QuerySet[Any]:
    """Each session with what its words need: read with the rows, and not once a row."""
    mine = {"session": OuterRef("pk"), "corrected_by__isnull": True}
    stops = DoseEvent.objects.filter(kind=DoseEvent.Kind.STOP, **mine)
    orders = Prescription.objects.filter(session=OuterRef("pk")).order_by("-id")
    return rows.annotate(
        left_against=Exists(Discharge.objects.filter(against=True, **mine)),
        stopped_at_ug=Subquery(stops.values("given_ug")[:1]),
        ordered_mg=Subquery(orders.values("dose_mg")[:1]),
    )


def state_words(session: Any) -> str:
    """How far a session is; of one that is over, how it ended. ``session`` as ``with_endings`` reads it."""
    if session.state == Session.State.ABORTED:
        return WITHOUT_A_DOSE[session.came]
    return "left early" if left_early(session) else str(session.get_state_display())


def left_early(session: Any) -> bool:
    """Somebody let the patient go before the conditions for leaving were met."""
    return session.state == Session.State.LEFT and bool(session.left_against)


def more_words(session: Any) -> str:
    """What the state does not say of a session with a dose: left against what, stopped at how much."""
    if session.state != Session.State.LEFT:
        return ""
    said = ["against the conditions for leaving"] if session.left_against else []
    ordered, given = session.ordered_mg, session.stopped_at_ug
    if ordered is not None and given is not None and given < ordered * 1000:
        said.append(f"dose stopped at {given / 1000:g} of {float(ordered):g} mg")
    return ", ".join(said)


def words_now(session: Session) -> str:
    """The whole of it for one session that was read without its ending."""
    row = _ending(session.pk)[0] if session.state == Session.State.LEFT else session
    return ", ".join(filter(None, (state_words(row), more_words(row))))


@prepared
def _ending(session_id: int) -> QuerySet[Any]:
    return with_endings(Session.objects.filter(pk=session_id))
