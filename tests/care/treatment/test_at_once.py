"""What a colleague does between the reading and the writing of an act stands: the act is refused."""

from __future__ import annotations

import pytest
import treated

from openkap.care.treatment import access
from openkap.care.treatment.course import ending_actions
from openkap.care.treatment.monitoring import session_actions
from openkap.core.errors import InputError


@pytest.fixture
def session(cast, patient, watch):
    found = treated.first_session(treated.planned(cast, patient))
    watch.moment = found.starts_at
    return found


@pytest.fixture
def meanwhile(monkeypatch):
    """The next reading by that name is followed, once, by what a colleague does."""

    def arrange(module, name, act):
        read = getattr(module, name)

        def read_then_act(*given):
            found = read(*given)
            found = list(found) if module is access else found
            monkeypatch.setattr(module, name, read)
            act()
            return found

        monkeypatch.setattr(module, name, read_then_act)

    return arrange


def test_a_session_whose_patient_has_just_arrived_is_not_cancelled(cast, session, meanwhile):
    where = {"patient": session.patient.uid, "uid": session.uid}
    meanwhile(access, "_session", lambda: session_actions.arrive(by=cast.actor("ben"), **where))
    with pytest.raises(InputError, match="has begun"):
        ending_actions.cancel_session(by=cast.actor("cora"), reason="no escort", **where)


def test_the_reason_why_a_course_ended_is_not_replaced_by_a_second(cast, session, meanwhile):
    where = {"patient": session.patient.uid, "uid": session.course.uid, "rule": "other"}
    first = {"by": cast.actor("ada"), "reason": "moved away"}
    meanwhile(ending_actions, "course_for", lambda: ending_actions.end_course(**first, **where))
    with pytest.raises(InputError, match="ended already"):
        ending_actions.end_course(by=cast.actor("ada"), reason="feels well", **where)
