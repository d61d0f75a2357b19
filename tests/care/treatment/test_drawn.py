"""What was drawn: never more given or wasted than is left, and a syringe that was spilled is drawn anew."""

from __future__ import annotations

from decimal import Decimal

import pytest
import treated
from chairside import act, post, statuses
from django.db import DatabaseError, transaction
from enrolled import proof

from openkap.care.demo.cast import PASSWORD
from openkap.care.treatment.dose import actions as dose_actions
from openkap.care.treatment.drug.drawn import in_use_ug
from openkap.care.treatment.models import DoseDoubt, DoseEvent, LedgerEntry
from openkap.care.treatment.release import actions as release_actions
from openkap.core.errors import InputError

pytestmark = pytest.mark.usefixtures("nobody_is_locked_out")


@pytest.fixture
def session(cast, patient, watch):
    """35 mg ordered, drawn and checked; the dose is released."""
    return treated.cleared(cast, treated.first_session(treated.planned(cast, patient)), watch)


def waste(cast, session, mg, reason="the syringe fell"):
    dose_actions.waste(
        by=cast.actor("ben"),
        patient=session.patient.uid,
        uid=session.uid,
        amount_mg=Decimal(mg),
        witness=treated.witness(cast),
        reason=reason,
    )


def page(cast, session, key="ben") -> str:
    session.refresh_from_db()
    where = f"/patients/{session.patient.uid}/sessions/{session.uid}/"
    return cast.client(key).get(where).content.decode()


def ready_again(cast, session):
    release_actions.clear(by=cast.actor("ben"), patient=session.patient.uid, uid=session.uid)


def test_more_than_is_left_after_a_waste_cannot_be_given(cast, session, watch):
    treated.dose(cast, session, "start")
    watch.forward(minutes=10)
    waste(cast, session, "5")
    watch.forward(minutes=30)
    with pytest.raises(InputError, match="more cannot have been given") as refused:
        treated.dose(cast, session, "stop", given_mg=Decimal(35))
    assert (refused.value.value, refused.value.limit) == (
        "35 mg",
        "30 mg of what was drawn and not wasted",
    )
    assert "waste" in refused.value.remedy
    treated.dose(cast, session, "stop", given_mg=Decimal(30), confirmed=True)
    assert in_use_ug(session) == 0


def test_a_tablet_s_stop_of_more_than_is_left_is_kept_for_a_decision(cast, session, watch):
    treated.dose(cast, session, "start")
    watch.forward(minutes=10)
    waste(cast, session, "35")
    watch.forward(minutes=30)
    told = post(cast.client("ben"), session, act("e", "stop", watch.moment, given_mg="35", confirmed=True))
    assert statuses(told) == ["saved"]
    (doubt,) = told["state"]["doubts"]
    assert doubt["given_mg"] == 35
    assert doubt["why"].startswith(
        "more cannot have been given than is left: 35 mg, limit 0 mg of what was drawn"
    )
    assert not DoseEvent.objects.filter(kind="stop").exists()


def test_the_stop_takes_its_place_when_the_waste_that_did_not_happen_is_corrected(cast, session, watch):
    from openkap.care.treatment.dose.amount_actions import correct_amount

    treated.dose(cast, session, "start")
    watch.forward(minutes=10)
    waste(cast, session, "35")
    watch.forward(minutes=30)
    post(cast.client("ben"), session, act("e", "stop", watch.moment, given_mg="35", confirmed=True))
    correct_amount(
        by=cast.actor("ben"),
        patient=session.patient.uid,
        uid=session.uid,
        entry=LedgerEntry.objects.get(session=session, kind="wasted").uid,
        amount_mg=Decimal(0),
        reason="another patient's syringe",
        witness=treated.witness(cast),
    )
    assert DoseDoubt.objects.get().settlement == "fits"
    assert DoseEvent.objects.get(kind="stop").given_ug == 35_000
    assert in_use_ug(session) == 0


@pytest.mark.parametrize("kind", ["given", "wasted"])
def test_the_database_refuses_more_than_was_drawn(cast, session, kind):
    row = LedgerEntry.objects.get(session=session, kind="drawn")
    row.pk, row.uid, row.client_id, row.signature = None, "5" * 12, "z", None
    row.kind, row.sequence, row.change_ug, row.amount_ug = kind, row.sequence + 1, 0, 35_001
    with pytest.raises(DatabaseError, match="more than was drawn"), transaction.atomic():
        row.save(force_insert=True)


def test_before_the_dose_is_over_waste_needs_its_reason(cast, session):
    with pytest.raises(InputError, match="the reason is missing"):
        waste(cast, session, "35", reason=" ")
    assert in_use_ug(session) == 35_000


def test_a_spilled_syringe_is_wasted_drawn_and_checked_anew(cast, session, watch):
    assert 'id="waste"' in page(cast, session)
    waste(cast, session, "35")
    session.refresh_from_db()
    assert session.state == "arrived"
    assert LedgerEntry.objects.get(kind="wasted").note == "the syringe fell"
    assert "Checked by two" in page(cast, session)
    with pytest.raises(InputError, match="hold"):
        ready_again(cast, session)
    treated.checked(cast, session)
    ready_again(cast, session)
    treated.dose(cast, session, "start")
    watch.forward(minutes=40)
    treated.dose(cast, session, "stop", given_mg=Decimal(35))
    assert in_use_ug(session) == 0


def test_a_part_that_was_spilled_ends_the_check_too_and_the_rest_is_wasted_first(cast, session):
    waste(cast, session, "5")
    session.refresh_from_db()
    assert session.state == "arrived"
    with pytest.raises(InputError, match="drawn already") as refused:
        treated.checked(cast, session)
    assert refused.value.value == "30 mg in use"
    waste(cast, session, "30", reason="drawing anew")
    treated.checked(cast, session)
    assert in_use_ug(session) == 35_000


def test_what_was_drawn_over_the_dose_may_be_wasted_without_ending_the_check(cast, patient, watch):
    session = treated.cleared(cast, treated.first_session(treated.planned(cast, patient)), watch, mg="50")
    waste(cast, session, "15", reason="rest of the vial")
    session.refresh_from_db()
    assert session.state == "cleared"


def test_a_second_draw_on_top_is_refused(cast, session):
    answer = cast.client("ben").post(
        f"/patients/{session.patient.uid}/sessions/{session.uid}/check/",
        {
            "lot": LedgerEntry.objects.get(session=session, kind="drawn").lot.uid,
            "drawn_mg": "50",
            "second": cast.staff("ada").uid,
            "password": PASSWORD,
        },
    )
    assert answer.status_code == 422
    assert "Waste it before a witness" in answer.content.decode()
    assert in_use_ug(session) == 35_000


def test_another_dose_is_ordered_after_the_drawn_one_was_wasted(cast, session):
    other = {"dose_mg": Decimal(30), "reason": "frail", "person": proof(cast, "ada")}
    with pytest.raises(InputError, match="waste it first"):
        treated.ordered(cast, session, **other)
    waste(cast, session, "35", reason="ordered anew")
    assert "Order anew" in page(cast, session, "ada")
    treated.ordered(cast, session, **other)
    treated.checked(cast, session, "30")
    ready_again(cast, session)
    assert dose_actions.ordered_dose(session).dose_mg == 30


def test_another_order_ends_the_check_of_the_one_before(cast, session):
    waste(cast, session, "35", reason="ordered anew")
    treated.ordered(cast, session, dose_mg=Decimal(30), reason="frail")
    with pytest.raises(InputError, match="hold"):
        ready_again(cast, session)
