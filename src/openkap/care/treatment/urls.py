"""Addresses of treatment; each with its rule."""

from __future__ import annotations

from openkap.care.access_rules import needs, page
from openkap.care.permissions import Permission as May
from openkap.care.treatment import look_views, session_views, views

_PATIENT = "patients/<uid:patient>/"
_COURSE = _PATIENT + "courses/<uid:course>/"
_VISIT = _PATIENT + "visits/<uid:visit>/"
_SESSION = _PATIENT + "sessions/<uid:session>/"
_RECORDS = needs(May.RECORD_SESSION)

urlpatterns = [
    page(_PATIENT + "courses/", views.courses, name="courses", may=needs(May.SEE_PATIENT)),
    page(_PATIENT + "courses/plan/", look_views.plan, name="course_plan", may=needs(May.PLAN_COURSE)),
    page(_COURSE, views.course, name="course", may=needs(May.SEE_PATIENT)),
    page(_COURSE + "reports/", views.report_event, name="course_report_event", may=needs(May.PRESCRIBE)),
    page(_COURSE + "due/", views.due, name="course_due", may=needs(May.RECORD_TEST)),
    page(_COURSE + "people/", look_views.hand_over, name="course_people", may=needs(May.PLAN_COURSE)),
    page(_COURSE + "end/", views.end_course, name="course_end", may=needs(May.PRESCRIBE)),
    page(
        _VISIT,
        views.visit,
        name="visit",
        may=needs(May.READ_THERAPY_NOTE, writes=May.WRITE_THERAPY_NOTE),
    ),
    page(_VISIT + "move/", views.move_visit, name="visit_move", may=needs(May.PLAN_COURSE)),
    page(_VISIT + "missed/", views.miss_visit, name="visit_missed", may=needs(May.WRITE_THERAPY_NOTE)),
    page("therapy/", views.my_therapy, name="my_therapy", may=needs(May.WRITE_THERAPY_NOTE)),
    page("drug/", views.drug, name="drug", may=needs(May.RECORD_SESSION, writes=May.GIVE_DOSE)),
    page("chairs/", views.chairs, name="chairs", may=needs(May.PLAN_COURSE)),
    page(_SESSION, session_views.session, name="session", may=needs(May.SEE_PATIENT)),
    page(_SESSION + "now/", session_views.now, name="session_now", may=needs(May.SEE_PATIENT)),
    page(_SESSION + "record.pdf", session_views.paper, name="session_pdf", may=needs(May.SEE_PATIENT)),
    page(_SESSION + "move/", look_views.move_session, name="session_move", may=needs(May.PLAN_COURSE)),
    page(_SESSION + "replan/", look_views.replan, name="session_replan", may=needs(May.PLAN_COURSE)),
    page(_SESSION + "arrive/", session_views.arrive, name="session_arrive", may=_RECORDS),
    page(_SESSION + "entries/", session_views.entry, name="session_entry", may=_RECORDS),
    page(_SESSION + "gates/<slug:rule>/", session_views.gate, name="session_gate", may=needs(May.PRESCRIBE)),
    page(_SESSION + "order/", session_views.prescribe, name="session_order", may=needs(May.PRESCRIBE)),
    page(_SESSION + "check/", session_views.check, name="session_check", may=needs(May.GIVE_DOSE)),
    page(_SESSION + "release/", session_views.clear, name="session_clear", may=needs(May.GIVE_DOSE)),
    page(_SESSION + "dose/", session_views.dose, name="session_dose", may=needs(May.GIVE_DOSE)),
    page(_SESSION + "waste/", session_views.waste, name="session_waste", may=needs(May.GIVE_DOSE)),
    page(_SESSION + "amounts/", session_views.amount, name="session_amount", may=needs(May.GIVE_DOSE)),
    page(_SESSION + "alerts/<uid:alert>/", session_views.alert, name="session_alert", may=_RECORDS),
    page(
        _SESSION + "adverse-event/", session_views.adverse_event, name="session_adverse_event", may=_RECORDS
    ),
    page(_SESSION + "leave/", session_views.leave, name="session_leave", may=needs(May.DISCHARGE)),
    page(_SESSION + "no-dose/", session_views.give_up, name="session_give_up", may=_RECORDS),
    page(_SESSION + "sign/", session_views.sign, name="session_sign", may=needs(May.DISCHARGE)),
    page(_SESSION + "addendum/", session_views.addendum, name="session_addendum", may=_RECORDS),
]
