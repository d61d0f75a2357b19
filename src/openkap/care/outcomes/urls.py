"""Addresses of outcomes; each with its rule."""

from __future__ import annotations

from openkap.care.access_rules import anyone, link_holder, needs, page
from openkap.care.outcomes import link_views, views
from openkap.care.permissions import Permission

_CHART = "patients/<uid:patient>/"
_SEE = needs(Permission.SEE_OUTCOMES)
_SEND = needs(Permission.SEND_MEASURE)

urlpatterns = [
    page("a/<str:token>/", link_views.answer, name="answer", may=link_holder("a patient answers by link")),
    page("a/worker.js", link_views.worker, name="answer_worker", may=anyone("a script without any data")),
    page(
        "a/<str:token>/thanks/",
        link_views.answered,
        name="answered",
        may=link_holder("the last page after answering"),
    ),
    page(f"{_CHART}outcomes/", views.outcomes, name="outcomes", may=_SEE),
    page(f"{_CHART}outcomes/ask/", views.ask, name="ask_measure", may=_SEND),
    page(f"{_CHART}outcomes/asked/<uid:invitation>/", views.invitation, name="invitation", may=_SEND),
    page(
        f"{_CHART}outcomes/form/<uid:form>/",
        views.form_page,
        name="outcome_form",
        may=needs(Permission.SEE_OUTCOMES, writes=Permission.SEND_MEASURE),
    ),
    page(f"{_CHART}signal/<uid:signal>/", views.signal, name="signal", may=needs(Permission.ANSWER_PAGE)),
    page(
        f"{_CHART}maintenance/<uid:proposal>/",
        views.maintenance,
        name="maintenance",
        may=needs(Permission.PRESCRIBE),
    ),
]
