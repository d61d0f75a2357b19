"""A day with the text before the signature, or a reason; and no choice that still wants to be talked about."""

import json
from datetime import timedelta

import pytest
from enrolled import go_through_all, open_consent, proof, signed

from openkap.care.audit.models import AuditEvent
from openkap.care.enrolment import consent_actions as acts
from openkap.care.enrolment import consent_signing as signing
from openkap.care.enrolment.models import ConsentGiven
from openkap.care.enrolment.texts import parsed
from openkap.core.errors import InputError
from openkap.protocol.before_signing import before_signing


def countersign(cast, patient, consent, why=""):
    return signing.countersign(
        by=cast.actor("ada"),
        uid=patient.uid,
        consent=consent.uid,
        person=proof(cast, "ada"),
        early_because=why,
    )


def test_a_signature_within_a_day_of_the_text_needs_a_reason_that_is_kept_and_shown(cast, patient):
    hasty = signed(cast, patient, handed_over=timedelta(hours=3))
    with pytest.raises(InputError, match="3 h before the signature; 24 h is wanted"):
        countersign(cast, patient, hasty, " ")
    assert not ConsentGiven.objects.exists()
    page = cast.client("ada").get(f"/patients/{patient.uid}/consent/{hasty.uid}/countersign/")
    assert "Why it was signed all the same" in page.content.decode()
    given = countersign(cast, patient, hasty, "Lives far away and read it at home with us.")
    assert json.loads(AuditEvent.objects.get(action="consent.given").body)["reason"] == given.early_because
    shown = cast.client("ada").get(f"/patients/{patient.uid}/consent/{hasty.uid}/").content.decode()
    assert "because: Lives far away and read it at home with us." in shown


def test_a_text_that_nobody_noted_as_handed_over_counts_as_too_soon(cast, patient):
    hasty = signed(cast, patient, handed_over=None)
    with pytest.raises(InputError, match="nobody noted when"):
        countersign(cast, patient, hasty)


def test_after_a_day_nothing_is_asked_and_a_reason_nobody_needs_is_not_kept(cast, patient):
    consent = signed(cast, patient)
    page = cast.client("ada").get(f"/patients/{patient.uid}/consent/{consent.uid}/countersign/")
    assert "Why it was signed all the same" not in page.content.decode()
    assert countersign(cast, patient, consent, "because").early_because is None


@pytest.mark.parametrize("element", before_signing().left_open.parts)
def test_a_choice_that_leaves_a_question_holds_the_signature_until_it_is_settled(cast, patient, element):
    consent = open_consent(cast, patient)
    go_through_all(cast, patient, consent)
    section = parsed(consent.text).section(element)

    def choose(words):
        acts.go_through(
            by=cast.actor("cora"),
            uid=patient.uid,
            consent=consent.uid,
            element=element,
            words=words,
            is_understood=True,
        )
        return acts.what_is_missing(consent)

    assert choose(section.choices[-1]) == [f"{section.title}: the patient chose “{section.choices[-1]}”"]
    assert choose(section.choices[0]) == []
