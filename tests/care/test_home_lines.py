"""The list of what to do: who needs somebody now stands on it once, with everything else beneath."""

from openkap.care.contributions import Task
from openkap.care.views import one_line_a_patient

ONE, TWO = "aaaaaaaaaaa1", "aaaaaaaaaaa2"
CALL = Task("Call the patient", f"/patients/{ONE}/outcomes/", "One", urgency="now")
RECEIVE = Task("Receive the patient", f"/patients/{ONE}/screening/#now", "One", urgency="today")
OTHER = Task("Receive the patient", f"/patients/{TWO}/screening/", "Two", urgency="today")
SECOND = Task("Plan the course", f"/patients/{TWO}/courses/", "Two")


def test_what_else_waits_for_somebody_who_needs_us_now_stands_under_that():
    lines = one_line_a_patient([CALL, RECEIVE, OTHER])
    assert [(line.task, line.then) for line in lines] == [(CALL, (RECEIVE,)), (OTHER, ())]


def test_nobody_else_is_put_together():
    lines = one_line_a_patient([CALL, OTHER, SECOND])
    assert [line.task for line in lines] == [CALL, OTHER, SECOND]
    assert [line.task for line in one_line_a_patient([OTHER, SECOND])] == [OTHER, SECOND]
