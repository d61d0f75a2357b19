"""Addresses of screening and consent; each with its rule."""

from __future__ import annotations

from openkap.care.access_rules import needs, page
from openkap.care.enrolment import consent_views, text_views, views
from openkap.care.permissions import Permission as May

_SCREENING = "patients/<uid:patient>/screening/"
_CONSENTS = "patients/<uid:patient>/consent/"
_CONSENT = _CONSENTS + "<uid:consent>/"
_TAKES = needs(May.TAKE_CONSENT)

urlpatterns = [
    page(_SCREENING, views.screening, name="screening", may=needs(May.SCREEN)),
    page(_SCREENING + "answer/<slug:element>/", views.answer, name="screening_answer", may=needs(May.SCREEN)),
    page(
        _SCREENING + "shared-decision/",
        views.shared_decision,
        name="screening_shared_decision",
        may=needs(May.SCREEN),
    ),
    page(_SCREENING + "decide/", views.decide, name="screening_decide", may=needs(May.DECIDE_ELIGIBILITY)),
    page(
        _SCREENING + "section/<slug:section>/", views.section, name="screening_section", may=needs(May.SCREEN)
    ),
    page(
        "patients/<uid:patient>/assessments/<uid:assessment>/",
        views.assessment,
        name="assessment",
        may=needs(May.SEE_PATIENT),
    ),
    page("consent-texts/", text_views.texts, name="consent_texts", may=_TAKES),
    page(
        "consent-texts/<slug:language>/",
        text_views.text,
        name="consent_text",
        may=needs(May.TAKE_CONSENT, writes=May.RELEASE_CONSENT_TEXT),
    ),
    page(
        "consent-texts/<slug:language>/words/",
        text_views.words,
        name="consent_words",
        may=needs(May.RELEASE_CONSENT_TEXT),
    ),
    page(
        "consent-texts/<slug:language>/words/<slug:part>/",
        text_views.words_part,
        name="consent_words_part",
        may=needs(May.RELEASE_CONSENT_TEXT),
    ),
    page(_CONSENTS, consent_views.consents, name="consents", may=_TAKES),
    page(_CONSENT, consent_views.consent, name="consent", may=needs(May.SEE_PATIENT)),
    page(_CONSENT + "part/<slug:part>/", consent_views.part, name="consent_part", may=_TAKES),
    page(_CONSENT + "capacity/", consent_views.capacity, name="consent_capacity", may=_TAKES),
    page(
        _CONSENT + "sign/",
        consent_views.sign,
        name="consent_sign",
        may=needs(May.TAKE_CONSENT, while_locked=True),
    ),
    page(
        _CONSENT + "countersign/",
        consent_views.countersign,
        name="consent_countersign",
        may=needs(May.COUNTERSIGN_CONSENT),
    ),
    page(
        _CONSENT + "withdraw/",
        consent_views.withdraw,
        name="consent_withdraw",
        may=needs(May.WITHDRAW_CONSENT),
    ),
    page(_CONSENT + "copy.pdf", consent_views.copy, name="consent_copy", may=needs(May.SEE_PATIENT)),
]
