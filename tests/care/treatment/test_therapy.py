"""Psychotherapy: notes with minutes and checklist, the therapist's own page, who reads what."""

import re
from datetime import timedelta

import pytest
from treated import first_session, planned

from openkap.care.treatment.models import Note, Visit
from openkap.care.treatment.queries import plan_lines
from openkap.protocol.read import load_protocol
from openkap.protocol.session_words import fidelity


@pytest.fixture
def course(cast, patient):
    return planned(cast, patient)


def url_of(visit, end=""):
    return f"/patients/{visit.patient.uid}/visits/{visit.uid}/{end}"


def test_the_therapists_page_shows_visits_with_their_windows(cast, course):
    page = cast.client("tess").get("/therapy/").content.decode()
    assert "Mon 30 Nov" not in page.split("Integration")[0].split("Preparation")[0]
    assert "Tue 1 Dec 10:00 to Thu 3 Dec 10:00" in page
    assert cast.client("ben").get("/therapy/").status_code == 403


@pytest.mark.usefixtures("nobody_is_locked_out")
def test_the_therapists_page_counts_missing_notes_apart_from_what_is_ahead(cast, course, watch):
    watch.moment = course.visits.order_by("starts_at").first().starts_at + timedelta(hours=1)
    page = cast.client("tess").get("/therapy/").content.decode()
    assert "visits ahead, 1 note missing" in page
    assert ">none<" not in page


def test_a_note_has_minutes_modality_and_checklist_and_makes_the_visit_done(cast, course, watch):
    visit = course.visits.filter(kind="preparation").first()
    watch.moment = visit.starts_at
    data = {"minutes": "55", "text": "We agreed on a grounding plan.", "tick-0": "yes", "tick-3": "no"}
    assert cast.client("ben").get(url_of(visit)).status_code == 403
    assert cast.client("tess").post(url_of(visit), data).status_code == 302
    note = Note.objects.get()
    visit.refresh_from_db()
    assert (note.minutes, note.modality, visit.state) == (55, "PE", "done")
    assert set(note.fidelity.values()) == {"yes", "no"}
    assert note.checklist.startswith("Preparation")


@pytest.mark.parametrize(
    "change", [{"minutes": "0"}, {"minutes": "9999"}, {"text": " "}, {"tick-0": "maybe"}, {"minutes": "x"}]
)
def test_what_cannot_be_is_refused_and_the_text_stays(cast, course, watch, change):
    visit = course.visits.filter(kind="preparation").first()
    watch.moment = visit.starts_at
    data = {"minutes": "55", "text": "A long note nobody wants to write twice."} | change
    answer = cast.client("tess").post(url_of(visit), data)
    assert answer.status_code == 422
    assert not Note.objects.exists()
    if change.get("text") is None:
        assert "nobody wants to write twice" in answer.content.decode()


def test_a_correction_is_a_new_note_and_two_corrections_do_not_overwrite(cast, course, watch):
    visit = course.visits.filter(kind="preparation").first()
    watch.moment = visit.starts_at
    cast.client("tess").post(url_of(visit), {"minutes": "55", "text": "First."})
    first = Note.objects.get()
    data = {"minutes": "60", "text": "Second.", "corrects": first.uid}
    assert cast.client("tess").post(url_of(visit), data).status_code == 422
    assert cast.client("tess").post(url_of(visit), data | {"reason": "minutes"}).status_code == 302
    late = cast.client("ada").post(url_of(visit), data | {"text": "Third.", "reason": "also"})
    assert late.status_code == 422
    assert "Third." in late.content.decode()
    assert Note.objects.count() == 2


def test_a_visit_ahead_has_no_note_and_a_missed_one_its_reason(cast, course, watch):
    visit = first_session(course).visits.get()
    assert cast.client("tess").post(url_of(visit), {"minutes": "60", "text": "x"}).status_code == 422
    cast.client("tess").post(url_of(visit, "missed/"), {"reason": "ill"})
    visit.refresh_from_db()
    assert (visit.state, visit.state_because) == ("missed", "ill")


def test_every_therapy_of_the_protocol_has_a_checklist():
    for therapy in load_protocol("iv-racemic").therapy.trauma_focused:
        assert fidelity().for_visit("trauma_focused", therapy.id).items
    for kind in Visit.Kind.values:
        assert fidelity().for_visit(kind, "PE").items


def test_preparation_done_opens_its_gate(cast, course, watch):
    from openkap.care.treatment.release.actions import gates_now

    session = first_session(course)
    visit = course.visits.filter(kind="preparation").first()
    watch.moment = visit.starts_at
    cast.client("tess").post(url_of(visit), {"minutes": "55", "text": "Prepared."})
    gates = {gate.rule.id: gate.state for gate in gates_now(session)}
    assert gates["PRE-22"] == "clear"


def ticked(page: str) -> list[str]:
    return re.findall(r'name="(tick-\d)" value="(\w+)" checked', page)


def test_a_refused_note_keeps_every_tick_and_the_way_of_working(cast, course, watch):
    visit = course.visits.filter(kind="preparation").first()
    watch.moment = visit.starts_at
    data = {"minutes": "6000", "text": "x", "modality": "CPT", "tick-0": "yes", "tick-3": "not_this_time"}
    page = cast.client("tess").post(url_of(visit), data).content.decode()
    assert ticked(page) == [("tick-0", "yes"), ("tick-3", "not_this_time")]
    assert '<option value="CPT" selected>' in page


def test_the_way_of_working_is_the_courses_until_the_therapist_chooses_another(cast, course, watch):
    visit = course.visits.filter(kind="preparation").first()
    watch.moment = visit.starts_at
    assert '<option value="PE" selected>' in cast.client("tess").get(url_of(visit)).content.decode()
    cast.client("tess").post(url_of(visit), {"minutes": "55", "text": "x", "modality": "CPT"})
    assert Note.objects.get().modality == "CPT"
    assert "no point was answered" in cast.client("tess").get(url_of(visit)).content.decode()


def test_the_ticks_of_one_therapy_are_never_stored_as_those_of_another(cast, course, watch):
    visit = course.visits.filter(kind="trauma_focused").first()
    watch.moment = visit.starts_at
    data = {"minutes": "55", "text": "x", "modality": "CPT", "checklist": "PE", "tick-0": "yes"}
    answer = cast.client("tess").post(url_of(visit), data)
    assert answer.status_code == 422
    assert "Stuck points" in answer.content.decode()
    assert ticked(answer.content.decode()) == []
    assert not Note.objects.exists()


def test_a_correction_begins_with_the_ticks_of_the_note(cast, course, watch):
    visit = course.visits.filter(kind="preparation").first()
    watch.moment = visit.starts_at
    cast.client("tess").post(url_of(visit), {"minutes": "55", "text": "x", "tick-1": "no"})
    assert ticked(cast.client("tess").get(url_of(visit)).content.decode()) == [("tick-1", "no")]


def test_a_visit_whose_time_has_passed_says_that_its_note_is_missing(cast, patient, watch):
    course = planned(cast, patient)
    visit = course.visits.order_by("starts_at").first()
    watch.moment = visit.starts_at + timedelta(minutes=visit.minutes - 1)
    assert state_of(course, visit) == "planned"
    watch.forward(minutes=2)
    assert state_of(course, visit) == "over: note or absence missing"


def state_of(course, visit) -> str:
    return next(line.state for line in plan_lines(course) if line.url.endswith(f"{visit.uid}/"))
