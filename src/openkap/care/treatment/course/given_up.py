"""What hangs on a session that will not take place: its visits, and what was due with it."""

from __future__ import annotations

from datetime import datetime

from openkap.care.treatment.models import DueItem, Session, Visit
from openkap.care.treatment.planning.due_dates import follow_last_dose, hand_on_first_tests


def give_up_with_it(session: Session, because: str, last: datetime | None) -> None:
    """Visits still planned are cancelled and what is not done is due no more.

    Tests before the first dose pass to the next session, and stay due in the course where none is planned:
    the first dose that is given asks for them. ``last`` is when the course's last dose was planned so far.
    """
    Visit.objects.filter(session=session, state=Visit.State.PLANNED).update(
        state=Visit.State.CANCELLED, state_because=because
    )
    hand_on_first_tests(session)
    follow_last_dose(session.course, last)
    open_items = DueItem.objects.filter(session=session, done_at__isnull=True)
    open_items.filter(kind=DueItem.Kind.TEST).update(session=None)
    open_items.exclude(kind=DueItem.Kind.TEST).delete()
