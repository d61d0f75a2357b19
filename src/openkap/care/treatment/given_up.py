"""What hangs on a session that will not take place: its visits, and what was due with it."""

from __future__ import annotations

from openkap.care.treatment.models import DueItem, Session, Visit


def give_up_with_it(session: Session, because: str) -> None:
    """Visits still planned are cancelled and what is not done is due no more.

    Tests stay due in the course: the first dose that is given asks for them, whichever session that is.
    """
    Visit.objects.filter(session=session, state=Visit.State.PLANNED).update(
        state=Visit.State.CANCELLED, state_because=because
    )
    open_items = DueItem.objects.filter(session=session, done_at__isnull=True)
    open_items.filter(kind=DueItem.Kind.TEST).update(session=None)
    open_items.exclude(kind=DueItem.Kind.TEST).delete()
