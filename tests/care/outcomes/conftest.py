"""A patient with forms to answer, and a way to answer them as they would."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest


@pytest.fixture
def asked(cast, patient):
    """PCL-5 and PHQ-9, asked today."""
    from openkap.care.outcomes.actions import ask

    return ask(by=cast.actor("cora"), uid=patient.uid, instruments=["pcl-5", "phq-9"])


@pytest.fixture
def link(asked):
    """The address the patient got."""
    from openkap.care.outcomes.actions import fresh_link

    return fresh_link(asked).removeprefix("http://127.0.0.1:8000")


@pytest.fixture
def answer_pcl(cast, patient, watch):
    """Answers a whole PCL-5 with that total on a day, and finishes it."""
    from openkap.care.accounts.actor import patient_actor
    from openkap.care.outcomes.actions import as_taps, finish, invite, save_answers
    from openkap.care.outcomes.follow_up import follow_up
    from openkap.care.outcomes.models import Form

    def answer(
        total: int, *, days: float = 0, occasion: str = "on_request", about: str = "", who: Any = None
    ) -> Any:
        watch.forward(days=days)
        person = who or patient
        by = patient_actor(person.uid, person.clinic)
        plan = follow_up().occasion(occasion)
        invitation = invite(person, plan, watch(), instruments=["pcl-5"], about_uid=about)
        form = Form.objects.get(invitation=invitation)
        each, rest = divmod(total, 20)
        answers = {str(item): each + (1 if item <= rest else 0) for item in range(1, 21)}
        save_answers(by=by, invitation=invitation, taps=as_taps(form, answers, watch(), f"t-{form.uid}"))
        watch.forward(minutes=1)
        finish(by=by, invitation=invitation)
        return Form.objects.get(pk=form.pk)

    return answer


@pytest.fixture
def a_day():
    return timedelta(days=1)
