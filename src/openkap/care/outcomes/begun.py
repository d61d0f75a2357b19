"""A form that was begun and not finished: scored where its instrument allows missing answers."""

from __future__ import annotations

from openkap.care.moment import now
from openkap.care.outcomes.actions import answered_at, held_forms, latest_answers, score_row
from openkap.care.outcomes.models import Form, FormScore, Invitation


def score_begun(invitation: Invitation) -> list[FormScore]:
    """Score the unfinished forms whose answers suffice, as they stand; the others keep their answers.

    The instrument's rule for missing answers says whether they do.
    """
    return [
        score
        for form in held_forms(invitation.pk)
        if form.finished_at is None and (score := _scored(form)) is not None
    ]


def _scored(form: Form) -> FormScore | None:
    answers = latest_answers(form)
    if not answers:
        return None
    row = score_row(form, answers, answered_at(form))
    if row.total is None:
        return None
    form.finished_at = now()
    form.save(update_fields=["finished_at"])
    row.save(force_insert=True)
    return row
