"""Addresses of the live session; each with its rule."""

from __future__ import annotations

from dataclasses import replace

from openkap.care.access_rules import anyone, needs, page
from openkap.care.live import practice_views, views
from openkap.care.permissions import Permission

LOOK = needs(Permission.SEE_PATIENT)
WRITE = needs(Permission.RECORD_SESSION)
# Polled by a screen that may be locked: the view says how much such a screen still gets.
POLL = replace(LOOK, while_locked=True)
BOARD = needs(Permission.SEE_PATIENT, Permission.SEE_AGGREGATES)
SESSION = "patients/<uid:patient>/sessions/<uid:session>"

urlpatterns = [
    page(f"{SESSION}/live/", views.live, name="live", may=LOOK),
    page(f"{SESSION}/live/state/", views.live_state, name="live_state", may=POLL),
    page(f"{SESSION}/live/entries/", views.live_sync, name="live_sync", may=WRITE),
    page(f"{SESSION}/replay/", views.replay, name="replay", may=LOOK),
    page(f"{SESSION}/photos/<uid:photo>/", views.photo, name="session_photo", may=LOOK),
    page(f"{SESSION}/monitoring-form.pdf", views.form, name="monitoring_form", may=LOOK),
    page("board/", views.board, name="board", may=BOARD),
    page("board/state/", views.board_state, name="board_state", may=replace(BOARD, while_locked=True)),
    page(
        "board/mine/",
        views.my_alerts,
        name="my_alerts",
        may=replace(needs(Permission.RECORD_SESSION, Permission.SEE_AGGREGATES), while_locked=True),
    ),
    page("live-worker.js", views.worker, name="live_worker", may=anyone("a script without any data")),
    page("practice/", practice_views.scenarios, name="practice", may=WRITE),
    page("practice/<slug:scenario>/begin/", practice_views.begin, name="practice_begin", may=WRITE),
    page("practice/runs/<uid:run>/", practice_views.run, name="practice_run", may=WRITE),
    page("practice/runs/<uid:run>/state/", practice_views.state, name="practice_state", may=WRITE),
    page("practice/runs/<uid:run>/entries/", practice_views.entries, name="practice_sync", may=WRITE),
    page("practice/runs/<uid:run>/end/", practice_views.end, name="practice_end", may=WRITE),
    page("practice/runs/<uid:run>/debrief/", practice_views.debrief, name="practice_debrief", may=WRITE),
]
