"""One patient from the referral to the withdrawal, in a real browser, on each database."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from journeys import steps_enrolment as enrolment
from journeys import steps_outcomes as outcomes
from journeys import steps_treatment as treatment

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.mark.parametrize(
    "clinic",
    [
        pytest.param(name, marks=pytest.mark.xdist_group(f"journey-{name}"))
        for name in ("sqlite", "postgresql")
    ],
    indirect=True,
)
def test_a_patient_goes_from_the_referral_to_the_withdrawal(clinic):
    cora, ada, ben, tess = (clinic.as_(key) for key in ("cora", "ada", "ben", "tess"))
    treatment.furnish(cora, ben)

    chart = enrolment.refer(cora, enrolment.bundle(clinic.now()))
    enrolment.screen(cora, chart)
    enrolment.share_decision(cora, chart)
    enrolment.go_through_consent(cora, chart)
    enrolment.countersign(ada, chart)
    enrolment.override(ada, chart)

    session, first = treatment.plan(cora, chart, clinic.now())
    clinic.forward(seconds=(first - clinic.now()).total_seconds())
    treatment.prepare(ben, ada, session)
    treatment.give(clinic, ben, session)
    treatment.discharge(ben, session)

    outcomes.ask(cora, chart)
    link = outcomes.links_in(clinic.jobs(), clinic.url)[0]
    outcomes.answer_on_a_bad_network(clinic.phone(), link)
    assert "you are needed now" in clinic.jobs()
    outcomes.take_on(ada)
    outcomes.see_the_curve(ada, chart)

    clinic.forward(days=2)
    treatment.write_note(tess)
    look_as_the_lead(clinic.as_("dov"), chart)
    enrolment.withdraw(cora, chart)


def look_as_the_lead(page, chart: str) -> None:
    """Dov sees how the clinic does; a patient's chart is shut for him."""
    page.goto("/home/")
    expect(page.locator("body")).not_to_contain_text("Sample")
    refused = page.goto(chart)
    assert refused.status == 403
