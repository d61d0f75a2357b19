"""One case a person: alarming answers that are open together are taken on, called about and closed as one.

Each answer stays a row of its own. What was closed at one moment was one case.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction
from typing import TypeVar

from django.db.models import Q, QuerySet

from openkap.care.outcomes.follow_up import follow_up, form_of
from openkap.care.outcomes.models import Form, SafetySignal
from openkap.care.patients.models import Patient
from openkap.care.patients.same_person import hold_person
from openkap.instruments.model import Item

# An answer, bare or with what a list annotates.
Row = TypeVar("Row", bound=SafetySignal)


def hold(patient: Patient) -> list[SafetySignal]:
    """The open alarming answers of a person, oldest first, theirs alone until the transaction ends.

    The person is locked and not the rows: an answer that comes while somebody takes the case on waits.
    """
    hold_person(patient.pk)
    return list(_of(patient).filter(closed_at__isnull=True))


def together(signal: SafetySignal) -> QuerySet[SafetySignal]:
    """The alarming answers that are one case with this one, itself among them, oldest first."""
    rows = _of(signal.patient)
    if signal.closed_at is None:
        return rows.filter(closed_at__isnull=True)
    return rows.filter(closed_at=signal.closed_at)


def _of(patient: Patient) -> QuerySet[SafetySignal]:
    person = patient.merged_into_id or patient.pk
    rows = SafetySignal.objects.filter(Q(patient_id=person) | Q(patient__merged_into_id=person))
    return rows.select_related("form").order_by("raised_at", "pk")


def untaken(rows: Iterable[Row]) -> list[Row]:
    """Those that nobody has taken on."""
    return [row for row in rows if row.acknowledged_at is None]


def parts(rows: Sequence[Row]) -> list[Row]:
    """What has to be looked at: the newest row of each rule of each form, which tells what it rests on."""
    newest = {(row.form_id, row.rule): row for row in rows}
    return [row for row in rows if newest[row.form_id, row.rule] is row]


def stands_there(form: Form, rule: str, said: dict[str, int], rows: Sequence[SafetySignal]) -> bool:
    """Whether the case holds this answer of this form already, or one as bad."""
    mine = [row for row in rows if row.form_id == form.pk and row.rule == rule]
    return all(any(value <= row.answers.get(item, -1) for row in mine) for item, value in said.items())


def is_graver(new: SafetySignal, rows: Iterable[SafetySignal]) -> bool:
    """Whether an alarming answer says more than all of these: a plan after a thought, or more of the same."""
    return all(_gravity(new) > _gravity(row) for row in rows)


def _gravity(row: SafetySignal) -> tuple[bool, Fraction]:
    items = form_of(row.form.instrument).items_by_id
    shares = [_share(items[item], value) for item, value in row.answers.items() if item in items]
    return (row.rule not in follow_up().thoughts.rules, max(shares, default=Fraction(0)))


def _share(item: Item, value: int) -> Fraction:
    """How far up its scale an answer is; a yes says whether, not how much."""
    least, most = min(item.answers), max(item.answers)
    return Fraction(value - least, most - least) if len(item.answers) > 2 else Fraction(0)
