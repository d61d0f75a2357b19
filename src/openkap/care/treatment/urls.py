"""Addresses of treatment; each with its rule."""

from __future__ import annotations

from openkap.care.access_rules import needs, page
from openkap.care.permissions import Permission as May
from openkap.care.treatment.views import courses, planning, session

_PATIENT = "patients/<uid:patient>/"
_COURSE = _PATIENT + "courses/<uid:course>/"
_VISIT = _PATIENT + "visits/<uid:visit>/"
_SESSION = _PATIENT + "sessions/<uid:session>/"
_RECORDS = needs(May.RECORD_SESSION)

urlpatterns = [
    page(_PATIENT + "courses/", courses.courses, name="courses", may=needs(May.SEE_PATIENT)),
    page(_PATIENT + "courses/plan/", planning.plan, name="course_plan", may=needs(May.PLAN_COURSE)),
    page(_COURSE, courses.course, name="course", may=needs(May.SEE_PATIENT)),
    page(_COURSE + "reports/", courses.report_event, name="course_report_event", may=needs(May.PRESCRIBE)),
    page(_COURSE + "due/", courses.due, name="course_due", may=needs(May.RECORD_TEST)),
    page(_COURSE + "people/", planning.hand_over, name="course_people", may=needs(May.PLAN_COURSE)),
    page(_COURSE + "end/", courses.end_course, name="course_end", may=needs(May.PRESCRIBE)),
    page(
        _VISIT,
        courses.visit,
        name="visit",
        may=needs(May.READ_THERAPY_NOTE, writes=May.WRITE_THERAPY_NOTE),
    ),
    page(_VISIT + "move/", courses.move_visit, name="visit_move", may=needs(May.PLAN_COURSE)),
    page(_VISIT + "missed/", courses.miss_visit, name="visit_missed", may=needs(May.WRITE_THERAPY_NOTE)),
    page("therapy/", courses.my_therapy, name="my_therapy", may=needs(May.WRITE_THERAPY_NOTE)),
    page("drug/", courses.drug, name="drug", may=needs(May.RECORD_SESSION, writes=May.GIVE_DOSE)),
    page("chairs/", courses.chairs, name="chairs", may=needs(May.PLAN_COURSE)),
    page(_SESSION, session.session, name="session", may=needs(May.SEE_PATIENT)),
    page(_SESSION + "now/", session.now, name="session_now", may=needs(May.SEE_PATIENT)),
    page(_SESSION + "record.pdf", session.paper, name="session_pdf", may=needs(May.SEE_PATIENT)),
    page(_SESSION + "move/", planning.move_session, name="session_move", may=needs(May.PLAN_COURSE)),
    page(_SESSION + "replan/", planning.replan, name="session_replan", may=needs(May.PLAN_COURSE)),
    page(_SESSION + "arrive/", session.arrive, name="session_arrive", may=_RECORDS),
    page(_SESSION + "entries/", session.entry, name="session_entry", may=_RECORDS),
    page(_SESSION + "gates/<slug:rule>/", session.gate, name="session_gate", may=needs(May.PRESCRIBE)),
    page(_SESSION + "order/", session.prescribe, name="session_order", may=needs(May.PRESCRIBE)),
    page(_SESSION + "check/", session.check, name="session_check", may=needs(May.GIVE_DOSE)),
    page(_SESSION + "release/", session.clear, name="session_clear", may=needs(May.GIVE_DOSE)),
    page(_SESSION + "dose/", session.dose, name="session_dose", may=needs(May.GIVE_DOSE)),
    page(_SESSION + "waste/", session.waste, name="session_waste", may=needs(May.GIVE_DOSE)),
    page(_SESSION + "amounts/", session.amount, name="session_amount", may=needs(May.GIVE_DOSE)),
    page(_SESSION + "alerts/<uid:alert>/", session.alert, name="session_alert", may=_RECORDS),
    page(_SESSION + "adverse-event/", session.adverse_event, name="session_adverse_event", may=_RECORDS),
    page(_SESSION + "leave/", session.leave, name="session_leave", may=needs(May.DISCHARGE)),
    page(_SESSION + "no-dose/", session.give_up, name="session_give_up", may=_RECORDS),
    page(_SESSION + "sign/", session.sign, name="session_sign", may=needs(May.DISCHARGE)),
    page(_SESSION + "addendum/", session.addendum, name="session_addendum", may=_RECORDS),
]
